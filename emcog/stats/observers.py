"""Intervals for agreement with a crowd: what other observers, or other stretches of the story, would have given."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from emcog.human import Crowd
from emcog.stats.agreement import AgreementSettings, Measure, Partitions

FEWEST = 6
N_SUBSETS = 200
STRETCHES = 20
OVER_BOUNDARIES = ("precision", "recall", "f1", "matched", "matched_precision")
Limits = dict[tuple[str, str], tuple[float, float]]


def observer_interval(
    starts: np.ndarray,
    crowd: Crowd,
    chosen: Sequence[tuple[Measure, str]],
    settings: AgreementSettings,
    seed: int = 0,
    n_subsets: int = N_SUBSETS,
) -> Limits:
    """95% intervals over observers, from random halves of them, each with its own consensus.

    The halves' variance is that of the whole crowd's value (a half holds half as many, drawn without replacement, so
    the two factors cancel); unlike leaving one out, it also holds for a consensus, which jumps. The interval is the
    value plus and minus Student's t with (observers - 1) degrees of freedom times the root of that variance.

    Returns
    -------
    (measure, variant) -> (low, high); empty with fewer than 6 observers, or where the consensus is the release's own.

    Source: delete-d jackknife, Shao & Wu (1989).
    """
    n = len(crowd.names)
    if n < FEWEST or crowd.rule.rule == "release":
        return {}
    from scipy.stats import t

    rng = np.random.default_rng(seed)
    batch = Partitions.of([starts], crowd.n_units)
    values = np.full((n_subsets, len(chosen)), np.nan)
    for i in range(n_subsets):
        half = crowd.subset(np.sort(rng.permutation(n)[: n // 2]))
        for k, (measure, variant) in enumerate(chosen):
            if measure.missing(half, variant) is None:
                values[i, k] = measure.score_many(batch, half, settings, variant)[0]
    out: Limits = {}
    for k, (measure, variant) in enumerate(chosen):
        there = values[~np.isnan(values[:, k]), k]
        if len(there) >= n_subsets / 2:
            d = n - n // 2
            half_width = t.ppf(0.975, n - 1) * np.sqrt((n - d) / d * np.mean((there - there.mean()) ** 2))
            middle = float(measure.score_many(batch, crowd, settings, variant)[0])
            out[measure.name, variant] = _inside(middle - half_width, middle + half_width, measure)
    return out


def stretch_interval(
    starts: np.ndarray, crowd: Crowd, chosen: Sequence[tuple[Measure, str]], settings: AgreementSettings
) -> Limits:
    """95% intervals over 20 stretches of the story, for a list without observers: each in turn is left out.

    Only for shares of boundaries, which do not change when a stretch without boundaries stays.

    Source: grouped jackknife, Tukey (1958).
    """
    from scipy.stats import t

    edges = np.linspace(0, crowd.n_units, STRETCHES + 1).astype(int)
    picked = [(m, v) for m, v in chosen if m.name in OVER_BOUNDARIES]
    values = np.full((STRETCHES, len(picked)), np.nan)
    for i in range(STRETCHES):
        inside = (np.arange(crowd.n_units) >= edges[i]) & (np.arange(crowd.n_units) < edges[i + 1])
        rest = _with_consensus(crowd, crowd.consensus & ~inside)
        batch = Partitions.of([starts[~inside[starts]]], crowd.n_units)
        for k, (measure, variant) in enumerate(picked):
            if measure.missing(rest, variant) is None:
                values[i, k] = measure.score_many(batch, rest, settings, variant)[0]
    out: Limits = {}
    whole = Partitions.of([starts], crowd.n_units)
    for k, (measure, variant) in enumerate(picked):
        there = values[~np.isnan(values[:, k]), k]
        if len(there) == STRETCHES:
            width = np.sqrt((STRETCHES - 1) / STRETCHES * np.sum((there - there.mean()) ** 2))
            width *= t.ppf(0.975, STRETCHES - 1)
            middle = float(measure.score_many(whole, crowd, settings, variant)[0])
            out[measure.name, variant] = _inside(middle - width, middle + width, measure)
    return out


def _with_consensus(crowd: Crowd, consensus: np.ndarray) -> Crowd:
    return replace(crowd, consensus=consensus)


def _inside(low: float, high: float, measure: Measure) -> tuple[float, float]:
    """An interval that does not promise what the measure cannot be."""
    least = -1.0 if measure.name in ("point_biserial",) else 0.0
    most = 1.0 if measure.unit in ("share", "r", "index") else np.inf
    return max(low, least), min(high, most)
