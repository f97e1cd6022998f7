"""Dataset cards: what a dataset is, whom to cite, what one may do with it, and where its files are."""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from emcog.errors import DataError
from emcog.options import check_choice
from emcog.paths import data_folder

UNKNOWN = "unknown"


@dataclass(frozen=True)
class DataFile:
    """One file of a dataset.

    Attributes
    ----------
    path : its place inside the dataset's folder, with forward slashes.
    role : what it holds.
    url : where it can be downloaded; "" if only by hand.
    sha256 : of its bytes, or "unknown". An unknown one is noted at the first download and checked from then on.
    unpack : whether it is a zip archive to be unpacked where it lies.
    """

    path: str
    role: str = ""
    url: str = ""
    sha256: str = UNKNOWN
    unpack: bool = False


@dataclass(frozen=True)
class DatasetCard:
    """What is known of a dataset, from datasets/<name>.toml.

    Attributes
    ----------
    name, title, authors, year, language, licence, citation, description, caveat : as they say.
    terms : what one may and may not do with it, in words.
    doi, homepage : "" where there is none.
    holds : what `load_dataset` gives: transcripts, annotations, tables.
    zenodo : number of the Zenodo record whose files these are (they are listed, with checksums, when fetched); 0: none.
    manual : how to get what cannot be downloaded by a program; "" if everything can.
    files : the files, as far as they are known.
    """

    name: str
    title: str
    citation: str
    licence: str
    authors: tuple[str, ...] = ()
    year: int = 0
    language: str = ""
    terms: str = ""
    doi: str = ""
    homepage: str = ""
    description: str = ""
    caveat: str = ""
    holds: tuple[str, ...] = ()
    zenodo: int = 0
    manual: str = ""
    files: tuple[DataFile, ...] = ()

    @property
    def contents(self) -> str:
        """What is in it, in words: what it holds, or what its files are."""
        return ", ".join(self.holds or [file.role.replace("_", " ") for file in self.files])


def card_names() -> list[str]:
    """Names of all datasets that have a card, sorted."""
    return sorted(path.stem for path in data_folder("datasets").glob("*.toml"))


def read_card(name: str) -> DatasetCard:
    """The card of a dataset.

    Raises
    ------
    OptionError : no dataset of that name.
    DataError : a card with a key that cards do not have, or without one that they must have.
    """
    check_choice("dataset", name, card_names())
    path = data_folder("datasets") / f"{name}.toml"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path}: not TOML: {error}") from None
    return _card(path, content)


def _card(path: Path, content: dict[str, Any]) -> DatasetCard:
    known = {field.name for field in fields(DatasetCard)}
    unknown = sorted(set(content) - known)
    if unknown:
        raise DataError(f"{path}: cards have no key {unknown[0]!r}: they have {', '.join(sorted(known))}")
    files = [{key: value for key, value in one.items() if key != "columns"} for one in content.pop("files", [])]
    strings = {key: " ".join(value.split()) for key, value in content.items() if isinstance(value, str)}
    lists = {key: tuple(value) for key, value in content.items() if isinstance(value, list)}
    try:
        return DatasetCard(**(content | strings | lists | {"files": tuple(DataFile(**one) for one in files)}))
    except TypeError as error:
        raise DataError(f"{path}: {' '.join(str(error).split())}") from None
