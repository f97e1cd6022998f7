"""One run of each simulation of analyses/calibration.py: what is made, what is tested. The other script counts.

A simulated story has N_WORDS words and about N_EVENTS events, which N_OBSERVERS mark, each of them with probability
.6 and about a word off, and now and then elsewhere. Boundaries of the segmentation and of the crowd come from the same
kind of process, independent of each other:

    independent   each word with the same probability (gamma-distributed lengths of shape 1)
    regular       lengths of shape 4: autocorrelated, the next boundary rarely comes soon
    clustered     a rate that wanders slowly (log-rate AR(1), 60 words, sd 1): many here, few there

A run yields rows: test, kind, metric, variant, null_model and p; rows with an interval also have value, low, high and
story, the truth being the value's mean over all runs with the same kind and story.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from emcog.boundaries import fixed, refine
from emcog.graph import METRICS, block_sums, similarity
from emcog.graph.scores import score
from emcog.human import Crowd, crowd_of_marks
from emcog.stats import (
    NULLS,
    AgreementSettings,
    compare_signal,
    draws,
    reading_times,
    recall_curves,
    regress,
    two_sided_p,
)
from emcog.stats.agreement import Partitions, peri_event
from emcog.stats.cohesion import GRID_NULLS, cohesion
from emcog.stats.comparing import against_chance, measures_of
from emcog.stats.nulls import DEFAULT_NULL
from emcog.stats.observers import OVER_BOUNDARIES, observer_interval, stretch_interval

KINDS = ("independent", "regular", "clustered")
N_WORDS, N_OBSERVERS, N_EVENTS = 600, 20, 30
SENTENCE = 12
SETTINGS = AgreementSettings()
EFFECT = ", with an effect"
STORIES = 10  # over whose crowds the coverage of agreement is averaged
Row = dict[str, Any]


def boundaries(rng: np.random.Generator, kind: str, n: int = N_WORDS, events: int = N_EVENTS) -> np.ndarray:
    """First words of events, without 0, of one of `KINDS`."""
    mean = n / events
    if kind == "clustered":
        rate = np.exp(wandering(rng, n, 60))
        starts = np.flatnonzero(rng.random(n) < np.minimum(rate / rate.mean() / mean, 0.5))
    else:
        shape = 1 if kind == "independent" else 4
        gaps = np.maximum(1, np.round(rng.gamma(shape, mean / shape, 6 * events)))
        starts = np.cumsum(gaps).astype(int) - rng.integers(0, 2 * int(mean))
    starts = starts[(starts > 0) & (starts < n)]
    return starts if len(starts) >= 3 else boundaries(rng, kind, n, events)


def wandering(rng: np.random.Generator, n: int, scale: float) -> np.ndarray:
    """A stationary AR(1) series of variance 1 whose correlation falls to 1/e in `scale` steps."""
    from scipy.signal import lfilter

    rho = np.exp(-1 / scale)
    noise = rng.normal(size=n) * np.sqrt(1 - rho**2)
    noise[0] = rng.normal()
    return lfilter([1], [1, -rho], noise)


def make_crowd(rng: np.random.Generator, latent: np.ndarray, n: int = N_WORDS, observers: int = N_OBSERVERS) -> Crowd:
    """Observers who see the latent events, more or less."""
    marks = []
    for _ in range(observers):
        seen = latent[rng.random(len(latent)) < 0.6]
        places = np.concatenate([seen + rng.normal(0, 1, len(seen)), rng.uniform(1, n, rng.poisson(0.2 * len(latent)))])
        marks.append(np.sort(places[(places > 0.6) & (places < n)]))
    return crowd_of_marks(
        marks, np.arange(n, dtype=float), n, unit="word", timed=False, sentences=np.arange(0, n, SENTENCE)
    )


def agreement(seed: int, run: int, n_null: int) -> Iterator[Row]:
    """p of every measure under every null model."""
    for kind in KINDS:
        rng = np.random.default_rng([seed, 1, KINDS.index(kind), run])
        crowd = make_crowd(rng, boundaries(rng, kind))
        yield from _p_values(boundaries(rng, kind), crowd, {"test": "agreement", "kind": kind}, NULLS, n_null, run)


def power(seed: int, run: int, n_null: int) -> Iterator[Row]:
    """The same of a segmentation that has half of the crowd's events, up to two words off, and as many others."""
    for kind in KINDS:
        rng = np.random.default_rng([seed, 2, KINDS.index(kind), run])
        latent, other = boundaries(rng, kind), boundaries(rng, kind)
        known = latent[rng.random(len(latent)) < 0.5] + rng.integers(-2, 3)
        starts = np.union1d(known, other[rng.random(len(other)) < 0.5])
        starts = starts[(starts > 0) & (starts < N_WORDS)]
        crowd = make_crowd(rng, latent)
        yield from _p_values(starts, crowd, {"test": "power", "kind": kind}, [None], n_null, run)


