"""LongText: a plain text of any length, of which only the part that is looked at is in memory."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from emcog.columns import Columns, blocks
from emcog.excerpts import escaped
from emcog.files import sha256_file
from emcog.transcript.recognise import HEAD, SUFFIXES, recognise
from emcog.transcript.source import BOMS, MAGIC, short_name, unreadable
from emcog.transcript.transcript import word_of_spans
from emcog.transcript.words import LEADING, word_frame

LONG = 2**22
"""Bytes of a file from which on a plain text is read so: a million tokens or so, longer than any one book."""
_CHARACTERS = 2**18  # read at once
_SPACES = np.array([c for c in range(0x3001) if chr(c).isspace()], dtype="<u4")  # there are none beyond


class CharactersOnDisk:
    """The characters of a text, sliced like a str; the array that holds them is a mapped file."""

    def __init__(self, codes: np.ndarray):
        self.codes = codes

    def __len__(self) -> int:
        """Number of characters."""
        return len(self.codes)

    def __getitem__(self, span: slice) -> str:
        """The characters of a span."""
        return self.codes[span].tobytes().decode("utf-32-le")


@dataclass(frozen=True, eq=False, repr=False)
class LongText:
    """A plain text on disk, with what `segment` asks of a `Transcript`; no word has a time.

    Attributes
    ----------
    text : sliced like a str.
    char_start, char_end : int64 arrays (n_words,), mapped: `text[char_start[i]:char_end[i]]` is word i.
    name, format, sha256 : as a Transcript's.
    """

    text: CharactersOnDisk
    char_start: np.ndarray
    char_end: np.ndarray
    name: str
    sha256: str
    format: str = "text"

    @property
    def n_words(self) -> int:
        """Number of words."""
        return len(self.char_start)

    def times(self) -> tuple[np.ndarray, np.ndarray]:
        """Onset and offset of each word: all NaN."""
        unknown = np.broadcast_to(np.nan, self.n_words)
        return unknown, unknown

    def rows(self, start: int = 0, stop: int | None = None) -> pd.DataFrame:
        """The words from `start` to `stop` (one at least), as in `Transcript.words`."""
        starts, ends = self.char_start[start:stop], self.char_end[start:stop]
        first = int(starts[0])
        part = self.text[first : int(ends[-1])]
        spans = zip((starts - first).tolist(), (ends - first).tolist(), strict=True)
        return word_frame([part[a:b] for a, b in spans], starts, ends)

    def word_of_spans(self, char_start: ArrayLike, char_end: ArrayLike) -> np.ndarray:
        """Word that each token belongs to, as `Transcript.word_of_spans`."""
        return word_of_spans(self.char_end, char_start, char_end)


def is_long(path: str | Path, format: str | None = None, encoding: str | None = None) -> bool:
    """Whether a file is so long a plain text that it is not to be held in memory."""
    path, format = Path(path), SUFFIXES.get(f".{format}".lower(), format)
    try:
        if format not in (None, "text") or path.stat().st_size < LONG or not path.is_file():
            return False
        with _opened(path, encoding) as file:
            head = file.read(2 * HEAD)
    except (OSError, ValueError, LookupError):
        return False
    # Whether what begins with a brace is JSON is not told by its beginning.
    return format == "text" or (recognise(str(path), head) == "text" and not head.lstrip().startswith("{"))


def read_long_text(path: str | Path, folder: Path, encoding: str | None = None) -> LongText:
    """The same text and words that `read_transcript` finds in a plain text, in mapped files.

    Parameters
    ----------
    folder : for the files; the caller removes it when the text is no longer needed.
    encoding : as Python names it; None is that of the byte order mark, or else UTF-8.

    Raises
    ------
    TranscriptError, OptionError : as in `read_transcript`.
    """
    path, columns = Path(path), Columns(folder)
    try:
        checksum = sha256_file(path)
        with _opened(path, encoding) as file:
            parts = _without_margins(_parts(file, escaped(path)))
            (codes,) = columns.gather({"text": "<u4"}, ((_codes(part),) for part in parts))
        if not len(codes):
            raise ValueError("no words in it")
    except (LookupError, ValueError) as error:
        # What is wrong, and where, the reader of ordinary texts says.
        from emcog.transcript.reading import read_transcript

        read_transcript(path, format="text", encoding=encoding)
        raise RuntimeError(f"{path} was read otherwise the second time") from error
    except OSError as error:
        raise unreadable(escaped(path), error) from None
    kinds = {"word_start": np.int64, "word_end": np.int64}
    start, end = columns.gather(kinds, _words(codes))
    return LongText(CharactersOnDisk(codes), start, end, short_name(path), checksum)


def _opened(path: Path, encoding: str | None = None) -> io.TextIOWrapper:
    """The file as text without its byte order mark, every line end a line feed; a ValueError if it is none."""
    file = open(path, "rb")  # noqa: SIM115  the wrapper closes it
    head = file.read(64)
    if any(head.startswith(magic, start) for start, magic, _ in MAGIC):
        file.close()
        raise ValueError("not a text")
    mark, found = next(((mark, name) for mark, name in BOMS if head.startswith(mark)), (b"", "utf-8"))
    file.seek(0 if encoding else len(mark))
    return io.TextIOWrapper(file, encoding or found, newline=None)


def _parts(file: io.TextIOWrapper, label: str) -> Iterator[str]:
    """The file piece by piece. That it cannot be read is said here: whoever takes the pieces is writing."""
    try:
        while part := file.read(_CHARACTERS):
            yield part
    except OSError as error:
        raise unreadable(label, error) from None


def _without_margins(parts: Iterable[str]) -> Iterator[str]:
    """The text in parts, without the white space at both ends (as `words.without_margins`); a ValueError at a NUL."""
    begun, held = False, ""
    for part in parts:
        if "\0" in part:
            raise ValueError("a NUL character")
        if not begun:
            found = LEADING.match(part)
            part = part[found.end() if found else 0 :]
            begun = bool(part)
        part = held + part
        kept = part.rstrip()
        held = part[len(kept) :]
        yield kept


def _codes(part: str) -> np.ndarray:
    return np.frombuffer(part.encode("utf-32-le"), dtype="<u4")


def _words(codes: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Where words (runs of characters that are not white space) start and end, stretch by stretch."""
    inside = False  # the character before is a word's
    for a, b in blocks(len(codes)):
        visible = ~np.isin(codes[a:b], _SPACES)
        before = np.concatenate([[inside], visible[:-1]])
        inside = bool(visible[-1])
        ends = a + np.flatnonzero(before & ~visible)
        yield a + np.flatnonzero(visible & ~before), np.append(ends, b) if b == len(codes) and inside else ends
