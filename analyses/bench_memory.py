"""How fast a model reads with memory, beside plain transformers reading the same tokens.

    python analyses/bench_memory.py [--device cuda] [--tokens 32768] [--quick] [--write] [--out FOLDER]

Everything is measured in one run. With a window, readers take turns, a stretch of chunks each, so that whatever else
the machine does hits them alike; what counts are the ratios within a turn. Then full attention at growing lengths, the
share of the time that goes into products, attention and copies, and generation. Writes report.csv, turns.csv and
report.md to results/bench_memory and, with --write on a CPU, the table into docs/memory.md. A model of a size that is
worth a GPU is measured by bench_memory_gpu.py.
"""

import argparse
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

from emcog.lm import LM, load_lm
from emcog.memory import EpisodicLM, MemoryConfig
from emcog.pages import docs_page, fill, measured_on

WORK = ("mm", "attention", "index_select", "copy_", "cat", "matmul", "linear", "take")
"""Names of operations that are the work itself: products, attention, gathers and copies."""


class Size(NamedTuple):
    """What is measured.

    Attributes
    ----------
    width, layers, heads, kv_heads, inner, vocabulary : of the randomly initialised Llama.
    n_local, n_mem, chunk : in tokens.
    tokens : read with a window. stretch : chunks a turn. full : lengths in tokens at which full attention is tried.
    new : tokens generated.
    """

    width: int = 512
    layers: int = 8
    heads: int = 8
    kv_heads: int = 4
    inner: int = 1376
    vocabulary: int = 8192
    n_local: int = 2048
    n_mem: int = 1024
    chunk: int = 512
    tokens: int = 32_768
    stretch: int = 4
    full: tuple[int, ...] = (32_768, 131_072)
    new: int = 64


FULL = Size()
QUICK = Size(
    width=64, layers=2, heads=4, kv_heads=2, inner=128, vocabulary=512, n_local=128, n_mem=64, chunk=64, tokens=1536,
    stretch=2, full=(1024,), new=8,
)  # fmt: skip
BOUND = 0.75
SPEECH_TURNS = 5


