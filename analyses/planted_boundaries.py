"""Are boundaries found again that were put there? Keys around known event centres, from little noise to much.

    python analyses/planted_boundaries.py [--quick] [--seed 0] [--out planted.csv] [--write]

Each text is a row of events; the keys of an event scatter around its centre. The methods get what they would get in
earnest:

    F        events of equal length, as many as there are
    S        the true boundaries, jittered by up to JITTER tokens: "late" (0 to JITTER after, as surprise is: it needs a
             word or two of the new event) or "both" (to either side)
    SM, SC   S refined by modularity and by conductance (mode "paper")
    optimal, optimal_conductance
             the best segmentation into as many events, by either objective, which knows nothing of the proposals

No event is shorter than MIN_SIZE tokens for any of the last four. Refinement moves boundaries to the left only, so
that with "both" it can mend no more than the half of them that stand too late.

A true boundary is found if a reported one lies within TOLERANCE tokens of it, each counted once; boundary 0 never
counts. --write fills the marked place of docs/graph.md.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from emcog.boundaries.optimal import optimal
from emcog.boundaries.refinement import refine
from emcog.graph import block_sums, similarity
from emcog.pages import docs_page, fill, markdown_table, measured_on
from emcog.stats.agreement import count_matches

JITTER = 10
TOLERANCE = 2
MIN_SIZE = 8
SHORTEST, LONGEST = 24, 64
METHODS = ["F", "S", "SM", "SC", "optimal", "optimal_conductance"]
NOISE = {"easy": 1.0, "middle": 3.0, "hard": 6.0, "very hard": 9.0}  # sd of a key around its centre; centres have sd 1


def plant(rng: np.random.Generator, events: int, noise: float, heads: int = 8, dim: int = 64) -> tuple[np.ndarray, ...]:
    """(keys (1, heads, n, dim), true starts): an event's keys are its centre and noise."""
    lengths = rng.integers(SHORTEST, LONGEST + 1, events)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    centres = np.repeat(rng.normal(size=(heads, events, dim)), lengths, axis=1)
    keys = centres + noise * rng.normal(size=centres.shape)
    return keys[None], starts


def f1(found: np.ndarray, true: np.ndarray) -> tuple[float, float, float]:
    """(F1, precision, recall) of boundaries within TOLERANCE tokens, matched one to one; 0 without any."""
    found, true = found[found > 0], true[true > 0]
    hits = count_matches(found, true, TOLERANCE)
    precision, recall = hits / max(len(found), 1), hits / max(len(true), 1)
    return (2 * hits / max(len(found) + len(true), 1), precision, recall)


def segmentations(rng: np.random.Generator, keys: np.ndarray, true: np.ndarray, jitter: str) -> dict[str, np.ndarray]:
    """The event starts of every method, from one set of proposals."""
    n, events = keys.shape[2], len(true)
    graph = similarity(keys)
    sums, limits = block_sums(graph), {"max_event": 2 * LONGEST, "min_event": MIN_SIZE}
    moved = true + rng.integers(0 if jitter == "late" else -JITTER, JITTER + 1, events)
    proposals = np.unique(np.concatenate([[0], np.clip(moved[1:], 1, n - 1)]))
    return {
        "F": np.arange(events) * n // events,
        "S": proposals,
        "SM": refine(graph, proposals, "modularity", min_size=MIN_SIZE),
        "SC": refine(graph, proposals, "conductance", min_size=MIN_SIZE),
        "optimal": optimal(sums, events, **limits).boundaries,
        "optimal_conductance": optimal(sums, events, objective="conductance", **limits).boundaries,
    }


def run(seed: int = 0, quick: bool = False) -> pd.DataFrame:
    """Run the experiment.

    Columns: noise (name), noise_sd, jitter ("late", "both"), method, f1, precision, recall (means over texts, 0 to
    1), f1_sd (over texts, ddof 1), n_texts, n_boundaries (true ones, all texts), tolerance and jitter_tokens
    (tokens), seed.
    """
    rng = np.random.default_rng(seed)
    texts, events = (4, 8) if quick else (30, 20)
    rows = []
    for name, noise in NOISE.items():
        for jitter in ("late", "both"):
            for text in range(texts):
                keys, true = plant(rng, events, noise)
                for method, starts in segmentations(rng, keys, true, jitter).items():
                    values = dict(zip(("f1", "precision", "recall"), f1(starts, true), strict=True))
                    rows.append(
                        {"noise": name, "noise_sd": noise, "jitter": jitter, "method": method, "text": text} | values
                    )
    scores = pd.DataFrame(rows)
    grouped = scores.groupby(["noise", "noise_sd", "jitter", "method"], sort=False)
    table = grouped[["f1", "precision", "recall"]].mean()
    table.insert(1, "f1_sd", grouped["f1"].std())
    table = table.reset_index()
    constants = {
        "n_texts": texts,
        "n_boundaries": texts * (events - 1),
        "tolerance": TOLERANCE,
        "jitter_tokens": JITTER,
        "seed": seed,
    }
    return table.assign(**constants)


def wide(table: pd.DataFrame) -> pd.DataFrame:
    """Mean F1, one row a jitter and noise, one column a method."""
    return table.pivot(index=["jitter", "noise_sd", "noise"], columns="method", values="f1")[METHODS]


def losses(table: pd.DataFrame) -> str:
    """A sentence on where refinement leaves F1 lower than it found it."""
    f1, found = wide(table), []
    for method in ("SM", "SC"):
        for place, row in f1[f1[method] < f1["S"]].iterrows():
            found.append(f"{method} at jitter {place[0]}, noise {place[2]} ({row[method]:.3f} against {row['S']:.3f})")
    return f"F1 falls below that of S: {'; '.join(found) if found else 'nowhere'}."


def page_block(table: pd.DataFrame) -> str:
    """The text of the marked place in docs/graph.md."""
    first = table.iloc[0]
    easy = table[(table.noise == "easy") & (table.method == "optimal")].recall.min()
    said = (
        f"F1 within {first.tolerance} tokens, mean over {first.n_texts} texts with {first.n_boundaries} true "
        f"boundaries in all; jitter up to {first.jitter_tokens} tokens, after the true boundary (late) or to both "
        f"sides; seed {first.seed}. {losses(table)} In the easy case the optimum of modularity recovers "
        f"{easy:.1%} of the boundaries."
    )
    return f"{markdown_table(wide(table).reset_index())}\n\n{said}\n\n{measured_on()}"


def main() -> None:
    """Print F1 by method, and write the whole table if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few and short texts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="CSV file to write")
    parser.add_argument("--write", action="store_true", help="fill the marked place of docs/graph.md")
    options = parser.parse_args()
    table = run(options.seed, options.quick)
    print(f"F1 within {TOLERANCE} tokens, mean over {table.n_texts[0]} texts")
    print(wide(table).round(3).to_string())
    print(losses(table))
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(options.out, index=False)
    if options.write:
        fill(docs_page("graph.md"), "planted", page_block(table))


if __name__ == "__main__":
    main()
