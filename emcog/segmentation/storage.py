"""A segmentation as a set of files: written all at once, and read back only if they belong together."""

import csv
import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emcog.columns import BLOCK
from emcog.errors import DataError, OptionError, StorageError
from emcog.excerpts import first_words
from emcog.files import Content, check_folder, sha256_file, write_files
from emcog.records import parse_json
from emcog.segmentation.tables import EVENT_COLUMNS, Segmentation, event_columns, event_texts

FORMAT, FORMAT_VERSION = "emcog segmentation", 1
SUFFIXES = {"events": ".events.tsv", "tokens": ".tokens.parquet", "words": ".words.parquet"}
MANIFEST, PICTURE = ".json", ".png"
_MAKE_ONE = "make one with emcog segment STORY --out FOLDER"

# BIDS wants onset and duration first; the text goes last, so that the numbers stay in sight in a pager.
TSV_COLUMNS = ["onset", "duration", *[c for c in EVENT_COLUMNS if c not in ("onset_s", "offset_s", "text")]]


def write_segmentation(
    segmentation: Segmentation, folder: str | os.PathLike[str], stem: str | None = None, plot: bool = False
) -> list[Path]:
    """Write all files of a segmentation, or none: the work behind `Segmentation.save`."""
    stem = file_stem(segmentation.name) if stem is None else _checked_stem(stem)
    picture = None
    if plot:
        from emcog.viz import figure_bytes

        picture = figure_bytes(segmentation.plot(), "png")
    tables = {kind: iter([getattr(segmentation, kind)]) for kind in SUFFIXES}
    return write_tables(folder, stem, tables, segmentation.provenance, picture)


def write_tables(
    folder: str | os.PathLike[str],
    stem: str,
    tables: Mapping[str, Iterator[pd.DataFrame]],
    provenance: dict[str, Any],
    picture: bytes | None = None,
) -> list[Path]:
    """Write the files of a segmentation, all or none, from tables that come in parts.

    tables : events, tokens and words, each in parts of at most `emcog.columns.BLOCK` rows, or whole: the bytes are the
        same.
    """
    check_destination(folder, stem)
    contents: dict[str, Content] = {
        stem + SUFFIXES["events"]: lambda path: _write_events(path, tables["events"]),
        stem + SUFFIXES["tokens"]: lambda path: _write_parquet(path, "tokens", tables["tokens"]),
        stem + SUFFIXES["words"]: lambda path: _write_parquet(path, "words", tables["words"]),
    }
    if picture is not None:
        contents[stem + PICTURE] = picture
    record = {"format": FORMAT, "format_version": FORMAT_VERSION, "provenance": provenance}

    def write_manifest(path: Path) -> None:
        """The record, with the hashes of the files that lie beside it by now."""
        hashes = {kind: sha256_file(path.with_name(stem + suffix)) for kind, suffix in SUFFIXES.items()}
        manifest = json.dumps(record | {"sha256": hashes}, indent=2, ensure_ascii=False)
        # Half surrogate pairs, as in names that are no text, become what JSON writes for them (\\udce9).
        path.write_bytes((manifest + "\n").encode(errors="backslashreplace"))

    written = write_files(folder, contents | {stem + MANIFEST: write_manifest})
    if picture is None:
        _remove_picture(Path(folder) / (stem + PICTURE))
    return written


def read_segmentation(folder: str | os.PathLike[str], stem: str | None = None) -> Segmentation:
    """Read the files of a segmentation that belong together: the work behind `Segmentation.load`."""
    folder = Path(folder)
    stem = _only_stem(folder) if stem is None else _checked_stem(stem)
    record = folder / (stem + MANIFEST)
    if not any((folder / (stem + suffix)).exists() for suffix in (MANIFEST, *SUFFIXES.values())):
        raise StorageError(f"there is no segmentation {folder / stem}: check the name, or {_MAKE_ONE}")
    manifest = _read_manifest(record)
    content = {kind: _read_bytes(folder / (stem + suffix)) for kind, suffix in SUFFIXES.items()}
    for kind, suffix in SUFFIXES.items():
        if _sha256(content[kind]) != manifest["sha256"].get(kind):
            raise StorageError(
                f"{folder / (stem + suffix)} does not belong to {record.name}: it was changed, "
                f"or files of two runs are mixed; segment the story again"
            )
    try:
        tokens, words = _from_parquet(content["tokens"]), _from_parquet(content["words"])
        events = _events_from_tsv(content["events"], tokens)
        return Segmentation(events, tokens, words, manifest["provenance"])
    except (DataError, KeyError, ValueError, OSError) as error:
        raise StorageError(f"cannot read the files of {record}: {first_words(str(error), 200)}") from error


def file_stem(name: str) -> str:
    """A story's name made fit to be the beginning of a file name."""
    plain = "".join("_" if c in '/\\:*?"<>|' or not c.isprintable() else c for c in name).strip(". ")
    while len(plain.encode()) > 200:  # file systems end at 255 bytes, and the suffixes come on top
        plain = plain[:-1]
    return plain or "segmentation"


def check_destination(folder: str | os.PathLike[str], stem: str, source: str | os.PathLike[str] | None = None) -> None:
    """Refuse, before any work, a place that `Segmentation.save` could not or should not write to.

    Parameters
    ----------
    folder : may be missing; then the nearest folder that exists counts.
    stem : the files' common name.
    source : the file that the story was read from, which must not be overwritten.

    Raises
    ------
    StorageError : not a folder, not writable, or a file that is not emcog's is in the way.
    """
    folder = Path(folder)
    try:
        check_folder(folder)
        for suffix in (*SUFFIXES.values(), PICTURE, MANIFEST):
            path = folder / (stem + suffix)
            if source is not None and path.exists() and Path(source).exists() and path.samefile(source):
                raise StorageError(f"{path} would overwrite the input; choose another folder")
        manifest = folder / (stem + MANIFEST)
        if manifest.exists() and not _is_manifest(manifest):
            raise StorageError(f"{manifest} is there already and is not emcog's; choose another folder")
    except OSError as error:
        raise StorageError(f"cannot write to {folder}: {error.strerror or error}; choose another folder") from error


