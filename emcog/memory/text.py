"""The text that a memory has read: token by token, so that events and tokens can be shown."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from emcog.boundaries.units import sentence_tokens
from emcog.errors import DataError, StorageError
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
    """All text read so far, as UTF-8.

    Parameters
    ----------
    in_file : see `Growing`.

    Attributes
    ----------
    utf8 : the bytes. ends : where each token's part of them ends.
    """

    def __init__(self, in_file: bool = False):
        self.utf8, self.ends = Growing(np.uint8, in_file), Growing(np.int64, in_file)

    def __len__(self) -> int:
        return len(self.ends)

    def add(self, text: str, char_end: np.ndarray) -> None:
        """Add tokens: their text, joined, and where in it each one's part ends, in characters."""
        ends = char_end
        if not text.isascii():
            code = np.frombuffer(text.encode("utf-32-le"), np.uint32)
            sizes = 1 + (code > 0x7F) + (code > 0x7FF) + (code > 0xFFFF)
            ends = np.concatenate([[0], np.cumsum(sizes)])[char_end]
        before = len(self.utf8)
        self.utf8.extend(np.frombuffer(text.encode("utf-8"), np.uint8))
        try:
            self.ends.extend(ends + before)
        except StorageError:
            self.utf8.keep(before)
            raise

    @property
    def text(self) -> str:
        """Everything, joined."""
        return self.utf8.rows.tobytes().decode("utf-8")

    def of(self, starts: np.ndarray, stops: np.ndarray) -> list[str]:
        """The texts of half-open ranges of tokens."""
        return cut_text(self.utf8.rows, self.ends.rows, starts, stops)

    def copy(self) -> "TextLog":
        """An independent copy."""
        twin = TextLog.__new__(TextLog)
        twin.utf8, twin.ends = self.utf8.copy(), self.ends.copy()
        return twin


def cut_text(utf8: np.ndarray, ends: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> list[str]:
    """The texts of half-open ranges of tokens, whose parts of the UTF-8 bytes end at `ends`."""
    edge, data = np.concatenate([[0], ends]), utf8.tobytes()
    return [data[a:b].decode("utf-8") for a, b in zip(edge[starts].tolist(), edge[stops].tolist(), strict=True)]