def _p_values(starts: np.ndarray, crowd: Crowd, row: Row, nulls: Any, n_null: int, seed: int) -> Iterator[Row]:
    chosen, _ = measures_of(None, crowd)
    chosen = [(m, v) for m, v in chosen if m.higher is not None]
    for null in nulls:
        for (metric, variant), found in against_chance(starts, crowd, chosen, SETTINGS, null, n_null, seed).items():
            yield row | {"metric": metric, "variant": variant, "null_model": found["null_model"], "p": found["p"]}


def coverage(seed: int, run: int, n_null: int) -> Iterator[Row]:
    """The interval over observers of every measure, of one of the stories and a crowd of its own."""
    story = run % STORIES
    latent, starts = _known_story(seed, story)
    crowd = make_crowd(np.random.default_rng([seed, 3, story, run]), latent)
    chosen, _ = measures_of(None, crowd)
    own = Partitions.of([starts], crowd.n_units)
    limits = observer_interval(starts, crowd, chosen, SETTINGS, run)
    for m, v in chosen:
        low, high = limits.get((m.name, v), (np.nan, np.nan))
        value = float(m.score_many(own, crowd, SETTINGS, v)[0])
        yield {"test": "coverage", "kind": "agreement", "metric": m.name, "variant": v, "story": story,
               "null_model": "interval", "value": value, "low": low, "high": high}  # fmt: skip


@cache
def _known_story(seed: int, story: int) -> tuple[np.ndarray, np.ndarray]:
    """A story's events, and a segmentation that has each of them up to two words off."""
    rng = np.random.default_rng([seed, 3, story])
    latent = boundaries(rng, "independent")
    starts = np.unique(latent + rng.integers(-2, 3, len(latent)))
    return latent, starts[(starts > 0) & (starts < N_WORDS)]


def peri(seed: int, run: int, n_null: int) -> Iterator[Row]:
    """Smallest p of a cluster of lags, of a signal that wanders slowly, around boundaries that know nothing of it."""
    for kind in KINDS:
        rng = np.random.default_rng([seed, 9, KINDS.index(kind), run])
        starts, signal = boundaries(rng, kind), wandering(rng, N_WORDS, 5)
        for null in NULLS:
            drawn = Partitions.of(draws(starts, N_WORDS, null, n_null, run), N_WORDS)
            clusters = peri_event(signal, starts, drawn).clusters
            yield {"test": "peri_event", "kind": kind, "metric": "peri_event", "variant": "any cluster",
                   "null_model": null, "p": clusters["p"].min() if len(clusters) else 1.0}  # fmt: skip


def signals(seed: int, run: int, n_null: int) -> Iterator[Row]:
    """p of the correlation of a signal that wanders slowly with a crowd that knows nothing of it."""
    for kind in KINDS:
        rng = np.random.default_rng([seed, 16, KINDS.index(kind), run])
        crowd = make_crowd(rng, boundaries(rng, kind))
        found = compare_signal(wandering(rng, N_WORDS, 5), crowd, n_null=n_null, seed=run)
        # Its interval is over observers of one story; here every run has a story of its own.
        yield from (row for row in _tests(found, "signal", kind) if "p" in row)


def regression(seed: int, run: int, n_null: int) -> Iterator[Row]:
    """p of a slope on a signal that knows nothing of the crowd: by moving the signal, and the model's own."""
    rng = np.random.default_rng([seed, 4, run])
    crowd = make_crowd(rng, boundaries(rng, "clustered"))
    yield from _press_counts(crowd, wandering(rng, N_WORDS, 5), "", n_null, run)


def gee(seed: int, run: int, n_null: int) -> Iterator[Row]:
    """The same for generalised estimating equations with observers as clusters."""
    rng = np.random.default_rng([seed, 5, run])
    crowd = make_crowd(rng, boundaries(rng, "clustered"))
    yield from _presses(crowd, wandering(rng, N_WORDS, 5), "", n_null, run)


