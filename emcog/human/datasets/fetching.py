"""Getting a dataset's files: from the folder that EMCOG_DATA names, from the cache, or from the net.

What was fetched is checked, and noted when all of it is there; an interrupted download goes on where it stopped.
"""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emcog.errors import DataError
from emcog.excerpts import escaped
from emcog.files import sha256_file, write_files
from emcog.human.datasets.cards import UNKNOWN, DataFile, DatasetCard, read_card
from emcog.human.datasets.downloading import Progress, download, errors_of, get
from emcog.human.datasets.unpacking import inside, unpack
from emcog.paths import data_folder
from emcog.records import parse_json

FETCHED = "emcog-fetched.json"
"""In a folder of the cache: which files are there, with their SHA-256."""
ZENODO_API = "https://zenodo.org/api"
Say = Callable[[str], None]


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
    DataError : nothing of it can be downloaded; no connection; a file that is not what it should be, or not where.
    StorageError : the cache cannot be written to.
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
    for file, _ in listed:
        inside(folder, file.path, file.url)  # all are looked at before one is fetched
    for file, expected in listed:
        known = f"sha256:{noted[file.path]}" if expected.endswith(UNKNOWN) and file.path in noted else expected
        noted[file.path] = _fetch(file, known, folder, say, progress)
    if say is not None and card.manual:
        say(card.manual)
    write_files(folder, {FETCHED: (json.dumps(noted, indent=1, sort_keys=True) + "\n").encode()})
    return folder


def _noted(folder: Path) -> dict[str, str]:
    try:
        found = parse_json((folder / FETCHED).read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(path): str(digest) for path, digest in found.items()} if isinstance(found, dict) else {}


def _zenodo_files(card: DatasetCard) -> list[tuple[DataFile, str]]:
    """Files of a Zenodo record with the checksums that Zenodo gives."""
    if not card.zenodo:
        return []
    url = f"{ZENODO_API}/records/{card.zenodo}"
    content = get(url, cache_folder() / card.name)
    try:
        files = [_zenodo_file(file) for file in parse_json(content)["files"]]
        if not files:
            raise ValueError("no files")
        return files
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{url}: what came is no record of files (is it a network that one must log in to?): try again, or look at "
            f"https://doi.org/{card.doi}"
        ) from error


def _zenodo_file(file: Any) -> tuple[DataFile, str]:
    """A file and its checksum; an error of the usual kinds if anything of them is missing or odd."""
    key, url, checksum = file["key"], file["links"]["self"], file["checksum"]
    if not re.fullmatch(r"https?://[^\s/\[\]]+/\S*", url) or not re.fullmatch(r"(md5|sha256):[0-9a-f]+", checksum):
        raise ValueError(f"an odd address or checksum: {url}, {checksum}")
    return DataFile(key, role="file of the record", url=url, unpack=key.endswith(".zip")), checksum


def _fetch(file: DataFile, expected: str, folder: Path, say: Say | None, progress: Progress | None) -> str:
    """Fetch one file, unless it is there and right. Returns its SHA-256."""
    path = folder / file.path
    if say is not None and not path.is_file():
        say(escaped(f"fetching {file.url}"))
    download(file.url, None if expected.endswith(UNKNOWN) else expected, path, progress)
    with errors_of(file.url, path.parent):
        if file.unpack:
            unpack(path)
        return sha256_file(path)
