"""What boundaries would be if they knew nothing of the story: thousands of draws at once, and the p that they give.

Boundary 0 is no boundary here: it is always there. Positions may be whole (words, tokens) or real (seconds).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from emcog.errors import DataError
from emcog.options import check_choice, check_number


@dataclass(frozen=True)
class Null:
    """A null model: one line that says what it keeps, and the function (boundaries, length, n_null, rng) -> draws."""

    doc: str
    draw: Callable[[np.ndarray, float, int, np.random.Generator], np.ndarray]


DEFAULT_NULL = "circular_shift"
"""The one null model whose p hold where boundaries cluster too: see analyses/calibration.py."""


def draws(boundaries: Any, length: float, null: str = DEFAULT_NULL, n_null: int = 10_000, seed: int = 0) -> np.ndarray:
    """Boundaries by chance, as many as there are, from a null model.

    Parameters
    ----------
    boundaries : increasing positions inside (0, length); whole numbers are words or tokens of a story that has `length`
        of them, real ones seconds of a stimulus that lasts `length`. A leading 0 is left out.
    null : a name in `NULLS`:
        "shuffled_lengths": the lengths of the events, the first and last among them, in random order;
        "circular_shift": all boundaries moved by the same random distance, those past the end coming in again at the
        start, so that every distance but one, and so the autocorrelation, is kept;
        "uniform": anywhere, whole positions at most once.
    n_null, seed : how many draws, and from which seed.

    Returns
    -------
    (n_null, n_boundaries), each row increasing; int64 for whole positions, float64 for real ones. The draws may repeat
    the observed boundaries: that is why p counts itself.

    Raises DataError for boundaries outside the stimulus, OptionError for unknown null models.
    """
    n_null = int(check_number("n_null", n_null, low=1, integer=True))
    model = NULLS[check_choice("null", null, NULLS)]
    rng = np.random.default_rng(int(check_number("seed", seed, low=0, integer=True)))
    return model.draw(inner(boundaries, length), length, n_null, rng)


def inner(boundaries: Any, length: float) -> np.ndarray:
    """The boundaries without 0, checked: int64 if they are whole, float64 if not."""
    array = np.asarray(boundaries)
    array = array.astype(np.int64 if array.dtype.kind in "iu" else np.float64)
    array = array[array != 0]
    if len(array) and (not np.all(np.diff(array) > 0) or array[0] < 0 or array[-1] >= length):
        wrong = array[(array < 0) | (array >= length)]
        said = f"{wrong[0]} lies outside 0 to {length}" if len(wrong) else "they do not increase"
        raise DataError(f"the boundaries cannot be drawn anew: {said}")
    return array


def _shuffled_lengths(inside: np.ndarray, length: float, n_null: int, rng: np.random.Generator) -> np.ndarray:
    gaps = np.diff(inside, prepend=0, append=inside.dtype.type(length))
    order = rng.permuted(np.broadcast_to(gaps, (n_null, len(gaps))), axis=1)
    return np.cumsum(order, axis=1)[:, :-1]


def _circular_shift(inside: np.ndarray, length: float, n_null: int, rng: np.random.Generator) -> np.ndarray:
    if inside.dtype.kind == "f":
        return np.sort((inside + rng.uniform(0, length, (n_null, 1))) % length, axis=1)
    places = int(length) - 1  # a circle of those that a boundary can have: 1 to length - 1
    return np.sort((inside - 1 + rng.integers(0, places, (n_null, 1))) % places + 1, axis=1)


def _uniform(inside: np.ndarray, length: float, n_null: int, rng: np.random.Generator) -> np.ndarray:
    if inside.dtype.kind == "f":
        return np.sort(rng.uniform(0, length, (n_null, len(inside))), axis=1)
    places, k = int(length) - 1, len(inside)
    if 2 * k > places:
        flags = np.ones((n_null, places), dtype=bool)
        np.put_along_axis(flags, _distinct(places, places - k, n_null, rng), False, axis=1)
        return np.nonzero(flags)[1].reshape(n_null, k) + 1
    return _distinct(places, k, n_null, rng) + 1


def _distinct(places: int, k: int, n_null: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of `k` different numbers below `places` (at most half of them), increasing, all sets as likely."""
    found = np.sort(rng.integers(0, places, (n_null, k)), axis=1)
    open_rows = np.arange(n_null)
    while len(open_rows):
        rows = found[open_rows]
        again = np.zeros(rows.shape, dtype=bool)
        again[:, 1:] = rows[:, 1:] == rows[:, :-1]
        open_rows, rows, again = (part[again.any(1)] for part in (open_rows, rows, again))
        rows[again] = rng.integers(0, places, int(again.sum()))
        found[open_rows] = np.sort(rows, axis=1)
    return found


NULLS: dict[str, Null] = {
    "shuffled_lengths": Null("event lengths in random order; keeps their distribution", _shuffled_lengths),
    "circular_shift": Null("all moved alike around the story; keeps the autocorrelation", _circular_shift),
    "uniform": Null("anywhere; keeps only how many there are", _uniform),
}


def two_sided_p(observed: Any, null: np.ndarray) -> Any:
    """p = min(1, 2 (1 + min(#null >= observed, #null <= observed)) / (1 + n_null)).

    Parameters
    ----------
    observed : float, or (...). null : (n_null,) or (n_null, ...); NaN draws do not count.

    Returns
    -------
    float or (...); NaN where the observed value or all draws are NaN. Values that differ by rounding count as equal.

    >>> two_sided_p(3.0, np.array([1.0, 2.0, 3.0, 0.0]))
    0.8
    """
    observed, null = np.asarray(observed, dtype=np.float64), np.asarray(null, dtype=np.float64)
    there = ~np.isnan(null)
    with np.errstate(invalid="ignore"):
        equal = np.abs(null - observed) <= 1e-12 * np.maximum(np.abs(observed), 1)
        above, below = (null > observed) | equal, (null < observed) | equal
    n_null = there.sum(0)
    p = np.minimum(1, 2 * (1 + np.minimum(above.sum(0), below.sum(0))) / (1 + n_null))
    p = np.where(np.isnan(observed) | (n_null == 0), np.nan, p)
    return float(p) if p.ndim == 0 else p


def against(observed: float, null: np.ndarray) -> dict[str, Any]:
    """The columns of a result that say how it compares with chance: null_mean, null_sd, z, p, n_null."""
    kept = null[~np.isnan(null)]
    mean = float(kept.mean()) if len(kept) else np.nan
    sd = float(kept.std(ddof=1)) if len(kept) > 1 else np.nan
    z = (observed - mean) / sd if sd > 1e-12 * max(1.0, abs(mean)) else np.nan
    return {"null_mean": mean, "null_sd": sd, "z": z, "p": two_sided_p(observed, null), "n_null": len(kept)}
