"""Confidence intervals by resampling whatever may be taken as independent: observers, events, stretches of words."""

from collections.abc import Callable

import numpy as np

LEVEL = 0.95


def blocks(story: np.ndarray, size: int) -> np.ndarray:
    """Number of the stretch of at most `size` neighbouring words, all of one story, that each word lies in. int64.

    Neighbouring words are alike, so a bootstrap that drew single words would promise too narrow an interval.
    """
    story = np.asarray(story)
    new = np.ones(len(story), dtype=bool)
    new[1:] = story[1:] != story[:-1]
    first = np.maximum.accumulate(np.where(new, np.arange(len(story)), 0))
    within = (np.arange(len(story)) - first) // size
    starts = new | np.r_[False, within[1:] != within[:-1]]
    return np.cumsum(starts) - 1


def weights(n: int, n_boot: int, seed: int) -> np.ndarray:
    """How often each of `n` units is drawn in each of `n_boot` bootstrap samples. int64 (n_boot, n)."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=n_boot)


def bootstrap(
    sums: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], n_boot: int, seed: int
) -> tuple[float, float]:
    """95% percentile interval of a statistic that depends on the data through sums over units.

    Parameters
    ----------
    sums : (n_units, k), what each unit adds to each of k sums.
    statistic : from sums (..., k) to values (...).
    n_boot, seed : of the bootstrap over units.

    Returns
    -------
    (low, high); NaN with fewer than two units.

    Source: Efron (1979).
    """
    if len(sums) < 2:
        return np.nan, np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        values = statistic(weights(len(sums), n_boot, seed) @ sums)
    return interval(values)


def jackknife(sums: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray]) -> tuple[float, float]:
    """95% interval of a smooth statistic of sums over units: the value and Student's t times its jackknife error.

    With a dozen units it holds where the middle 95% of bootstrap samples is too narrow (analyses/calibration.py).

    Parameters
    ----------
    sums, statistic : as in `bootstrap`.

    Returns
    -------
    (low, high); NaN with fewer than two units, or where the statistic is undefined without one of them.

    Source: Tukey (1958).
    """
    if len(sums) < 2:
        return np.nan, np.nan
    whole = sums.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return jackknifed(float(statistic(whole)), statistic(whole - sums))


def jackknifed(value: float, without: np.ndarray) -> tuple[float, float]:
    """95% interval of a value from what it would be without each unit. without : (n_units,). (low, high)."""
    from scipy.stats import t

    n = len(without)
    if n < 2:
        return np.nan, np.nan
    reach = t.ppf(0.5 + LEVEL / 2, n - 1) * np.sqrt(jackknife_variance(without))
    return float(value - reach), float(value + reach)


def jackknifed_root(value: float, without: np.ndarray) -> tuple[float, float]:
    """The same on the scale of the signed root, for differences of log-likelihood.

    A gain grows with the square of an effect, so that its error grows with itself; that of its root does not.

    Source: Barndorff-Nielsen (1986) on the signed root of a likelihood ratio.
    """
    low, high = jackknifed(float(_root(np.asarray(value))), _root(without))
    return low * abs(low), high * abs(high)


def _root(values: np.ndarray) -> np.ndarray:
    return np.sign(values) * np.sqrt(np.abs(values))


def proportion_interval(share: float, variance: float, df: float, trials: float) -> tuple[float, float]:
    """95% interval of a proportion whose trials are not independent: Wilson's with the number that would be as exact.

    Parameters
    ----------
    share : the proportion. variance : of it, over units. df : of that variance (units - 1).
    trials : how many there were; fewer count where they are alike within units, never more.

    Returns
    -------
    (low, high), inside 0 to 1 and not of length 0 where the share is 0 or 1; NaN without units or trials.

    Source: Wilson (1927); the effective number, corrected for the variance's degrees of freedom, is Korn & Graubard's
    (1998). Franco, Little, Louis & Slud (2019) compare such intervals.
    """
    from scipy.stats import norm, t

    if not (df > 0 and trials > 0):
        return np.nan, np.nan
    z, wide = norm.ppf(0.5 + LEVEL / 2), t.ppf(0.5 + LEVEL / 2, df)
    own = share * (1 - share)
    n = min(trials, own / variance * (z / wide) ** 2) if variance > 0 and own > 0 else trials
    middle, reach = share + z**2 / (2 * n), z * np.sqrt(own / n + z**2 / (4 * n**2))
    return float((middle - reach) / (1 + z**2 / n)), float((middle + reach) / (1 + z**2 / n))


def jackknife_variance(without: np.ndarray) -> float:
    """Variance of a value from what it would be without each unit. without : (n_units,), two or more."""
    n = len(without)
    return float((n - 1) / n * np.sum((without - without.mean()) ** 2))


def ratio(sums: np.ndarray) -> np.ndarray:
    """The first of two sums over the second (..., 2)."""
    return sums[..., 0] / sums[..., 1]


def interval(values: np.ndarray) -> tuple[float, float]:
    """The middle 95% of `values`, NaN left out."""
    values = values[~np.isnan(values)]
    if len(values) == 0:
        return np.nan, np.nan
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def unit_sums(columns: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Sums of the rows of `columns` (n, k) that share a number in `unit` (n,), numbers 0, 1, ...: (n_units, k)."""
    out = np.zeros((int(unit.max()) + 1 if len(unit) else 0, columns.shape[1]))
    np.add.at(out, unit, columns)
    return out


def correlation_sums(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What each pair adds to the sums that Pearson's r is made of. (n, 6)."""
    x, y = x - x.mean(), y - y.mean()
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)


def correlation(sums: np.ndarray) -> np.ndarray:
    """Pearson's r from the sums of `correlation_sums` (..., 6)."""
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    return (n * xy - x * y) / np.sqrt((n * xx - x * x) * (n * yy - y * y))
