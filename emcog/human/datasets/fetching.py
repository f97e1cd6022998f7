"""Getting a dataset's files: from the folder that EMCOG_DATA names, from the cache, or from the net.

Downloads go through pooch, which checks them and moves them into place only when they are whole; an interrupted one
goes on where it stopped.
"""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from emcog.errors import DataError
from emcog.files import sha256_file, workplace, write_files
from emcog.human.datasets.cards import UNKNOWN, DataFile, DatasetCard, read_card
from emcog.paths import data_folder

FETCHED = "emcog-fetched.json"
"""In a folder of the cache: which files are there, with their SHA-256."""
ZENODO_API = "https://zenodo.org/api"
Say = Callable[[str], None]
Progress = Callable[[str, int, int | None], None]
"""Told a file's name, how many bytes have come, and of how many (None: unknown)."""
_TIMEOUT_S = 30
_PIECE = 1 << 20  # bytes


def cache_folder() -> Path:
    """Where downloads are kept: the user's cache, or the folder that EMCOG_CACHE names."""
    import pooch

    named = os.environ.get("EMCOG_CACHE")
    return Path(named) if named else Path(pooch.os_cache("emcog")) / "datasets"


def find_dataset(name: str) -> Path | None:
    """Folder of a dataset that is already here: bundled, in EMCOG_DATA, or fetched before; None if it is nowhere."""
    read_card(name)
    bundled = data_folder("datasets") / name
    if bundled.is_dir():
        return bundled
    own = os.environ.get("EMCOG_DATA")
    if own and (Path(own) / name).is_dir():
        return Path(own) / name
    cached = cache_folder() / name
    return cached if (cached / FETCHED).is_file() else None


def dataset_path(name: str) -> Path:
    """Folder of a dataset.

    Raises
    ------
    OptionError : no dataset of that name.
    DataError : it is not here; the message says how to get it.
    """
    found = find_dataset(name)
    if found is None:
        card = read_card(name)
        how = f"get it with: emcog datasets fetch {name}" if _can_fetch(card) else card.manual
        raise DataError(
            f"dataset {name} is not here: {how}; or put its folder at EMCOG_DATA/{name} "
            f"(EMCOG_DATA is {os.environ.get('EMCOG_DATA') or 'not set'})"
        )
    return found


def _can_fetch(card: DatasetCard) -> bool:
    return bool(card.zenodo) or any(file.url for file in card.files)


def fetch_dataset(name: str, say: Say | None = None, progress: Progress | None = None) -> Path:
    """Download a dataset's files into the cache, or find them where they already are.

    Each file is checked against its SHA-256 (a Zenodo record's against its MD5); where none is known, that of the first
    download is noted, and later ones must equal it. What is there and whole is not fetched again; what was interrupted
    goes on.

    Parameters
    ----------
    name : of the dataset.
    say : told each file before it is fetched, and what must be done by hand.
    progress : told how far a file has come.

    Returns
    -------
    The folder.

    Raises
    ------
    OptionError : no dataset of that name.
    DataError : nothing of it can be downloaded; no connection; a file that is not what it should be.
    """
    found, card = find_dataset(name), read_card(name)
    if found is not None and not found.is_relative_to(cache_folder()):
        return found
    if not _can_fetch(card):
        raise DataError(f"dataset {name} cannot be downloaded by a program: {card.manual}")
    folder = cache_folder() / name
    noted = _noted(folder)
    listed = [(file, f"sha256:{file.sha256}") for file in card.files if file.url]
    listed += _zenodo_files(card)
    for file, expected in listed:
        known = f"sha256:{noted[file.path]}" if expected.endswith(UNKNOWN) and file.path in noted else expected
        noted[file.path] = _fetch(file, known, folder, say, progress)
    if say is not None and card.manual:
        say(card.manual)
    write_files(folder, {FETCHED: (json.dumps(noted, indent=1, sort_keys=True) + "\n").encode()})
    return folder


def _noted(folder: Path) -> dict[str, str]:
    try:
        found = json.loads((folder / FETCHED).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return {}
    return {str(path): str(digest) for path, digest in found.items()} if isinstance(found, dict) else {}


def _zenodo_files(card: DatasetCard) -> list[tuple[DataFile, str]]:
    """Files of a Zenodo record with the checksums that Zenodo gives."""
    if not card.zenodo:
        return []
    url = f"{ZENODO_API}/records/{card.zenodo}"
    record = _get(url).json()
    files = record.get("files") if isinstance(record, dict) else None
    if not isinstance(files, list) or not files:
        raise DataError(f"{url}: it lists no files; look at https://doi.org/{card.doi}")
    one = DataFile("", role="file of the record")
    return [
        (
            replace(one, path=file["key"], url=file["links"]["self"], unpack=file["key"].endswith(".zip")),
            file["checksum"],
        )
        for file in files
    ]


def _fetch(file: DataFile, expected: str, folder: Path, say: Say | None, progress: Progress | None) -> str:
    """Fetch one file, unless it is there and right. Returns its SHA-256."""
    import pooch

    path = folder / file.path
    known = None if expected.endswith(UNKNOWN) else expected
    if say is not None and not path.is_file():
        say(f"fetching {file.url}")
    try:
        pooch.get_logger().setLevel("ERROR")
        if not path.is_file() or not pooch.hashes.hash_matches(path, known):
            path.parent.mkdir(parents=True, exist_ok=True)
            # Apart, so that nothing of pooch's own stays where a process was killed.
            with workplace(path.parent) as place:
                whole = pooch.retrieve(file.url, known, path.name, place, downloader=_Resuming(path, progress))
                os.replace(whole, path)
        if file.unpack:
            pooch.retrieve(file.url, known, path.name, path.parent, processor=pooch.Unzip(extract_dir="."))
    except ValueError as error:
        if "hash" not in str(error):
            raise
        raise DataError(
            f"{file.url}: what came is not the file that the card describes (checksum differs): fetch it again; if it "
            f"stays, the source has changed"
        ) from None
    except OSError as error:
        raise _unreachable(file.url, error, folder) from None
    return sha256_file(path)


def _get(url: str, **options: Any) -> Any:
    """GET, with an honest error where there is no connection."""
    import requests

    try:
        answer = requests.get(url, timeout=_TIMEOUT_S, **options)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise _unreachable(url, error, cache_folder()) from None
    return answer


def _unreachable(url: str, error: Exception, folder: Path) -> DataError:
    status = getattr(getattr(error, "response", None), "status_code", None)
    host = urlsplit(url).hostname
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
            headers |= {"Range": f"bytes={have}-", "If-Range": self.note.read_text()}
        import requests

        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S) as answer:
            answer.raise_for_status()
            go_on = have > 0 and answer.status_code == requests.codes.partial_content
            # A weak ETag may name files that differ in a byte: only a strong one lets a download be continued.
            tag = answer.headers.get("ETag", "")
            tag = tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified", "")
            self.note.write_text(tag) if tag else self.note.unlink(missing_ok=True)
            rest = answer.headers.get("Content-Length")
            whole = None if rest is None else int(rest) + (have if go_on else 0)
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
