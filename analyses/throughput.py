"""How fast does a model read with memory, and from which length on faster than full attention?

    python analyses/throughput.py [--model NAME] [--seed 0] [--quick] [--force] [--out FOLDER]

At each length, for memory (SM) and for plain full attention of the same model: tokens/s of the next chunk,
milliseconds a generated token, bytes that are held, and bytes of keys and values that a chunk attends to. The readers
take turns, so that what else runs hits both, and read the same chunk again and again, each time with a copy of what
they held. Full attention is read up to --model's own limit only as far as the machine allows: its cost grows with the
length, and the length from which memory is faster follows from the two lines where they cross.
"""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from emcog.lm import LM
from emcog.memory import EpisodicLM, MemoryConfig
from emcog.reproduce import Setting

LENGTHS, QUICK_LENGTHS = (1024, 2048, 4096, 8192, 16_384, 32_768), (512, 1024, 2048, 4096)
CHUNK, REPEATS, QUICK_REPEATS, NEW = 256, 11, 9, 11
METHODS = ("memory, SM", "full attention")
HELD = ("tensors and arrays that are allocated: of memory its log, windows, index and records, with the room that they "
        "grow into; of full attention its cache")  # fmt: skip
ATTENDED = "keys and values in sight of a chunk, as computed from the settings"


def rows(setting: Setting) -> Iterator[dict[str, Any]]:
    """Rows of the report; beside the columns of `emcog.stats.COLUMNS`: length (tokens).

    By metric: speed (tokens/s), token_time (ms), held (bytes), attended (bytes), working (bytes; on an accelerator
    only), crossover (tokens; NaN where memory is not faster at any length that was read). Intervals are quartiles of
    the repeats.
    """
    setting.caveats.append("time on a machine that others may use too: quartiles of the repeats, no intervals")
    if setting.lm.device.type != "cuda":
        setting.missing.append("working memory of a chunk: PyTorch tells its peak on an accelerator only")
    lengths = QUICK_LENGTHS if setting.quick else LENGTHS
    measured = list(_measure(setting, lengths, QUICK_REPEATS if setting.quick else REPEATS))
    speeds = {(row["method"], row["length"]): row.pop("repeats") for row in measured if "repeats" in row}
    yield from measured
    yield _crossing(speeds, lengths)


class Full:
    """Plain full attention of the same model, its cache filled with random keys and values up to a place."""

    def __init__(self, lm: LM):
        self.lm, self.cache, self.place = lm, DynamicCache(), 0

    def fill(self, place: int) -> None:
        """Pretend that `place` tokens were read: what they cost is the same whatever they say."""
        config = self.lm.model.config.get_text_config(decoder=True)
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        for layer in range(config.num_hidden_layers):
            shape = (1, heads, place - self.place, size)
            new = [torch.randn(shape, device=self.lm.device, dtype=self.lm.model.dtype) for _ in range(2)]
            self.cache.update(*new, layer)
        self.place = place

    def read(self, ids: np.ndarray) -> None:
        """Read a chunk."""
        n = len(ids)
        place = torch.arange(self.place, self.place + n, device=self.lm.device)
        with torch.no_grad():
            self.lm.model(
                torch.as_tensor(ids, device=self.lm.device)[None], past_key_values=self.cache, use_cache=True,
                position_ids=place[None], logits_to_keep=1,
            )  # fmt: skip
        self.place += n

    def forget(self, place: int) -> None:
        """Go back to where only `place` tokens were read."""
        if place < self.place:
            self.cache.crop(place - self.place)  # negative: so many tokens less
        self.place = place