def reading(seed: int, run: int, n_null: int) -> Iterator[Row]:
    """p of reading times on a signal that knows nothing of them; both wander."""
    yield from _reading_times(np.random.default_rng([seed, 6, run]), 0.0, "", n_null, run)


def effects(seed: int, run: int, n_null: int) -> Iterator[Row]:
    """The same regressions where the signal has a say: half of the events are left out, by a logistic function of it.

    Reading times rise by 10 ms a unit.
    """
    rng = np.random.default_rng([seed, 10, run])
    latent, signal = boundaries(rng, "clustered", events=2 * N_EVENTS), wandering(rng, N_WORDS, 5)
    seen = latent[rng.random(len(latent)) < 1 / (1 + np.exp(-signal[latent]))]
    crowd = make_crowd(rng, seen if len(seen) >= 3 else latent)
    for rows in (_press_counts(crowd, signal, EFFECT, n_null, run), _presses(crowd, signal, EFFECT, n_null, run),
                 _reading_times(rng, 10.0, EFFECT, n_null, run)):  # fmt: skip
        for row in rows:
            if row["test"] == "coverage":
                yield row
            elif row["metric"] in ("slope", "delta_log_likelihood"):  # the others' p do not hold
                yield row | {"test": "power"}


def together(seed: int, run: int, n_null: int) -> Iterator[Row]:
    """Slopes beside others: a signal, another that goes along with it (r = .7), and both of the word before.

    Neither has a say, or only the first does, at the word itself: then the others' p must hold. The gain's p is of all
    four moved together. Observers' presses have their words in common: a log odds that wanders, and one of each word.
    """
    for true in (False, True):
        rng = np.random.default_rng([seed, 13, int(true), run])
        signal = wandering(rng, N_WORDS, 5)
        other = 0.7 * signal + np.sqrt(1 - 0.7**2) * wandering(rng, N_WORDS, 5)
        odds = 0.7 * wandering(rng, N_WORDS, 60) + 0.7 * rng.normal(size=N_WORDS) + 0.5 * true * signal - 3
        times = 330 + 30 * wandering(rng, N_WORDS, 10) + 30 * rng.normal(size=N_WORDS) + 10 * true * signal
        table = pd.DataFrame({"story": "a", "signal": signal, "other": other, "people": N_OBSERVERS, "rt_ms": times,
                              "presses": rng.binomial(N_OBSERVERS, 1 / (1 + np.exp(-odds)))})  # fmt: skip
        for kind, outcome, observers in (("logistic", "presses", "people"), ("linear", "rt_ms", None)):
            found = regress(table, outcome, ["signal", "other"], kind=kind, controls=[], lags=1, observers=observers,
                            n_null=n_null, seed=run)  # fmt: skip
            found = found[found.metric.isin(["slope", "delta_log_likelihood"])]
            found = found.assign(variant=found.method + ", " + found.variant)
            yield from _beside(found, f"{kind}, {'beside a true one' if true else 'together'}", true)


def _beside(found: pd.DataFrame, kind: str, true: bool) -> Iterator[Row]:
    """The rows of `together`: what is true counts as power."""
    for row in _tests(found, "regression", kind):
        there = true and row["variant"] in ("signal, lag 0", "all, cross-validated")
        yield row | ({"test": "power"} if there and row["test"] == "regression" else {})


def mixed(seed: int, run: int, n_null: int) -> Iterator[Row]:
    """The regression on presses with a random intercept an observer, who differ in how often they press."""
    rng = np.random.default_rng([seed, 14, run])
    crowd, signal = make_crowd(rng, boundaries(rng, "clustered")), wandering(rng, N_WORDS, 5)
    few = 10  # observers: with 20 a variational fit takes a second
    kept = crowd.marked[:few] & (rng.random((few, N_WORDS)) < rng.uniform(0.4, 1, few)[:, None])
    table = pd.DataFrame({"story": "a", "observer": np.repeat(np.arange(few), N_WORDS), "y": kept.ravel().astype(int)})
    table["signal"] = np.tile(signal, few)
    found = regress(table, "y", ["signal"], kind="mixed", controls=["since_boundary"], observer="observer",
                    n_null=n_null, seed=run)  # fmt: skip
    yield from _tests(found, "regression", "mixed")


