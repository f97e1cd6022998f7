"""What came out: each claim's answer, read off its report. `emcog.reproduce.claims` says which claims there are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

LEVEL = 0.05


@dataclass(frozen=True)
class Finding:
    """What came out for one set of data.

    Attributes
    ----------
    data : on which data. said : in words with numbers. interval : of the first number, 95%, or "".
    agrees : whether it agrees with the claim; None where the data cannot tell.
    """

    data: str
    said: str
    interval: str
    agrees: bool | None


def people_cohere(report: pd.DataFrame) -> Iterator[Finding]:
    """People's events against random ones of the same lengths, all layers together."""
    for row in _pooled(report, "people").to_dict("records"):
        yield Finding(_judged(row), _cohesive(row), _interval(row), _sign(row))


def refined_cohere(report: pd.DataFrame) -> Iterator[Finding]:
    """SM against S and F, each as its difference from random."""
    for row in _pooled(report, "SM").to_dict("records"):
        others = {m: _pooled(report, m).set_index("story")["estimate"].get(row["story"], np.nan) for m in ("S", "F")}
        told = ", ".join(f"{m} {value:.3g}" for m, value in others.items())
        most = all(row["estimate"] > value for value in others.values())
        agrees = None if _sign(row) is None else bool(_sign(row)) and most
        yield Finding(_data(row), f"SM {_cohesive(row)}; {told}", _interval(row), agrees)


def fixed_cohere(report: pd.DataFrame) -> Iterator[Finding]:
    """F against random events: the paper finds it below."""
    for row in _pooled(report, "F").to_dict("records"):
        sign = _sign(row)
        yield Finding(_data(row), _cohesive(row), _interval(row), None if sign is None else not sign)


def _pooled(report: pd.DataFrame, method: str) -> pd.DataFrame:
    return report[report["layer"].isna() & (report["method"] == method) & (report["metric"] == "modularity")]


def _cohesive(row: Any) -> str:
    return f"modularity minus random {row['estimate']:.3g}, p {_p(row['p'])}, {row['n']} events"


def _sign(row: Any) -> bool | None:
    return None if not row["p"] < LEVEL else bool(row["estimate"] > 0)


def distance(report: pd.DataFrame) -> Iterator[Finding]:
    """The best of S, SM and SC against F, in Wasserstein distance from people."""
    rows = report[(report["metric"] == "wasserstein") & (report["variant"] == "share")]
    for _, own in rows.groupby("story", sort=False):
        by = own.set_index("method")
        if not {"S", "F"} <= set(by.index):
            continue
        surprise = by.loc[[m for m in ("S", "SM", "SC") if m in by.index], "estimate"]
        best, fixed = by.loc[surprise.idxmin()], by.loc["F"]
        said = (
            f"Wasserstein distance as a share of the story: {surprise.idxmin()} {best['estimate']:.3f} "
            f"(chance {best['null_mean']:.3f}, p {_p(best['p'])}), F {fixed['estimate']:.3f} "
            f"(chance {fixed['null_mean']:.3f}, p {_p(fixed['p'])})"
        )
        decided = min(best["p"], fixed["p"]) < LEVEL
        agrees = bool(best["estimate"] < fixed["estimate"]) if decided else None
        yield Finding(_judged(best), said, _interval(best), agrees)


def around(report: pd.DataFrame) -> Iterator[Finding]:
    """Bayesian surprise and surprisal at people's boundaries, and where they rise beyond chance."""
    for _, own in report.groupby(["dataset", "story"], sort=False):
        at = own[(own["metric"] == "mean") & (own["lag"] == 0)].set_index("method")
        if "bayesian_surprise" not in at.index:
            continue
        rises = own[(own["metric"] == "cluster") & (own["p"] < LEVEL) & (own["estimate"] > 0)]
        told = "; ".join(
            f"{_plain(name)} {at.loc[name, 'estimate']:.2f} bits (chance {at.loc[name, 'null_mean']:.2f})"
            for name in ("bayesian_surprise", "surprisal")
        )
        found = "; ".join(f"{_plain(r['method'])} {r['variant']}, p {_p(r['p'])}" for r in rises.to_dict("records"))
        agrees = True if "bayesian_surprise" in set(rises["method"]) else None
        yield Finding(_judged(own.iloc[0]), f"at the boundary {told}; rises beyond chance: {found or 'none'}",
                      _interval(at.loc["bayesian_surprise"]), agrees)  # fmt: skip


