"""A memory as a folder: append-only files of rows, a small state, and a manifest that vouches for all of them.

Rows are written first, then the state under a new name, then the manifest in one step. So whenever a process is killed,
the manifest that is there describes files that are whole; rows behind those it counts are ignored and written over.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from emcog.errors import ModelError, StorageError
from emcog.files import write_files
from emcog.lm import LM
from emcog.memory.config import MemoryConfig
from emcog.memory.damage import check_manifest, tells_damage
from emcog.memory.log import TieredRows
from emcog.memory.recalling import RECALL
from emcog.memory.state import get_state, put_state, restore_local
from emcog.memory.text import cut_text
from emcog.memory.tiers import FileTier
from emcog.records import parse_json

if TYPE_CHECKING:
    from emcog.memory.episodic import EpisodicLM

FORMAT, FORMAT_VERSION = "emcog memory", 2
MANIFEST, LOCK, BOOKS = "memory.json", "memory.lock", "books.json"
SEGMENT = 2**24
"""Bytes under one checksum."""
BLOCK_ROWS = 8192
"""Rows copied at once."""


class Place:
    """Where a memory lies, and what its manifest said when this memory last agreed with it."""

    def __init__(self, folder: Path, manifest: dict[str, Any]):
        self.folder, self.manifest = folder, manifest


def save_memory(memory: "EpisodicLM", folder: str | os.PathLike[str]) -> None:
    """The work behind `EpisodicLM.save`."""
    memory.sync()
    if not os.fspath(folder):
        raise StorageError("save needs the name of a folder, got an empty one")
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot write to {folder}: {error.strerror}; choose another folder") from error
    if not (folder / MANIFEST).exists():
        left = {*_columns(memory), BOOKS, LOCK}  # by a saving that was broken off
        if any(part.name not in left and not part.name.startswith((".", "state-")) for part in folder.iterdir()):
            raise StorageError(f"{folder} holds other files: name a new folder for the memory")
    with _locked(folder):
        there = read_manifest(folder) if (folder / MANIFEST).exists() else None
        known = memory.place.manifest if memory.place and memory.place.folder == folder.resolve() else None
        if there is not None and (known is None or there["sha256"] != known["sha256"]):
            raise StorageError(
                f"{folder} holds another memory, or another process has written to this one since: "
                "choose another folder, or load it again"
            )
        files = dict(there["files"]) if there else {}
        for name, (rows, count) in _columns(memory).items():
            files[name] = _append(folder / name, files.get(name), rows, count)
        manifest = _write_state(memory, folder, files)
        if there is not None and there["state"] != manifest["state"]:
            (folder / there["state"]).unlink(missing_ok=True)
    memory.place = Place(folder.resolve(), manifest)
    if memory.settings.tier == "file":
        memory.reader.log.on_files(folder, {name: entry["rows"] for name, entry in manifest["files"].items()})


@tells_damage(1)
def load_memory(memory: "EpisodicLM", folder: str | os.PathLike[str], lm: LM) -> None:
    """The work behind `EpisodicLM.load`: fills in an empty memory."""
    folder = Path(folder)
    manifest = read_manifest(folder)
    if manifest["model"]["weights"] != lm.weight_hash:
        raise ModelError(
            f"{folder} is a memory of the model {manifest['model']['name']!r} with other weights than {lm.name!r}: "
            "load it with the model that read it"
        )
    _check_files(folder, manifest)
    config = MemoryConfig(**manifest["config"])
    memory.__init__(lm, config)  # type: ignore[misc]
    columns = {name: _read_column(folder, name, manifest) for name in manifest["files"] if not _is_rows(name)}
    put_state(memory, columns, _read_state(folder, manifest), manifest["plain"])
    memory.place = Place(folder.resolve(), manifest)
    if config.tier == "file":
        memory.reader.log.on_files(folder, {name: entry["rows"] for name, entry in manifest["files"].items()})
    else:
        _copy_rows(memory, folder)
    restore_local(memory, manifest["plain"])


@tells_damage(0)
def read_tables(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """What a saved memory holds, without its model, and also if keys, values or representatives are damaged.

    Returns
    -------
    dict: manifest (provenance, settings, sizes); tokens (DataFrame: token, token_id, text, surprisal); events
    (DataFrame: event, start_token, end_token, text, surprise; those that have left the window).

    Raises StorageError where there is none, or where these very files are damaged.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    told = {name: entry for name, entry in manifest["files"].items() if not name.startswith(("layer-", "index-"))}
    _check_files(folder, {**manifest, "files": told})
    columns = {name: _read_column(folder, name, manifest) for name in told}
    utf8, ends = columns["text.utf8"], columns["text_end.i8"]
    n_bos, n = manifest["plain"]["n_bos"], len(ends)
    ids = np.concatenate([columns["ids.i8"], np.array(manifest["plain"]["pending"], dtype=np.int64)])[:n]
    surprisal = np.append(columns["surprisal.f8"], np.full(n, np.nan))[:n]
    pieces = cut_text(utf8, ends, np.arange(n_bos, n), np.arange(n_bos, n) + 1)
    tokens = pd.DataFrame({"token": np.arange(n - n_bos), "token_id": ids[n_bos:], "text": pieces})
    tokens["surprisal"] = surprisal[n_bos:]
    starts, stops = columns["events.i8"].reshape(-1, 2).T
    events = pd.DataFrame({"event": np.arange(len(starts)), "start_token": np.maximum(starts - n_bos, 0)})
    events["end_token"] = stops - n_bos
    events["text"] = cut_text(utf8, ends, starts, stops)
    second = 1 if manifest["config"]["compat"] == "reference" else 0
    events["surprise"] = surprisal[np.maximum(starts, n_bos) + second]
    return {"manifest": manifest, "tokens": tokens, "events": events}


