"""What a listening pass has done so far, on disk, so that an interrupted one goes on where it was.

A journal is a folder. Each checkpoint adds the signals of the tokens since the last one (`signals-START-STOP`) and
then, under a new name, what is needed to go on (`state-STOP`): the window's keys and values, the distribution that is
carried, and what else listens along. A state counts only if the signals before it are all there, so a process may be
killed at any moment.
"""

import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from emcog.files import write_files
from emcog.records import parse_json

if TYPE_CHECKING:
    from emcog.lm.load import LM
    from emcog.lm.reading import Place

try:
    import fcntl
except ImportError:  # Windows: two processes that keep one journal would do the same work twice
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger("emcog")
EVERY_S = 60.0
"""Seconds between checkpoints; a text that takes less leaves no folder."""
FORMAT, LOCK = "emcog journal 1", "journal.lock"
Tensors = dict[str, torch.Tensor]


class Listener(Protocol):
    """What takes the keys while listening, and must go on with it after an interruption."""

    def get_state(self) -> tuple[Tensors, dict[str, Any]]:
        """Tensors, and values that JSON holds."""

    def set_state(self, tensors: Tensors, plain: dict[str, Any]) -> None:
        """Go on from there."""


class Reducer(Protocol):
    """What holds the signals."""

    place: int

    def get_state(self, start: int) -> tuple[Tensors, torch.Tensor]:
        """The values known from token `start` on, and the distribution that is carried."""

    def put(self, start: int, values: Tensors) -> None:
        """Take back values from token `start` on."""

    def set_state(self, place: int, carried: torch.Tensor) -> None:
        """Go on at `place`."""


