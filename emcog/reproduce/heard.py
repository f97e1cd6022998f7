"""A story listened to once, for all methods and analyses: its signals, its keys, and where each method cuts it."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

import emcog
from emcog.boundaries import Story, nearest, propose, sentence_tokens, word_tokens
from emcog.boundaries.optimal import optimal
from emcog.boundaries.ranked import place_apart
from emcog.boundaries.streaming import StreamingRefiner
from emcog.errors import DataError, ModelError, OptionError
from emcog.files import write_files
from emcog.graph import BandedGraph, BlockSums
from emcog.lm import LM, listen
from emcog.lm.hearing import word_table
from emcog.parquet import read_parquet, write_parquet
from emcog.segmenting import METHODS
from emcog.stats import Keys
from emcog.stats.cohesion import DENSE, scored_graph
from emcog.transcript import Transcript

BAND = 512
"""Tokens, as in `emcog.segment`: the longest stretch that a boundary may move in, and the band of the graph."""
SHORT = 8192
"""Tokens of the longest text whose exact optimum is looked for."""


@dataclass(frozen=True, eq=False)
class Heard:
    """What a model made of a story.

    Attributes
    ----------
    transcript : the story. tokens, words : DataFrames as in `emcog.lm.Listening`.
    keys : float32 (layers, kv_heads, n_tokens, head_dim), un-rotated; None where the model gives none.
    """

    transcript: Transcript
    tokens: pd.DataFrame
    words: pd.DataFrame
    keys: np.ndarray | None

    @property
    def n(self) -> int:
        """Tokens."""
        return len(self.tokens)

    @property
    def upper(self) -> list[int]:
        """The upper half of the layers, whose keys make the graph, as in `emcog.segment`."""
        count = 0 if self.keys is None else len(self.keys)
        return list(range(count // 2, count))

    @cached_property
    def owner(self) -> np.ndarray:
        """The word that each token belongs to, int64 (n,)."""
        return self.tokens["word_index"].to_numpy()

    @cached_property
    def sentences(self) -> np.ndarray:
        """First token of each sentence, int64."""
        return sentence_tokens(self.transcript.text, self.tokens["char_end"].to_numpy())

    @property
    def needed_keys(self) -> np.ndarray:
        """The keys; ModelError where the model gives none."""
        if self.keys is None:
            raise ModelError("the model gives no keys: the key graph and refinement need rotary positions")
        return self.keys

    @cached_property
    def graph(self) -> BandedGraph:
        """The key graph of the upper layers, banded."""
        return BandedGraph.from_keys(self.needed_keys, min(BAND, self.n), layers=self.upper)

    @cached_property
    def scored(self) -> BlockSums:
        """The key graph that `emcog.stats.cohesion` scores events on: all layers, whole where the text is short."""
        return scored_graph(self.needed_keys)

    def optimum(self, n_events: int, *, snap: bool = False) -> np.ndarray:
        """First tokens of the most modular events in the graph that they are scored on; no other events beat them.

        In a text of more than `DENSE` tokens, whose graph is banded, no event is longer than four mean ones or `BAND`.

        Parameters
        ----------
        n_events : how many. snap : only first tokens of words may begin one.
        """
        longest = None if self.n <= DENSE else max(BAND, 4 * -(-self.n // n_events))
        return optimal(self.scored, n_events, max_event=longest,
                       candidates=word_tokens(self.owner) if snap else None).boundaries  # fmt: skip

    def can(self, method: str) -> bool:
        """Whether this story can be cut by a method: some need keys, the optimum a short text."""
        wanted = METHODS[method]
        if wanted.propose == "optimal":
            return self.keys is not None and self.n <= SHORT
        return wanted.refine is None or self.keys is not None

    def starts(
        self,
        method: str,
        n_events: int | None = None,
        *,
        gamma: float = 1.0,
        signal: str = "surprisal",
        snap: bool = False,
        seed: int = 0,
    ) -> np.ndarray:
        """First tokens of a method's events; the same as `emcog.segment(...).boundaries`, without listening again.

        Where there are fewer sentences than events asked for, all sentences are taken instead of an error.

        Parameters
        ----------
        method : a name in `emcog.segmenting.METHODS`. n_events, gamma, signal, seed : as in `emcog.segment`.
        snap : put every boundary at the nearest first token of a word.
        """
        wanted = METHODS[method]
        places = word_tokens(self.owner) if snap else None
        if wanted.propose == "sentence" and n_events is not None and n_events > len(self.sentences):
            n_events = None
        if wanted.propose == "optimal":
            longest = max(BAND, 4 * -(-self.n // n_events) if n_events else 0)
            found = optimal(self.graph, n_events, max_event=longest).boundaries
        else:
            found = propose(wanted.propose, self._story(places, n_events, gamma, signal, seed))
        if wanted.refine is not None:
            found = self.refined(found, wanted.refine)
        if places is None:
            return found
        if wanted.refine is not None:
            return place_apart(found, self.n, 1, places)
        return np.union1d([0], nearest(places, self.n)[found])

    def refined(self, starts: np.ndarray, metric: str) -> np.ndarray:
        """Starts moved to the seams of the upper layers' graph."""
        refiner = StreamingRefiner(metric, max_window=BAND, layers=self.upper)
        moved = refiner.push(self.needed_keys, starts[starts > 0])
        return np.concatenate([moved, refiner.finish()])

    def first_words(self, starts: np.ndarray) -> np.ndarray:
        """First words of the events that begin at these tokens, 0 left out; int64, increasing."""
        words = np.unique(self.owner[starts])
        return words[words > 0]

    def first_tokens(self, words: np.ndarray) -> np.ndarray:
        """First tokens of the events that begin at these words, 0 among them; int64, increasing."""
        tokens = np.union1d([0], np.searchsorted(self.owner, words))
        return tokens[tokens < self.n]

    def _story(self, places: np.ndarray | None, n_events: int | None, gamma: float, signal: str, seed: int) -> Story:
        return Story(
            signal=self.tokens[signal].to_numpy(),
            sentences=self.sentences,
            words=(self.transcript.words["word"].tolist(), np.searchsorted(self.owner, np.arange(len(self.words)))),
            landing=None if places is None else nearest(places, self.n),
            gamma=gamma,
            n_events=n_events,
            seed=seed,
        )