def boundaries(report: pd.DataFrame) -> Iterator[Finding]:
    """Held-out gain of each signal in predicting people's boundaries."""
    own = report[report["analysis"] == "boundaries"]
    for _, rows in own.groupby(["dataset", "story"], sort=False):
        gain = rows[rows["metric"] == "delta_log_likelihood"].set_index("method")
        if not {"bayesian_surprise", "surprisal"} <= set(gain.index):
            continue
        p = rows[rows["metric"] == "slope"].groupby("method")["p"].min()
        told = ", ".join(
            f"{_plain(m)} {1000 * gain.loc[m, 'estimate']:.2f} (smallest p of a slope {_p(p[m])})"
            for m in ("bayesian_surprise", "surprisal", "entropy")
            if m in gain.index
        )
        bayes, plain = gain.loc["bayesian_surprise"], gain.loc["surprisal", "estimate"]
        decided = 2 * p.min() < LEVEL
        agrees = bool(bayes["estimate"] > max(plain, 0)) if decided else None
        said = f"held-out gain, millinats a word: {told}"
        yield Finding(_judged(rows.iloc[0]), said, _interval(bayes, 1000), agrees)


def reading(report: pd.DataFrame) -> Iterator[Finding]:
    """Held-out gain of surprisal in predicting reading times."""
    rows = report[(report["analysis"] == "reading_times") & (report["metric"] == "delta_log_likelihood")]
    for row in rows[rows["method"] == "surprisal"].to_dict("records"):
        said = f"held-out gain of surprisal {1000 * row['estimate']:.3g} millinats a word, {row['n']:,} words"
        agrees = bool(row["ci_low"] > 0) if row["ci_low"] > 0 or row["ci_high"] < 0 else None
        yield Finding(_data(row), said, _interval(row, 1000), agrees)


def threshold(report: pd.DataFrame) -> Iterator[Finding]:
    """Mean length of S's events over gamma, as long as there are events."""
    own = report[report["method"] == "S"]
    for _, rows in own.groupby(["dataset", "story"], sort=False):
        length = rows[rows["metric"] == "event_length"].set_index("gamma")
        several = length[length["n"] > 1].sort_index()
        f1 = rows[rows["metric"] == "f1"].set_index("gamma")["z"].dropna()
        best = f"; F1 furthest above chance at gamma {f1.idxmax():g} ({f1.max():.2f} SD)" if len(f1) else ""
        if len(several) < 2:
            continue
        first, last = several.iloc[0], several.iloc[-1]
        said = f"events of {first['estimate']:.1f} tokens at gamma {several.index[0]:g}, "
        said += f"{last['estimate']:.0f} at {several.index[-1]:g}{best}"
        grows = bool((np.diff(several["estimate"]) > 0).all())
        yield Finding(_judged(rows.iloc[0]), said, _interval(first), grows)


def grain(report: pd.DataFrame) -> Iterator[Finding]:
    """Whether S finds people's coarse and fine events, at whatever size of its own."""
    own = report[report["method"] == "S"]
    for _, rows in own.groupby(["dataset", "story"], sort=False):
        told, beyond, interval = [], [], ""
        for name, these in rows.groupby("grain", sort=False):
            known = these[these["z"].notna()]
            if known.empty:
                continue
            best = known.loc[known["z"].idxmax()]
            p = min(1.0, len(known) * best["p"])  # of the best of so many sizes
            told.append(f"{name} {best['estimate']:.2f}, {best['z']:.2f} SD above chance at "
                        f"{best['event_words']:.0f} words an event (corrected p {_p(p)})")  # fmt: skip
            beyond.append(p < LEVEL and best["z"] > 0)
            interval = interval or _interval(best)
        found = True if beyond and all(beyond) else None
        yield Finding(_judged(rows.iloc[0]), f"best F1: {'; '.join(told)}", interval, found)


def layers(report: pd.DataFrame) -> Iterator[Finding]:
    """How many layers hold people's events together beyond chance."""
    rows = report[(report["metric"] == "modularity") & report["head"].isna() & report["layer"].notna()]
    for _, own in rows.groupby(["dataset", "story"], sort=False):
        best = own.loc[own["z"].idxmax()]
        many = int(((own["p_bh"] < LEVEL) & (own["estimate"] > 0)).sum())
        said = f"modularity minus random {best['estimate']:.3g} in layer {best['layer']:.0f}, where it is most "
        said += f"({best['z']:.2f} SD); {many} of {len(own)} layers beyond chance after correction"
        yield Finding(_judged(best), said, _interval(best), True if many else None)


def contiguity(report: pd.DataFrame) -> Iterator[Finding]:
    """Temporal clustering of what memory, and people, recall one after the other."""
    yield from _recalls(report, "temporal_clustering", "percentile rank", "temporal clustering")


