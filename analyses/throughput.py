"""How fast does a model read with memory, and from which length on faster than full attention?

    python analyses/throughput.py [--model NAME] [--seed 0] [--quick] [--force] [--out FOLDER]

At each length: tokens/s of the last chunk, milliseconds a generated token, and bytes of keys and values that a chunk
attends to, for memory (SM) and for plain full attention of the same model; the readers take turns, so that what else
runs hits both. Full attention is read up to --model's own limit only as far as the machine allows: its cost grows with
the length, and the length from which memory is faster follows from the two lines where they cross.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from emcog.lm import LM
from emcog.memory import EpisodicLM, MemoryConfig
from emcog.reproduce import Setting

LENGTHS, QUICK_LENGTHS = (1024, 2048, 4096, 8192, 16_384, 32_768), (512, 1024, 2048, 4096)
CHUNK, REPEATS, NEW = 256, 5, 8
METHODS = ("memory, SM", "full attention")


def rows(setting: Setting) -> Iterator[dict[str, Any]]:
    """Rows of the report; beside the columns of `emcog.stats.COLUMNS`: length (tokens).

    By metric: speed (tokens/s), token_time (ms), attended (bytes), crossover (tokens; NaN where memory is not faster at
    any length that was read). Intervals are quartiles of the repeats.
    """
    setting.caveats.append("time on a machine that others may use too: quartiles of the repeats, no intervals")
    lengths = QUICK_LENGTHS if setting.quick else LENGTHS
    measured = list(_measure(setting, lengths, 3 if setting.quick else REPEATS))
    yield from measured
    yield _crossing(measured, lengths)


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


def _measure(setting: Setting, lengths: Sequence[int], repeats: int) -> Iterator[dict[str, Any]]:
    lm, rng = setting.lm, np.random.default_rng(setting.seed)
    half = max(64, lm.limit // 2)
    memory = EpisodicLM(lm, MemoryConfig(n_local=half, n_mem=half // 2, chunk=CHUNK))
    full = Full(lm)
    ids = rng.integers(0, lm.n_vocabulary, lengths[-1] + 2 * repeats * CHUNK)
    row = _bytes_a_token(lm)
    for number, length in enumerate(lengths):
        while memory.reader.seen < length - CHUNK * repeats:
            at = memory.reader.seen
            memory.reader.read_chunk(ids[at : at + CHUNK])
        full.fill(max(full.place, length - CHUNK * repeats))
        speeds: dict[str, list[float]] = {name: [] for name in METHODS}
        for _ in range(repeats):
            at = memory.reader.seen
            for name, read in zip(METHODS, (memory.reader.read_chunk, full.read), strict=True):
                speeds[name].append(CHUNK / _seconds(lm, read, ids[at : at + CHUNK]))
        waits: dict[str, list[float]] = {name: [] for name in METHODS}
        twin = memory.fork()
        for k in range(NEW):
            for name, read in zip(METHODS, (twin.reader.read_chunk, full.read), strict=True):
                waits[name].append(1000 * _seconds(lm, read, ids[k : k + 1]))
        seen = {METHODS[0]: min(length, half + half // 2 + 128) * row, METHODS[1]: length * row}
        for name in METHODS:
            common = {"analysis": "throughput", "method": name, "length": length, "seed": setting.seed}
            yield common | _spread("speed", "tokens/s", speeds[name])
            yield common | _spread("token_time", "ms", waits[name])
            yield common | {"metric": "attended", "unit": "bytes", "estimate": float(seen[name]), "n": 1,
                            "note": "keys and values in sight of a chunk, as computed from the settings"}  # fmt: skip
        setting.tell("lengths", number + 1, len(lengths))


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


def _crossing(rows: list[dict[str, Any]], lengths: Sequence[int]) -> dict[str, Any]:
    """Where memory's speed passes full attention's for good, by a straight line between the lengths (log scale)."""
    speed = {(r["method"], r["length"]): r["estimate"] for r in rows if r["metric"] == "speed"}
    gain = np.array([np.log(speed[METHODS[0], n] / speed[METHODS[1], n]) for n in lengths])
    slower = np.flatnonzero(gain <= 0)
    if len(slower) and slower[-1] == len(lengths) - 1:
        at, said = np.nan, f"memory is not faster at {lengths[-1]:,} tokens yet"
    elif not len(slower):
        at, said = float(lengths[0]), f"memory is faster at {lengths[0]:,} tokens already, the shortest that was read"
    else:
        k = slower[-1]
        x = np.log([lengths[k], lengths[k + 1]])
        at = float(np.exp(x[0] + (x[1] - x[0]) * -gain[k] / (gain[k + 1] - gain[k])))
        said = f"between {lengths[k]:,} and {lengths[k + 1]:,} tokens"
    return {"analysis": "throughput", "method": METHODS[0], "metric": "crossover", "unit": "tokens", "estimate": at,
            "n": len(lengths), "note": f"n: lengths; {said}"}  # fmt: skip


if __name__ == "__main__":
    from emcog.cli.scripts import analysis

    sys.exit(analysis("throughput", __doc__))
