"""Token files: a text file tokenised once, kept as a plain array that is read through a memory map."""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emcog.errors import DataError
from emcog.files import sha256_file, write_files
from emcog.lm.training.corpus import read_documents


@dataclass(frozen=True)
class TokenStore:
    """Token ids of many documents, cut into segments of equal length that never cross a document's edge.

    Attributes
    ----------
    ids : uint16 arrays, one a text file.
    starts : int64 arrays, one a text file; first token of each document.
    segments : int64 array (n_segments, 2); file index and first token of each whole segment.
    length : tokens in a segment.
    checksums : SHA-256 of each text file.
    """

    ids: list[np.ndarray]
    starts: list[np.ndarray]
    segments: np.ndarray
    length: int
    checksums: dict[str, str]

    @property
    def n_tokens(self) -> int:
        """Tokens in the store, the tails of documents that fill no segment among them."""
        return sum(len(ids) for ids in self.ids)

    def read(self, segment: int, n_tokens: int) -> np.ndarray:
        """The `n_tokens` ids from the beginning of a segment; at the end of a file, the file's last ones."""
        file, start = self.segments[segment]
        ids = self.ids[file]
        start = max(0, min(start, len(ids) - n_tokens))
        return np.asarray(ids[start : start + n_tokens])


def open_tokens(
    paths: Sequence[Path], tokenizer: Any, folder: Path, length: int, report: Callable[[str], None] = lambda line: None
) -> TokenStore:
    """Tokenise text files (those not yet tokenised by this tokenizer) into `folder` and open them.

    A text that is not there is taken from its token files, which are smaller and travel.

    Raises
    ------
    DataError : a file cannot be read, the vocabulary is too large, or no document fills a segment.
    """
    if len(tokenizer) > 2**16:
        raise DataError(f"a vocabulary of {len(tokenizer)} does not fit token files of 16 bits: use at most 65536")
    vocabulary = hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest()
    arrays, documents, segments, checksums = [], [], [], {}
    for index, path in enumerate(paths):
        name, checksums[path.name] = _token_files(path, vocabulary[:12], folder)
        if not (folder / f"{name}.starts.npy").exists():
            report(f"tokenising {path.name}")
            _tokenise(path, tokenizer, folder, name)
        ids = np.load(folder / f"{name}.ids.npy", mmap_mode="r")
        starts = np.load(folder / f"{name}.starts.npy")
        ends = np.append(starts, len(ids))[1:]  # none, where a text has no document
        firsts = [np.arange(a, b - length + 1, length) for a, b in zip(starts, ends, strict=True)]
        first = np.concatenate([np.empty(0, np.int64), *firsts])
        arrays.append(ids)
        documents.append(starts)
        segments.append(np.stack([np.full_like(first, index), first], axis=1))
    found = np.concatenate(segments)
    if len(found) == 0:
        raise DataError(f"no document has {length} tokens: give longer texts or a shorter context")
    return TokenStore(arrays, documents, found, length, checksums)


def _token_files(path: Path, vocabulary: str, folder: Path) -> tuple[str, str]:
    """Name of a text's token files, without endings, and its checksum (its first letters, if it is not there)."""
    stem = path.name.split(".")[0]
    if path.is_file():
        checksum = sha256_file(path)
        return f"{stem}-{checksum[:12]}-{vocabulary}", checksum
    found = list(folder.glob(f"{stem}-????????????-{vocabulary}.starts.npy"))
    if len(found) != 1:
        raise DataError(f"no such training text: {path}")
    name = found[0].name.removesuffix(".starts.npy")
    return name, name.split("-")[-2]


def _tokenise(path: Path, tokenizer: Any, folder: Path, name: str) -> None:
    arrays, starts, place = [], [], 0
    for text in _pieces(path):
        arrays.append(np.asarray(tokenizer.encode(text, add_special_tokens=False), np.uint16))
        # A document that was cut for the tokenizer is one again: its later pieces begin with a paragraph break.
        if not text.startswith("\n"):
            starts.append(place)
        place += len(arrays[-1])
    ids = np.concatenate([np.empty(0, np.uint16), *arrays])
    write_files(
        folder,
        {
            f"{name}.ids.npy": lambda p: np.save(p, ids),
            f"{name}.starts.npy": lambda p: np.save(p, np.array(starts, np.int64)),
        },
    )


def _pieces(path: Path) -> Iterator[str]:
    """Documents in pieces of some 200,000 characters, cut before paragraph breaks: tokenizers are slow on long ones."""
    for document in read_documents(path):
        yield from (document[a:b] for a, b in _cuts(document))


def _cuts(document: str, size: int = 200_000) -> Iterator[tuple[int, int]]:
    places = [0]
    for match in re.finditer("\n\n", document):
        if match.start() - places[-1] >= size:
            places.append(match.start())
    return zip(places, [*places[1:], len(document)], strict=True)