def stretches(seed: int, run: int, n_null: int) -> Iterator[Row]:
    """The interval over stretches of a story, of a list without observers: 50 events, as in analyses/people.py.

    The segmentation has half of them, up to two words off, and as many others; each run is another story.
    """
    n = 1000
    for kind in KINDS:
        rng = np.random.default_rng([seed, 15, KINDS.index(kind), run])
        latent, other = (boundaries(rng, kind, n, 50) for _ in range(2))
        known = latent[rng.random(len(latent)) < 0.5]
        known = known + rng.integers(-2, 3, len(known))
        starts = np.union1d(known, other[rng.random(len(other)) < 0.5])
        starts = starts[(starts > 0) & (starts < n)]
        crowd = crowd_of_marks([], np.arange(n, dtype=float), n, timed=False, release=latent.astype(float))
        chosen, _ = measures_of(OVER_BOUNDARIES, crowd)
        own, limits = Partitions.of([starts], n), stretch_interval(starts, crowd, chosen, SETTINGS)
        for m, v in chosen:
            low, high = limits.get((m.name, v), (np.nan, np.nan))
            yield {"test": "coverage", "kind": f"stretches, {kind}", "metric": m.name, "variant": v, "story": 0,
                   "null_model": "interval", "value": float(m.score_many(own, crowd, SETTINGS, v)[0]),
                   "low": low, "high": high}  # fmt: skip


def _press_counts(crowd: Crowd, signal: np.ndarray, said: str, n_null: int, seed: int) -> Iterator[Row]:
    table = pd.DataFrame({"story": "a", "presses": crowd.marked.sum(0), "people": N_OBSERVERS, "signal": signal})
    table["end"] = (np.arange(N_WORDS) % SENTENCE == 0).astype(float)
    for kind in ("logistic", "poisson"):
        found = regress(table, "presses", ["signal"], kind=kind, controls=["end"], observers="people", folds=10,
                        n_null=n_null, seed=seed)  # fmt: skip
        yield from _tests(found, "regression", kind + said)


def _presses(crowd: Crowd, signal: np.ndarray, said: str, n_null: int, seed: int) -> Iterator[Row]:
    table = pd.DataFrame({"story": "a", "observer": np.repeat(np.arange(N_OBSERVERS), N_WORDS)})
    table = table.assign(boundary=crowd.marked.ravel().astype(int), signal=np.tile(signal, N_OBSERVERS))
    found = regress(table, "boundary", ["signal"], controls=["since_boundary"], observer="observer", folds=10,
                    n_null=n_null, seed=seed)  # fmt: skip
    yield from _tests(found, "regression", "logistic, GEE" + said)


def _reading_times(rng: np.random.Generator, rise: float, said: str, n_null: int, seed: int) -> Iterator[Row]:
    table = pd.DataFrame({"story": "a", "word": ["word"] * N_WORDS, "length2": rng.normal(size=N_WORDS),
                          "rt_ms": 330 + 30 * wandering(rng, N_WORDS, 10) + 30 * rng.normal(size=N_WORDS),
                          "surprisal": wandering(rng, N_WORDS, 5)})  # fmt: skip
    table["rt_ms"] += rise * table["surprisal"]
    found = reading_times(table, controls=["length2"], folds=10, n_boot=1, n_null=n_null, seed=seed)
    yield from _tests(found, "reading", "reading_times" + said)
    found = regress(table, "rt_ms", ["surprisal"], kind="linear", controls=["length2"], folds=10,
                    n_null=n_null, seed=seed)  # fmt: skip
    yield from _tests(found, "regression", "linear" + said)


def cohesive(seed: int, run: int, n_null: int) -> Iterator[Row]:
    """p of the cohesion of events that know nothing of the keys, under every null model."""
    n = 200
    for kind in KINDS:
        rng = np.random.default_rng([seed, 7, KINDS.index(kind), run])
        keys = np.stack([wandering(rng, n, 15) for _ in range(8)], 1)[None, None]
        starts = boundaries(rng, kind, n, 12)
        for null in NULLS:
            found = cohesion(keys, {"people": starts}, null=null, n_null=n_null, seed=run, per_head=False)
            found = found.assign(variant="", ci_low=found.ci_low if null == DEFAULT_NULL else np.nan)
            yield from _tests(found, "cohesion", kind)


