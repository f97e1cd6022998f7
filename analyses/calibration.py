"""Are the tests right? Boundaries that know nothing of the crowd, and how often each test says that they do.

    python analyses/calibration.py [--quick] [--seed 0] [--runs 2000] [--only PART] [--out FOLDER] [--write]

A simulated story has N_WORDS words and about N_EVENTS events, which N_OBSERVERS mark, each of them with probability
.6 and about a word off, and now and then elsewhere. Boundaries of the segmentation and of the crowd come from the same
kind of process, independent of each other:

    independent   each word with the same probability (gamma-distributed lengths of shape 1)
    regular       lengths of shape 4: autocorrelated, the next boundary rarely comes soon
    clustered     a rate that wanders slowly (log-rate AR(1), 60 words, sd 1): many here, few there

agreement   every measure of `emcog.stats.agreement` under every null model
power       the same, default null model only, with a segmentation that knows half of the crowd's events
coverage    how often the 95% interval of each measure holds its expected value over other observers
regression  slopes of a signal that wanders slowly (AR(1), 5 words) on a clustered crowd: moved signal, and the model's
            own p
reading     reading times that wander slowly on such a signal
cohesion    modularity, conductance and similarity of independent events in keys that wander slowly
recall      lag-CRP, asymmetry and clustering of recalls in random order

--write fills the marked places of docs/statistics.md.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from emcog.human import Crowd, crowd_of_marks
from emcog.pages import docs_page, fill, markdown_table, measured_on
from emcog.stats import NULLS, AgreementSettings, reading_times, recall_curves, regress, two_sided_p
from emcog.stats.agreement import Partitions
from emcog.stats.cohesion import cohesion
from emcog.stats.comparing import chance, measures_of
from emcog.stats.nulls import DEFAULT_NULL
from emcog.stats.observers import observer_interval

KINDS = ("independent", "regular", "clustered")
N_WORDS, N_OBSERVERS, N_EVENTS = 600, 20, 30
SENTENCE = 12
N_NULL = 499
SETTINGS = AgreementSettings()
CONTINUOUS = ("wasserstein", "boundary_density", "point_biserial", "agreement_index")
"""Measures with many values; the others count boundaries, and their p, which count ties, are careful."""


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


def agreement(seed: int, runs: int, n_null: int = N_NULL) -> Iterator[dict]:
    """p of every measure under every null model."""
    for kind in KINDS:
        for run in range(runs):
            rng = np.random.default_rng([seed, 1, KINDS.index(kind), run])
            crowd = make_crowd(rng, boundaries(rng, kind))
            yield from _p_values(boundaries(rng, kind), crowd, {"test": "agreement", "kind": kind}, NULLS, n_null, run)


def power(seed: int, runs: int, n_null: int = N_NULL) -> Iterator[dict]:
    """The same of a segmentation that has half of the crowd's events, up to two words off, and as many others."""
    for kind in KINDS:
        for run in range(runs):
            rng = np.random.default_rng([seed, 2, KINDS.index(kind), run])
            latent, other = boundaries(rng, kind), boundaries(rng, kind)
            known = latent[rng.random(len(latent)) < 0.5] + rng.integers(-2, 3)
            starts = np.union1d(known, other[rng.random(len(other)) < 0.5])
            starts = starts[(starts > 0) & (starts < N_WORDS)]
            crowd = make_crowd(rng, latent)
            yield from _p_values(starts, crowd, {"test": "power", "kind": kind}, [DEFAULT_NULL], n_null, run)


def _p_values(starts: np.ndarray, crowd: Crowd, row: dict, nulls, n_null: int, seed: int) -> Iterator[dict]:
    chosen, _ = measures_of(None, crowd)
    chosen = [(m, v) for m, v in chosen if m.higher is not None]
    own = Partitions.of([starts], crowd.n_units)
    for null in nulls:
        drawn = chance(starts, crowd, chosen, SETTINGS, null, n_null, seed)
        for m, v in chosen:
            p = two_sided_p(float(m.score_many(own, crowd, SETTINGS, v)[0]), drawn[m.name, v])
            yield row | {"metric": m.name, "variant": v, "null_model": null, "p": p}


