"""What came out about events, signals and people: each claim's answer, read off its report.

`emcog.reproduce.claims` says which claims there are; `emcog.reproduce.findings_of_memory` has those about memory.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from emcog.reproduce.finding import LEVEL, Finding, data_of, interval, interval_or_chance, judged, p_is, plain


def people_cohere(report: pd.DataFrame) -> Iterator[Finding]:
    """People's events against random ones of the same lengths, all layers together."""
    for row in _pooled(report, "people").to_dict("records"):
        yield Finding(judged(row), _cohesive(row), interval(row), _sign(row))


def refined_cohere(report: pd.DataFrame) -> Iterator[Finding]:
    """The better of SM and SC against S, F, FM and FC, each as its difference from random."""
    by = {method: _pooled(report, method).set_index("story") for method in ("SM", "SC", "S", "F", "FM", "FC")}
    for story in dict.fromkeys([*by["SM"].index, *by["SC"].index]):
        there = {method: rows.loc[story] for method, rows in by.items() if story in rows.index}
        refined = [method for method in ("SM", "SC") if method in there]
        name = max(refined, key=lambda method: there[method]["estimate"])
        best, rest = there[name], {m: row["estimate"] for m, row in there.items() if m not in ("SM", "SC")}
        missing = [method for method in by if method not in there]
        told = ", ".join(f"{m} {there[m]['estimate']:.3g}" for m in by if m in there and m != name)
        said = f"{name} {_cohesive({**best, 'p': (p := min(1.0, len(refined) * best['p']))})}; {told}"
        chance = 1.96 * best["null_sd"]
        agrees, why = None, f"without {', '.join(missing)}" if missing else ""
        if not missing and p < LEVEL:
            ahead = best["estimate"] - max(rest.values())
            if best["estimate"] < 0 or ahead < -chance:
                agrees = False
            elif ahead > 0:
                agrees = True
        yield Finding(data_of({**best, "story": story}), said, interval(best), agrees, why)


def fixed_cohere(report: pd.DataFrame) -> Iterator[Finding]:
    """F against as many random boundaries anywhere: the paper finds it below.

    Both know nothing of the text, so that this describes the text; there is nothing to test, and no p.
    """
    for row in _pooled(report, "F").to_dict("records"):
        said = f"modularity minus random {row['estimate']:.3g}, {row['n']} events"
        agrees = True if row["ci_high"] < 0 else False if row["ci_low"] > 0 else None
        yield Finding(data_of(row), said, interval(row), agrees)


def _pooled(report: pd.DataFrame, method: str) -> pd.DataFrame:
    return report[report["layer"].isna() & (report["method"] == method) & (report["metric"] == "modularity")]


def _cohesive(row: Any) -> str:
    return f"modularity minus random {row['estimate']:.3g}, p {p_is(row['p'])}, {row['n']} events"


def _sign(row: Any) -> bool | None:
    return None if not row["p"] < LEVEL else bool(row["estimate"] > 0)


def distance(report: pd.DataFrame) -> Iterator[Finding]:
    """The best of S, SM and SC against F, in Wasserstein distance from people."""
    rows = report[(report["metric"] == "wasserstein") & (report["variant"] == "share")]
    for _, own in rows.groupby(["dataset", "story"], sort=False):
        by = own.set_index("method")
        if not {"S", "F"} <= set(by.index):
            continue
        surprise = by.loc[[m for m in ("S", "SM", "SC") if m in by.index], "estimate"]
        looks = len(surprise) + 1  # each of them and F might have differed from chance
        best, fixed = by.loc[surprise.idxmin()], by.loc["F"]
        p = {name: min(1.0, looks * row["p"]) for name, row in (("best", best), ("fixed", fixed))}
        said = (
            f"Wasserstein distance as a share of the story: {surprise.idxmin()} {best['estimate']:.3f} "
            f"(chance {best['null_mean']:.3f}, corrected p {p_is(p['best'])}), F {fixed['estimate']:.3f} "
            f"(chance {fixed['null_mean']:.3f}, corrected p {p_is(p['fixed'])})"
        )
        nearer, ours, theirs = best["estimate"] < fixed["estimate"], _side(best, p["best"]), _side(fixed, p["fixed"])
        agrees = nearer if (ours < 0 or theirs > 0 if nearer else ours > 0 or theirs < 0) else None
        yield Finding(judged(best), said, interval_or_chance(best), None if agrees is None else bool(agrees))


def _side(row: Any, p: float) -> int:
    """-1 below chance, 1 above it, 0 where that is not known."""
    return 0 if not p < LEVEL else int(np.sign(row["estimate"] - row["null_mean"]))


