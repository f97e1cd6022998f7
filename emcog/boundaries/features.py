"""A signal for any series of vectors: how far each row lies from what the rows before it lead one to expect."""

from typing import Any

import numpy as np

from emcog.errors import DataError
from emcog.graph.similarity import to_numpy
from emcog.options import check_choice, check_number

PREDICTIONS = ("exponential", "window")
DISTANCES = ("euclidean", "cosine", "correlation")


def running_prediction_distance(
    array: Any,
    prediction: str = "exponential",
    half_life: float = 5.0,
    window: int = 10,
    distance: str = "euclidean",
) -> np.ndarray:
    """Distance of each row from a running prediction made of the rows before it.

    Parameters
    ----------
    array : (n, features) array or tensor, or (n,) for one feature; one row a time point (frame, volume, sentence).
    prediction : "exponential": the mean of all earlier rows with weights that halve every `half_life` rows; "window":
        the plain mean of the last `window` rows (of fewer at the start).
    half_life : rows. window : rows.
    distance : "euclidean"; "cosine", 1 - cosine of row and prediction (0 to 2); or "correlation", the same after each
        has lost its own mean over features.

    Returns
    -------
    float64 (n,). NaN at row 0, which nothing precedes; for "cosine" and "correlation" also where the row or the
    prediction has no direction (all zeros, or all features equal).

    Raises DataError on an array that is empty, not numeric or not finite.

    Source: in the manner of Reynolds, Zacks & Braver (2007), whose event boundaries are peaks of prediction error.

    >>> running_prediction_distance([[0.0], [0.0], [3.0]], prediction="window").tolist()
    [nan, 0.0, 3.0]
    """
    check_choice("prediction", prediction, PREDICTIONS)
    check_choice("distance", distance, DISTANCES)
    rows, exponent = scaled(check_features(array))
    if prediction == "window":
        expected = _window_mean(rows, int(check_number("window", window, low=1, integer=True)))
    else:
        expected = _exponential_mean(rows, check_number("half_life", half_life, above=0))
    signal = np.full(len(rows), np.nan)
    signal[1:] = _distance(rows[1:], expected, distance)
    return np.ldexp(signal, exponent) if distance == "euclidean" else signal


def check_features(array: Any) -> np.ndarray:
    """The series as float64 (n, features), or a DataError."""
    try:
        rows = to_numpy(array)
    except ValueError:
        raise DataError("the rows of features have different lengths: give numbers, (n, features), not empty") from None
    if rows.ndim == 1:
        rows = rows[:, None]
    if rows.ndim != 2 or rows.size == 0 or rows.dtype.kind not in "biuf":
        raise DataError(
            f"features have shape {rows.shape} and type {rows.dtype}: give numbers, (n, features), not empty"
        )
    if not np.isfinite(rows).all():
        row = int(np.argwhere(~np.isfinite(rows))[0, 0])
        raise DataError(f"features have a NaN or infinite value in row {row}: fill or drop it first")
    return rows.astype(np.float64)


def scaled(rows: np.ndarray) -> tuple[np.ndarray, int]:
    """The series over a power of two (exactly), so that its largest number is below 1; and that power's exponent."""
    exponent = int(np.frexp(np.abs(rows).max())[1])
    return np.ldexp(rows, -exponent), exponent


def _norms(rows: np.ndarray) -> np.ndarray:
    """Length of each row, over a power of two of its own while numbers are squared."""
    exponents = np.frexp(np.abs(rows).max(1))[1]
    return np.ldexp(np.linalg.norm(np.ldexp(rows, -exponents[:, None]), axis=1), exponents)


def _exponential_mean(rows: np.ndarray, half_life: float) -> np.ndarray:
    """Weighted mean of all rows before each of rows 1 to n - 1; the weights sum to 1 from the first row on."""
    from scipy.signal import lfilter

    decay = 0.5 ** (1.0 / half_life)
    summed = lfilter([1.0], [1.0, -decay], rows[:-1] - rows[0], axis=0)
    weight = lfilter([1.0], [1.0, -decay], np.ones(len(rows) - 1))
    return summed / weight[:, None] + rows[0]


def _window_mean(rows: np.ndarray, window: int) -> np.ndarray:
    """Mean of up to `window` rows before each of rows 1 to n - 1."""
    centre = rows.mean(0)  # taken off, so that the running sums stay small
    sums = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows - centre, axis=0)])
    end = np.arange(1, len(rows))
    start = np.maximum(end - window, 0)
    return (sums[end] - sums[start]) / (end - start)[:, None] + centre


def _distance(rows: np.ndarray, expected: np.ndarray, kind: str) -> np.ndarray:
    if kind == "euclidean":
        return _norms(rows - expected)
    if kind == "correlation":
        rows, expected = rows - rows.mean(1, keepdims=True), expected - expected.mean(1, keepdims=True)
    rows, expected = (np.ldexp(side, -np.frexp(np.abs(side).max(1))[1][:, None]) for side in (rows, expected))
    norms = np.linalg.norm(rows, axis=1) * np.linalg.norm(expected, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(norms > 0, 1 - (rows * expected).sum(1) / norms, np.nan)