def _remove_picture(path: Path) -> None:
    """Remove a picture that emcog drew: it is of the events that were there before. Others' pictures stay."""
    with suppress(OSError):
        if b"Software\0emcog" in path.read_bytes()[:1000]:
            path.unlink()


def _write_events(path: Path, parts: Iterator[pd.DataFrame]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, delimiter="\t", lineterminator="\n")  # quotes a text that holds one, as BIDS allows
        for number, events in enumerate(parts):
            nested = [c for c in event_columns(events) if c not in EVENT_COLUMNS]
            if number == 0:
                writer.writerow([*TSV_COLUMNS, *nested, "text"])
            onsets, offsets = events["onset_s"].tolist(), events["offset_s"].tolist()
            durations = [_duration(onset, offset) for onset, offset in zip(onsets, offsets, strict=True)]
            numbers = [onsets, durations, *[events[c].tolist() for c in [*TSV_COLUMNS[2:], *nested]]]
            for text, *cells in zip(events["text"].tolist(), *numbers, strict=True):
                writer.writerow([*map(_cell, cells), " ".join(text.split()) or "n/a"])


def _cell(value: float) -> str:
    return "n/a" if value != value else repr(value)


def _duration(onset: float, offset: float) -> float:
    """The shortest decimal that, added to `onset`, gives `offset` back exactly (for 0 <= onset <= offset)."""
    exact = offset - onset
    if not np.isfinite(exact):
        return exact
    near = [np.nextafter(exact, -np.inf), np.nextafter(exact, np.inf)]
    candidates = [*[round(exact, digits) for digits in range(1, 17)], exact, *near]
    return float(next((d for d in candidates if onset + d == offset), exact))


def _events_from_tsv(content: bytes, tokens: pd.DataFrame) -> pd.DataFrame:
    # The text column is for people (one line, white space collapsed): the exact text comes from the tokens.
    rows = [line.split("\t") for line in content.decode().split("\n")[:-1]]
    header = rows[0] if rows else []
    if header[: len(TSV_COLUMNS)] != TSV_COLUMNS or header[-1] != "text":
        raise DataError("the events' columns are not " + ", ".join([*TSV_COLUMNS, "text"]))
    cells = dict(zip(header, zip(*rows[1:], strict=True), strict=True)) if rows[1:] else {}
    numbers = {c: [float("nan") if x == "n/a" else float(x) for x in cells.get(c, ())] for c in header[:-1]}
    events = pd.DataFrame(numbers).rename(columns={"onset": "onset_s"})
    events["offset_s"] = events["onset_s"] + events.pop("duration")
    start, end = (events[c].astype("int64").to_numpy() for c in ("start_token", "end_token"))
    events["text"] = event_texts(tokens, start, end)
    return events


def _write_parquet(path: Path, kind: str, parts: Iterator[pd.DataFrame]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # An open file, since Parquet's library takes no path that is not UTF-8.
        with open(path, "wb") as file, ExitStack() as stack:
            writer = None
            for part in parts:
                table = pa.Table.from_pandas(part, preserve_index=False)
                writer = writer or stack.enter_context(pq.ParquetWriter(file, table.schema))
                writer.write_table(table, row_group_size=BLOCK)
    except (pa.ArrowException, TypeError, ValueError) as error:
        reason = first_words(str(error), 200)
        raise StorageError(f"the table of {kind} cannot be stored as Parquet: {reason}") from error


def _from_parquet(content: bytes) -> pd.DataFrame:
    import pyarrow.parquet as pq

    return pq.read_table(io.BytesIO(content)).to_pandas()


def _checked_stem(stem: str) -> str:
    if not stem or stem != file_stem(stem):
        raise OptionError(f"stem must be a plain file name without folders, got {stem!r}")
    return stem


def _only_stem(folder: Path) -> str:
    if not folder.is_dir():
        raise StorageError(f"{folder} is not a folder")
    stems = sorted({p.name.removesuffix(s) for s in SUFFIXES.values() for p in folder.glob("*" + s)})
    if not stems:
        raise StorageError(f"no segmentation in {folder}: there is no file *{SUFFIXES['events']}; {_MAKE_ONE}")
    if len(stems) > 1:
        raise StorageError(f"{folder} holds {len(stems)} segmentations: choose one with stem=, of {', '.join(stems)}")
    return stems[0]


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise StorageError(f"{path} is missing: the segmentation is not whole; segment the story again") from error
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = parse_json(_read_bytes(path))
    except ValueError as error:
        raise StorageError(f"{path} is damaged: it is not JSON ({first_words(str(error), 200)})") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise StorageError(f"{path} is not the record of an emcog segmentation")
    if manifest.get("format_version") != FORMAT_VERSION:
        raise StorageError(f"{path} has format {manifest.get('format_version')}; this emcog reads {FORMAT_VERSION}")
    if not all(isinstance(manifest.get(key), dict) for key in ("provenance", "sha256")):
        raise StorageError(f"{path} is damaged: its provenance or hashes are missing")
    return manifest


def _is_manifest(path: Path) -> bool:
    try:
        _read_manifest(path)
    except StorageError:
        return False
    return True


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
