"""How fast a large model reads and speaks with memory on one GPU, beside plain transformers with the same weights.

    python analyses/bench_memory_gpu.py [--device cuda] [--chunk 3072] [--quick] [--write] [--out FOLDER]
    python analyses/bench_memory_gpu.py --page FOLDER      # put a report that was measured elsewhere into the page

A Llama of 8 billion parameters in bfloat16 with random weights, made on the device. Measured one after another: memory
(S, then SM) reading a long text; plain transformers with a sliding window of the same size; generation, turn by turn;
full attention. Every number is written to report.csv and report.md in results/bench_memory_gpu as soon as it is there,
so that a run that is cut short leaves what it has; with --write, report.md goes into docs/memory.md.
EMCOG_COMMIT names the commit where there is no git.
"""

import argparse
import gc
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from bench_memory import WORK, Plain, Size, make_ids, make_lm, with_memory
from transformers import DynamicCache

from emcog.lm import LM
from emcog.pages import docs_page, fill, measured_on

LARGE = Size(
    width=4096, layers=32, heads=32, kv_heads=8, inner=14_336, vocabulary=128_256, n_local=4096, n_mem=2048, chunk=3072,
    tokens=131_072, full=(32_768, 131_072), new=32,
)  # fmt: skip
QUICK = Size(
    width=64, layers=2, heads=4, kv_heads=2, inner=128, vocabulary=512, n_local=256, n_mem=64, chunk=96, tokens=2048,
    full=(512, 1024), new=4,
)  # fmt: skip
LEAST, MOST = 15_000, 1.5
"""What is promised: tokens a second of reading, and generation's time a token beside plain's."""
PLACES = 6
"""Lengths at which full attention is timed, between nothing and the whole."""
TURNS = 3
THIRDS = (1, 2, 4)
"""Other chunks that are tried, in thirds; the host cannot look at one as long as the window while the next is read."""
LOOKED_UP = ("mv", "gather", "index")
"""Further products and gathers, by the names that they have on a GPU."""


class Report:
    """Rows that are written as they come."""

    def __init__(self, folder: Path, size: Size, lm: LM, dtype: str):
        self.folder, self.size, self.dtype = folder, size, dtype
        self.cuda = lm.device.type == "cuda"
        self.device = str(lm.device)
        self.rows: list[dict[str, Any]] = []
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, what: str, value: float, unit: str, least: float | None = None, most: float | None = None) -> None:
        """Add a number, with what was promised of it."""
        bound = "" if least is None and most is None else f">= {least:,g}" if most is None else f"<= {most:g}"
        holds = (least is None or value >= least) and (most is None or value <= most)
        self.rows.append({"what": what, "value": value, "unit": unit, "promised": bound, "holds": holds})
        print(f"{what}: {value:,.4g} {unit} {bound}", flush=True)
        pd.DataFrame(self.rows).to_csv(self.folder / "report.csv", index=False)
        (self.folder / "report.md").write_text(self.page() + "\n", encoding="utf-8")

    def page(self) -> str:
        """All rows as a Markdown table, and how they were measured."""
        lines = ["| what | measured | promised |", "| --- | --- | --- |"]
        for row in self.rows:
            told = f"{row['promised']}, {'kept' if row['holds'] else 'NOT kept'}" if row["promised"] else ""
            value = f"{row['value']:,.0f}" if row["value"] >= 1000 else f"{row['value']:.3g}"
            lines.append(f"| {row['what']} | {value} {row['unit']} | {told} |")
        size = self.size
        lines += [
            "",
            f"{size.layers} layers, width {size.width}, {size.heads} query and {size.kv_heads} key heads, random "
            f"weights, {self.dtype}; n_local={size.n_local}, n_mem={size.n_mem}, chunk={size.chunk}; "
            f"transformers {metadata.version('transformers')}. {measured_on(self.device)}",
        ]
        return "\n".join(lines)

    def clock(self) -> float:
        """Now, when the device has done what it was given."""
        if self.cuda:
            torch.cuda.synchronize()
        return time.perf_counter()


