"""What each difference between the authors' released code and the default memory amounts to, on the demo story.

    python analyses/memory_choices.py [--characters 12000] [--write] [--out FOLDER]

The embedded LM reads with compat="reference" and with the default; rules that differ are applied to the same numbers.
Writes report.csv and report.md to results/memory_choices and, with --write, the table into docs/memory.md.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emcog.boundaries import refine
from emcog.boundaries.threshold import running_scores
from emcog.graph import similarity
from emcog.graph.splits import reference_scores, split_scores, split_sums
from emcog.lm import load_lm
from emcog.memory import EpisodicLM, MemoryConfig
from emcog.memory.attention import MemoryAttention
from emcog.memory.forming import ReferenceFormer
from emcog.pages import docs_page, fill, markdown_table, measured_on

STORY = Path(__file__).resolve().parents[1] / "datasets" / "demo" / "late_letter.txt"
COMMON = {"n_init": 16, "n_local": 256, "n_mem": 256, "chunk": 128, "min_event": 8, "max_event": 64}
NEW = 16
"""Tokens generated."""


def read(lm: Any, text: str, **settings: Any) -> tuple[EpisodicLM, np.ndarray]:
    """A memory of the text, and the bits of each token, BOS left out."""
    memory = EpisodicLM(lm, MemoryConfig(**COMMON | settings))
    return memory, memory.read(text)["surprisal"].to_numpy()


def compare(lm: Any, text: str) -> pd.DataFrame:
    """One row a difference: choice, released, default (both numbers), what (they are)."""
    ours, bits = read(lm, text, segmentation="S")
    theirs, their_bits = read(lm, text, segmentation="S", compat="reference")
    rows = [dict(zip(("choice", "released", "default", "what"), row, strict=True)) for row in [
        _all(bits, their_bits), _where(ours, theirs, bits), _thresholds(bits), *_refinement(ours, bits),
        _budgets(ours, theirs), _twice(lm, text), _distance(lm, text, bits), _infinite(bits), _ties(ours),
    ]]  # fmt: skip
    return pd.DataFrame(rows)


def _all(bits: np.ndarray, their_bits: np.ndarray) -> tuple[Any, ...]:
    late = slice(COMMON["n_local"], None)
    return "all together", their_bits[late].mean(), bits[late].mean(), "bits a token behind the first window"


def _where(ours: EpisodicLM, theirs: EpisodicLM, bits: np.ndarray) -> tuple[Any, ...]:
    first = [bits[m.events["start_token"].to_numpy()[1:]].mean() for m in (theirs, ours)]
    return "where an event starts", *first, "mean bits of an event's first token"


def _thresholds(bits: np.ndarray) -> tuple[Any, ...]:
    """Both rules on the same surprisal; the released code's flags stand one token before."""
    config = MemoryConfig(**COMMON, segmentation="S", compat="reference")
    former, flags = ReferenceFormer(config, COMMON["n_local"]), []
    for start in range(0, len(bits) - 1, COMMON["chunk"]):
        piece = bits[start + 1 : start + COMMON["chunk"] + 1]
        flags += (former._propose(start, piece) + start + 1).tolist()
        former.read(start, piece, np.empty(0, dtype=np.int64))
        former.leave(start + len(piece))
    mine = _proposals(bits)
    both = len(np.intersect1d(flags, mine))
    return "the threshold's window", len(flags), len(mine), f"proposals on the same surprisal; {both} are the same"


