"""Where the first words of each event can stand, so that none hides another."""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from matplotlib.font_manager import FontProperties, findfont, get_font

from emcog.excerpts import first_words

POINT_MM = 25.4 / 72
MAX_LANES = 6
GOOD_MM = 26.0  # a label of this width reads well; wider is welcome where it costs nothing
NUMBER_MM = 5.0  # less has room for no number even


@dataclass(frozen=True)
class Flag:
    """A label that flies to the right of its pole: which one, where (mm), in which lane (0 lowest), how much room."""

    index: int
    x: float
    lane: int
    room: float


def lay_flags(x: np.ndarray, wanted: np.ndarray, end: float, pad: float = 1.2) -> list[Flag]:
    """Give each label a lane and as much room as can be had.

    Labels hang to the right of their poles like flags. Neighbours form a group that comes down in steps, the first
    one highest, so that no pole runs through a text; a group's flags all end before the next group's first pole.
    The groups are chosen (dynamic programming over where each ends) for the most text, then for the fewest lanes.

    Parameters
    ----------
    x : float array, shape (n,), ascending: the poles, in mm.
    wanted : float array, shape (n,): the width of each label at full length, in mm.
    end : where the row's room ends, in mm.
    pad : free space before the next pole, in mm.

    Returns
    -------
    One Flag a label, in order.
    """
    if len(x) == 0:
        return []
    plans = [_group(x, wanted, end, pad, lanes) for lanes in range(1, min(MAX_LANES, len(x)) + 1)]
    _, cuts = min(plans, key=lambda plan: plan[0])
    edges = np.append(x, end)
    return [
        Flag(i, float(x[i]), stop - 1 - i, float(max(edges[stop] - pad - x[i], 0.0)))
        for start, stop in pairwise(cuts)
        for i in range(start, stop)
    ]


def _group(x: np.ndarray, wanted: np.ndarray, end: float, pad: float, lanes: int) -> tuple[float, list[int]]:
    """The best cutting into groups of at most `lanes` labels, as its cost and the groups' first labels (and n)."""
    n, edges = len(x), np.append(x, end)
    good = np.minimum(wanted, GOOD_MM)
    best, back = np.full(n + 1, np.inf), np.zeros(n + 1, dtype=int)
    best[0] = 0.0
    for stop in range(1, n + 1):
        for start in range(max(0, stop - lanes), stop):
            room = edges[stop] - pad - x[start:stop]
            lost = np.maximum(good[start:stop] - room, 0.0) / GOOD_MM
            cost = best[start] + float(np.sum(lost**2 + (room < NUMBER_MM)))
            if cost < best[stop]:
                best[stop], back[stop] = cost, start
    cuts = [n]
    while cuts[-1] > 0:
        cuts.append(int(back[cuts[-1]]))
    return float(best[n]) / n + 0.008 * lanes, cuts[::-1]


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Width of a text in mm at `size` points, without drawing it; a character that the font lacks counts generously."""
    return sum(_advance(c, bold) for c in text) * size * POINT_MM


def fit_text(text: str, room: float, size: float) -> str:
    """The longest beginning of a text, on one line, that fits `room` mm; empty if hardly a word would fit."""
    longest = int(room / (0.2 * size * POINT_MM)) + 1
    low, high = 0, min(len(text), longest)
    while low < high:  # the width grows with the number of characters
        middle = (low + high + 1) // 2
        if text_width(first_words(text, middle), size) <= room:
            low = middle
        else:
            high = middle - 1
    return first_words(text, low) if low >= 3 or low == len(text) else ""


@cache
def _advance(character: str, bold: bool) -> float:
    font = get_font(findfont(FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")))
    if not font.get_char_index(ord(character)):
        return 1.1
    font.set_size(100, 72)
    return font.load_char(ord(character)).linearHoriAdvance / 65536 / 100
