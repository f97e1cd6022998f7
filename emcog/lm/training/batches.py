"""What the model is shown at each step: book prose, prose made to look like speech, recall drills.

Everything follows from (seed, segment number), so training that was interrupted goes on from a step number alone.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from emcog.lm.training.drills import make_drill
from emcog.lm.training.speech import as_speech
from emcog.lm.training.tokens import TokenStore

IGNORE = -100
FACT_TOKENS = 60
"""Room for a fact, its question and its answer."""


@dataclass(frozen=True)
class Rows:
    """Rows of tokens for one step; every document in a row begins with BOS and sees only itself.

    Attributes
    ----------
    inputs, targets : int64 arrays (n_rows, context); targets are IGNORE where nothing is to be predicted.
    document : int64 array (n_rows, context); number of the document within its row.
    position : int64 array (n_rows, context); position within the document.
    """

    inputs: np.ndarray
    targets: np.ndarray
    document: np.ndarray
    position: np.ndarray


class Curriculum:
    """The order and the mixture of training rows.

    Parameters
    ----------
    store : the corpus.
    tokenizer : the model's.
    seed : of the order, the mixture and the drills.
    drill_share, speech_share : share of segments that are recall drills, or are made to look like speech.
    """

    def __init__(self, store: TokenStore, tokenizer: Any, seed: int, drill_share: float, speech_share: float):
        self.store, self.tokenizer, self.seed = store, tokenizer, seed
        self.drill_share, self.speech_share = drill_share, speech_share
        self._epoch, self._order = -1, np.empty(0, np.int64)

    def rows(self, number: int, context: int) -> Rows:
        """Segment `number` of the endless course, cut into rows of `context` tokens."""
        segment = self._segment(number)
        rng = np.random.default_rng([self.seed, 1, number])
        draw = rng.random()
        if draw < self.drill_share:
            packed = [self._drills(rng, segment, context) for _ in range(self.store.length // context)]
            return pack(packed, context, self.tokenizer)
        if draw < self.drill_share + self.speech_share:
            text = self.tokenizer.decode(self.store.read(segment, 2 * self.store.length))
            ids = np.asarray(self.tokenizer.encode(as_speech(text, rng), add_special_tokens=False))
        else:
            ids = self.store.read(segment, self.store.length)
        ids = ids[: self.store.length].astype(np.int64)
        return pack([[row] for row in np.split(ids, range(context, len(ids), context))], context, self.tokenizer)

    def _segment(self, number: int) -> int:
        epoch, place = divmod(number, len(self.store.segments))
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = np.random.default_rng([self.seed, 0, epoch]).permutation(len(self.store.segments))
        return int(self._order[place])

    def _drills(self, rng: np.random.Generator, segment: int, context: int) -> list[np.ndarray]:
        """Drills that together fill at most one row; the filler is prose from the segment's book."""
        drills: list[np.ndarray] = []
        prose = self.store.read(segment, 2 * self.store.length)
        left = context
        while left >= 100:
            n_facts = min(int(rng.integers(1, 5)), max(1, (left - 80) // FACT_TOKENS))
            wanted = min(int(rng.integers(50, 901)), max(20, left - 20 - FACT_TOKENS * n_facts))
            start = int(rng.integers(0, len(prose) - wanted + 1))
            sentences = split_sentences(self.tokenizer.decode(prose[start : start + wanted]))
            drill = make_drill(rng, sentences, n_facts=n_facts)
            encoded = self.tokenizer.encode(drill.text, add_special_tokens=False)
            encoded = np.asarray([*encoded, self.tokenizer.eos_token_id], np.int64)
            if len(encoded) > left:
                break
            drills.append(encoded)
            left -= len(encoded)
        return drills or [prose[:context].astype(np.int64)]


def split_sentences(text: str) -> list[str]:
    """Whole sentences of prose, roughly: the broken first and last ones are left out when there are others."""
    parts = re.split(r"(?:(?<=[.!?])|(?<=[.!?]\"))\s+(?=[\"A-Z])", " ".join(text.split()))
    return parts[1:-1] if len(parts) > 2 else parts


def pack(rows: list[list[np.ndarray]], context: int, tokenizer: Any) -> Rows:
    """Rows of whole documents end to end (int64 arrays of token ids, which fit); BOS is put before each."""
    shape = (len(rows), context)
    out = Rows(
        np.full(shape, tokenizer.eos_token_id), np.full(shape, IGNORE), np.zeros(shape, int), np.zeros(shape, int)
    )
    for r, documents in enumerate(rows):
        a = 0
        for d, ids in enumerate(documents):
            b = a + len(ids)
            out.inputs[r, a:b] = [tokenizer.bos_token_id, *ids[:-1]]
            out.targets[r, a:b] = ids
            out.document[r, a:b] = d
            out.position[r, a:b] = np.arange(len(ids))
            a = b
        # What is left of the row is a document of its own that nothing is predicted in.
        out.document[r, a:] = len(documents)
        out.position[r, a:] = np.arange(context - a)
    return out