def make_lm(size: Size, device: str, dtype: str) -> LM:
    """A Llama of this shape with random weights."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=size.vocabulary, hidden_size=size.width, intermediate_size=size.inner,
        num_hidden_layers=size.layers, num_attention_heads=size.heads, num_key_value_heads=size.kv_heads,
        max_position_embeddings=size.n_local, initializer_range=0.05,
    )  # fmt: skip
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        with torch.device(device):
            model = LlamaForCausalLM(config).eval().requires_grad_(False)
    finally:
        torch.set_default_dtype(before)
    return load_lm(model)


def make_ids(size: Size, n: int) -> np.ndarray:
    """Random token ids in which stretches come back, so that there is something to recall."""
    rng = np.random.default_rng(0)
    ids = rng.integers(0, size.vocabulary, n)
    for start in range(4 * size.chunk, n - size.chunk, 2 * size.chunk):
        source = int(rng.integers(0, start - size.chunk // 2))
        ids[start : start + size.chunk // 2] = ids[source : source + size.chunk // 2]
    return ids


class Plain:
    """transformers' own reading: the same weights as a Mistral, whose cache and mask slide by themselves (sdpa).

    window : tokens; None for full attention.
    """

    def __init__(self, lm: LM, window: int | None):
        model = lm.model
        self.model = model
        if window is not None:
            config = MistralConfig(**{**model.config.to_dict(), "sliding_window": window, "architectures": None})
            with torch.device("meta"):
                self.model = MistralForCausalLM(config)
            self.model.model.rotary_emb = model.model.rotary_emb
            self.model.load_state_dict(model.state_dict(), assign=True)
            self.model = self.model.eval().requires_grad_(False)
        self.model.set_attn_implementation("sdpa")
        self.cache = DynamicCache(config=self.model.config)
        self.place = 0
        self.carried: torch.Tensor | None = None

    @torch.inference_mode()
    def read(self, ids: np.ndarray) -> torch.Tensor:
        """Read one chunk after what was read before; returns the surprisal of its tokens but the first, in nats."""
        piece = torch.from_numpy(ids).to(self.model.device)
        positions = torch.arange(self.place, self.place + len(ids), device=piece.device)[None]
        logits = self.model(input_ids=piece[None], position_ids=positions, past_key_values=self.cache).logits[0]
        self.place += len(ids)
        return torch.nn.functional.cross_entropy(logits[:-1].float(), piece[1:], reduction="none")

    @torch.inference_mode()
    def generate(self, token: int, n: int) -> None:
        """Generate greedily."""
        for _ in range(n):
            piece = torch.tensor([[token]], device=self.model.device)
            positions = torch.tensor([[self.place]], device=piece.device)
            logits = self.model(input_ids=piece, position_ids=positions, past_key_values=self.cache).logits
            self.place += 1
            token = int(logits[0, -1].argmax())


def with_memory(lm: LM, size: Size, segmentation: str, **settings: Any) -> EpisodicLM:
    """An EpisodicLM of the size that is measured."""
    return EpisodicLM(
        lm,
        MemoryConfig(n_local=size.n_local, n_mem=size.n_mem, chunk=size.chunk, segmentation=segmentation, **settings),
    )


def read_in_turns(lm: LM, size: Size, ids: np.ndarray, report: Callable[[str], None]) -> pd.DataFrame:
    """Readers with a window and readers with memory in turns.

    Returns
    -------
    DataFrame, one row a reader and turn: reader, turn, seconds.
    """
    plain = Plain(lm, size.n_local)
    memories = {f"memory, {kind}": with_memory(lm, size, kind) for kind in ("S", "SM")}
    readers: dict[str, Callable[[np.ndarray], Any]] = {"plain, sliding window": plain.read}
    readers |= {name: (lambda piece, m=memory: m.reader.read_chunk(piece)) for name, memory in memories.items()}
    rows = []
    step = size.stretch * size.chunk
    # Until the window and the budget of recalled tokens are full, there is less to do.
    full = size.n_local + 2 * size.n_mem
    for turn, start in enumerate(range(0, len(ids) - step + 1, step)):
        for name, read in readers.items():
            began = time.perf_counter()
            for at in range(start, start + step, size.chunk):
                read(ids[at : at + size.chunk])
            _synchronize(lm)
            if start >= full:
                rows.append({"reader": name, "turn": turn, "seconds": time.perf_counter() - began})
        report(f"{start + step:,} tokens read by each")
    table = pd.DataFrame(rows)
    table.attrs["memories"] = memories
    return table


def read_fully(lm: LM, size: Size, length: int, report: Callable[[str], None]) -> dict[str, float]:
    """Seconds that full attention and memory take for the last chunks of a text of some length.

    Full attention's cache is filled with random keys and values up to there: filling it by reading takes hours on a CPU
    and is not what is asked. Memory reads the same number of tokens' worth of log from random rows too.
    """
    plain, ids = Plain(lm, None), make_ids(size, length)
    config = lm.model.config
    head = config.hidden_size // config.num_attention_heads
    before = length - size.chunk
    for layer in range(config.num_hidden_layers):
        shape = (1, config.num_key_value_heads, before, head)
        filled = [torch.randn(shape, device=lm.device, dtype=lm.model.dtype) for _ in range(2)]
        plain.cache.update(*filled, layer)
    plain.place = before
    began = time.perf_counter()
    plain.read(ids[before:])
    _synchronize(lm)
    seconds = time.perf_counter() - began
    report(f"full attention at {length:,} tokens: {size.chunk / seconds:,.0f} tokens/s")
    # What full attention took for the whole text: its cost grows with the place, from that of the first chunk.
    first = Plain(lm, None)
    began = time.perf_counter()
    first.read(ids[: size.chunk])
    _synchronize(lm)
    mean = (time.perf_counter() - began + seconds) / 2
    return {"last": seconds, "mean": mean}


def profile_share(lm: LM, size: Size, ids: np.ndarray) -> float:
    """Share of the time of reading that goes into products, attention, gathers and copies."""
    memory = with_memory(lm, size, "SM")
    warm = min(len(ids) - 2 * size.chunk, size.n_local + 2 * size.n_mem)
    memory.read(ids[:warm])
    activities = [torch.profiler.ProfilerActivity.CPU]
    cuda = lm.device.type == "cuda"
    if cuda:
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as profile:
        began = time.perf_counter()
        for start in range(warm, min(len(ids) - size.chunk, warm + 4 * size.chunk), size.chunk):
            memory.reader.read_chunk(ids[start : start + size.chunk])
        _synchronize(lm)
        seconds = time.perf_counter() - began
    spent = 0.0
    for event in profile.key_averages():
        if any(word in event.key for word in WORK):
            spent += (event.self_device_time_total if cuda else event.self_cpu_time_total) / 1e6
    return spent / seconds


def generate_both(lm: LM, size: Size, ids: np.ndarray) -> dict[str, list[float]]:
    """Seconds a token of generation, turn by turn: plain with a sliding window, and with memory."""
    memory, plain = with_memory(lm, size, "SM"), Plain(lm, size.n_local)
    n = min(len(ids), size.n_local + 4 * size.n_mem)
    memory.read(ids[:n])
    for start in range(0, n, size.chunk):
        plain.read(ids[start : start + size.chunk])
    turns: dict[str, list[float]] = {"plain": [], "memory": []}
    with memory.reader.attention():  # as within `generate`
        for _ in range(SPEECH_TURNS + 1):  # in turns, so that whatever else the machine does hits both alike
            for name, run in {
                "plain": lambda: plain.generate(5, size.new),
                "memory": lambda: [memory.reader.forward(ids[k : k + 1]) for k in range(size.new)],
            }.items():
                _synchronize(lm)
                began = time.perf_counter()
                run()
                _synchronize(lm)
                turns[name].append((time.perf_counter() - began) / size.new)
    return {name: seconds[1:] for name, seconds in turns.items()}  # the first warms up


def summarize(
    turns: pd.DataFrame, full: dict[int, dict[str, float]], share: float, speech: dict[str, list[float]], size: Size
) -> pd.DataFrame:
    """One row a number: subject, measure, value, low, high (quartiles), n, unit, bound, holds."""
    rows: list[dict[str, Any]] = []

    def add(subject: str, measure: str, values: Any, unit: str, bound: float | None = None, sign: int = 1) -> None:
        values = np.atleast_1d(np.asarray(values, dtype=float))
        low, middle, high = np.percentile(values, [25, 50, 75])
        holds = None if bound is None else bool(sign * middle >= sign * bound)
        told = "" if bound is None else f"{'>=' if sign > 0 else '<='} {bound:g}"
        rows.append(
            {"subject": subject, "measure": measure, "value": middle, "low": low, "high": high, "n": len(values),
             "unit": unit, "bound": told, "holds": holds}
        )  # fmt: skip

    step = size.stretch * size.chunk
    wide = turns.pivot(index="turn", columns="reader", values="seconds")
    for reader in wide:
        add(reader, "speed, in turns", step / wide[reader], "tokens/s")
    for reader in wide.columns.drop("plain, sliding window"):
        add(
            f"{reader} against plain, sliding window",
            "speed ratio",
            wide["plain, sliding window"] / wide[reader],
            "",
            BOUND,
        )
    per_chunk = wide["memory, SM"].median() / size.stretch
    for length, seconds in full.items():
        add(f"plain, full attention, {length:,} tokens", "speed at the end", size.chunk / seconds["last"], "tokens/s")
        name = f"memory, SM against full attention, {length:,} tokens"
        add(name, "speed ratio at the end", seconds["last"] / per_chunk, "")
        add(name, "speed ratio, whole text", seconds["mean"] / per_chunk, "")
    add("memory, SM", "share of time in products, attention and gathers", share, "", 0.8)
    spoken = {name: np.array(times) for name, times in speech.items()}
    for name, times in spoken.items():
        add(f"generation, {name}", "time a token", 1000 * times, "ms")
    add("generation with memory against plain", "time ratio", spoken["memory"] / spoken["plain"], "", 1.5, -1)
    return pd.DataFrame(rows)


def markdown(report: pd.DataFrame, size: Size, device: str, dtype: str) -> str:
    """The report as a Markdown table, and how it was measured."""
    lines = ["| what | measure | median | quartiles | n | promised |", "| --- | --- | --- | --- | --- | --- |"]
    for row in report.itertuples():
        told = f"{row.bound}, {'kept' if row.holds else 'NOT kept'}" if row.bound else ""
        spread = f"{row.low:,.3g} to {row.high:,.3g}" if row.n > 1 else ""
        value = f"{row.value:,.0f}" if row.value >= 1000 else f"{row.value:.3g}"
        lines.append(f"| {row.subject} | {row.measure} | {value} {row.unit} | {spread} | {row.n} | {told} |")
    versions = f"torch {torch.__version__}, transformers {metadata.version('transformers')}"
    shape = (
        f"{size.layers} layers, width {size.width}, {size.heads} query and {size.kv_heads} key heads, random weights"
    )
    where = device if device == "cpu" else torch.cuda.get_device_name(device)
    lines += [
        "",
        f"{shape}, {dtype} on {where}; n_local={size.n_local}, n_mem={size.n_mem}, chunk={size.chunk}, {size.tokens:,} "
        f"tokens; {versions}; {torch.get_num_threads()} threads. {measured_on()}",
    ]
    return "\n".join(lines)


def run(
    size: Size, device: str, dtype: str, report: Callable[[str], None] = lambda line: None
) -> dict[str, pd.DataFrame]:
    """Measure everything; the tables by name."""
    lm = make_lm(size, device, dtype)
    ids = make_ids(size, size.tokens)
    turns = read_in_turns(lm, size, ids, report)
    share = profile_share(lm, size, ids)
    report(f"share of the work itself: {share:.2f}")
    speech = generate_both(lm, size, ids)
    full = {length: read_fully(lm, size, length, report) for length in size.full}
    return {"report": summarize(turns, full, share, speech, size), "turns": turns}


def _synchronize(lm: LM) -> None:
    if lm.device.type == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, help=f"read with a window (default {FULL.tokens:,})")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], help="default: bfloat16 on a GPU, else float32")
    parser.add_argument("--quick", action="store_true", help="a tiny model, to see that it runs")
    parser.add_argument("--write", action="store_true", help="put the table into docs/memory.md")
    parser.add_argument("--out", type=Path, default=Path("results/bench_memory"))
    given = parser.parse_args()
    size = QUICK if given.quick else FULL
    size = size._replace(tokens=given.tokens or size.tokens)
    dtype = given.dtype or ("float32" if given.device == "cpu" else "bfloat16")
    tables = run(size, given.device, dtype, lambda line: print(line, flush=True))
    given.out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(given.out / f"{name}.csv", index=False)
    page = markdown(tables["report"], size, given.device, dtype)
    (given.out / "report.md").write_text(page + "\n", encoding="utf-8")
    print(page)
    if given.write and given.device == "cpu":
        fill(docs_page("memory.md"), "cpu", page)


if __name__ == "__main__":
    main()
