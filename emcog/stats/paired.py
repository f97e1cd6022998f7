"""The same questions put to two memories: how far the shares of right answers lie apart."""

from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.stats import binomtest, norm

from emcog.errors import DataError


def paired_shares(ours: Any, theirs: Any) -> dict[str, float]:
    """Difference of two shares of right answers to the same questions, with its interval and an exact test.

    Parameters
    ----------
    ours, theirs : bool, (n_questions,), whether each answer was right, in the same order.

    Returns
    -------
    dict: estimate (ours minus theirs, -1 to 1); ci_low, ci_high (95%, by scores, which holds where nearly all answers
    are alike); p (McNemar's test, exact and two-sided: 1 where all answers are alike); only_ours, only_theirs
    (questions that one alone had right); n.

    Raises DataError for answers that are no pairs.

    Source: McNemar (1947); the interval: Tango (1998), Statistics in Medicine 17:891-908.

    >>> paired_shares([True] * 6, [False] * 6)["p"]
    0.03125
    """
    one, other = np.asarray(ours, dtype=bool), np.asarray(theirs, dtype=bool)
    if one.ndim != 1 or one.shape != other.shape or not len(one):
        raise DataError(f"answers must be pairs, (n,) and (n,), got {one.shape} and {other.shape}")
    n, b, c = len(one), int((one & ~other).sum()), int((other & ~one).sum())
    low, high = _limits(b, c, n)
    p = float(binomtest(b, b + c).pvalue) if b + c else 1.0
    return {"estimate": (b - c) / n, "ci_low": low, "ci_high": high, "p": p, "only_ours": b, "only_theirs": c, "n": n}


def _limits(b: int, c: int, n: int) -> tuple[float, float]:
    """Where the score statistic is at its 97.5% points."""
    z, middle, edge = norm.ppf(0.975), (b - c) / n, 1 - 1e-9
    low = brentq(lambda d: _score(d, b, c, n) - z, -edge, middle) if middle > -edge else -1.0
    high = brentq(lambda d: _score(d, b, c, n) + z, middle, edge) if middle < edge else 1.0
    return float(low), float(high)


def _score(difference: float, b: int, c: int, n: int) -> float:
    """(b - c)'s distance from what a true difference would give, in standard errors under that difference.

    The share of questions that the other alone has right is the likeliest one under that difference.
    """
    linear = -b - c + (2 * n - b + c) * difference
    share = (np.sqrt(linear**2 + 8 * n * c * difference * (1 - difference)) - linear) / (4 * n)
    away = b - c - n * difference
    variance = n * (2 * share + difference * (1 - difference))
    return 0.0 if away == 0 else float(away / np.sqrt(max(variance, 1e-300)))