def around(report: pd.DataFrame) -> Iterator[Finding]:
    """Bayesian surprise and surprisal at people's boundaries, and where they rise beyond chance."""
    for _, own in report.groupby(["dataset", "story"], sort=False):
        at = own[(own["metric"] == "mean") & (own["lag"] == 0)].set_index("method")
        if "bayesian_surprise" not in at.index:
            continue
        clusters = own[own["metric"] == "cluster"]
        clusters = clusters.assign(p=np.minimum(1, own["method"].nunique() * clusters["p"]))  # so many signals
        rises = clusters[(clusters["p"] < LEVEL) & (clusters["estimate"] > 0)]
        told = "; ".join(
            f"{plain(name)} {at.loc[name, 'estimate']:.2f} bits (chance {at.loc[name, 'null_mean']:.2f})"
            for name in ("bayesian_surprise", "surprisal")
        )
        found = "; ".join(
            f"{plain(r['method'])} {r['variant']}, corrected p {p_is(r['p'])}" for r in rises.to_dict("records")
        )
        agrees = True if "bayesian_surprise" in set(rises["method"]) else None
        yield Finding(judged(own.iloc[0]), f"at the boundary {told}; rises beyond chance: {found or 'none'}",
                      interval(at.loc["bayesian_surprise"]), agrees)  # fmt: skip


def boundaries(report: pd.DataFrame) -> Iterator[Finding]:
    """Held-out gain of each signal in predicting people's boundaries."""
    own = report[report["analysis"] == "boundaries"]
    for _, rows in own.groupby(["dataset", "story"], sort=False):
        gain = rows[rows["metric"] == "delta_log_likelihood"].set_index("method")
        if not {"bayesian_surprise", "surprisal"} <= set(gain.index):
            continue
        slopes = rows[(rows["metric"] == "slope") & rows["method"].isin(["bayesian_surprise", "surprisal", "entropy"])]
        slopes = slopes.assign(p=np.minimum(1, slopes["p"].count() * slopes["p"]))
        p = slopes.groupby("method")["p"].min()
        told = ", ".join(
            f"{plain(m)} {1000 * gain.loc[m, 'estimate']:.2f} (least corrected p of a slope {p_is(p.get(m, np.nan))})"
            for m in ("bayesian_surprise", "surprisal", "entropy")
            if m in gain.index
        )
        bayes, surprisal = gain.loc["bayesian_surprise"], gain.loc["surprisal", "estimate"]
        decided = p.reindex(["bayesian_surprise", "surprisal"]).min() < LEVEL
        agrees = bool(bayes["estimate"] > max(surprisal, 0)) if decided else None
        said = f"held-out gain, millinats a word: {told}"
        yield Finding(judged(rows.iloc[0]), said, interval(bayes, 1000), agrees)


def reading(report: pd.DataFrame) -> Iterator[Finding]:
    """Held-out gain of surprisal in predicting reading times."""
    rows = report[(report["analysis"] == "reading_times") & (report["metric"] == "delta_log_likelihood")]
    for row in rows[rows["method"] == "surprisal"].to_dict("records"):
        said = f"held-out gain of surprisal {1000 * row['estimate']:.3g} millinats a word, {row['n']:,} words"
        agrees = bool(row["ci_low"] > 0) if row["ci_low"] > 0 or row["ci_high"] < 0 else None
        yield Finding(data_of(row), said, interval(row, 1000), agrees)


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
        yield Finding(judged(rows.iloc[0]), said, interval(first), grows)


def grain(report: pd.DataFrame) -> Iterator[Finding]:
    """Whether S finds people's coarse and fine events, at whatever size of its own."""
    own = report[report["method"] == "S"]
    for _, rows in own.groupby(["dataset", "story"], sort=False):
        told, beyond, limits = [], [], ""
        for name, these in rows.groupby("grain", sort=False):
            known = these[these["z"].notna()]
            if known.empty:
                continue
            best = known.loc[known["z"].idxmax()]
            p = min(1.0, len(known) * best["p"])  # of the best of so many sizes
            told.append(f"{name} {best['estimate']:.2f}, {best['z']:.2f} SD above chance at "
                        f"{best['event_words']:.0f} words an event (corrected p {p_is(p)})")  # fmt: skip
            beyond.append(p < LEVEL and best["z"] > 0)
            limits = limits or interval(best)
        found = True if beyond and all(beyond) else None
        yield Finding(judged(rows.iloc[0]), f"best F1: {'; '.join(told)}", limits, found)


def layers(report: pd.DataFrame) -> Iterator[Finding]:
    """How many layers hold people's events together beyond chance."""
    rows = report[(report["metric"] == "modularity") & report["head"].isna() & report["layer"].notna()]
    for _, own in rows.groupby(["dataset", "story"], sort=False):
        best = own.loc[own["z"].idxmax()]
        many = int(((own["p_bh"] < LEVEL) & (own["estimate"] > 0)).sum())
        said = f"modularity minus random {best['estimate']:.3g} in layer {best['layer']:.0f}, where it is most "
        said += f"({best['z']:.2f} SD); {many} of {len(own)} layers beyond chance after correction"
        yield Finding(judged(best), said, interval(best), True if many else None)
