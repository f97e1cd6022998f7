"""Are the tests right? Boundaries that know nothing of the crowd, and how often each test says that they do.

    python analyses/calibration.py [--seed 0] [--quick] [--force] [--out FOLDER]
    python analyses/calibration.py --campaign [--quick] [--seed 0] [--runs 2000] [--only PART] [--processes 1]
                                   [--so-far] [--out FOLDER] [--write]

The first writes a report, as every analysis does: it takes the runs that a campaign has left, and without --quick makes
those that are missing of a few hundred. The second is the campaign.

The simulations are in analyses/calibration_simulations.py:

agreement   every measure of `emcog.stats.agreement` under every null model
power       the same, default null model only, with a segmentation that knows half of the crowd's events (a quarter of
            the runs)
coverage    how often the 95% interval over observers of each measure holds its mean over crowds (half of the runs); the
            other parts count their own intervals, which should hold the mean over all runs
peri        the average of a signal around boundaries, by clusters of lags (three times the runs: 2,000 left one rate
            at 6.2% ± .5%)
regression  slopes of a signal that wanders slowly (AR(1), 5 words) on a clustered crowd: moved signal, and the model's
            own p; gee: the same with observers as clusters
reading     reading times that wander slowly on such a signal
cohesion    modularity, conductance and similarity of independent events in keys that wander slowly
recall      lag-CRP, asymmetry and clustering of recalls in random order
layers      the same of a memory whose layers recall the same events in each step, in the same random order or nearly so
effects     regressions and reading times where the signal does have a say: power and intervals (half of the runs)
fixed       cohesion of events of fixed length and of such refined, in keys that they know nothing of
together    slopes of two correlated signals and of both of the word before, none or one of them true; the gain's p of
            all moved together (twice the runs: 2,000 left one rate at 6.0% ± .5%)
mixed       the regression with a random intercept an observer
signals     the correlation of a signal that wanders slowly with the share of a crowd that knows nothing of it
stretches   how often the 95% interval over stretches of a list without observers holds its mean over stories

Runs are kept in the folder runs/ of the report, a file for every CHUNK of them: what was stopped goes on where it was.
--so-far counts what is there and simulates nothing. --write fills the marked place of docs/statistics.md.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from emcog.pages import docs_page, fill, markdown_table, measured_on
from emcog.reproduce import Setting, load_script
from emcog.stats.defaults import is_default

PARTS = load_script("analyses", "calibration_simulations").PARTS
N_NULL = 521
"""With so many draws an exact test says p < .05 in 4.98% of runs; with 499 it would in 4.8%."""
RUNS, FULL_RUNS, QUICK_RUNS = 2000, 600, 20
"""Of a campaign; of a report without a campaign; of a quick report."""
QUICK_N_NULL = 99
QUICK_PARTS = ("agreement", "power", "recall")
CHUNK = 50
CONTINUOUS = (
    "wasserstein", "boundary_density", "point_biserial", "agreement_index", "slope", "delta_log_likelihood",
    "modularity", "conductance", "intra_inter", "signal_correlation",
)  # fmt: skip
"""Measures with many values; the others count boundaries, and their p, which count ties, are careful."""
STEPS = (
    "goes by single boundaries of the consensus, which jumps more from half to half of the observers than a jackknife "
    "takes it to: too wide is the safe side"
)
REASONS = {
    "hamming": STEPS,
    "boundary_similarity": STEPS,
    "wasserstein": STEPS,
    "recall": "nearly 1 here, where its interval is cut off",
    "precision": "a jackknife's variance is on average too large rather than too small (Efron and Stein, 1981), the "
    "more so where stretches hold very different numbers of boundaries, which cluster here",
    "forward_asymmetry": "the effective number of steps is at most their number, which is careful",
    "matched": f"nearly always 1 here, where its interval is cut off; it {STEPS}",
    "lag_crp": "a few steps a subject make few values, and the effective number of steps is at most their number: "
    "where recall is random that is careful",
    "delta_log_likelihood": "a difference of nested models' likelihoods has no normal distribution where there is "
    "hardly an effect (Vuong, 1989; Clark and McCracken, 2001). Tried: the jackknife over stretches of the gain, and "
    "of its signed root (too short above), and the limits of the effect alone (wrong where there is none); the lower "
    "limit is the root's, the upper one the higher of the two",
}
"""Why an interval of a measure may be outside 93% to 97%, and what was tried; said only where it is."""
CELL = ["test", "kind", "metric", "variant", "null_model"]


def rows(setting: Setting) -> Iterator[dict[str, Any]]:
    """Rows of the report; beside the columns of `emcog.stats.COLUMNS`: test and kind.

    estimate is the share of runs with p < .05 (of intervals that hold the value, for test "coverage"). No model takes
    part.
    """
    folder = None if setting.cache is None else setting.cache.parent / "calibration" / "runs"
    kept = [part for part in PARTS if folder and any(folder.glob(f"{part}-seed{setting.seed}-null{N_NULL}-*.parquet"))]
    parts = [part for part in PARTS if not setting.quick or part in (*QUICK_PARTS, *kept)]
    left_out = [name for name in PARTS if name not in parts]
    if left_out:
        setting.missing.append(f"{', '.join(left_out)}: left out by the quick settings, which make {QUICK_RUNS} runs")
    for part in setting.each("simulations", parts):
        if folder is None:
            table = run(part, setting.seed, *((QUICK_RUNS, QUICK_N_NULL) if setting.quick else (FULL_RUNS, N_NULL)))
        elif setting.quick and part not in kept:
            table = run(part, setting.seed, QUICK_RUNS, QUICK_N_NULL)
        else:
            table = _kept(part, setting.seed, folder, 0 if setting.quick else FULL_RUNS)
        for row in table.to_dict("records"):
            low, high = proportion_confint(round(row["rate"] * row["n_runs"]), row["n_runs"], method="wilson")
            yield {"analysis": "calibration", "dataset": "simulated", "story": row["kind"], "method": row["test"],
                   "metric": row["metric"], "variant": row["variant"], "unit": "share of runs",
                   "estimate": row["rate"], "ci_low": low, "ci_high": high, "null_model": row["null_model"],
                   "n": row["n_runs"], "n_null": row["n_null"], "seed": setting.seed, "test": row["test"],
                   "kind": row["kind"], "note": "n: runs; interval: Wilson, 95%"}  # fmt: skip


def _kept(part: str, seed: int, folder: Path, least: int) -> pd.DataFrame:
    """A part counted over all runs that a campaign left in a folder, and over `least` where it left fewer."""
    folder.mkdir(parents=True, exist_ok=True)
    if least:
        finish([part], seed, least, N_NULL, folder, 1, tell=lambda said: None)
    return finish([part], seed, RUNS, N_NULL, folder, 1, so_far=True)


def simulate(part: str, seed: int, numbers: range, n_null: int) -> pd.DataFrame:
    """The rows of some runs of a part."""
    made = PARTS[part][0]
    return pd.DataFrame([row | {"run": run} for run in numbers for row in made(seed, run, n_null)])


def chunks(part: str, runs: int) -> Iterator[range]:
    """The runs of a part, some at a time."""
    n = max(2, int(runs * PARTS[part][1]))
    for start in range(0, n, CHUNK):
        yield range(start, min(start + CHUNK, n))


def run(part: str, seed: int = 0, runs: int = RUNS, n_null: int = N_NULL) -> pd.DataFrame:
    """One part of the simulation, counted (see `count`)."""
    rows = pd.concat([simulate(part, seed, numbers, n_null) for numbers in chunks(part, runs)])
    return count(rows).assign(n_null=n_null, seed=seed)


def count(rows: pd.DataFrame) -> pd.DataFrame:
    """How often each test found something, and each interval held the value's mean over all runs.

    Columns: test, kind, metric, variant, null_model, rate (share of p < .05; of intervals that hold the value for
    coverage), se (binomial standard error), n_runs. Runs without a p, or an interval, do not count.
    """
    rows = rows.assign(hit=np.nan)
    if "p" in rows:
        rows["hit"] = (rows["p"] < 0.05).astype(float).where(rows["p"].notna())
    if "low" in rows:
        centre = rows.groupby([*CELL, "story"], dropna=False)["value"].transform("mean")
        inside = (rows["low"] - 1e-12 <= centre) & (centre <= rows["high"] + 1e-12)
        known = rows["low"].notna() & rows["value"].notna()
        rows["hit"] = inside.astype(float).where(known).fillna(rows["hit"])
    rows = rows[rows["hit"].notna()]
    table = rows.groupby(CELL, sort=False)["hit"].agg(["mean", "size"]).reset_index()
    table = table.rename(columns={"mean": "rate", "size": "n_runs"})
    table.insert(6, "se", np.sqrt(table.rate * (1 - table.rate) / table.n_runs))
    return table


def finish(
    parts: list[str],
    seed: int,
    runs: int,
    n_null: int,
    folder: Path,
    processes: int,
    so_far: bool = False,
    tell: Callable[[str], None] = print,
) -> pd.DataFrame:
    """Simulate what the folder does not hold yet, unless `so_far` leaves it at that, and count all of these parts."""
    jobs = {folder / f"{part}-seed{seed}-null{n_null}-{numbers.start}-{numbers.stop}.parquet": (part, numbers)
            for part in parts for numbers in chunks(part, runs)}  # fmt: skip
    todo = {path: job for path, job in jobs.items() if not path.exists()}
    if so_far:
        jobs, todo = {path: job for path, job in jobs.items() if path not in todo}, {}
    for done, (path, rows) in enumerate(_simulated(todo, seed, n_null, processes)):
        beside = path.with_suffix(".part")
        rows.to_parquet(beside, index=False)
        beside.replace(path)
        tell(f"{path.stem}: {done + 1} of {len(todo)}")
    there = [part for part in parts if any(of == part for of, _ in jobs.values())]
    tables = [count(pd.concat([pd.read_parquet(path) for path, (of, _) in jobs.items() if of == part]))
              for part in there]  # fmt: skip
    return pd.concat(tables).assign(n_null=n_null, seed=seed)


def _simulated(
    todo: dict[Path, tuple[str, range]], seed: int, n_null: int, processes: int
) -> Iterator[tuple[Path, pd.DataFrame]]:
    """The rows of each file that is to be written, as they get ready."""
    if processes == 1:
        for path, (part, numbers) in todo.items():
            yield path, simulate(part, seed, numbers, n_null)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(simulate, part, seed, numbers, n_null): path for path, (part, numbers) in todo.items()}
        for future in as_completed(waiting):
            yield waiting[future], future.result()


def failing(table: pd.DataFrame) -> str:
    """Which tests say more often than in 6% of runs that there is something where nothing is; which intervals fail."""
    null = table[~table.test.isin(["power", "coverage"])]
    default = np.array([is_default(row.metric, row.null_model) for row in null.itertuples()])
    said = []
    for ours, name in ((True, "Under the default null models"), (False, "Under the others")):
        said.append(f"{name}, above 6%: {_named(null[(default == ours) & (null.rate > 0.06)])}.")
    steady = null[default & null.metric.isin(CONTINUOUS) & (null.rate < 0.04)]
    said.append(f"Continuous measures below 4%, that is too careful: {_named(steady)}.")
    cover = table[table.test == "coverage"]
    said.append(f"Intervals that hold the value in fewer than 93% of runs: {_named(cover[cover.rate < 0.93])}.")
    said.append(f"In more than 97%, that is too wide: {_named(cover[cover.rate > 0.97])}.")
    outside = cover[(cover.rate < 0.93) | (cover.rate > 0.97)].metric.unique()
    said.append("\n".join(f"- {metric}: {REASONS[metric]}." for metric in outside if metric in REASONS))
    return "\n\n".join(filter(None, said))


def _named(table: pd.DataFrame) -> str:
    """The cells of the table, each with its rate and standard error."""
    cells = [f"{r.metric}{f' ({r.variant})' if r.variant else ''} with {r.kind} ({r.null_model}, {r.rate:.1%} ± "
             f"{r.se:.1%})" for r in table.itertuples()]  # fmt: skip
    return "; ".join(cells) if cells else "none"


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
    """The campaign: run the parts asked for, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--campaign", action="store_true", help="without it: a report, with an analysis' own options")
    parser.add_argument("--quick", action="store_true", help="10 runs, 99 draws")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--only", choices=list(PARTS), action="append", help="a part; may be repeated")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--so-far", action="store_true", help="count what is there, simulate nothing")
    parser.add_argument("--out", type=Path, default=Path("results/calibration/runs"))
    parser.add_argument("--write", action="store_true", help="fill the marked place of docs/statistics.md")
    options = parser.parse_args()
    if options.write and options.only:
        parser.error("--write fills the page from all parts: leave --only out (what is simulated already is kept)")
    runs, n_null = (10, 99) if options.quick else (options.runs, N_NULL)
    options.out.mkdir(parents=True, exist_ok=True)
    parts = options.only or list(PARTS)
    table = finish(parts, options.seed, runs, n_null, options.out, options.processes, options.so_far)
    table.to_csv(options.out.parent / "rates.csv", index=False)
    print(table.drop(columns=["seed"]).round(4).to_string())
    print(failing(table))
    if options.write:
        fill(docs_page("statistics.md"), "calibration", page_block(table))


if __name__ == "__main__":
    from emcog.cli.scripts import analysis

    sys.exit(main() if "--campaign" in sys.argv else analysis("calibration", __doc__))
