"""The key graph of a story's report as a matrix, and events as boxes on it."""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from emcog.errors import DataError


class KeyMatrix(NamedTuple):
    """Similarity of blocks of tokens.

    similarity : float64 (blocks, blocks), cut where `low` and `high` are: the 1st and 99.5th percentile off the
        diagonal. words : the word that each block begins in. tokens : of a block.
    """

    similarity: np.ndarray
    low: float
    high: float
    words: np.ndarray
    tokens: int


def key_matrix(report: pd.DataFrame) -> KeyMatrix:
    """The matrix of a story's report (analyses/story.py); DataError where the model gave no keys."""
    cells, blocks = report[report["metric"] == "similarity"], report[report["metric"] == "block"].sort_values("row")
    if cells.empty:
        raise DataError(
            "the story's report has no key graph, as the model gave no keys: choose one with rotary positions"
        )
    n = len(blocks)
    matrix = np.full((n, n), np.nan)
    row, column = cells["row"].to_numpy(int), cells["column"].to_numpy(int)
    matrix[row, column] = matrix[column, row] = cells["estimate"].to_numpy()
    low, high = np.nanpercentile(matrix[~np.eye(n, dtype=bool)], [1, 99.5])
    words, tokens = blocks["estimate"].to_numpy(), int(blocks["n"].iloc[0])
    return KeyMatrix(np.clip(matrix, low, high), low, high, words, tokens)


def show_matrix(ax: Axes, keys: KeyMatrix, colours: str | Colormap) -> Any:
    """Draw it, its first block in the upper left corner, words on both axes; gives the image, for a bar of colours."""
    n = len(keys.words)
    image = ax.imshow(keys.similarity, cmap=colours, interpolation="nearest", aspect="equal", extent=(0, n, n, 0))
    word_ticks(ax, keys.words)
    ax.set_xlabel("Word")
    ax.set_ylabel("Word")
    return image


def block_places(report: pd.DataFrame, method: str, keys: KeyMatrix) -> np.ndarray:
    """Where the boundaries of a method lie on the matrix, in blocks; those beyond it are left out."""
    at = report[(report["metric"] == "boundary") & (report["method"] == method)]["place"].to_numpy()
    return np.interp(at[at <= keys.words[-1]], keys.words, np.arange(len(keys.words)))


def event_boxes(ax: Axes, places: np.ndarray, n: int, colour: str, casing: str, width: float = 0.8) -> None:
    """A box around each event on the diagonal, its line cased in another colour so that it shows on any cell.

    places : of the boundaries, in blocks. n : blocks. width : of the line, in points.
    """
    cased = [withStroke(linewidth=width + 1.2, foreground=casing)]
    for a, b in pairwise(np.concatenate([[0], places, [n]])):
        box = Rectangle((a, a), b - a, b - a, fill=False, ec=colour, lw=width, path_effects=cased, clip_on=False,
                        zorder=3)  # fmt: skip
        ax.add_patch(box)


def word_ticks(ax: Axes, words: np.ndarray, sides: str = "xy", count: int = 4) -> None:
    """Ticks at round numbers of words on an axis that counts something else.

    Parameters
    ----------
    words : the word at each of the places 0, 1, ... of the axis, increasing.
    """
    from matplotlib.ticker import MaxNLocator

    told = MaxNLocator(count, steps=[1, 2, 2.5, 5, 10], integer=True).tick_values(words[0], words[-1])
    told = told[(told >= words[0]) & (told <= words[-1])]
    at = np.interp(told, words, np.arange(len(words)))
    for side in sides:
        (ax.set_xticks if side == "x" else ax.set_yticks)(at, [f"{word:,.0f}" for word in told])