def read_manifest(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """A memory's manifest: format, versions, model, config, files, state. StorageError if it is none or damaged."""
    path = Path(folder) / MANIFEST
    try:
        manifest = parse_json(path.read_bytes())
    except FileNotFoundError:
        raise StorageError(
            f"{folder} holds no memory: give a folder that `emcog read --memory` or .save made"
        ) from None
    except NotADirectoryError:
        raise StorageError(f"{folder} is a file, and a memory is a folder: choose another name") from None
    except (OSError, ValueError) as error:
        raise StorageError(f"{path} is damaged or cannot be read ({error}): restore it from a copy") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise StorageError(f"{path} is no manifest of a memory: give a folder that emcog made")
    if manifest.get("format_version") != FORMAT_VERSION:
        raise StorageError(
            f"{path} has format version {manifest.get('format_version')}, this emcog reads version {FORMAT_VERSION}: "
            "read the text again"
        )
    if manifest.get("sha256") != _own_hash(manifest):
        raise StorageError(f"{path} is damaged: its checksum is wrong; restore it from a copy")
    check_manifest(path, manifest, SEGMENT)
    return manifest


def _columns(memory: "EpisodicLM") -> dict[str, tuple[Any, int]]:
    """Every append-only file by name: a function that gives bytes of rows [a, b), and the number of rows."""
    reader = memory.reader
    events = np.stack([reader.starts.rows, reader.ends.rows], axis=1)
    arrays = {
        "ids.i8": reader.ids.rows,
        "surprisal.f8": reader.surprisal.rows,
        "text_end.i8": memory.words.ends.rows,
        "text.utf8": memory.words.utf8.rows,
        "events.i8": events,
        "recalls.bin": reader.recalls.rows,
    }
    found: dict[str, tuple[Any, int]] = {
        name: (lambda a, b, x=x: np.ascontiguousarray(x[a:b]).tobytes(), len(x)) for name, x in arrays.items()
    }
    for number, layer in reader.layers.items():
        if layer.config.representative != "all":
            index = layer.index
            found[f"index-{number:03d}.f4"] = (
                lambda a, b, x=index: x.rows(a, b).cpu().numpy().tobytes(),
                index.count,
            )
        for name, rows in _row_files(number, layer.log):
            found[name] = (lambda a, b, x=rows: _bytes_of(x, a, b), rows.count)
    return found


def _row_files(number: int, log: Any) -> Iterator[tuple[str, TieredRows]]:
    yield f"layer-{number:03d}.rows", log.rows
    if log.scales is not None:
        yield f"layer-{number:03d}.scales", log.scales


def _is_rows(name: str) -> bool:
    return name.startswith("layer-")


def _bytes_of(rows: TieredRows, a: int, b: int) -> bytes:
    found = rows.arrived(rows.gather(np.arange(a, b)))
    return found.cpu().contiguous().view(torch.uint8).numpy().tobytes()


def _append(path: Path, before: dict[str, Any] | None, rows: Any, count: int) -> dict[str, Any]:
    """Write the rows that are new; returns the file's entry in the manifest."""
    done = before["rows"] if before else 0
    size, sums = (before["bytes"], list(before["crc32"])) if before else (0, [])
    try:
        with open(path, "r+b" if path.exists() else "w+b") as file:
            file.truncate(size)
            file.seek(size)
            for start in range(done, count, BLOCK_ROWS):
                data = rows(start, min(start + BLOCK_ROWS, count))
                file.write(data)
                size = _add_checksums(sums, size, data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StorageError(
            f"cannot write to {path}: {error.strerror or error}; free some space or choose another folder"
        ) from error
    return {"rows": count, "bytes": size, "crc32": sums}


def _add_checksums(sums: list[int], size: int, data: bytes) -> int:
    """Carry the checksums of segments on over more data; returns the new size."""
    view = memoryview(data)
    while len(view):
        room = SEGMENT - size % SEGMENT
        piece = view[:room]
        if size % SEGMENT:
            sums[-1] = zlib.crc32(piece, sums[-1])
        else:
            sums.append(zlib.crc32(piece))
        size, view = size + len(piece), view[room:]
    return size


def _write_state(memory: "EpisodicLM", folder: Path, files: dict[str, Any]) -> dict[str, Any]:
    from safetensors.torch import save

    tensors, plain = get_state(memory)
    data = save({name: tensor.contiguous().cpu().clone() for name, tensor in tensors.items()})
    name = f"state-{memory.n_tokens}-{hashlib.sha256(data).hexdigest()[:8]}.safetensors"
    lm = memory.lm
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "versions": {package: _version(package) for package in ("emcog", "torch", "transformers", "numpy")},
        "model": {"name": lm.name, "weights": lm.weight_hash, "dtype": str(lm.model.dtype)[6:]},
        "config": memory.config.as_dict(),
        "n_tokens": memory.n_tokens,
        "n_events": len(memory.reader.starts),
        "files": files,
        "state": name,
        "state_sha256": hashlib.sha256(data).hexdigest(),
        "plain": plain,
    }
    manifest["sha256"] = _own_hash(manifest)
    write_files(folder, {name: data, MANIFEST: json.dumps(manifest, indent=1).encode()})
    return manifest


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # emcog itself, from a checkout that is on the path only
        return "not installed"


def _own_hash(manifest: dict[str, Any]) -> str:
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _check_files(folder: Path, manifest: dict[str, Any]) -> None:
    for name, entry in manifest["files"].items():
        path = folder / name
        try:
            size = path.stat().st_size
            if size < entry["bytes"]:
                raise StorageError(
                    f"{path} is cut short: it has {size:,} bytes of {entry['bytes']:,}; restore it from a copy, or "
                    "read the text again"
                )
            with open(path, "rb") as file:
                for i, wanted in enumerate(entry["crc32"]):
                    data = file.read(min(SEGMENT, entry["bytes"] - i * SEGMENT))
                    if zlib.crc32(data) != wanted:
                        raise StorageError(
                            f"{path} is damaged: the checksum of bytes {i * SEGMENT:,} to "
                            f"{i * SEGMENT + len(data):,} is wrong; restore it from a copy, or read the text again"
                        )
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror}; restore it from a copy") from error