def coverage(seed: int, runs: int, n_null: int = N_NULL) -> Iterator[dict]:
    """Whether the interval over observers holds the measure's mean over all runs with the same story (10 stories)."""
    stories = min(10, max(2, runs // 20))
    for story in range(stories):
        rng = np.random.default_rng([seed, 3, story])
        latent = boundaries(rng, "independent")
        starts = np.unique(latent + rng.integers(-2, 3, len(latent)))
        starts = starts[(starts > 0) & (starts < N_WORDS)]
        values, limits = [], []
        for run in range(runs // stories):
            crowd = make_crowd(np.random.default_rng([seed, 3, story, run]), latent)
            chosen, _ = measures_of(None, crowd)
            own = Partitions.of([starts], crowd.n_units)
            values.append({(m.name, v): float(m.score_many(own, crowd, SETTINGS, v)[0]) for m, v in chosen})
            limits.append(observer_interval(starts, crowd, chosen, SETTINGS, run))
        for key in values[0]:
            centre = np.mean([one[key] for one in values])
            for value, limit in zip(values, limits, strict=True):
                low, high = limit.get(key, (np.nan, np.nan))
                if low == low and value[key] == value[key]:
                    inside = low - 1e-12 <= centre <= high + 1e-12
                    yield {"test": "coverage", "kind": "independent", "metric": key[0], "variant": key[1],
                           "null_model": "over observers", "p": 1.0 if inside else 0.0}  # fmt: skip


def regression(seed: int, runs: int, n_null: int = N_NULL) -> Iterator[dict]:
    """p of a slope on a signal that knows nothing of the crowd: by moving the signal, and the model's own."""
    for run in range(runs):
        rng = np.random.default_rng([seed, 4, run])
        crowd = make_crowd(rng, boundaries(rng, "clustered"))
        table = pd.DataFrame({"story": "a", "presses": crowd.marked.sum(0), "people": N_OBSERVERS,
                              "signal": wandering(rng, N_WORDS, 5)})  # fmt: skip
        table["end"] = (np.arange(N_WORDS) % SENTENCE == 0).astype(float)
        for kind in ("logistic", "poisson"):
            found = regress(table, "presses", ["signal"], kind=kind, controls=["end"], observers="people", folds=2,
                            n_null=n_null, n_boot=1, seed=run)  # fmt: skip
            yield from _tests(found, {"test": "regression", "kind": kind})


def gee(seed: int, runs: int, n_null: int = N_NULL) -> Iterator[dict]:
    """The same for generalised estimating equations with observers as clusters."""
    for run in range(runs):
        rng = np.random.default_rng([seed, 5, run])
        crowd = make_crowd(rng, boundaries(rng, "clustered"))
        signal = wandering(rng, N_WORDS, 5)
        table = pd.DataFrame({"story": "a", "observer": np.repeat(np.arange(N_OBSERVERS), N_WORDS)})
        table = table.assign(boundary=crowd.marked.ravel().astype(int), signal=np.tile(signal, N_OBSERVERS))
        found = regress(table, "boundary", ["signal"], controls=["since_boundary"], observer="observer", folds=2,
                        n_null=n_null, n_boot=1, seed=run)  # fmt: skip
        yield from _tests(found, {"test": "regression", "kind": "logistic, GEE"})


def reading(seed: int, runs: int, n_null: int = N_NULL) -> Iterator[dict]:
    """p of reading times on a signal that knows nothing of them; both wander."""
    for run in range(runs):
        rng = np.random.default_rng([seed, 6, run])
        table = pd.DataFrame({"story": "a", "word": ["word"] * N_WORDS, "length2": rng.normal(size=N_WORDS),
                              "rt_ms": 330 + 30 * wandering(rng, N_WORDS, 10) + 30 * rng.normal(size=N_WORDS),
                              "surprisal": wandering(rng, N_WORDS, 5)})  # fmt: skip
        found = reading_times(table, controls=["length2"], folds=5, n_boot=1, n_null=n_null, seed=run)
        yield from _tests(found, {"test": "reading", "kind": "autocorrelated"})


def cohesive(seed: int, runs: int, n_null: int = N_NULL) -> Iterator[dict]:
    """p of the cohesion of events that know nothing of the keys, under every null model."""
    n = 200
    for kind in KINDS:
        for run in range(runs):
            rng = np.random.default_rng([seed, 7, KINDS.index(kind), run])
            keys = np.stack([wandering(rng, n, 15) for _ in range(8)], 1)[None, None]
            starts = boundaries(rng, kind, n, 12)
            for null in NULLS:
                found = cohesion(keys, {"people": starts}, null=null, n_null=n_null, seed=run, per_head=False)
                yield from _tests(found, {"test": "cohesion", "kind": kind})


def recalls(seed: int, runs: int, n_null: int = N_NULL) -> Iterator[dict]:
    """p of recall curves where every order was as likely."""
    for run in range(runs):
        rng = np.random.default_rng([seed, 8, run])
        items = [rng.permutation(20)[: rng.integers(6, 14)] for _ in range(12)]
        table = pd.concat([pd.DataFrame({"subject": s, "trial": 0, "order": np.arange(len(one)), "item": one * 1.0,
                                         "n_items": 20}) for s, one in enumerate(items)])  # fmt: skip
        found = recall_curves(table, max_lag=2, n_boot=1, n_null=n_null, seed=run)
        yield from _tests(found, {"test": "recall", "kind": "random order"})


def _tests(found: pd.DataFrame, row: dict) -> Iterator[dict]:
    for one in found[found.p.notna()].to_dict("records"):
        variant = "" if row["test"] == "cohesion" else one["variant"]
        yield row | {"metric": one["metric"], "variant": variant, "null_model": one["null_model"], "p": one["p"]}


PARTS: dict[str, tuple[Callable[..., Iterator[dict]], float]] = {
    "agreement": (agreement, 1), "power": (power, 0.25), "coverage": (coverage, 0.5), "regression": (regression, 1),
    "gee": (gee, 1), "reading": (reading, 1), "cohesion": (cohesive, 1), "recall": (recalls, 1),
}  # fmt: skip
"""Each part, and the share of the runs that it makes: power and coverage need fewer, GEE takes long."""


def run(part: str, seed: int = 0, runs: int = 2000, n_null: int = N_NULL) -> pd.DataFrame:
    """One part of the simulation.

    Columns: test, kind, metric, variant, null_model, rate (share of p < .05; of intervals that hold the value for
    coverage), se (binomial standard error), n_runs, n_null, seed.
    """
    made, share = PARTS[part]
    rows = pd.DataFrame(made(seed, max(2, int(runs * share)), n_null))
    rows["hit"] = np.where(rows.test == "coverage", rows.p, rows.p < 0.05).astype(float)
    rows = rows[rows.p.notna()]
    table = rows.groupby(["test", "kind", "metric", "variant", "null_model"], sort=False)["hit"].agg(["mean", "size"])
    table = table.reset_index().rename(columns={"mean": "rate", "size": "n_runs"})
    table.insert(6, "se", np.sqrt(table.rate * (1 - table.rate) / table.n_runs))
    return table.assign(n_null=n_null, seed=seed)


def failing(table: pd.DataFrame) -> str:
    """Which tests say more often than in 6% of runs that there is something where nothing is."""
    null = table[~table.test.isin(["power", "coverage"])]
    default = null.null_model.isin([DEFAULT_NULL, "shuffled_order"])
    said = []
    for ours, name in ((True, "Under the default null models"), (False, "Under the others")):
        bad = null[(default == ours) & (null.rate > 0.06)]
        cells = [f"{r.metric}{f' ({r.variant})' if r.test == 'regression' or r.test == 'recall' else ''} with {r.kind} "
                 f"({r.null_model}, {r.rate:.1%})" for r in bad.itertuples()]  # fmt: skip
        said.append(f"{name}, above 6%: {'; '.join(cells) if cells else 'none'}.")
    steady = null[default & null.metric.isin(CONTINUOUS) & (null.test == "agreement") & (null.rate < 0.04)]
    cells = [f"{r.metric} ({r.variant}) with {r.kind} ({r.rate:.1%})" for r in steady.itertuples()]
    said.append(f"Continuous measures below 4%, that is too careful: {'; '.join(cells) if cells else 'none'}.")
    return "\n\n".join(said)


def page_block(table: pd.DataFrame) -> str:
    """The text of the marked place in docs/statistics.md."""
    blocks = []
    for test in dict.fromkeys(table.test):
        part = table[table.test == test]
        wide = part.assign(cell=100 * part.rate).pivot_table(
            index=["metric", "variant"], columns=["kind", "null_model"], values="cell", sort=False
        )
        wide.columns = [f"{kind}, {null}" for kind, null in wide.columns]
        runs = f"{part.n_runs.min():,}" + (f" to {part.n_runs.max():,}" if part.n_runs.nunique() > 1 else "")
        what = "intervals that hold the value" if test == "coverage" else "p < .05"
        blocks.append(f"**{test}**: % of {runs} runs with {what}.\n\n{markdown_table(wide.reset_index(), 1)}")
    first = table.iloc[0]
    return "\n\n".join([failing(table), *blocks, f"Seed {first.seed}, {first.n_null} draws a test. {measured_on()}"])


def main() -> None:
    """Run the parts asked for, keep each one's table, and write the page from all that are there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="10 runs, 99 draws")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--only", choices=list(PARTS), action="append", help="a part; may be repeated")
    parser.add_argument("--out", type=Path, default=Path("results/calibration"))
    parser.add_argument("--write", action="store_true", help="fill the marked place of docs/statistics.md")
    options = parser.parse_args()
    runs, n_null = (10, 99) if options.quick else (options.runs, N_NULL)
    options.out.mkdir(parents=True, exist_ok=True)
    for part in options.only or PARTS:
        table = run(part, options.seed, runs, n_null)
        table.to_csv(options.out / f"{part}.csv", index=False)
        print(table.drop(columns=["seed"]).round(4).to_string())
    made = [options.out / f"{part}.csv" for part in PARTS]
    table = pd.concat([pd.read_csv(path, keep_default_na=False) for path in made if path.exists()])
    print(failing(table))
    if options.write:
        fill(docs_page("statistics.md"), "calibration", page_block(table))


if __name__ == "__main__":
    main()