def fixed_lengths(seed: int, run: int, n_null: int) -> Iterator[Row]:
    """p of the cohesion of events of fixed length (F), and of such refined in other keys (FM, FC), in keys that wander.

    F's p are not given by `emcog.stats.cohesion`; they are counted to show why. Keys wander fast, as in `cohesive`, or
    slowly.
    """
    n, events = 200, 12
    for kind, scale in (("fast keys", 15), ("slow keys", 60)):
        rng = np.random.default_rng([seed, 12, scale, run])
        keys, others = (np.stack([wandering(rng, n, scale) for _ in range(8)], 1)[None] for _ in range(2))
        even, graph, elsewhere = fixed(n, events), block_sums(similarity(keys)), similarity(others)
        made = {"F": even, "FM": refine(elsewhere, even), "FC": refine(elsewhere, even, "conductance")}
        for name, starts in made.items():
            for null in (GRID_NULLS[name], DEFAULT_NULL):
                random = np.pad(draws(starts, n, null, n_null, run), ((0, 0), (1, 0)))
                for metric in METRICS:
                    p = two_sided_p(score(graph, starts, metric)[0], np.asarray(score(graph, random, metric).value))
                    used = null if null == "shuffled_lengths" else f"{null}, not used"
                    yield {"test": "fixed length", "kind": f"{name}, {kind}", "metric": metric, "variant": "",
                           "null_model": used, "p": p}  # fmt: skip


def recalls(seed: int, run: int, n_null: int) -> Iterator[Row]:
    """p of recall curves where every order was as likely."""
    rng = np.random.default_rng([seed, 8, run])
    items = [rng.permutation(20)[: rng.integers(6, 14)] for _ in range(12)]
    table = pd.concat([pd.DataFrame({"subject": s, "trial": 0, "order": np.arange(len(one)), "item": one * 1.0,
                                     "n_items": 20}) for s, one in enumerate(items)])  # fmt: skip
    yield from _tests(recall_curves(table, max_lag=2, n_null=n_null, seed=run), "recall", "random order")


def layers(seed: int, run: int, n_null: int) -> Iterator[Row]:
    """p of recall curves of a memory whose layers recall the same events, in one random order or each with noise."""
    for kind, noise in (("layers alike", 0.0), ("layers much alike", 0.3)):
        rng = np.random.default_rng([seed, 11, run])
        steps = []
        for step in range(20):
            items = rng.permutation(20 + 2 * step)[:8]
            for layer in range(6):
                order = np.argsort(np.arange(8) / 8 + noise * rng.normal(size=8))
                steps.append(pd.DataFrame({"subject": "memory", "trial": f"{step}/{layer}", "unit": step,
                                           "order": np.arange(8), "item": items[order] * 1.0,
                                           "n_items": 20 + 2 * step}))  # fmt: skip
        yield from _tests(recall_curves(pd.concat(steps), max_lag=2, n_null=n_null, seed=run), "recall", kind)


def _tests(found: pd.DataFrame, test: str, kind: str) -> Iterator[Row]:
    """The p of a table of results, and its intervals; but once, where the same stands there in another unit."""
    for one in found[~found["variant"].str.contains("per word")].to_dict("records"):
        about = {"kind": kind, "metric": one["metric"], "variant": one["variant"]}
        if one["p"] == one["p"]:
            yield {"test": test, "null_model": one["null_model"], "p": one["p"]} | about
        if one["ci_low"] == one["ci_low"] and one["metric"] != "serial_position":
            yield {"test": "coverage", "null_model": "interval", "story": 0, "value": one["estimate"],
                   "low": one["ci_low"], "high": one["ci_high"]} | about  # fmt: skip


PARTS: dict[str, tuple[Callable[[int, int, int], Iterator[Row]], float]] = {
    "agreement": (agreement, 1), "power": (power, 0.25), "coverage": (coverage, 0.5), "peri": (peri, 3),
    "regression": (regression, 1), "gee": (gee, 1), "reading": (reading, 1), "cohesion": (cohesive, 1),
    "recall": (recalls, 1), "layers": (layers, 1), "effects": (effects, 0.5),
    "fixed": (fixed_lengths, 1), "together": (together, 2), "mixed": (mixed, 1), "stretches": (stretches, 1),
    "signals": (signals, 1),
}  # fmt: skip
"""Each part, (seed, run, draws a test) -> rows, and the share of the runs that it makes: less where runs are long and
only power or intervals are asked for, more where 2,000 left a rate at the limit."""
