"""Downloading one file: checked, moved into place when it is whole, going on where it was interrupted."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from emcog.errors import DataError
from emcog.excerpts import escaped
from emcog.files import cannot_write, workplace

Progress = Callable[[str, int, int | None], None]
"""Told a file's name, how many bytes have come, and of how many (None: unknown)."""
_TIMEOUT_S = 30
_PIECE = 1 << 20  # bytes


def download(url: str, known: str | None, path: Path, progress: Progress | None = None) -> None:
    """Fetch a file, unless it is there and right.

    Parameters
    ----------
    known : its checksum, as pooch writes it (md5:..., sha256:...); None: unknown, and what is there counts as right.

    Raises
    ------
    DataError : it cannot be had, or is not what it should be.
    StorageError : its folder cannot be written to.
    """
    import pooch

    pooch.get_logger().setLevel("ERROR")
    with errors_of(url, path.parent):
        if path.is_file() and pooch.hashes.hash_matches(path, known):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        # Apart, so that nothing of pooch's own stays where a process was killed.
        with workplace(path.parent) as place:
            try:
                whole = pooch.retrieve(url, known, path.name, place, downloader=_Resuming(path, progress))
            except ValueError as error:
                if "hash" not in str(error) or isinstance(error, OSError):
                    raise
                raise DataError(
                    f"{escaped(url)}: what came is not the file that the card describes (checksum differs): fetch it "
                    f"again; if it stays, the source has changed"
                ) from None
            os.replace(whole, path)


def get(url: str, folder: Path) -> bytes:
    """What a server answers. folder : where the files are to be, for the error where there is no answer."""
    import requests

    with errors_of(url, folder):
        answer = requests.get(url, timeout=_TIMEOUT_S)
        answer.raise_for_status()
        return answer.content


@contextmanager
def errors_of(url: str, folder: Path) -> Iterator[None]:
    """Within this context no connection is a DataError, and no room or no permission a StorageError."""
    import requests

    try:
        yield
    except (requests.RequestException, ConnectionError, TimeoutError, _IncompleteError) as error:
        raise _unreachable(url, error, folder) from None
    except OSError as error:
        raise cannot_write(folder, error) from error


def _unreachable(url: str, error: Exception, folder: Path) -> DataError:
    status = getattr(getattr(error, "response", None), "status_code", None)
    host, url = urlsplit(url).hostname, escaped(url)
    what = f"{url}: the server answers {status}" if status else f"cannot reach {host} (no connection?) for {url}"
    if isinstance(error, _IncompleteError):
        what = f"{url}: {error}"
    return DataError(
        f"{what}: try again (what has come is kept), or get the files elsewhere and put their folder into the one that "
        f"EMCOG_DATA names; nothing was changed in {folder}"
    )


class _IncompleteError(OSError):
    """The connection ended before the file did."""


class _Resuming:
    """A downloader for pooch that keeps what has come in a .part file and asks for the rest.

    The server is asked with If-Range, so that a file that has changed since is fetched from its beginning.
    """

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        self.progress = progress
        self.part = path.with_name(f".{path.name}.part")
        self.note = path.with_name(f".{path.name}.part.etag")

    def __call__(self, url: str, output_file: str, pooch: Any, check_only: bool = False) -> None:
        have = self.part.stat().st_size if self.part.is_file() and self.note.is_file() else 0
        headers = {"Accept-Encoding": "identity"}  # a compressed stream could not be continued
        if have:
            headers |= {"Range": f"bytes={have}-", "If-Range": self.note.read_text("latin-1")}
        import requests

        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S) as answer:
            answer.raise_for_status()
            go_on = have > 0 and answer.status_code == requests.codes.partial_content
            # A weak ETag may name files that differ in a byte: only a strong one lets a download be continued.
            tag = answer.headers.get("ETag", "")
            tag = tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified", "")
            self.note.write_text(tag, "latin-1") if tag else self.note.unlink(missing_ok=True)
            rest = answer.headers.get("Content-Length")
            whole = None if rest is None or not rest.isdecimal() else int(rest) + (have if go_on else 0)
            with open(self.part, "ab" if go_on else "wb") as out:
                for piece in answer.iter_content(_PIECE):
                    out.write(piece)
                    if self.progress is not None:
                        self.progress(self.part.name[1:].removesuffix(".part"), out.tell(), whole)
        size = self.part.stat().st_size
        if whole is not None and size != whole:
            raise _IncompleteError(f"the connection ended after {size} of {whole} bytes")
        os.replace(self.part, output_file)
        self.note.unlink(missing_ok=True)
