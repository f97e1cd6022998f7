"""The text that a memory has read: token by token, so that events and tokens can be shown."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from emcog.boundaries.units import sentence_tokens
from emcog.errors import DataError
from emcog.lm import LM
from emcog.lm.listen import check_ids
from emcog.memory.growing import Growing
from emcog.transcript import Transcript


class Encoded:
    """What is to be read.

    Attributes
    ----------
    ids : int64 (n,). text : "" where it is not known. char_end : int64 (n,), where each token's text ends.
    is_text : it was given as text, not as ids.
    """

    def __init__(self, source: Any, lm: LM):
        self.is_text = isinstance(source, (str, Transcript))
        if self.is_text:
            self.text = source if isinstance(source, str) else source.text
            self.ids, _, self.char_end = lm.encode(self.text)
        else:
            self.ids = check_ids(source, lm)
            self.text, self.char_end = spans_of(self.ids, lm)

    def sentences(self) -> np.ndarray:
        """First tokens of sentences."""
        if not self.text:
            raise DataError("segmentation='sentence' needs a text: token ids alone have no sentences")
        return sentence_tokens(self.text, self.char_end)


def spans_of(ids: np.ndarray, lm: LM) -> tuple[str, np.ndarray]:
    """The text that token ids stand for, and where each token's part of it ends."""
    if lm.tokenizer is None:
        return "", np.zeros(len(ids), dtype=np.int64)
    text = decode(ids, lm)
    if text and getattr(lm.tokenizer, "is_fast", False):
        again, _, ends = lm.encode(text)
        if np.array_equal(again, ids):
            return text, ends
    # Not what the tokenizer would have made of the text: each token by itself.
    pieces = [decode([one], lm) for one in ids.tolist()]
    return "".join(pieces), np.cumsum([len(piece) for piece in pieces]).astype(np.int64)


def decode(ids: Sequence[int] | np.ndarray, lm: LM) -> str:
    """The text of token ids, special tokens shown by their names."""
    return str(lm.tokenizer.decode(list(map(int, ids)), clean_up_tokenization_spaces=False))


class TextLog:
    """All text read so far."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self.char_end = Growing(np.int64)

    def __len__(self) -> int:
        return len(self.char_end)

    def add(self, text: str, char_end: np.ndarray) -> None:
        """Add tokens: their text, joined, and where in it each one's part ends."""
        self._parts.append(text)
        self.char_end.extend(char_end + self._length)
        self._length += len(text)

    @property
    def text(self) -> str:
        """Everything, joined."""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    def of(self, starts: np.ndarray, ends: np.ndarray) -> list[str]:
        """The texts of half-open ranges of tokens."""
        edge = np.concatenate([[0], self.char_end.rows])
        text = self.text
        return [text[a:b] for a, b in zip(edge[starts].tolist(), edge[ends].tolist(), strict=True)]

    def copy(self) -> "TextLog":
        """An independent copy."""
        twin = TextLog()
        twin._parts, twin._length, twin.char_end = list(self._parts), self._length, self.char_end.copy()
        return twin
