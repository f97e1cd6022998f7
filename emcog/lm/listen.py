"""Listening: one streaming pass of a causal LM over a text, everything that is measured reduced chunk by chunk."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from emcog.columns import Columns
from emcog.errors import DataError
from emcog.lm.hearing import Hearing, prepare
from emcog.lm.journal import Journal
from emcog.lm.load import LM, load_lm
from emcog.lm.reading import Chunk, read_in_chunks
from emcog.options import check_number
from emcog.signals import SIGNALS, Predictions
from emcog.transcript import Transcript, as_transcript

OnKeys = Callable[[int, torch.Tensor, dict[str, np.ndarray]], None]
Progress = Callable[[int, int], None]
ROWS = 64
"""Distributions reduced at once; a few of them fit a processor's cache even for large vocabularies."""


@dataclass(frozen=True, eq=False)
class Listening:
    """What a model made of a text.

    Attributes
    ----------
    tokens : DataFrame, one row a token: token_id, text (the exact span; joined they give back the text), char_start,
        char_end, word_index (-1 without a text), surprisal, entropy, bayesian_surprise (bits; NaN where undefined).
    words : DataFrame, one row a word of the transcript with its columns, n_tokens, and the same signals: a word's
        surprisal and Bayesian surprise are the sums over its tokens, its entropy that of its first token.
    provenance : model, weight hash and settings.
    """

    tokens: pd.DataFrame
    words: pd.DataFrame
    provenance: dict[str, Any]

    def __getitem__(self, column: str) -> pd.Series:
        """A column of the token table."""
        return self.tokens[column]

    def __len__(self) -> int:
        """Number of tokens."""
        return len(self.tokens)


def listen(
    transcript: Transcript | str | Path | Sequence[int] | np.ndarray | torch.Tensor,
    lm: Any = None,
    n_local: int | None = None,
    n_init: int = 4,
    chunk: int | None = None,
    on_keys: OnKeys | None = None,
    progress: Progress | None = None,
    journal: Journal | None = None,
) -> Listening:
    """Read a transcript with a causal LM in one pass, and measure every token.

    Peak memory does not grow with the text, apart from the tables that are returned.

    Parameters
    ----------
    transcript : a Transcript; a Path to read one from; the text itself as a str; or token ids (1-D), which are read as
        they are: nothing is added.
    lm : an LM, or anything that `load_lm` takes; None is the embedded one.
    n_local : tokens of context that slide along with the text; default 1,024, or the model's limit if that is less.
        Models with rotary positions only; others are read in overlapping windows of the model's limit (or of n_local).
    n_init : initial tokens (BOS among them) that stay in sight when the window has left them.
    chunk : tokens read at once; changes the speed, not the numbers. Default: 512, or fewer for large vocabularies.
    on_keys : called after each chunk as on_keys(start, keys, signals): the un-rotated keys of tokens start,
        start+1, ... in order, shape (layers, kv_heads, n, head_dim), on the model's device; and by name the values of
        the signals that have become known since the last call (they lag one token behind the keys, but for the last
        chunk). Models with rotary positions only.
    progress : called as progress(tokens done, tokens in all).
    journal : keeps what is done, so that the same call in another process goes on where this one was interrupted.

    Returns
    -------
    Listening

    Raises
    ------
    ModelError, DataError : no tokenizer for a text, token ids that the model does not have, no keys to be had.

    Source: surprisal and entropy are Shannon's; Bayesian surprise as in Kumar et al. (2023); the window with initial
    tokens that stay follows Xiao et al. (2024) and Fountas et al. (2025).
    """
    text = as_transcript(transcript) if isinstance(transcript, str | Path) else transcript
    lm = load_lm(lm)
    hearing = prepare(text if isinstance(text, Transcript) else check_ids(text, lm), lm, Columns())
    provenance = hear(hearing, lm, n_local, n_init, chunk, on_keys, progress, journal)
    return Listening(hearing.tokens(), hearing.words(), provenance)