def asymmetry(report: pd.DataFrame) -> Iterator[Finding]:
    """Whether recall goes forward more often than back."""
    yield from _recalls(report, "forward_asymmetry", "lag 1", "forward asymmetry of steps of one event")


def _recalls(report: pd.DataFrame, metric: str, variant: str, name: str) -> Iterator[Finding]:
    rows = report[(report["metric"] == metric) & (report["variant"] == variant)]
    for row in rows.to_dict("records"):
        agrees = bool(row["estimate"] > row["null_mean"]) if row["p"] < LEVEL else None
        said = f"{row['method']}: {name} {row['estimate']:.3g}, chance {row['null_mean']:.3g}, p {_p(row['p'])}"
        yield Finding(_data(row), said, _interval(row), agrees)


def beyond_window(report: pd.DataFrame) -> Iterator[Finding]:
    """Memory against the sliding window alone, at the longest length."""
    yield from _against(report, "window")


def beyond_fixed(report: pd.DataFrame) -> Iterator[Finding]:
    """Memory of events against memory of fixed blocks, at the longest length."""
    yield from _against(report, "F")


def _against(report: pd.DataFrame, other: str) -> Iterator[Finding]:
    rows = report[(report["metric"] == "correct") & report["depth"].isna()]
    for task, own in rows[rows["length"] == rows["length"].max()].groupby("story", sort=False):
        by = own.set_index("method")
        names = [m for m in ("SM+C", "SM", "S") if m in by.index]
        if not names or other not in by.index:
            continue
        best, least = by.loc[names[0]], by.loc[other]
        said = f"at {best['length']:,.0f} tokens {names[0]} says {best['estimate']:.0%} exactly, {other} "
        said += f"{least['estimate']:.0%} {_interval(least)}; {best['n']} questions each"
        yield Finding(f"emcog.tasks/{task}", said, _interval(best), _apart(best, least))


def budget(report: pd.DataFrame) -> Iterator[Finding]:
    """The largest budget of recalled tokens against none."""
    rows = report[(report["metric"] == "correct") & (report["method"] == "SM")].sort_values("n_mem")
    first, last = rows.iloc[0], rows.iloc[-1]
    said = f"with n_mem {last['n_mem']:.0f} {last['estimate']:.0%} said exactly, with {first['n_mem']:.0f} "
    said += f"{first['estimate']:.0%} {_interval(first)}; {last['n']} questions each"
    yield Finding(f"emcog.tasks/{first['story']}", said, _interval(last), _apart(last, first))


def speed(report: pd.DataFrame) -> Iterator[Finding]:
    """Reading speed at the longest length, and where the two lines cross."""
    rows = report[report["metric"] == "speed"]
    last = rows[rows["length"] == rows["length"].max()].set_index("method")
    crossing = report[report["metric"] == "crossover"].iloc[0]
    told = ", ".join(f"{name} {row['estimate']:,.0f} tokens/s" for name, row in last.iterrows())
    said = f"after {rows['length'].max():,.0f} tokens {told}; faster from: {crossing['note'].split('; ')[1]}"
    yield Finding("random tokens", said, "", True if crossing["estimate"] > 0 else None)


def calibrated(report: pd.DataFrame) -> Iterator[Finding]:
    """Tests of agreement that say too often that there is something."""
    rows = report[(report["test"] == "agreement") & (report["null_model"] == "circular_shift")]
    worst = rows.loc[rows["estimate"].idxmax()]
    high = sorted(set(rows[rows["ci_low"] > LEVEL]["metric"]))
    said = f"of {len(rows)} tests of agreement the worst says p < .05 in {worst['estimate']:.1%} of {worst['n']} runs "
    said += f"({worst['metric']}, {worst['kind']}); surely above 5%: {', '.join(high) or 'none'}"
    yield Finding("simulated", said, _interval(worst), not high)


def _apart(one: Any, other: Any) -> bool | None:
    """Whether one lies above the other, by their intervals; None where these overlap."""
    if one["ci_low"] > other["ci_high"]:
        return True
    return False if one["ci_high"] < other["ci_low"] else None


def _interval(row: Any, scale: float = 1.0) -> str:
    known = row["ci_low"] == row["ci_low"]
    return f"[{scale * row['ci_low']:.3g}, {scale * row['ci_high']:.3g}]" if known else ""


def _p(value: float) -> str:
    return "unknown" if value != value else "< .001" if value < 0.001 else f"= {value:.3f}"


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _judged(row: Any) -> str:
    """The data, and whose boundaries they have where these are not people's."""
    return _data(row) + (" (the author's scene breaks)" if row["dataset"] == "demo" else "")


def _data(row: Any) -> str:
    return f"{row['dataset']}/{row['story']}" if row["story"] else str(row["dataset"])