def read_with_memory(lm: LM, kind: str, ids: np.ndarray, report: Report) -> tuple[Any, float]:
    """Read the whole text; returns the memory, and its tokens a second."""
    size = report.size
    memory = with_memory(lm, size, kind)
    memory.reader.read_chunk(ids[: size.chunk])  # warms up
    if report.cuda:
        torch.cuda.reset_peak_memory_stats()
    half, began = 0.0, report.clock()
    for start in range(size.chunk, len(ids), size.chunk):
        if half == 0.0 and start >= len(ids) // 2:
            half = report.clock()
        memory.reader.read_chunk(ids[start : start + size.chunk])
    memory.reader.settle()
    end = report.clock()
    speed = (len(ids) - size.chunk) / (end - began)
    report.add(f"memory, {kind}: reading {len(ids):,} tokens", speed, "tokens/s", least=LEAST)
    report.add(f"memory, {kind}: the second half", len(ids) / 2 / (end - half), "tokens/s")
    report.add(f"memory, {kind}: events", len(memory.reader.starts), "")
    report.add(f"memory, {kind}: representatives", memory.index_bytes / 1e9, "GB")
    if report.cuda:
        peak = torch.cuda.max_memory_allocated() / 1e9
        report.add(f"memory, {kind}: most device memory, weights and log among it", peak, "GB")
    return memory, speed


def read_with_a_window(lm: LM, ids: np.ndarray, report: Report) -> tuple[Plain, float]:
    """Plain transformers with a sliding window; returns it, and its tokens a second."""
    size = report.size
    plain = Plain(lm, size.n_local)
    first = size.n_local + size.chunk
    for start in range(0, first, size.chunk):
        plain.read(ids[start : start + size.chunk])
    stop = min(len(ids), first + 24 * size.chunk)
    began = report.clock()
    for start in range(first, stop, size.chunk):
        plain.read(ids[start : start + size.chunk])
    speed = (stop - first) / (report.clock() - began)
    report.add("plain, sliding window: reading", speed, "tokens/s")
    return plain, speed