class Journal:
    """Where `listen` keeps what is done.

    Parameters
    ----------
    folder : made at the first checkpoint. The caller removes it when the result is safe.
    identity : all that decides the numbers beside the token ids and the model, fit for JSON. What an unlike one has
        left is thrown away.
    listener : what `on_keys` belongs to, if there is such.
    every_s : seconds between checkpoints; None is EVERY_S.

    While one process keeps a journal, others with the same folder listen without one.
    """

    def __init__(
        self,
        folder: Path,
        identity: Mapping[str, Any],
        listener: Listener | None = None,
        every_s: float | None = None,
    ):
        self.folder, self.listener = folder, listener
        self.every_s = EVERY_S if every_s is None else every_s
        self.identity: dict[str, Any] = dict(identity)
        self.saved = 0  # tokens whose signals are on disk
        self.n_tokens = 0
        self.last = time.monotonic()
        self.lock: Any = None  # an open file; the folder is ours while it is

    def resume(self, lm: "LM", ids: np.ndarray, settings: Mapping[str, Any], reducer: Reducer) -> "Place | None":
        """Where to go on, everything being put back as it was; None to begin at the beginning."""
        from emcog.lm.reading import Place, streams
        from emcog.lm.window import WindowCache

        model = {"weights": lm.weight_hash, "dtype": str(lm.model.dtype), "device": lm.device.type}
        self.identity |= {"model": model, "listen": dict(settings), "torch": torch.__version__}
        self.identity["ids"] = hashlib.sha256(np.ascontiguousarray(ids).data).hexdigest()
        self.n_tokens, self.last = len(ids), time.monotonic()
        found = self._latest(reducer) if self._hold() else None
        if found is None:
            return None
        state, plain = found
        if self.listener is not None:
            own = {name.removeprefix("listener."): x for name, x in state.items() if name.startswith("listener.")}
            self.listener.set_state({name: x.to(lm.device) for name, x in own.items()}, plain["listener"])
        self.saved = reducer.place
        log.info("going on at token %s of %s, from %s", f"{self.saved:,}", f"{self.n_tokens:,}", self.folder)
        if not streams(lm):
            return Place(plain["read"])
        layers = lm.model.get_decoder().layers
        cache = WindowCache(len(layers), settings["n_init"], settings["n_local"])
        window = {name.removeprefix("window."): x for name, x in state.items() if name.startswith("window.")}
        places = [next(layer.parameters()).device for layer in layers]  # layers may lie on several devices
        on_devices = {name: x.to(places[int(name.split(".")[1])]) for name, x in window.items()}
        cache.set_state(on_devices, plain["read"])
        return Place(plain["read"], cache)

    def keep(self, place: "Place", reducer: Reducer) -> None:
        """Write a checkpoint if it is time for one, or if the text has ended and there were some before."""
        ended = reducer.place == self.n_tokens and 0 < self.saved < self.n_tokens
        if not ended and time.monotonic() - self.last < self.every_s:
            return
        if reducer.place > self.saved and self._hold(make=True):
            self._write(place, reducer)
        self.last = time.monotonic()

    def _write(self, place: "Place", reducer: Reducer) -> None:
        values, carried = reducer.get_state(self.saved)
        state = {"carried": carried}
        plain: dict[str, Any] = {"format": FORMAT, "identity": self.identity, "read": place.read}
        if place.cache is not None:
            state |= {f"window.{name}": x for name, x in place.cache.get_state().items()}
        if self.listener is not None:
            tensors, plain["listener"] = self.listener.get_state()
            state |= {f"listener.{name}": x for name, x in tensors.items()}
        contents = {
            f"signals-{self.saved}-{reducer.place}.safetensors": _packed(values, {}),
            f"state-{reducer.place}.safetensors": _packed(state, plain),
        }
        write_files(self.folder, contents)
        self.saved = reducer.place
        for old in self.folder.glob("state-*.safetensors"):
            if old.name not in contents:
                old.unlink(missing_ok=True)

    def _hold(self, make: bool = False) -> bool:
        """Whether this journal may use the folder: it is there, and no other process does."""
        if self.lock is not None or not (make or self.folder.is_dir()):
            return self.lock is not None
        write_files(self.folder, {})
        handle = open(self.folder / LOCK, "a")  # noqa: SIM115
        try:
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            handle.close()
            return False
        self.lock = handle
        return True

    def _latest(self, reducer: Reducer) -> tuple[Tensors, dict[str, Any]] | None:
        """The last state that all signals lead up to, with what it says; these are put back. None if there is none."""
        stops = [int(stop) for stop in _numbers(self.folder, r"state-(\d+)")]
        for stop in sorted(stops, reverse=True):
            unpacked = _unpacked(self.folder / f"state-{stop}.safetensors")
            if unpacked is None or unpacked[1].get("identity") != self._as_kept() or not self._signals(stop, reducer):
                continue
            reducer.set_state(stop, unpacked[0].pop("carried"))
            return unpacked
        for path in self.folder.glob("*.safetensors"):  # of another text or other settings, or damaged
            path.unlink(missing_ok=True)
        return None

    def _as_kept(self) -> Any:
        return json.loads(json.dumps(self.identity))

    def _signals(self, stop: int, reducer: Reducer) -> bool:
        """Put back the signals up to `stop`, file by file; False if one is not whole."""
        spans = {int(a): int(b) for a, b in _numbers(self.folder, r"signals-(\d+)-(\d+)") if int(b) <= stop}
        at = 0
        while at < stop:
            unpacked = _unpacked(self.folder / f"signals-{at}-{spans[at]}.safetensors") if at in spans else None
            if unpacked is None or not spans[at] > at:
                return False
            reducer.put(at, unpacked[0])
            at = spans[at]
        return stop > 0


def _numbers(folder: Path, pattern: str) -> list[Any]:
    found = (re.fullmatch(pattern + r"\.safetensors", name) for name in sorted(os.listdir(folder)))
    return [match[1] if len(match.groups()) == 1 else match.groups() for match in found if match]


def _packed(tensors: Tensors, plain: dict[str, Any]) -> bytes:
    """Tensors as safetensors, with values and a checksum in the header."""
    from safetensors.torch import save

    whole = {name: x.detach().to("cpu", copy=True).contiguous() for name, x in tensors.items()}
    text = json.dumps(plain)
    return save(whole, metadata={"plain": text, "sha256": _checksum(whole, text)})


def _unpacked(path: Path) -> tuple[Tensors, dict[str, Any]] | None:
    """What `_packed` packed; None if the file is not there or not whole."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            told = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if told.get("sha256") != _checksum(tensors, told.get("plain", "")):
            return None
        return tensors, parse_json(told["plain"])
    except (SafetensorError, OSError, ValueError, KeyError):
        return None


def _checksum(tensors: Tensors, text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(f"{name} {tuple(tensors[name].shape)} {tensors[name].dtype}".encode())
        digest.update(tensors[name].contiguous().view(torch.uint8).numpy() if tensors[name].numel() else b"")
    return digest.hexdigest()