def _measure(setting: Setting, lengths: Sequence[int], repeats: int) -> Iterator[dict[str, Any]]:
    """The rows of every length; those of speeds carry their repeats."""
    lm, rng = setting.lm, np.random.default_rng(setting.seed)
    half = max(64, lm.limit // 2)
    memory, full = EpisodicLM(lm, MemoryConfig(n_local=half, n_mem=half // 2, chunk=CHUNK)), Full(lm)
    config, row = memory.settings, _bytes_a_token(lm)
    sight = config.n_init + int(config.n_local or 0) + int(config.n_mem or 0)
    ids = rng.integers(0, lm.n_vocabulary, lengths[-1] + CHUNK)
    for number, length in enumerate(lengths):
        for at in range(memory.reader.seen, length - CHUNK, CHUNK):
            memory.reader.read_chunk(ids[at : at + CHUNK])
        full.fill(length - CHUNK)
        speeds, working = _speeds(memory, full, ids[length - CHUNK : length + CHUNK], repeats)
        memory.reader.read_chunk(ids[length - CHUNK : length])
        full.fill(length)
        held = {METHODS[0]: held_bytes(memory.reader, lm), METHODS[1]: held_bytes(full.cache, lm)}
        seen = {METHODS[0]: min(length, sight) * row, METHODS[1]: length * row}
        waits = _waits(memory, full, ids[: NEW + 1])
        for name in METHODS:
            common = {"analysis": "throughput", "method": name, "length": length, "seed": setting.seed}
            yield common | _spread("speed", "tokens/s", speeds[name]) | {"repeats": speeds[name]}
            yield common | _spread("token_time", "ms", waits[name])
            if working[name]:
                yield common | _spread("working", "bytes", working[name])
            yield common | {"metric": "held", "unit": "bytes", "estimate": float(held[name]), "n": 1, "note": HELD}
            yield common | {"metric": "attended", "unit": "bytes", "estimate": float(seen[name]), "n": 1,
                            "note": ATTENDED}  # fmt: skip
        setting.tell("lengths", number + 1, len(lengths))


Values = dict[str, list[float]]


def _speeds(memory: EpisodicLM, full: Full, ids: np.ndarray, repeats: int) -> tuple[Values, Values]:
    """Tokens/s of the second of two chunks, repeat by repeat, and bytes that reading it took for a while.

    The first chunk is not timed: a copy of a memory makes its buffers its own as it first reads.
    """
    speeds: Values = {name: [] for name in METHODS}
    working: Values = {name: [] for name in METHODS}
    place, lm = full.place, full.lm
    for _ in range(repeats):
        for name, reader in zip(METHODS, (memory.fork().reader, full), strict=True):
            read = full.read if reader is full else reader.read_chunk
            read(ids[:CHUNK])
            before = _allocated(lm)
            speeds[name].append(CHUNK / _seconds(lm, read, ids[CHUNK:]))
            if before is not None:
                working[name].append(float(torch.cuda.max_memory_allocated(lm.device) - before))
        full.forget(place)
    return speeds, working


def _waits(memory: EpisodicLM, full: Full, ids: np.ndarray) -> Values:
    """Milliseconds of each single token but the first."""
    waits: Values = {name: [] for name in METHODS}
    place, twin = full.place, memory.fork()
    for k in range(len(ids)):
        for name, read in zip(METHODS, (twin.reader.read_chunk, full.read), strict=True):
            waits[name].append(1000 * _seconds(full.lm, read, ids[k : k + 1]))
    full.forget(place)
    return {name: values[1:] for name, values in waits.items()}


def _allocated(lm: LM) -> int | None:
    """Bytes that PyTorch holds on the accelerator, whose peak is counted from now on; None on a CPU."""
    if lm.device.type != "cuda":
        return None
    torch.cuda.reset_peak_memory_stats(lm.device)
    return torch.cuda.memory_allocated(lm.device)


def held_bytes(thing: Any, lm: LM) -> int:
    """Bytes of all tensors and arrays that are reached from `thing`, each once, without those of the model."""
    found: dict[int, int] = {}
    known = {id(lm), id(lm.model)}
    todo = [thing]
    while todo:
        one = todo.pop()
        if id(one) in known or isinstance(one, torch.nn.Module | type):
            continue
        known.add(id(one))
        if isinstance(one, torch.Tensor):
            found[one.untyped_storage().data_ptr()] = one.untyped_storage().nbytes()
        elif isinstance(one, np.ndarray):
            while isinstance(one.base, np.ndarray):
                one = one.base
            found[one.ctypes.data] = one.nbytes
        elif isinstance(one, Mapping):
            todo += one.values()
        elif isinstance(one, list | tuple | set | frozenset):
            todo += one
        elif hasattr(one, "__dict__"):
            todo += vars(one).values()
    return sum(found.values())


def _spread(metric: str, unit: str, values: list[float]) -> dict[str, Any]:
    low, middle, high = np.percentile(values, [25, 50, 75])
    return {"metric": metric, "unit": unit, "estimate": middle, "ci_low": low, "ci_high": high, "n": len(values),
            "note": "n: repeats; estimate: their median; interval: their quartiles"}  # fmt: skip


def _seconds(lm: LM, read: Any, ids: np.ndarray) -> float:
    began = time.perf_counter()
    read(ids)
    if lm.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def _bytes_a_token(lm: LM) -> int:
    config = lm.model.config.get_text_config(decoder=True)
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return 2 * config.num_hidden_layers * heads * size * lm.model.dtype.itemsize


def _crossing(speeds: Mapping[tuple[str, int], Sequence[float]], lengths: Sequence[int]) -> dict[str, Any]:
    """Where memory's speed passes full attention's for good: of the medians, and in the quartiles of the repeats.

    speeds : the repeats, by method and length.
    """
    repeats = np.log([[np.asarray(speeds[name, n], dtype=float) for n in lengths] for name in METHODS])
    gain = repeats[0] - repeats[1]  # (lengths, repeats): taken in turns, so that each repeat is a pair
    middle = np.median(repeats, axis=2)
    at, said = _crosses(middle[0] - middle[1], lengths)
    each = np.sort([_crosses(one, lengths)[0] for one in gain.T])  # the longest stand for "nowhere that was read"
    low, high = each[[(len(each) - 1) // 4, -1 - (len(each) - 1) // 4]]
    never = int(np.isinf(each).sum())
    note = f"n: repeats; {said}; interval: quartiles of the repeats"
    note += f", of which {never} do not cross at any length that was read" if never else ""
    at, low, high = (float(value) if np.isfinite(value) else np.nan for value in (at, low, high))
    return {"analysis": "throughput", "method": METHODS[0], "metric": "crossover", "unit": "tokens", "estimate": at,
            "ci_low": low, "ci_high": high, "n": len(each), "note": note}  # fmt: skip


def _crosses(gain: np.ndarray, lengths: Sequence[int]) -> tuple[float, str]:
    """The length from which on a gain stays above 0, by straight lines between the lengths (log scale), and in words.

    gain : float array (lengths,). Infinite where it is not above 0 at the longest length.
    """
    slower = np.flatnonzero(gain <= 0)
    if len(slower) and slower[-1] == len(lengths) - 1:
        return np.inf, f"memory is not faster at {lengths[-1]:,} tokens yet"
    if not len(slower):
        return float(lengths[0]), f"memory is faster at {lengths[0]:,} tokens already, the shortest that was read"
    k = slower[-1]
    x = np.log([lengths[k], lengths[k + 1]])
    at = float(np.exp(x[0] + (x[1] - x[0]) * -gain[k] / (gain[k + 1] - gain[k])))
    return at, f"between {lengths[k]:,} and {lengths[k + 1]:,} tokens"


if __name__ == "__main__":
    from emcog.cli.scripts import analysis

    sys.exit(analysis("throughput", __doc__))