def read_in_other_chunks(lm: LM, ids: np.ndarray, report: Report) -> None:
    """A part of the text in other chunks, over which the host's work is shared, with memory and a plain window."""
    for thirds in THIRDS:
        size = report.size._replace(chunk=thirds * report.size.chunk // 3)
        memory, plain = with_memory(lm, size, "S"), Plain(lm, size.n_local)
        warm = size.n_local + size.chunk
        speeds = []
        for read in (memory.reader.read_chunk, plain.read):
            for start in range(0, warm, size.chunk):
                read(ids[start : start + size.chunk])
            stop = min(len(ids), warm + 8 * size.chunk) // size.chunk * size.chunk
            began = report.clock()
            for start in range(warm, stop, size.chunk):
                read(ids[start : start + size.chunk])
            speeds.append((stop - warm) / (report.clock() - began))
        report.add(f"memory, S, chunks of {size.chunk:,}: reading", speeds[0], "tokens/s")
        report.add(f"the same against plain, sliding window, chunks of {size.chunk:,}", speeds[0] / speeds[1], "times")
        memory = plain = None
        _free()


def speak(memory: Any, plain: Plain, ids: np.ndarray, report: Report) -> None:
    """Time a token of generation, plain and with memory turn by turn."""
    size, times = report.size, {"plain": [], "memory": []}
    with memory.reader.attention():  # as within `generate`
        for _ in range(TURNS + 1):
            for name, run in {
                "plain": lambda: plain.generate(5, size.new),
                "memory": lambda: [int(memory.reader.forward(ids[k : k + 1])[0].argmax()) for k in range(size.new)],
            }.items():
                began = report.clock()
                run()
                times[name].append((report.clock() - began) / size.new * 1000)
    plain_ms, memory_ms = (float(np.median(times[name][1:])) for name in ("plain", "memory"))
    report.add("generation, plain, sliding window", plain_ms, "ms a token")
    report.add(f"generation with memory, {report.size.tokens:,} tokens in it", memory_ms, "ms a token")
    ratio = float(np.median(np.array(times["memory"][1:]) / np.array(times["plain"][1:])))
    report.add("generation with memory against plain", ratio, "times", most=MOST)
    spent, n = [], 4 * size.new
    for _ in range(TURNS):
        began = report.clock()
        memory.generate(ids[:4], max_new_tokens=n, do_sample=False, eos_token_id=None)
        spent.append((report.clock() - began) / n * 1000)
    report.add("generation with memory, by transformers' `generate`", float(np.median(spent)), "ms a token")


def profile_share(read: Callable[[np.ndarray], Any], name: str, ids: np.ndarray, report: Report) -> None:
    """Share of the device's time in reading that goes into products, attention, gathers and copies."""
    size = report.size
    kind = torch.profiler.ProfilerActivity
    with torch.profiler.profile(activities=[kind.CPU] + [kind.CUDA] * report.cuda) as profile:
        for start in range(0, 4 * size.chunk, size.chunk):
            read(ids[start : start + size.chunk])
        report.clock()
    rows = [
        (event.key, event.self_device_time_total if report.cuda else event.self_cpu_time_total)
        for event in profile.key_averages()
        if event.key.startswith("aten::")  # the kernels are counted with the operations that launched them
    ]
    total = sum(spent for _, spent in rows)
    work = sum(spent for key, spent in rows if any(word in key for word in (*WORK, *LOOKED_UP)))
    where = "device" if report.cuda else "processor"
    report.add(
        f"{name}: share of the {where}'s time in products, attention, gathers and copies", work / total, "",
        least=0.8 if name.startswith("memory") else None,
    )  # fmt: skip
    table = pd.DataFrame(rows, columns=["operation", "ms"]).sort_values("ms", ascending=False).head(25)
    table["ms"] /= 1000
    table.to_csv(report.folder / f"operations_{name.split()[-1]}.csv", index=False)
    print(table.to_string(index=False), flush=True)


def read_fully(lm: LM, ids: np.ndarray, length: int, speeds: dict[str, float], report: Report) -> None:
    """Full attention, timed at some places of a text: its cost a chunk grows with the place alone.

    What is before the place are random keys and values, the same for all layers.
    """
    size, config = report.size, lm.model.config
    head = config.hidden_size // config.num_attention_heads
    random = [
        torch.randn(1, config.num_key_value_heads, length, head, device=lm.device, dtype=lm.model.dtype)
        for _ in range(2)
    ]
    plain = Plain(lm, None)
    places = np.linspace(0, length - size.chunk, PLACES).astype(int)
    seconds = []
    for turn, place in enumerate([*places, *places]):  # all once to warm up
        plain.cache = DynamicCache(config=config)
        for layer in range(config.num_hidden_layers if place else 0):
            plain.cache.update(*(states[:, :, :place] for states in random), layer)
        plain.place = int(place)
        began = report.clock()
        plain.read(ids[: size.chunk])
        if turn >= PLACES:
            seconds.append(report.clock() - began)
    mean, end = size.chunk / float(np.trapezoid(seconds, places) / places[-1]), size.chunk / seconds[-1]
    report.add(f"plain, full attention, {length:,} tokens: the whole text", mean, "tokens/s")
    report.add(f"plain, full attention, {length:,} tokens: at its end", end, "tokens/s")
    for kind, speed in speeds.items():
        report.add(f"memory, {kind} against full attention, {length:,} tokens: the whole text", speed / mean, "times")
        report.add(f"memory, {kind} against full attention, {length:,} tokens: at its end", speed / end, "times")


def run(size: Size, device: str, dtype: str, folder: Path) -> Report:
    """Measure everything."""
    began = time.perf_counter()
    lm = make_lm(size, device, dtype)
    report = Report(folder, size, lm, dtype)
    ids = make_ids(size, size.tokens)
    warm = with_memory(lm, size, "SM")
    warm.read(ids[: size.n_local + 3 * size.chunk])
    print(f"model made and warmed up after {time.perf_counter() - began:.1f} s", flush=True)
    del warm
    speeds = {}
    for kind in ("S", "SM"):
        memory = None
        _free()
        memory, speeds[kind] = read_with_memory(lm, kind, ids, report)
    plain, speed = read_with_a_window(lm, ids, report)
    for kind in speeds:
        report.add(f"memory, {kind} against plain, sliding window", speeds[kind] / speed, "times", least=0.75)
    speak(memory, plain, ids, report)
    profile_share(memory.reader.read_chunk, "memory, SM", ids, report)
    profile_share(plain.read, "plain, sliding window", ids, report)
    memory = plain = None
    _free()
    read_in_other_chunks(lm, ids, report)
    for length in size.full:
        read_fully(lm, ids, length, speeds, report)
        _free()
    print(f"all after {time.perf_counter() - began:.1f} s", flush=True)
    return report


def _free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="bfloat16")
    parser.add_argument("--chunk", type=int, help=f"tokens read at once, for all alike (default {LARGE.chunk:,})")
    parser.add_argument("--tokens", type=int, help=f"to be read (default {LARGE.tokens:,})")
    parser.add_argument("--quick", action="store_true", help="a tiny model, to see that it runs")
    parser.add_argument("--write", action="store_true", help="put the table into docs/memory.md")
    parser.add_argument("--page", type=Path, help="a folder with report.md, to be put into docs/memory.md")
    parser.add_argument("--out", type=Path, default=Path("results/bench_memory_gpu"))
    given = parser.parse_args()
    if given.page is None:
        size = QUICK if given.quick else LARGE
        size = size._replace(chunk=given.chunk or size.chunk, tokens=given.tokens or size.tokens)
        page = run(size, given.device, given.dtype, given.out).page()
        print(page)
    else:
        page = (given.page / "report.md").read_text(encoding="utf-8")
    if given.write or given.page is not None:
        fill(docs_page("memory.md"), "gpu", page)


if __name__ == "__main__":
    main()
