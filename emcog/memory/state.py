"""The small part of a memory's state: what changes at every step and is no append-only row."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from emcog.memory.forming import PaperFormer, ReferenceFormer
from emcog.memory.reference import ContiguityBuffer

if TYPE_CHECKING:
    from emcog.memory.episodic import EpisodicLM

PLAIN_OF_FORMER = {
    PaperFormer: ("formed", "_open", "_known", "_starts", "_ready", "_base"),
    ReferenceFormer: ("formed", "n_init_set", "_base"),
}
ARRAYS_OF_FORMER = {PaperFormer: ("_surprise",), ReferenceFormer: ("_surprise", "_flags")}


def get_state(memory: "EpisodicLM") -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The state as tensors, and as values that JSON can hold."""
    reader, former = memory.reader, memory.reader.former
    tensors: dict[str, torch.Tensor] = {}
    plain: dict[str, Any] = {
        "n_bos": memory.n_bos, "begun": memory._begun, "pending": memory._pending.tolist(),
        "seen": reader.seen, "step": reader.step, "skipped": reader.skipped, "given": reader.given.rows.tolist(),
        "former": {name: getattr(former, name) for name in PLAIN_OF_FORMER[type(former)]},
        "layers": {},
    }  # fmt: skip
    for name in ARRAYS_OF_FORMER[type(former)]:
        tensors[f"former.{name}"] = torch.from_numpy(getattr(former, name).copy())
    if former.refiner is not None:
        rows, plain["refiner"] = former.refiner.get_state()
        if rows is not None:
            tensors["refiner"] = rows
    if reader.carried is not None:
        tensors["carried"] = reader.carried
    plain["windows"] = {str(number): window.start for number, window in reader.cache.windows.items()}
    for number, window in reader.cache.windows.items():
        # Those of full layers are in the log, unless it holds them in 8 bits.
        if reader.seen and (number not in reader.layers or reader.config.storage == "8bit"):
            tensors[f"local.{number}.key"], tensors[f"local.{number}.value"] = window.pair
    for number, layer in reader.layers.items():
        layer.take_in()
        tensors[f"received.{number}"] = layer.received
        plain["layers"][str(number)] = {
            "first": layer.first, "queue": layer.queue.tolist(), "buffer": list(map(int, layer.buffer.blocks)),
        }  # fmt: skip
        if layer.log.waiting is not None:
            tensors[f"waiting.{number}.key"], tensors[f"waiting.{number}.value"] = layer.log.waiting
    return tensors, plain


def put_state(
    memory: "EpisodicLM", columns: dict[str, np.ndarray], tensors: dict[str, torch.Tensor], plain: dict[str, Any]
) -> None:
    """Put a saved state into an empty memory; the log's rows come after it (`restore_local`)."""
    reader, former = memory.reader, memory.reader.former
    memory.n_bos, memory._begun = plain["n_bos"], plain["begun"]
    memory._pending = np.array(plain["pending"], dtype=np.int64)
    reader.step, reader.skipped, reader.cache.seen = plain["step"], plain["skipped"], plain["seen"]
    reader.given.extend(np.array(plain["given"], dtype=np.int64))
    reader.ids.extend(columns["ids.i8"])
    reader.tell(columns["surprisal.f8"])
    starts, ends = columns["events.i8"].reshape(-1, 2).T
    reader.starts.extend(starts)
    reader.ends.extend(ends)
    reader.recalls.extend(columns["recalls.bin"])
    memory.words.utf8.extend(columns["text.utf8"])
    memory.words.ends.extend(columns["text_end.i8"])
    for name, value in plain["former"].items():
        setattr(former, name, [tuple(x) for x in value] if name == "_ready" else value)
    for name in ARRAYS_OF_FORMER[type(former)]:
        setattr(former, name, tensors[f"former.{name}"].numpy())
    if former.refiner is not None:
        rows = tensors.get("refiner")
        former.refiner.set_state(None if rows is None else rows.to(memory.lm.device), plain["refiner"])
    if "carried" in tensors:
        reader.carried = tensors["carried"].to(memory.lm.device)
    for number, layer in reader.layers.items():
        kept, device = plain["layers"][str(number)], layer.layer.shape.device
        layer.first, layer.queue = kept["first"], np.array(kept["queue"], dtype=np.int64)
        layer.buffer = ContiguityBuffer(kept["buffer"])
        layer.received = tensors[f"received.{number}"].to(device)
        if f"waiting.{number}.key" in tensors:
            layer.log.waiting = _pair(tensors, f"waiting.{number}", device)
        if f"index-{number:03d}.f4" in columns:
            vectors = torch.from_numpy(columns[f"index-{number:03d}.f4"]).view(-1, layer.index.width)
            layer.index.add(vectors.to(device))
    for number, one in reader.layout.items():
        if f"local.{number}.key" in tensors:
            pair = _pair(tensors, f"local.{number}", one.shape.device)
            reader.cache.windows[number].fill(*pair, plain["windows"][str(number)])


def restore_local(memory: "EpisodicLM", plain: dict[str, Any]) -> None:
    """Fill the local window from the log, which holds the same numbers."""
    reader = memory.reader
    if reader.config.storage == "8bit" or not reader.seen:
        return
    low = max(0, reader.seen - reader.n_local + 1)
    for number, layer in reader.layers.items():
        pair = layer.log.fetch(np.arange(low, reader.seen)).get()
        reader.cache.windows[number].fill(*pair, plain["windows"][str(number)])


def _pair(tensors: dict[str, torch.Tensor], name: str, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    return tensors[f"{name}.key"].to(device), tensors[f"{name}.value"].to(device)
