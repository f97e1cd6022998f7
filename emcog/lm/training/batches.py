"""What the model is shown at each step: book prose, prose made to look like speech, recall drills, recitals.

A recital is a passage that comes again and again in its row, every token of which can then be looked up: it teaches
copying from the context much faster than drills alone, whose answers are a few tokens among hundreds.

Some segments show what is far at one fixed distance, and parts of it not at all, as memory does: see `far`.

Everything follows from (seed, segment number), so training that was interrupted goes on from a step number alone.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from emcog.lm.training.drills import Drill, make_drill
from emcog.lm.training.speech import as_speech
from emcog.lm.training.tokens import TokenStore

IGNORE = -100
FACT_TOKENS = 60
"""Room for a fact, its question and its answer."""
MOST_FACTS = 16
"""Most facts in a drill."""
LEAST_FILLER = 20
"""Fewest tokens of prose in a drill."""


@dataclass(frozen=True)
class Document:
    """Token ids (int64), what the loss at each counts (float32), and which must stay in sight (bool), without BOS."""

    ids: np.ndarray
    weights: np.ndarray
    needed: np.ndarray


@dataclass(frozen=True)
class Mixture:
    """What the segments are.

    Attributes
    ----------
    drills, recitals, speech : shares of the segments that are not plain prose.
    answer_weight : of a token of a drill's answer against others.
    far : share of the drills and recitals whose far context stands at one distance; of the rest, a third of it.
    """

    drills: float
    recitals: float
    speech: float
    answer_weight: float
    far: float = 0.0


@dataclass(frozen=True)
class Rows:
    """Rows of tokens for one step; every document in a row begins with BOS and sees only itself.

    Attributes
    ----------
    inputs, targets : int64 arrays (n_rows, context); targets are IGNORE where nothing is to be predicted.
    weights : float32 array (n_rows, context); what the loss at each target counts.
    document : int64 array (n_rows, context); number of the document within its row.
    position : int64 array (n_rows, context); position within the document.
    needed : bool array (n_rows, context); inputs that a drill's answer is found in.
    far : int64 array (n_rows,); tokens further back than this stand at this distance; 0: all at their true one.
    unseen : bool array (n_rows, context); inputs that are out of sight from further than `far`.
    """

    inputs: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    document: np.ndarray
    position: np.ndarray
    needed: np.ndarray
    far: np.ndarray
    unseen: np.ndarray


class Curriculum:
    """The order and the mixture of training rows.

    Parameters
    ----------
    store : the corpus.
    tokenizer : the model's.
    seed : of the order, the mixture and the drills.
    mixture : of prose, drills, recitals and speech.
    """

    def __init__(self, store: TokenStore, tokenizer: Any, seed: int, mixture: Mixture):
        self.store, self.tokenizer, self.seed, self.mixture = store, tokenizer, seed, mixture
        self._epoch, self._order = -1, np.empty(0, np.int64)

    def rows(self, number: int, context: int) -> Rows:
        """Segment `number` of the endless course, cut into rows of `context` tokens."""
        rows, share = self._rows(number, context)
        rng = np.random.default_rng([self.seed, 2, number])
        return set_apart(rows, rng) if rng.random() < share else rows

    def _rows(self, number: int, context: int) -> tuple[Rows, float]:
        """The rows of a segment, all in sight, and how likely its far context is to be set apart."""
        segment = self._segment(number)
        rng = np.random.default_rng([self.seed, 1, number])
        draw = rng.random()
        mixture, length = self.mixture, self.store.length
        if draw < mixture.drills:
            drills = [self._drills(rng, segment, context) for _ in range(length // context)]
            return self._pack(drills, context), mixture.far
        draw -= mixture.drills
        if draw < mixture.recitals:
            recitals = [[self._recital(rng, segment, context)] for _ in range(length // context)]
            return self._pack(recitals, context), mixture.far
        if draw - mixture.recitals < mixture.speech:
            text = self.tokenizer.decode(self.store.read(segment, 2 * length))
            ids = np.asarray(self.tokenizer.encode(as_speech(text, rng), add_special_tokens=False))
        else:
            ids = self.store.read(segment, length)
        ids = ids[:length].astype(np.int64)
        prose = [[plain(row)] for row in np.split(ids, range(context, len(ids), context))]
        return self._pack(prose, context), mixture.far / 3

    def _pack(self, rows: list[list[Document]], context: int) -> Rows:
        return pack(rows, context, self.tokenizer.bos_token_id, self.tokenizer.eos_token_id)

    def _segment(self, number: int) -> int:
        epoch, place = divmod(number, len(self.store.segments))
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = np.random.default_rng([self.seed, 0, epoch]).permutation(len(self.store.segments))
        return int(self._order[place])

    def _drills(self, rng: np.random.Generator, segment: int, context: int) -> list[Document]:
        """Drills that together fill at most one row; the filler is prose from the segment's book."""
        drills: list[Document] = []
        prose = self.store.read(segment, 2 * self.store.length)
        left = context
        while left >= LEAST_FILLER + 20 + FACT_TOKENS:
            # As many orders of magnitude of facts, up to a row full of them: many of one kind must be told apart.
            wished = int(np.exp(rng.uniform(0, np.log(MOST_FACTS + 1))))
            n_facts = min(wished, (left - LEAST_FILLER - 20) // FACT_TOKENS)
            # Half of the lengths are spread over orders of magnitude, since short drills are learnt first and lead to
            # the long ones; the other half favours the long, so that every distance in the context comes up.
            most = left - 20 - FACT_TOKENS * n_facts
            spread = rng.uniform(np.log(LEAST_FILLER), np.log(most))
            wanted = int(np.exp(spread) if rng.random() < 0.5 else max(LEAST_FILLER, most * rng.random() ** 0.5))
            start = int(rng.integers(0, len(prose) - wanted + 1))
            sentences = split_sentences(self.tokenizer.decode(prose[start : start + wanted]))
            drill = self._encode(make_drill(rng, sentences, n_facts=n_facts))
            if len(drill.ids) > left:
                break
            drills.append(drill)
            left -= len(drill.ids)
        return drills or [plain(prose[:context].astype(np.int64))]

    def _encode(self, drill: Drill) -> Document:
        """A drill's tokens; those that hold a character of an answer count more."""
        encoded = self.tokenizer(drill.text, add_special_tokens=False, return_offsets_mapping=True)
        lengths = [len(text) for text, _ in drill.pieces]
        is_answer = np.repeat([answer for _, answer in drill.pieces], lengths)
        counted = np.concatenate([[0], np.cumsum(is_answer)])
        first, end = np.array(encoded["offset_mapping"]).T
        weights = np.where(counted[end] > counted[first], self.mixture.answer_weight, 1.0)
        needed = np.any([(first < b) & (end > a) for a, b in drill.stated], axis=0)
        ids = np.array([*encoded["input_ids"], self.tokenizer.eos_token_id], np.int64)
        return Document(ids, np.append(weights, 1.0).astype(np.float32), np.append(needed, False))

    def _recital(self, rng: np.random.Generator, segment: int, context: int) -> Document:
        """A passage again and again, other prose between, each time from anywhere in its first half on.

        Every other passage is shuffled beforehand, so that nothing but copying can predict it.
        """
        prose = self.store.read(segment, 2 * self.store.length).astype(np.int64)
        length = int(np.exp(rng.uniform(np.log(8), np.log(context // 2))))
        first = int(rng.integers(0, self.store.length))
        passage = prose[first : first + length]
        if rng.random() < 0.5:
            passage = rng.permutation(passage)
        pieces, left = [], context
        while left > 0:
            start = int(rng.integers(0, self.store.length))
            pieces += [
                prose[start : start + int(rng.integers(0, length + 1))],
                passage[int(rng.integers(0, length // 2)) :],
            ]
            left -= len(pieces[-2]) + len(pieces[-1])
        return plain(np.concatenate(pieces)[:context])


def split_sentences(text: str) -> list[str]:
    """Whole sentences of prose, roughly: the broken first and last ones are left out when there are others."""
    parts = re.split(r"(?:(?<=[.!?])|(?<=[.!?]\"))\s+(?=[\"A-Z])", " ".join(text.split()))
    return parts[1:-1] if len(parts) > 2 else parts


def plain(ids: np.ndarray) -> Document:
    """A document whose tokens all count the same."""
    return Document(ids, np.ones(len(ids), np.float32), np.zeros(len(ids), bool))


def set_apart(rows: Rows, rng: np.random.Generator) -> Rows:
    """The same rows with their far context at one distance; in every other case parts of it are out of sight."""
    n_rows, context = rows.inputs.shape
    far = rng.choice([context // 8, context // 4, context // 2], p=[0.2, 0.4, 0.4])
    unseen = np.zeros(rows.inputs.shape, bool)
    if rng.random() < 0.5:
        spans = np.exp(rng.uniform(np.log(8), np.log(128), (n_rows, context // 4))).astype(int)
        for row, lengths in zip(unseen, spans, strict=True):
            row[:] = np.repeat(np.arange(len(lengths)) % 2 == 0, lengths)[:context]
        unseen &= ~rows.needed & (rows.position >= rng.integers(4, 129))
    return replace(rows, far=np.full(n_rows, far), unseen=unseen)


def pack(rows: list[list[Document]], context: int, bos: int, eos: int) -> Rows:
    """Rows of whole documents end to end, which fit; the token `bos` is put before each, `eos` fills what is left."""
    shape = (len(rows), context)
    out = Rows(
        np.full(shape, eos), np.full(shape, IGNORE), np.zeros(shape, np.float32), np.zeros(shape, int),
        np.zeros(shape, int), np.zeros(shape, bool), np.zeros(len(rows), int), np.zeros(shape, bool),
    )  # fmt: skip
    for r, documents in enumerate(rows):
        a = 0
        for d, document in enumerate(documents):
            ids = document.ids
            b = a + len(ids)
            out.inputs[r, a:b] = [bos, *ids[:-1]]
            out.targets[r, a:b] = ids
            out.weights[r, a:b] = document.weights
            out.document[r, a:b] = d
            out.position[r, a:b] = np.arange(len(ids))
            out.needed[r, a + 1 : b] = document.needed[:-1]
            a = b
        # What is left of the row is a document of its own that nothing is predicted in.
        out.document[r, a:] = len(documents)
        out.position[r, a:] = np.arange(context - a)
    return out
