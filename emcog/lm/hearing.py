"""Hearing: what is known of each token of a text, as columns from which tables of any stretch are made."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from emcog.columns import Columns, blocks
from emcog.lm.load import LM
from emcog.signals import SIGNALS
from emcog.transcript import LongText, Transcript


@dataclass(frozen=True, eq=False)
class Hearing:
    """The columns; a model's pass fills in the signals.

    Attributes
    ----------
    text : what is listened to; None for token ids alone.
    bos : the token put in front, if any.
    ids, char_end, word_index : int64 arrays (n_tokens,); the spans of characters tile the text. -1 without a text.
    signals : float32 arrays (n_tokens,) by name, bits; NaN where undefined.
    """

    text: Transcript | LongText | None
    bos: int | None
    ids: np.ndarray
    char_end: np.ndarray
    word_index: np.ndarray
    signals: dict[str, np.ndarray]

    def __len__(self) -> int:
        """Number of tokens."""
        return len(self.ids)

    def tokens(self, start: int = 0, stop: int | None = None) -> pd.DataFrame:
        """The tokens from `start` to `stop`, a row each, as in `Listening.tokens`."""
        span = slice(start, len(self) if stop is None else stop)
        ends = self.char_end[span]
        if self.text is None:
            starts, pieces = ends, [""] * len(ends)
        else:
            starts = np.concatenate([[self.char_end[start - 1] if start else 0], ends[:-1]])[: len(ends)]
            pieces = self._pieces(starts, ends)
        table = pd.DataFrame({"token_id": self.ids[span], "text": pd.Series(pieces, dtype=str)})
        table["char_start"], table["char_end"], table["word_index"] = starts, ends, self.word_index[span]
        for name, values in self.signals.items():
            table[name] = values[span].astype(np.float64)
        return table

    def words(self, start: int = 0, stop: int | None = None) -> pd.DataFrame:
        """The words from `start` to `stop`, a row each, as in `Listening.words`."""
        if self.text is None:
            return pd.DataFrame()
        rows = self.text.rows(start, stop)
        first, last = np.searchsorted(self.word_index, [start, start + len(rows)])
        values = {name: column[first:last].astype(np.float64) for name, column in self.signals.items()}
        return _measured(rows, self.word_index[first:last] - start, values)

    def texts(self, starts: np.ndarray, ends: np.ndarray) -> list[str]:
        """The exact text from each of the tokens `starts` to before that of `ends`, increasing."""
        if self.text is None:
            return [""] * len(starts)
        return self._pieces(np.where(starts > 0, self.char_end[starts - 1], 0), self.char_end[ends - 1])

    def _pieces(self, starts: np.ndarray, ends: np.ndarray) -> list[str]:
        """The characters of spans that follow each other."""
        if self.text is None or not len(starts):
            return []
        first = int(starts[0])
        part = self.text.text[first : int(ends[-1])]
        return [part[a:b] for a, b in zip((starts - first).tolist(), (ends - first).tolist(), strict=True)]


def prepare(text: Transcript | LongText | np.ndarray, lm: LM, columns: Columns) -> Hearing:
    """The tokens of a text, or token ids as they are, with no signal known yet."""
    if isinstance(text, np.ndarray):
        nothing = np.full(len(text), -1)
        return Hearing(None, None, text, nothing, nothing, _unknown(len(text), columns))
    kinds = {"token_id": np.int64, "char_end": np.int64}
    ids, char_end = columns.gather(kinds, lm.encode_in_pieces(text.text))
    (owner,) = columns.gather({"word_index": np.int64}, _owners(text, char_end))
    return Hearing(text, lm.bos_id, ids, char_end, owner, _unknown(len(ids), columns))


def word_table(transcript: Transcript, tokens: pd.DataFrame) -> pd.DataFrame:
    """The transcript's words with n_tokens and each signal, from the table of tokens.

    A word that no token belongs to (it shares one with the word before it) has n_tokens 0 and NaN signals.
    """
    return _measured(
        transcript.rows(), tokens["word_index"].to_numpy(), {name: tokens[name].to_numpy() for name in SIGNALS}
    )


def _measured(words: pd.DataFrame, owner: np.ndarray, signals: dict[str, Any]) -> pd.DataFrame:
    n_tokens = np.bincount(owner, minlength=len(words))
    words["n_tokens"] = n_tokens
    for name, signal in SIGNALS.items():
        values = signals[name]
        if signal.over_word == "sum":
            total = np.bincount(owner, weights=values, minlength=len(words))
            words[name] = np.where(n_tokens > 0, total, np.nan)
        else:
            found, first = np.unique(owner, return_index=True)
            column = np.full(len(words), np.nan)
            column[found] = values[first]
            words[name] = column
    return words


def _unknown(n: int, columns: Columns) -> dict[str, np.ndarray]:
    return {name: columns.filled(name, n, np.nan, np.float32) for name in SIGNALS}


def _owners(text: Transcript | LongText, char_end: np.ndarray) -> Iterator[tuple[np.ndarray]]:
    """The word that each token belongs to, stretch by stretch."""
    before = -1
    for a, b in blocks(len(char_end)):
        ends = char_end[a:b]
        starts = np.concatenate([[char_end[a - 1] if a else 0], ends[:-1]])
        found = text.word_of_spans(starts, ends)
        if a:  # an empty span belongs where the one before it does
            found[np.maximum.accumulate(ends > starts) == 0] = before
        before = found[-1]
        yield (found,)