def hear(
    hearing: Hearing,
    lm: LM,
    n_local: int | None = None,
    n_init: int = 4,
    chunk: int | None = None,
    on_keys: OnKeys | None = None,
    progress: Progress | None = None,
    journal: Journal | None = None,
) -> dict[str, Any]:
    """The pass behind `listen`: fills in the signals, and returns the model and the settings as provenance."""
    n_local = int(check_number("n_local", min(1024, lm.limit) if n_local is None else n_local, low=8, integer=True))
    n_init = int(check_number("n_init", n_init, low=0, integer=True))
    chunk = min(512, max(64, 2**25 // lm.n_vocabulary)) if chunk is None else chunk
    chunk = int(check_number("chunk", chunk, low=1, integer=True))
    settings = {"n_local": n_local, "n_init": n_init, "chunk": chunk}

    reducer = _Reducer(hearing, lm.device)
    place = None if journal is None else journal.resume(lm, hearing.ids, settings, reducer)
    for part in read_in_chunks(lm, hearing.ids, hearing.bos, n_init, n_local, chunk, on_keys is not None, place):
        reducer.add(part)
        if on_keys is not None and part.keys is not None:
            on_keys(part.start, part.keys, reducer.news())
        if journal is not None:
            journal.keep(part.place, reducer)
        if progress is not None:
            progress(part.start + part.n_tokens, len(hearing))
    reducer.finish()
    return {
        "model": {"name": lm.name, "weights": lm.weight_hash, "dtype": str(lm.model.dtype)[6:]},
        "listen": settings,
    }


def check_ids(given: Any, lm: LM) -> np.ndarray:
    """Token ids as an int64 array (n,), or a DataError if they are none that the model has."""
    ids = given.detach().cpu().numpy() if isinstance(given, torch.Tensor) else np.asarray(given)
    if ids.ndim == 2 and ids.shape[0] == 1:
        ids = ids[0]
    if ids.ndim != 1 or ids.size == 0 or not np.issubdtype(ids.dtype, np.integer):
        raise DataError(
            f"token ids must be a non-empty 1-D sequence of whole numbers, got shape {ids.shape} of {ids.dtype}"
        )
    if ids.min() < 0 or ids.max() >= lm.n_vocabulary:
        raise DataError(f"token ids must lie in 0..{lm.n_vocabulary - 1} for {lm.name}, got {ids.min()}..{ids.max()}")
    return ids.astype(np.int64)


class _Reducer:
    """Turns logits into signals as they come; holds one distribution between chunks."""

    def __init__(self, hearing: Hearing, device: torch.device):
        self.hearing = hearing
        self.ids = torch.from_numpy(hearing.ids).to(device)
        # On a CPU these are the hearing's own arrays.
        self.values = {name: torch.from_numpy(column).to(device) for name, column in hearing.signals.items()}
        self.carried: torch.Tensor | None = None
        self.rows = torch.empty(0, 0, device=device)
        # The token that the first carried or new distribution predicts.
        self.place = self.told = 0

    def add(self, part: Chunk) -> None:
        """Take in the logits of a chunk, whose row i predicts token part.first + i."""
        if self.carried is None:
            self.place = part.first
        for start in range(0, len(part.logits), ROWS):
            log_p = self._log_p(part.logits[start : start + ROWS])
            n = min(len(log_p) - 1, len(self.ids) - self.place)
            if n > 0:
                predictions = Predictions(log_p[: n + 1], self.ids[self.place : self.place + n])
                for name, signal in SIGNALS.items():
                    self.values[name][self.place : self.place + n] = signal.compute(predictions)
                self.place += n
            self.carried = log_p[-1:].clone()
        if self.place == len(self.ids):
            # Nothing follows the last token, so nothing is known of where it moved the prediction.
            self.values["bayesian_surprise"][-1] = torch.nan

    def _log_p(self, logits: torch.Tensor) -> torch.Tensor:
        """Logarithms of the distributions, behind the one that was carried, in memory that is used again."""
        if len(self.rows) < len(logits) + 1:
            self.rows = torch.empty(len(logits) + 1, logits.shape[1], device=logits.device)
        first = 1
        if self.carried is None:
            first = 0
        else:
            self.rows[:1] = self.carried
        rows = self.rows[: first + len(logits)]
        torch.log_softmax(logits.float(), -1, out=rows[first:])
        return rows

    def news(self) -> dict[str, np.ndarray]:
        """The values that have become known since this was last asked, as float64 arrays."""
        start, self.told = self.told, self.place
        return {name: column[start : self.place].double().cpu().numpy() for name, column in self.values.items()}

    def get_state(self, start: int) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """The values that are known from token `start` on, and the distribution that is carried."""
        return {name: column[start : self.place] for name, column in self.values.items()}, self.carried

    def put(self, start: int, values: dict[str, torch.Tensor]) -> None:
        """Take back the values from token `start` on."""
        for name, column in self.values.items():
            column[start : start + len(values[name])] = values[name].to(column.device)

    def set_state(self, place: int, carried: torch.Tensor) -> None:
        """Go on where all values before `place` are known."""
        self.place = self.told = place
        self.carried = carried.to(self.ids.device)

    def finish(self) -> None:
        """Bring the values home from the model's device."""
        for name, column in self.values.items():
            if column.device.type != "cpu":
                self.hearing.signals[name][:] = column.cpu().numpy()
