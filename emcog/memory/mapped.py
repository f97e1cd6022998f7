"""A file that is written at its end and read through a memory map: what lies in it takes no anonymous memory."""

import mmap
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from emcog.errors import StorageError


class MappedFile:
    """Bytes in a file.

    Parameters
    ----------
    path : of a file that is there, only to be read, since others may be reading it too. None: a temporary one, which
        has no name where the system can do without, and is gone with the process however that ends.
    """

    def __init__(self, path: Path | None = None):
        self.place = str(path) if path is not None else f"the temporary folder {tempfile.gettempdir()}"
        try:
            if path is None:
                self._file: Any = tempfile.TemporaryFile(prefix="emcog-memory-", buffering=0)  # noqa: SIM115
            else:
                self._file = open(path, "rb")  # noqa: SIM115
        except OSError as error:
            raise StorageError(f"cannot open {self.place}: {error.strerror}; choose another folder") from error

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return os.fstat(self._file.fileno()).st_size

    def write(self, place: int, data: np.ndarray) -> None:
        """Put an array's bytes at a place; a full disk is an error here, and not a signal when the map is read."""
        left = np.ascontiguousarray(data).reshape(-1).view(np.uint8).data
        try:
            self._file.seek(place)
            while len(left):
                left = left[self._file.write(left) :]
        except OSError as error:
            raise StorageError(
                f"cannot write to {self.place}: {error.strerror}; free some space there, or choose another folder "
                "(environment variable TMPDIR)"
            ) from error

    def map(self) -> np.ndarray:
        """All bytes that are in the file now, uint8, read where they lie."""
        size = self.size
        if not size:
            return np.empty(0, np.uint8)
        # Private, though nobody writes to it: torch warns of memory that cannot be written to.
        return np.frombuffer(mmap.mmap(self._file.fileno(), size, access=mmap.ACCESS_COPY), np.uint8)
