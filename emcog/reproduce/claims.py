"""The claims that are looked at, and how each is read off its report.

What the paper reports is given in words. Its numbers belong to other models and data, and none is typed in here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

LEVEL = 0.05
FOUNTAS, KUMAR = "Fountas et al. 2025", "Kumar et al. 2023"


@dataclass(frozen=True)
class Finding:
    """What came out for one set of data: in words with numbers, on which data, and whether it agrees (None: open)."""

    said: str
    data: str
    agrees: bool | None


@dataclass(frozen=True)
class Claim:
    """A claim.

    Attributes
    ----------
    text : in a few words. paper : what the paper reports. source : where. rule : when the finding agrees.
    find : from the report to findings.
    """

    text: str
    paper: str
    source: str
    rule: str
    find: Callable[[pd.DataFrame], Iterator[Finding]]


def _cohesion(report: pd.DataFrame) -> Iterator[Finding]:
    yield from _pooled(report, "people")


def _refined(report: pd.DataFrame) -> Iterator[Finding]:
    yield from _pooled(report, "SM")


def _pooled(report: pd.DataFrame, method: str) -> Iterator[Finding]:
    rows = report[report["layer"].isna() & (report["method"] == method) & (report["metric"] == "modularity")]
    for row in rows.to_dict("records"):
        agrees = None if row["p"] != row["p"] or row["p"] >= LEVEL else row["estimate"] > 0
        yield Finding(
            f"modularity minus random {_number(row)}, p {_p(row['p'])}, {row['n']} events", _data(row), agrees
        )


def _distance(report: pd.DataFrame) -> Iterator[Finding]:
    rows = report[(report["metric"] == "wasserstein") & (report["variant"] == "share")]
    for story, own in rows.groupby("story", sort=False):
        by = own.set_index("method")
        if not {"S", "F"} <= set(by.index):
            continue
        surprise = by.loc[[m for m in ("S", "SM", "SC") if m in by.index], "estimate"]
        best, fixed = surprise.idxmin(), by.loc["F"]
        said = (
            f"Wasserstein distance (share of the story): {best} {surprise.min():.3f}, p {_p(by.loc[best, 'p'])} "
            f"against chance; F {fixed['estimate']:.3f}"
        )
        decided = min(by.loc[best, "p"], fixed["p"]) < LEVEL
        nearer = bool(surprise.min() < fixed["estimate"])
        yield Finding(said, f"{by.iloc[0]['dataset']}/{story}", nearer if decided else None)


def _around(report: pd.DataFrame) -> Iterator[Finding]:
    clusters = report[report["metric"] == "cluster"]
    means = report[report["metric"] == "mean"]
    for (dataset, story), own in means.groupby(["dataset", "story"], sort=False):
        here = clusters[(clusters["story"] == story) & (clusters["p"] < LEVEL) & (clusters["estimate"] > 0)]
        at = own[own["lag"] == 0].set_index("method")
        told = ", ".join(f"{m} at the boundary {at.loc[m, 'estimate']:.2f} bits (chance {at.loc[m, 'null_mean']:.2f})"
                         for m in at.index)  # fmt: skip
        found = "; ".join(f"{r['method']} {r['variant']}, p {_p(r['p'])}" for r in here.to_dict("records"))
        yield Finding(f"{told}; rises beyond chance: {found or 'none'}", f"{dataset}/{story}", bool(len(here)) or None)


def _boundaries(report: pd.DataFrame) -> Iterator[Finding]:
    rows = report[(report["analysis"] == "boundaries") & (report["metric"] == "delta_log_likelihood")]
    slopes = report[(report["analysis"] == "boundaries") & (report["metric"] == "slope")]
    for (dataset, story), own in rows.groupby(["dataset", "story"], sort=False):
        gain = own.set_index("method")["estimate"]
        p = slopes[slopes["story"] == story].groupby("method")["p"].min()
        told = ", ".join(f"{m} {1000 * gain[m]:.2f} (smallest p {_p(p[m])})" for m in gain.index)
        decided = {"bayesian_surprise", "surprisal"} <= set(gain.index) and min(2 * p.min(), 1) < LEVEL
        agrees = (
            bool(gain["bayesian_surprise"] > gain["surprisal"] and gain["bayesian_surprise"] > 0) if decided else None
        )
        yield Finding(f"held-out gain in millinats a word: {told}", f"{dataset}/{story}", agrees)


def _reading(report: pd.DataFrame) -> Iterator[Finding]:
    rows = report[(report["analysis"] == "reading_times") & (report["metric"] == "delta_log_likelihood")]
    for row in rows[rows["method"] == "surprisal"].to_dict("records"):
        agrees = bool(row["ci_low"] > 0) if row["ci_low"] > 0 or row["ci_high"] < 0 else None
        yield Finding(
            f"held-out gain of surprisal {_number(row, 1000)} millinats a word, {row['n']} words", _data(row), agrees
        )


def _gamma(report: pd.DataFrame) -> Iterator[Finding]:
    own = report[report["method"] == "S"]
    for (dataset, story), rows in own.groupby(["dataset", "story"], sort=False):
        length = rows[rows["metric"] == "event_length"].set_index("gamma")["estimate"]
        f1 = rows[rows["metric"] == "f1"].set_index("gamma")["z"].dropna()
        best = f"; F1 furthest above chance at gamma {f1.idxmax():g} ({f1.max():.2f} SD)" if len(f1) else ""
        said = f"events of {length.iloc[0]:.0f} tokens at gamma {length.index[0]:g}, "
        said += f"{length.iloc[-1]:.0f} at {length.index[-1]:g}"
        yield Finding(said + best, f"{dataset}/{story}", bool((np.diff(length) > 0).all()))


def _grain(report: pd.DataFrame) -> Iterator[Finding]:
    own = report[report["method"] == "S"]
    for (dataset, story), rows in own.groupby(["dataset", "story"], sort=False):
        peak = rows.loc[rows.groupby("grain")["z"].idxmax().dropna()].set_index("grain")
        told = "; ".join(
            f"{g}: {r.z:.2f} SD above chance at {r.event_words:.0f} words an event" for g, r in peak.iterrows()
        )
        yield Finding(told, f"{dataset}/{story}", None)


def _layers(report: pd.DataFrame) -> Iterator[Finding]:
    rows = report[(report["metric"] == "modularity") & report["head"].isna() & report["layer"].notna()]
    for (dataset, story), own in rows.groupby(["dataset", "story"], sort=False):
        best = own.loc[own["z"].idxmax()]
        many = int(((own["p_bh"] < LEVEL) & (own["estimate"] > 0)).sum())
        said = f"{many} of {len(own)} layers beyond chance after correction; most in layer {best['layer']:.0f}"
        said += f" ({best['z']:.2f} SD)"
        yield Finding(said, f"{dataset}/{story}", True if many else None)


def _contiguity(report: pd.DataFrame) -> Iterator[Finding]:
    rows = report[(report["metric"] == "temporal_clustering")]
    for row in rows.to_dict("records"):
        agrees = None if row["p"] >= LEVEL or row["p"] != row["p"] else bool(row["estimate"] > row["null_mean"])
        yield Finding(
            f"{row['method']}: temporal clustering {_number(row)}, chance {row['null_mean']:.3f}", _data(row), agrees
        )


def _passkey(report: pd.DataFrame) -> Iterator[Finding]:
    rows = report[(report["metric"] == "correct") & report["depth"].isna()]
    longest = rows[rows["length"] == rows["length"].max()]
    yield from _recalled(longest, "emcog.tasks/pass_key")


def _tasks(report: pd.DataFrame) -> Iterator[Finding]:
    rows = report[(report["metric"] == "correct") & report["depth"].isna()]
    for task, own in rows[rows["length"] == rows["length"].max()].groupby("story", sort=False):
        yield from _recalled(own, f"emcog.tasks/{task}")


def _recalled(rows: pd.DataFrame, data: str) -> Iterator[Finding]:
    by = rows.set_index("method")
    names = [m for m in ("SM+C", "SM", "S") if m in by.index]
    if not names or "window" not in by.index:
        return
    best, window = by.loc[names[0]], by.loc["window"]
    told = "; ".join(f"{m} {_number(by.loc[m])}" for m in by.index)
    apart = best["ci_low"] > window["ci_high"]
    agrees = True if apart else False if best["ci_high"] < window["ci_low"] else None
    yield Finding(
        f"at {best['length']:,.0f} tokens, share said exactly: {told}; {best['n']} questions each", data, agrees
    )


def _budget(report: pd.DataFrame) -> Iterator[Finding]:
    rows = report[(report["metric"] == "correct") & (report["method"] == "SM")].sort_values("n_mem")
    first, last = rows.iloc[0], rows.iloc[-1]
    said = f"n_mem {first['n_mem']:.0f}: {_number(first)}; n_mem {last['n_mem']:.0f}: {_number(last)}"
    said += f", {last['n']} questions"
    agrees = True if last["ci_low"] > first["ci_high"] else False if last["ci_high"] < first["ci_low"] else None
    yield Finding(said, "emcog.tasks/several_keys", agrees)


def _speed(report: pd.DataFrame) -> Iterator[Finding]:
    speed = report[report["metric"] == "speed"]
    last = speed[speed["length"] == speed["length"].max()].set_index("method")["estimate"]
    crossing = report[report["metric"] == "crossover"].iloc[0]
    said = f"at {speed['length'].max():,.0f} tokens " + ", ".join(f"{m} {v:,.0f} tokens/s" for m, v in last.items())
    yield Finding(f"{said}; {crossing['note'].split('; ')[1]}", "random tokens", bool(crossing["estimate"] > 0) or None)


def _calibrated(report: pd.DataFrame) -> Iterator[Finding]:
    rows = report[(report["test"] == "agreement") & (report["null_model"] == "circular_shift")]
    high = rows[rows["ci_low"] > LEVEL]
    said = f"{len(rows)} tests of agreement, at most {rows['estimate'].max():.1%} of {int(rows['n'].min())} runs with "
    said += "p < .05"
    said += f"; surely above 5%: {', '.join(sorted(set(high['metric']))) or 'none'}"
    yield Finding(said, "simulated", not len(high))


CLAIMS: dict[str, tuple[Claim, ...]] = {
    "cohesion": (
        Claim("People's events cohere in the model's keys", "people's events are more cohesive than random ones",
              f"{FOUNTAS}, figure 4A", "yes or no where p < .05, by the sign", _cohesion),
        Claim("Refined events cohere", "refinement gives the most cohesive events",
              f"{FOUNTAS}, figure 4A and the table on long books", "SM: yes or no where p < .05, by the sign",
              _refined),
    ),
    "human_distance": (
        Claim("Surprise finds people's boundaries", "surprise-based boundaries are nearer to people's than fixed ones",
              f"{FOUNTAS}, figure 4B",
              "the best of S, SM, SC is nearer than F; open where neither differs from moved boundaries (p < .05)",
              _distance),
    ),
    "peri_boundary": (
        Claim("Surprise rises at people's boundaries", "boundaries go with transient rises of prediction error",
              KUMAR, "yes where a signal rises beyond chance in some stretch of words; otherwise open", _around),
    ),
    "predictors": (
        Claim("Bayesian surprise predicts boundaries", "Bayesian surprise does, surprisal does not", KUMAR,
              "Bayesian surprise gains more than surprisal, and more than 0; open where no slope has p < .025",
              _boundaries),
        Claim("Surprisal predicts reading times", "not in the paper", "Hale 2001; Levy 2008",
              "the interval of the gain lies above 0", _reading),
    ),
    "gamma": (
        Claim("The threshold sets the size of events", "gamma scales how large events are", f"{FOUNTAS}, equation 1",
              "mean length grows with every step of gamma", _gamma),
    ),
    "granularity": (
        Claim("The grain of the model's events", "not in the paper", "this toolkit's own question",
              "always open", _grain),
    ),
    "layers": (
        Claim("Where people's events show in the keys", "cohesion is reported over layers", f"{FOUNTAS}, figure 4A",
              "yes where a layer lies beyond chance after correction; otherwise open", _layers),
    ),
    "recall_curves": (
        Claim("Retrieval is contiguous in time", "retrieval by similarity and by contiguity gives human-like access",
              f"{FOUNTAS}, abstract", "yes or no where p < .05, by the side of chance", _contiguity),
    ),
    "passkey": (
        Claim("A pass key is found again beyond the window", "retrieval succeeds across 10 million tokens",
              f"{FOUNTAS}, abstract", "memory's interval lies above the window's", _passkey),
    ),
    "recall_tasks": (
        Claim("Facts are found again beyond the window", "memory helps in most long tasks", f"{FOUNTAS}, abstract",
              "memory's interval lies above the window's", _tasks),
    ),
    "memory_budget": (
        Claim("More recalled tokens, more recall", "there is a trade-off of recall and memory", FOUNTAS,
              "the largest budget's interval lies above the smallest one's", _budget),
    ),
    "throughput": (
        Claim("Memory is faster on long texts", "computation stays efficient at any length", f"{FOUNTAS}, abstract",
              "the two speeds cross at a length that was read", _speed),
    ),
    "calibration": (
        Claim("The tests are right where nothing is", "not in the paper", "this toolkit's own check",
              "no test of agreement has an interval above 5% under the default null model", _calibrated),
    ),
}  # fmt: skip
"""Claims by analysis."""


def _number(row: Any, scale: float = 1.0) -> str:
    value = f"{scale * row['estimate']:.3g}"
    if row["ci_low"] == row["ci_low"]:
        return f"{value} [{scale * row['ci_low']:.3g}, {scale * row['ci_high']:.3g}]"
    return value


def _p(value: float) -> str:
    return "unknown" if value != value else "< .001" if value < 0.001 else f"= {value:.3f}"


def _data(row: Any) -> str:
    return f"{row['dataset']}/{row['story']}" if row["story"] else str(row["dataset"])
