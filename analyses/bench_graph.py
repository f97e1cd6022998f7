"""How long the graph's work takes, each beside what it is to be compared with, measured in one run.

    python analyses/bench_graph.py [--out bench.csv] [--seed 0] [--quick] [--write]

Times on a machine that does other work are noisy: each is the best of several, and what counts are the ratios.
--write fills the marked place of docs/graph.md.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from emcog.boundaries.optimal import optimal
from emcog.boundaries.refinement import refine
from emcog.boundaries.streaming import StreamingRefiner
from emcog.graph import METRICS, block_sums, score, similarity
from emcog.pages import docs_page, fill, markdown_table, measured_on


def best_of(work: Callable[[], object], repeats: int = 5) -> float:
    """Shortest wall time in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def random_starts(rng: np.random.Generator, n: int, events: int, least: int = 1) -> np.ndarray:
    """Starts of so many events, none shorter than `least`."""
    free = np.sort(rng.integers(0, n - events * least + 1, events - 1))
    return np.concatenate([[0], free + least * np.arange(1, events)])


def refinement_rows(rng: np.random.Generator, repeats: int) -> list[dict]:
    """A chunk of 512 tokens with 20 events, against forming its graph from 16 heads of 64."""
    keys = rng.normal(size=(1, 16, 512, 64)).astype(np.float32)
    graph = similarity(keys)
    starts = random_starts(rng, 512, 20, least=9)
    forming = best_of(lambda: similarity(keys), repeats)
    rows = [{"task": "form A, 512 tokens, 16 heads of 64", "seconds": forming}]
    for mode in ("paper", "reference"):
        for metric in METRICS:
            events = starts if mode == "paper" else starts[1:]
            taken = best_of(lambda metric=metric, mode=mode, e=events: refine(graph, e, metric, mode, 8), repeats)
            task = f"refine it, 20 events, {metric}, {mode}"
            rows.append({"task": task, "seconds": taken, "ratio": taken / forming, "against": "form A", "limit": 2.0})
    return rows


def scoring_rows(rng: np.random.Generator, n: int, count: int, longest: int, repeats: int) -> list[dict]:
    """Many random segmentations of one text, and its exact optimum; prefix sums apart."""
    keys = rng.normal(size=(n, 64)) + 0.5
    graph = similarity(keys)
    rows = [{"task": f"prefix sums, {n} tokens", "seconds": best_of(lambda: block_sums(graph), 2)}]
    sums = block_sums(graph)
    many = [random_starts(rng, n, 100) if i % 2 else random_starts(rng, n, 60) for i in range(count)]
    for metric in METRICS:
        taken = best_of(lambda metric=metric: score(sums, many, metric), repeats)
        rows.append({"task": f"score {count} segmentations of {n} tokens, {metric}", "seconds": taken, "limit_s": 0.5})
    for events in (n // 80, n // 20):
        taken = best_of(lambda events=events: optimal(sums, events, max_event=longest), 2)
        task = f"optimum of {n} tokens, {events} events of at most {longest}"
        rows.append({"task": task, "seconds": taken, "limit_s": 10.0})
    taken = best_of(lambda: optimal(sums, penalty=1e-4, max_event=longest), 2)
    rows.append({"task": f"optimum of {n} tokens with a penalty", "seconds": taken, "limit_s": 10.0})
    return rows


def streaming_rows(rng: np.random.Generator, n: int) -> list[dict]:
    """Refining on the fly, chunk by chunk: time a token, and the tokens carried, in both halves of the text."""
    chunk, rows = 512, []
    keys = rng.normal(size=(4, 4, chunk, 64)).astype(np.float32)
    refiner = StreamingRefiner("modularity", min_size=4, max_window=512)
    seen = 0
    for half in ("first", "second"):
        start, most = time.perf_counter(), 0
        for _ in range(n // 2 // chunk):
            refiner.push(keys, seen + np.sort(rng.choice(chunk, 20, replace=False)))
            seen += chunk
            most = max(most, refiner.carried)
        taken = time.perf_counter() - start
        task = f"refine on the fly, {half} half of {n} tokens, 16 heads of 64: {1e6 * taken / (n // 2):.1f} us a token"
        rows.append({"task": task, "seconds": taken, "carried_tokens": most})
    return rows


def run(seed: int = 0, quick: bool = False) -> pd.DataFrame:
    """One row a measurement: task; seconds; ratio to what it is compared with (`against`); limit (of the ratio);
    limit_s (of the seconds); carried_tokens; holds (whether the limit was kept; empty where there is none)."""
    rng = np.random.default_rng(seed)
    rows = refinement_rows(rng, 3 if quick else 15)
    rows += scoring_rows(rng, 512, 50, 128, 2) if quick else scoring_rows(rng, 4096, 1000, 512, 3)
    rows += streaming_rows(rng, 4096 if quick else 131072)
    table = pd.DataFrame(rows)
    kept = (table.ratio <= table.limit) | (table.seconds <= table.limit_s)
    table["holds"] = kept.where(table.limit.notna() | table.limit_s.notna())
    return table


def page_block(table: pd.DataFrame, seed: int) -> str:
    """The text of the marked place in docs/graph.md."""
    shown = pd.DataFrame({"task": table.task, "ms": (1000 * table.seconds).map("{:.4g}".format)})
    shown["times form A"] = table.ratio.map("{:.2f}".format, na_action="ignore").fillna("")
    shown["limit"] = [
        f"{row.limit:g} times" if row.limit == row.limit else f"{row.limit_s:g} s" if row.limit_s == row.limit_s else ""
        for row in table.itertuples()
    ]
    shown["holds"] = table.holds.map({True: "yes", False: "NO"}).fillna("")
    shown["carried tokens"] = table.carried_tokens.map("{:.0f}".format, na_action="ignore").fillna("")
    said = f"Wall times, each the best of several; on the fly, of one pass. Seed {seed}."
    return f"{markdown_table(shown)}\n\n{said}\n\n{measured_on()}"


def main() -> None:
    """Print the table, and write it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="CSV file to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--write", action="store_true", help="fill the marked place of docs/graph.md")
    options = parser.parse_args()
    table = run(options.seed, options.quick)
    print(table.to_string(index=False, na_rep="", float_format=lambda value: f"{value:.4g}"))
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(options.out, index=False)
    if options.write:
        fill(docs_page("graph.md"), "bench", page_block(table, options.seed))


if __name__ == "__main__":
    main()