def heard_as(transcript: Transcript, lm: LM) -> str:
    """What a listening depends on, as 16 hexadecimal digits: text, words and their times, model, precision, emcog."""
    words = transcript.words.to_csv(index=False)
    parts = (transcript.text, words, lm.name, lm.weight_hash, str(lm.model.dtype), emcog.__version__)
    return hashlib.sha256("\n".join(parts).encode(errors="surrogatepass")).hexdigest()[:16]


def hear(
    transcript: Transcript,
    lm: LM,
    folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    renew: bool = False,
) -> Heard:
    """Listen to a story, or take what was heard of it before.

    Parameters
    ----------
    folder : where listenings are kept, told apart by `heard_as`; None keeps none.
    renew : listen in any case, and keep that.
    """
    digest = heard_as(transcript, lm)
    names = {part: f"{transcript.name}-{digest}.{part}" for part in ("tokens.parquet", "keys.npy")}
    if folder is not None and not renew and (folder / names["tokens.parquet"]).is_file():
        tokens = read_parquet(folder / names["tokens.parquet"])
        keys = folder / names["keys.npy"]
        kept = np.load(keys, allow_pickle=False) if keys.is_file() else None
        return Heard(transcript, tokens, word_table(transcript, tokens), kept)
    keys_heard: Keys | None = Keys()
    try:
        listening = listen(transcript, lm, on_keys=keys_heard, progress=progress)
    except (ModelError, OptionError):  # no rotary positions, no keys
        keys_heard, listening = None, listen(transcript, lm, progress=progress)
    if len(listening.tokens) < 2:
        raise DataError(f"story {transcript.name} has fewer than two tokens")
    array = None if keys_heard is None else keys_heard.array()
    if folder is not None:
        contents = {} if array is None else {names["keys.npy"]: _bytes(array)}
        write_files(folder, contents | {names["tokens.parquet"]: lambda path: write_parquet(listening.tokens, path)})
    return Heard(transcript, listening.tokens, listening.words, array)


def _bytes(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=False)
    return out.getvalue()
