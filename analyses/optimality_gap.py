"""How far greedy refinement stays behind the exact optimum, on the key graph of a real story.

    python analyses/optimality_gap.py [STORY] [--model embedded] [--quick] [--write] [--out FOLDER]

Every method segments the story (the demo story by default); its score in the graph of all layers' keys is set beside
that of the exact optimum with as many events. Writes report.csv to results/optimality_gap and, with --write, the table
into docs/graph.md.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from emcog import listen, load_lm, read_transcript, segment
from emcog.boundaries.optimal import optimality_gap
from emcog.graph import score, similarity
from emcog.graph.similarity import to_numpy
from emcog.pages import docs_page, fill, markdown_table, measured_on
from emcog.paths import data_folder
from emcog.transcript import Transcript

METHODS = ("F", "FM", "FC", "R", "RM", "RC", "S", "SM", "SC", "sentence", "lexical")
OBJECTIVES = ("modularity", "conductance")
MAX_EVENT = 512


def run(story: Transcript, model: str = "embedded", methods: tuple[str, ...] = METHODS, seed: int = 0) -> pd.DataFrame:
    """Segment by every method and compare with the optimum of as many events.

    Returns
    -------
    DataFrame, one row a method and objective: method, objective, n_events, score (modularity, or mean conductance),
    optimum (that of the best segmentation with as many events of at most 512 tokens), share (of the way from random
    segmentations with as many events to the optimum: 1 is the optimum, 0 chance).
    """
    lm = load_lm(model)
    chunks: list[np.ndarray] = []
    listen(story, lm, on_keys=lambda start, keys, signals: chunks.append(to_numpy(keys)))
    graph = similarity(np.concatenate(chunks, axis=2))
    rng = np.random.default_rng(seed)
    rows = []
    for method in methods:
        starts = segment(story, lm, method=method, seed=seed).boundaries
        chance = [np.r_[0, 1 + np.sort(rng.choice(len(graph) - 1, len(starts) - 1, replace=False))] for _ in range(200)]
        for objective in OBJECTIVES:
            _, best = optimality_gap(graph, starts, objective, max_event=MAX_EVENT)
            own, top = (float(score(graph, b, objective).value) for b in (starts, best.boundaries))
            middle = float(np.nanmean(score(graph, chance, objective).value))
            rows.append((method, objective, len(starts), own, top, (own - middle) / (top - middle)))
    return pd.DataFrame(rows, columns=["method", "objective", "n_events", "score", "optimum", "share"])


def main() -> None:
    """Measure, print, and write the table if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("story", type=Path, nargs="?", default=data_folder("datasets") / "demo" / "late_letter.txt")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="S and SM on the first 300 words")
    parser.add_argument("--write", action="store_true", help="put the table into docs/graph.md")
    parser.add_argument("--out", type=Path, default=Path("results/optimality_gap"))
    given = parser.parse_args()
    story = read_transcript(given.story)
    if given.quick:
        story = Transcript.from_text(" ".join(story.text.split()[:300]))
    table = run(story, given.model, ("S", "SM") if given.quick else METHODS, given.seed)
    given.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.out / "report.csv", index=False)
    print(table.round(4).to_string(index=False))
    if given.write:
        told = f"{story.name}, {len(story.words):,} words, {given.model} LM, seed {given.seed}."
        fill(docs_page("graph.md"), "gap", f"{markdown_table(table)}\n\n{told} {measured_on()}")


if __name__ == "__main__":
    main()
