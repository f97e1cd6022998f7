"""Arrays (and characters) as many as a text has, in memory or in mapped files."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from emcog.files import cannot_write

BLOCK = 2**16
"""Rows worked on at once where the whole is not to be held."""


class Characters(Protocol):
    """A str, or what is sliced like one."""

    def __len__(self) -> int:
        """Number of characters."""

    def __getitem__(self, span: slice, /) -> str:
        """The characters of a span."""


class Columns:
    """Where arrays are kept that grow with a text.

    Parameters
    ----------
    folder : for a file each, which is mapped: what is in it counts as the system's cache, not as this process's memory.
        None: in memory. The caller removes the folder when the arrays are no longer needed.
    """

    def __init__(self, folder: Path | None = None):
        self.folder = folder

    def gather(self, kinds: Mapping[str, Any], pieces: Iterable[tuple[np.ndarray, ...]]) -> list[np.ndarray]:
        """The pieces of several arrays, joined.

        Parameters
        ----------
        kinds : the arrays' names (each used once in a folder) and types. pieces : tuples with a piece of each.

        Raises
        ------
        StorageError : the files cannot be written.
        """
        if self.folder is None:
            parts = list(pieces)
            return [
                np.concatenate([np.empty(0, kind), *(part[i] for part in parts)]).astype(kind, copy=False)
                for i, kind in enumerate(kinds.values())
            ]
        try:
            with ExitStack() as stack:
                files = [stack.enter_context(open(self.folder / name, "xb")) for name in kinds]
                for part in pieces:
                    for file, kind, values in zip(files, kinds.values(), part, strict=True):
                        file.write(np.ascontiguousarray(values, dtype=kind).data)
            return [_mapped(self.folder / name, kind) for name, kind in kinds.items()]
        except OSError as error:
            raise cannot_write(self.folder.parent, error) from error  # ours is hidden, and goes

    def filled(self, name: str, n: int, value: Any, kind: Any) -> np.ndarray:
        """An array (n,) of one value. Its place on the disk is taken at once, so that writing to it cannot fail."""
        if self.folder is None:
            return np.full(n, value, kind)
        return self.gather({name: kind}, ((np.full(b - a, value, kind),) for a, b in blocks(n)))[0]


def blocks(n: int, size: int | None = None) -> Iterator[tuple[int, int]]:
    """0 to n in stretches of `size` (default BLOCK), as half-open pairs."""
    size = BLOCK if size is None else size
    for start in range(0, n, size):
        yield start, min(n, start + size)


def _mapped(path: Path, kind: Any) -> np.ndarray:
    return np.asarray(np.memmap(path, kind, "r+")) if path.stat().st_size else np.empty(0, kind)