def _proposals(bits: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.flatnonzero(running_scores(bits, 512) > 1.0)


def _chunks(memory: EpisodicLM, bits: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The graph of each whole stretch of 512 tokens, and the proposals in it."""
    upper = list(memory.reader.log.layers.values())[len(memory.reader.log.layers) // 2 :]
    proposed = _proposals(bits)
    for start in range(0, len(bits) - 512, 512):
        keys = [log.fetch(np.arange(start + 1, start + 513)).get()[0][0] for log in upper]  # a BOS stands in front
        inside = proposed[(proposed > start) & (proposed < start + 512)] - start
        yield similarity(keys).cpu().numpy(), inside


def _refinement(memory: EpisodicLM, bits: np.ndarray) -> list[tuple[Any, ...]]:
    least = COMMON["min_event"]
    kept, stay, short, moved = (np.zeros(2) for _ in range(4))
    for graph, raw in _chunks(memory, bits):
        filtered = raw[np.diff(raw, prepend=0) >= least]  # against the one before, kept or not
        apart = [0]
        for event in raw.tolist():  # against the last kept one
            if event - apart[-1] >= least:
                apart.append(event)
        kept += [len(filtered), len(apart) - 1]
        theirs = refine(graph, filtered, "modularity", "reference", least)
        ours = refine(graph, apart, "modularity", min_size=least)[1:]
        for side, found in enumerate((theirs, ours)):
            stay[side] += len(np.intersect1d(found, (filtered, apart)[side]))
            short[side] += int((np.diff(found) < least).sum())
        moved += _best_splits(graph, [*apart, len(graph)], least)
    return [
        ("what is compared for the distance", *kept, "proposals at least min_event apart"),
        ("whether a boundary may stay", *(stay / kept), "share of boundaries that stay where they were proposed"),
        ("the least length", *short, "pairs of boundaries nearer than min_event"),
        ("conductance's volumes", moved[0], 0, f"of {moved[1]:.0f} boundaries lie elsewhere, the same windows given"),
    ]


def _best_splits(graph: np.ndarray, edges: list[int], least: int) -> np.ndarray:
    """Windows whose best split differs between the two conductances, and windows."""
    found = np.zeros(2)
    for before, proposal, after in zip(edges, edges[1:], edges[2:], strict=False):
        sums = split_sums(np.maximum(graph[before:after, before:after], 0))
        places = slice(least - 1, min(proposal, after - least) - before)
        ours, theirs = (
            scores[places] for scores in (split_scores(sums, "conductance"), reference_scores(sums, "conductance"))
        )
        if len(ours) and not np.isnan(ours).any():
            found += [int(ours.argmax() != theirs.argmax()), 1]
    return found


def _budgets(ours: EpisodicLM, theirs: EpisodicLM) -> tuple[Any, ...]:
    tokens = []
    for memory in (theirs, ours):
        twin = memory.fork()
        before = twin.reader.step
        twin.generate(max_new_tokens=NEW, do_sample=False, eos_token_id=None)
        size = (twin.events["end_token"] - twin.events["start_token"]).to_numpy()
        late = twin.recalls[twin.recalls["step"] > before]
        tokens.append(size[late["event"]].sum() / len(late.groupby(["step", "layer"])))
    return "the budget while generating", *tokens, f"recalled tokens a layer and token, n_mem={COMMON['n_mem']}"


def _twice(lm: Any, text: str) -> tuple[Any, ...]:
    shares = []
    for compat in ("reference", None):
        recalls = read(lm, text, segmentation="S", compat=compat)[0].recalls
        twice = recalls.duplicated(["step", "layer", "event"])
        shares.append(twice.sum() / max(1, (recalls["by"] == "contiguity").sum()))
    return "a neighbour that is also chosen", *shares, "share of the neighbours attended a second time"


def _distance(lm: Any, text: str, bits: np.ndarray) -> tuple[Any, ...]:
    memory = EpisodicLM(lm, MemoryConfig(**COMMON, segmentation="S"))
    reader = memory.reader
    reader.far -= 1
    reader._attention = MemoryAttention(reader, reader.n_local, reader._make_rotation())
    nearer = memory.read(text)["surprisal"].to_numpy()
    late = slice(COMMON["n_local"], None)
    moved = np.abs(nearer - bits)[late].mean()
    return (
        "where what is far stands",
        nearer[late].mean(),
        bits[late].mean(),
        f"bits a token; {moved:.4f} apart on average",
    )


def _infinite(bits: np.ndarray) -> tuple[Any, ...]:
    return "infinite surprise", int((bits > 149).sum()), int(np.isinf(bits).sum()), (
        f"tokens beyond 149 bits, where a float32 probability is 0; the highest has {np.nanmax(bits):.1f}"
    )  # fmt: skip


def _ties(ours: EpisodicLM) -> tuple[Any, ...]:
    recalls = ours.recalls[ours.recalls["by"] == "similarity"]
    same = recalls.groupby(["step", "layer"])["score"].diff() == 0
    return "equal scores", float(same.mean()), float(same.mean()), "share of recalls whose score equals the one above"


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--characters", type=int, help="of the story, to be read (default: all)")
    parser.add_argument("--write", action="store_true", help="put the table into docs/memory.md")
    parser.add_argument("--out", type=Path, default=Path("results/memory_choices"))
    given = parser.parse_args()
    report = compare(load_lm(None), STORY.read_text(encoding="utf-8")[: given.characters])
    given.out.mkdir(parents=True, exist_ok=True)
    report.to_csv(given.out / "report.csv", index=False)
    settings = ", ".join(f"{name}={value}" for name, value in COMMON.items())
    page = f"{markdown_table(report)}\n\nThe demo story, S, embedded LM; {settings}. {measured_on()}"
    (given.out / "report.md").write_text(page + "\n", encoding="utf-8")
    print(page)
    if given.write:
        fill(docs_page("memory.md"), "choices", page)


if __name__ == "__main__":
    main()
