"""One story in full, for the pictures: every word's signals, each method's events, people's, the key graph, recall.

    python analyses/story.py [--model NAME] [--data NAME] [--seed 0] [--quick] [--force] [--out FOLDER]

The story is the bundled one unless --data names another. Its boundaries are one list: where a story is here whose
observers are known (kumar2023, fetched), its signals, its boundaries and their density follow.

Rows of the report, by metric:

    surprisal, entropy, bayesian_surprise   of a word; place: its number; text: the word
    boundary      an event of `method` ("S", "SM", "people") begins at this word
    density       share of observers (or 1 for a list) around a word, smoothed with the consensus rule's bandwidth
    similarity    mean key similarity of the tokens in block `row` and block `column` (upper layers, clipped at 0)
    block         first word of a block of the similarity matrix
    recall        share of layers that recalled event `column` as event `row` was read (memory with small windows)
"""

import sys
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np

from emcog.graph import similarity
from emcog.human import segmentation_magnitude
from emcog.memory import EpisodicLM, MemoryConfig
from emcog.reproduce import Heard, Setting, Stimulus, find_stories
from emcog.signals import SIGNALS

BLOCK = 12
"""Tokens of a block of the similarity matrix."""
MOST_BLOCKS = 160
SMALL = MemoryConfig(n_init=16, n_local=128, n_mem=128, chunk=64, min_event=8, max_event=64)
OBSERVED = "kumar2023"
"""Where observers' own marks may be found beside a story's text."""
READ = 1024
"""Tokens that the memory of the overview reads."""


def rows(setting: Setting) -> Iterator[dict[str, Any]]:
    """Rows of the report; beside the columns of `emcog.stats.COLUMNS`: place, row and column (numbers), text."""
    here = setting.stories(default=["demo"])
    story = here[0]
    heard = setting.hear(story)
    for row in chain(_told(story, heard), _matrix(heard), _recalled(heard, setting)):
        yield {"analysis": "story", **setting.about(story)} | row
    if story.crowd().names:
        return
    others = find_stories([OBSERVED])[0] if setting.data is None else here[1:]
    observed = next((one for one in others if one.crowd().names), None)
    if observed is None:
        setting.missing.append(
            f"people's density: {story.name} has one list of boundaries, and no story is here whose observers are "
            f"known: get one with emcog datasets fetch {OBSERVED}"
        )
        return
    setting.inputs[f"{observed.dataset}/{observed.name}"] = observed.transcript.sha256
    setting.caveats += [f"{observed.name}: {observed.caveat}"] if observed.caveat else []
    for row in _told(observed, setting.hear(observed)):
        yield {"analysis": "story", **setting.about(observed)} | row


def _told(story: Stimulus, heard: Heard) -> Iterator[dict[str, Any]]:
    """What is known of each word of a story."""
    return chain(_signals(heard), _boundaries(story, heard), _density(story))


def _signals(heard: Heard) -> Iterator[dict[str, Any]]:
    for name, signal in SIGNALS.items():
        for i, (value, word) in enumerate(zip(heard.words[name], heard.words["word"], strict=True)):
            yield {"metric": name, "unit": signal.unit, "estimate": float(value), "place": i, "text": word}


def _boundaries(story: Stimulus, heard: Heard) -> Iterator[dict[str, Any]]:
    people = story.crowd().starts
    made = {"people": people}
    for method in ("S", "SM", "F"):
        if heard.can(method):
            made[method] = heard.first_words(heard.starts(method, len(people) + 1, snap=True))
    made["S, gamma 1"] = heard.first_words(heard.starts("S", snap=True))
    for method, words in made.items():
        for word in words.tolist():
            yield {"metric": "boundary", "method": method, "unit": "word", "estimate": 1.0, "place": word,
                   "text": heard.words["word"].iloc[word], "n": len(words), "note": "n: boundaries"}  # fmt: skip


def _density(story: Stimulus) -> Iterator[dict[str, Any]]:
    crowd = story.crowd()
    if not crowd.names:
        return  # a list has no density: the figure marks its boundaries
    height = segmentation_magnitude(crowd.marks, crowd.at, crowd.rule.bandwidth)
    for i, value in enumerate(height.tolist()):
        yield {"metric": "density", "method": "people", "unit": "observers", "estimate": value, "place": i,
               "n": len(crowd.names), "note": "n: observers"}  # fmt: skip


def _matrix(heard: Heard) -> Iterator[dict[str, Any]]:
    """The similarity of the first tokens, averaged over square blocks so that a page can show it."""
    if heard.keys is None:
        return
    blocks = min(heard.n // BLOCK, MOST_BLOCKS)
    n = blocks * BLOCK
    dense = np.maximum(np.asarray(similarity(heard.keys[heard.upper][:, :, :n])), 0)
    mean = dense.reshape(blocks, BLOCK, blocks, BLOCK).mean(axis=(1, 3))
    for i in range(blocks):
        yield {"metric": "block", "unit": "word", "estimate": float(heard.owner[i * BLOCK]), "row": i, "n": BLOCK,
               "note": "n: tokens of a block"}  # fmt: skip
        for j in range(i + 1):
            yield {"metric": "similarity", "variant": "upper layers", "unit": "dot product",
                   "estimate": float(mean[i, j]), "row": i, "column": j}  # fmt: skip


def _recalled(heard: Heard, setting: Setting) -> Iterator[dict[str, Any]]:
    """What a memory with small windows recalls as it reads on, event by event."""
    if heard.keys is None:
        return
    memory = EpisodicLM(setting.lm, SMALL)
    memory.read(heard.tokens["token_id"].to_numpy()[:READ])
    events, recalls = memory.events, memory.recalls
    layers = max(1, recalls["layer"].nunique())
    now = np.searchsorted(events["start_token"].to_numpy(), recalls["step"].to_numpy() * (SMALL.chunk or 1), "right")
    shares = recalls.assign(row=now - 1).groupby(["row", "event"])["layer"].nunique() / layers
    for (row, column), share in shares.items():
        yield {"metric": "recall", "unit": "share of layers", "estimate": float(share), "row": float(row),
               "column": float(column), "n": layers, "note": "n: layers"}  # fmt: skip
    for row, first in enumerate(events["start_token"].tolist()):
        yield {"metric": "event", "method": "SM", "unit": "word", "estimate": float(heard.owner[first]),
               "row": row, "note": f"memory: {SMALL.n_local} tokens in sight, {SMALL.n_mem} recalled"}  # fmt: skip


if __name__ == "__main__":
    from emcog.cli.scripts import analysis

    sys.exit(analysis("story", __doc__))