def _read_column(folder: Path, name: str, manifest: dict[str, Any]) -> np.ndarray:
    kinds: dict[str, np.dtype[Any]] = {
        "i8": np.dtype(np.int64), "f8": np.dtype(np.float64), "f4": np.dtype(np.float32), "utf8": np.dtype(np.uint8),
        "bin": RECALL,
    }  # fmt: skip
    kind = kinds[name.rpartition(".")[2]]
    return np.fromfile(folder / name, kind, manifest["files"][name]["bytes"] // kind.itemsize)


def _read_state(folder: Path, manifest: dict[str, Any]) -> dict[str, torch.Tensor]:
    from safetensors.torch import load

    path = folder / manifest["state"]
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}; restore it from a copy") from error
    if hashlib.sha256(data).hexdigest() != manifest["state_sha256"]:
        raise StorageError(f"{path} is damaged: its checksum is wrong; restore it from a copy, or read the text again")
    return load(data)


def _copy_rows(memory: "EpisodicLM", folder: Path) -> None:
    """Read all rows into the tiers that the settings name."""
    for number, layer in memory.reader.layers.items():
        for name, rows in _row_files(number, layer.log):
            file = FileTier(rows.width, rows.dtype, folder / name)
            count = memory.place.manifest["files"][name]["rows"]
            for start in range(0, count, BLOCK_ROWS):
                rows.write(start, file.gather(np.arange(start, min(start + BLOCK_ROWS, count))))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer at a time."""
    path = folder / LOCK
    try:
        handle = open(path, "a")  # noqa: SIM115
    except OSError as error:
        raise StorageError(f"cannot write to {folder}: {error.strerror}; choose another folder") from error
    with handle:
        try:
            _lock(handle.fileno())
        except OSError as error:
            raise StorageError(
                f"another process is writing the memory in {folder}: wait for it, or choose another folder"
            ) from error
        yield


def _lock(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:  # not on Windows, whose own lock does the same
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
