"""How fast emcog listens, beside plain transformers doing the same work, and what the command costs.

    python analyses/bench_listening.py [--tokens 100000] [--text FILE] [--quick] [--write] [--out FOLDER]

Everything is measured in one run. Listening and the plain passes take turns, a stretch of tokens each, so that whatever
else the machine does hits them alike; what counts are the ratios within a turn. Writes report.csv, stretches.csv,
alone.csv, processes.csv and report.md to results/bench_listening and, with --write, the table into docs/listening.md.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from emcog.pages import docs_page, fill, measured_on
from emcog.paths import data_folder

# torch and transformers are imported inside functions: processes are measured first, from a small one.
if TYPE_CHECKING:
    import torch

WINDOW, CHUNK = 1024, 512
STORY_WORDS = 1000
DTYPES = ("float32", "bfloat16")
BITS = 1.4426950408889634


class Size(NamedTuple):
    """How much is measured.

    Attributes
    ----------
    tokens : of the long text.
    stretch : tokens a turn, a multiple of CHUNK.
    plain_every : in bfloat16, plain passes are read in so many turns only: without the instructions they crawl.
    processes : of each kind.
    """

    tokens: int
    stretch: int
    plain_every: int
    processes: int


FULL = Size(tokens=100_000, stretch=8 * CHUNK, plain_every=6, processes=5)
QUICK = Size(tokens=8 * CHUNK, stretch=CHUNK, plain_every=5, processes=1)

LAUNCHER = """
import json, os, subprocess, sys, time
start = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
scale = 1 if sys.platform == "darwin" else 1024
print(json.dumps([time.perf_counter() - start, usage.ru_maxrss * scale / 1e6, status]))
"""


class Plain:
    """transformers' own reading of the same ids: chunks, the keys and values of the window kept, sdpa.

    Parameters
    ----------
    model : a Llama, whose weights are shared.
    way : "library" rebuilds it as a Mistral with sliding_window, whose cache and mask slide by themselves; "mask" keeps
        the Llama, cuts the cache to the window and gives the band as a mask.
    signals : "all" three, "surprisal" alone, or "none" (the forward pass up to the logits).
    """

    def __init__(self, model: Any, way: str, signals: str):
        import torch
        from transformers import DynamicCache, MistralConfig, MistralForCausalLM

        self.way, self.signals, self.model = way, signals, model
        if way == "library":
            config = MistralConfig(**{**model.config.to_dict(), "sliding_window": WINDOW, "architectures": None})
            with torch.device("meta"):
                self.model = MistralForCausalLM(config)
            self.model.model.rotary_emb = model.model.rotary_emb
            self.model.load_state_dict(model.state_dict(), assign=True)
            self.model.tie_weights()
            self.model = self.model.eval().requires_grad_(False)
            self.model.set_attn_implementation("sdpa")
        self.cache = DynamicCache(config=self.model.config)
        self.masks: dict[tuple[int, int], torch.Tensor] = {}
        self.place = 0
        self.carried: torch.Tensor | None = None

    def read(self, ids: "torch.Tensor") -> list["torch.Tensor"]:
        """Read a stretch (1-D ids on the model's device) after what was read before.

        Returns
        -------
        Per chunk, the signals (3, n) in bits: surprisal, entropy, Bayesian surprise; (1, n) or (0,) if fewer are asked.
        The rows belong to the tokens from the chunk's second on; the first is scored with the chunk before.
        """
        import torch

        found = []
        with torch.inference_mode():
            for start in range(0, len(ids), CHUNK):
                piece = ids[start : start + CHUNK]
                logits = self._forward(piece)
                found.append(self._reduce(logits, piece))
        return found

    def _forward(self, piece: "torch.Tensor") -> "torch.Tensor":
        import torch

        n = len(piece)
        positions = torch.arange(self.place, self.place + n, device=piece.device)[None]
        mask = None
        if self.way == "mask":
            mask = self._band(n, min(self.place, WINDOW - 1), piece.device)
        logits = self.model(
            input_ids=piece[None], position_ids=positions, attention_mask=mask, past_key_values=self.cache
        ).logits[0]
        self.place += n
        if self.way == "mask":
            for layer in self.cache.layers:
                layer.keys, layer.values = layer.keys[:, :, 1 - WINDOW :], layer.values[:, :, 1 - WINDOW :]
        return logits

    def _band(self, n: int, past: int, device: Any) -> "torch.Tensor":
        import torch

        if (n, past) not in self.masks:
            distance = torch.arange(past, past + n)[:, None] - torch.arange(past + n)[None]
            seen = ((distance >= 0) & (distance < WINDOW)).to(device)
            band = torch.zeros(seen.shape, dtype=self.model.dtype, device=device).masked_fill_(~seen, -torch.inf)
            self.masks[n, past] = band[None, None]
        return self.masks[n, past]

    def _reduce(self, logits: "torch.Tensor", piece: "torch.Tensor") -> "torch.Tensor":
        import torch

        if self.signals == "none":
            return logits[:0, 0]
        log_p = logits.float().log_softmax(-1)
        if self.carried is not None:
            log_p = torch.cat([self.carried, log_p])
        else:
            piece = piece[1:]
        self.carried = log_p[-1:]
        before, after = log_p[:-1], log_p[1:]
        surprisal = -before.gather(-1, piece[:, None])[:, 0]
        if self.signals == "surprisal":
            return surprisal[None] * BITS
        p = log_p.exp()
        entropy = -(p[:-1] * before).sum(-1)
        bayesian = (p[1:] * (after - before)).sum(-1)
        return torch.stack([surprisal, entropy, bayesian]) * BITS


def run_processes(text: str, repeats: int) -> pd.DataFrame:
    """Whole processes, in turns: imports alone, `emcog segment` on `text`, `emcog --help`.

    Returns
    -------
    DataFrame: process, turn, seconds (wall), peak_mb (resident).
    """
    command = [sys.executable, "-c", "from emcog.cli import process; process()"]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        story = Path(folder) / "story.txt"
        story.write_text(text, encoding="utf-8")
        work = {
            "imports": [sys.executable, "-c", "import torch, transformers"],
            "segment": [*command, "segment", str(story), "--out", folder],
            "help": [*command, "--help"],
        }
        for turn in range(repeats + 1):
            for name, arguments in work.items():
                # A process starts with its parent's peak: the launcher, a few megabytes, stands between.
                launched = subprocess.run(
                    [sys.executable, "-c", LAUNCHER, *arguments], capture_output=True, text=True, check=True
                )
                seconds, peak, status = json.loads(launched.stdout)
                if status:
                    raise SystemExit(f"{name} failed: run it by hand: {' '.join(arguments)}")
                if turn:  # the first finds cold files
                    rows.append({"process": name, "turn": turn, "seconds": seconds, "peak_mb": peak})
    return pd.DataFrame(rows)


def run_alone(ids: np.ndarray, dtype: str, device: str, stretch: int) -> pd.DataFrame:
    """Listening by itself.

    Returns
    -------
    DataFrame, one row a stretch: dtype, tokens (read so far), seconds (of this stretch), resident_mb (anonymous memory
    at its end).
    """
    from emcog.lm import listen, load_lm

    lm = load_lm(device=device, dtype=dtype)
    rows: list[dict[str, Any]] = []
    mark = time.perf_counter()

    def note(done: int, total: int) -> None:
        nonlocal mark
        if done % stretch == 0:
            _synchronize(lm)
            seconds = time.perf_counter() - mark
            rows.append({"dtype": dtype, "tokens": done, "seconds": seconds, "resident_mb": _resident_mb()})
            mark = time.perf_counter()

    listen(ids, lm, n_local=WINDOW, chunk=CHUNK, progress=note)
    return pd.DataFrame(rows)


def run_in_turns(ids: np.ndarray, dtype: str, device: str, size: Size) -> pd.DataFrame:
    """Listening and plain passes in turns, a stretch each.

    Returns
    -------
    DataFrame, one row a stretch and reader: dtype, reader, turn, seconds.
    """
    import torch
    from transformers import LlamaForCausalLM

    from emcog.lm import listen, load_lm
    from emcog.lm.load import EMBEDDED

    lm = load_lm(device=device, dtype=dtype)
    # A copy of its own: with dtype bfloat16, emcog changes its model's layers where the processor needs it.
    model = LlamaForCausalLM.from_pretrained(EMBEDDED, dtype=lm.model.dtype).to(lm.device).eval()
    plain = {
        "plain, all signals, sliding_window": Plain(model, "library", "all"),
        "plain, all signals, band mask": Plain(model, "mask", "all"),
        "plain, surprisal alone": Plain(model, "library", "surprisal"),
        "plain, logits alone": Plain(model, "library", "none"),
    }
    on_device = torch.from_numpy(ids).to(lm.device)
    for reader in plain.values():
        reader.read(on_device[:WINDOW])
    rows: list[dict[str, Any]] = []
    every = size.plain_every if dtype == "bfloat16" else 1
    turn, mark = 0, time.perf_counter()

    def take_turns(done: int, total: int) -> None:
        nonlocal turn, mark
        if done % size.stretch:
            return
        _synchronize(lm)
        rows.append({"dtype": dtype, "reader": "listen", "turn": turn, "seconds": time.perf_counter() - mark})
        if turn and turn % every == 0:  # in turn 0 the window fills
            for name, reader in plain.items():
                start = time.perf_counter()
                reader.read(on_device[done - size.stretch : done])
                _synchronize(lm)
                rows.append({"dtype": dtype, "reader": name, "turn": turn, "seconds": time.perf_counter() - start})
        turn += 1
        mark = time.perf_counter()

    listen(ids, lm, n_local=WINDOW, chunk=CHUNK, progress=take_turns)
    table = pd.DataFrame(rows)
    return table[table["turn"] > 0].reset_index(drop=True)


def difference_in_bits(ids: np.ndarray) -> tuple[float, float]:
    """Largest difference of any signal between listening (no initial tokens that stay) and a plain pass, in float32.

    Returns
    -------
    Among the tokens that the first window holds, and among those after it. There, a plain pass rotates at positions
    that grow with the text, and their rounding grows with them.
    """
    import torch

    from emcog.lm import listen, load_lm

    lm = load_lm(device="cpu", dtype="float32")
    ours = listen(ids, lm, n_local=WINDOW, n_init=0, chunk=CHUNK).tokens
    columns = ["surprisal", "entropy", "bayesian_surprise"]
    gaps = []
    for way in ("library", "mask"):
        theirs = torch.cat(Plain(lm.model, way, "all").read(torch.from_numpy(ids)), dim=1).T.numpy()
        # From token 1, the first that both score, to the last but one: the last has no Bayesian surprise.
        gaps.append(np.abs(ours[columns].to_numpy()[1:] - theirs)[:-1])
    both = np.maximum(*gaps)
    return float(both[: WINDOW - 1].max()), float(both[WINDOW - 1 :].max())


def _synchronize(lm: Any) -> None:
    if lm.device.type == "cuda":
        import torch

        torch.cuda.synchronize()


def _resident_mb() -> float:
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon")), float("nan"))


def summarize(
    processes: pd.DataFrame, alone: pd.DataFrame, turns: pd.DataFrame, worst: tuple[float, float], stretch: int
) -> pd.DataFrame:
    """One row a measurement.

    Returns
    -------
    DataFrame: subject, measure, value (median), low and high (quartiles), unit, n (stretches or processes), bound
    (empty where nothing is promised), holds.
    """
    rows: list[dict[str, Any]] = []

    def add(subject: str, measure: str, values: Any, unit: str, bound: str = "") -> None:
        low, value, high = np.quantile(np.asarray(values, dtype=float), [0.25, 0.5, 0.75])
        kept = {">=": value >= float(bound[3:]), "<=": value <= float(bound[3:])}[bound[:2]] if bound else None
        rows.append({"subject": subject, "measure": measure, "value": value, "low": low, "high": high, "unit": unit,
                     "n": len(values), "bound": bound, "holds": kept})  # fmt: skip

    for dtype, table in turns.groupby("dtype", sort=False):
        wide = table.pivot(index="turn", columns="reader", values="seconds")
        readers = [reader for reader in table["reader"].unique() if reader != "listen"]
        for reader in ["listen", *readers]:
            add(f"{reader}, {dtype}", "speed, in turns", stretch / wide[reader].dropna(), "tokens/s")
        for reader in readers:
            ratio = (wide[reader] / wide["listen"]).dropna()
            bound = ">= 1" if "all signals" in reader else ""
            add(f"listen against {reader}, {dtype}", "speed ratio", ratio, "", bound)
    for dtype, table in alone.groupby("dtype", sort=False):
        steady, subject = table.iloc[1:], f"listen by itself, {dtype}"
        speed = stretch / steady["seconds"]
        add(subject, "speed", speed, "tokens/s", ">= 3000" if dtype == "bfloat16" else "")
        half = len(steady) // 2
        growth = steady["resident_mb"][half:].median() - steady["resident_mb"][:half].median()
        add(subject, "memory, second half less first", [growth], "MB", "<= 8")
    for where, bits, bound in zip(("in the first window", "after it"), worst, ("<= 1e-4", ""), strict=True):
        add("listen against plain, float32", f"largest difference of a signal {where}", [bits], "bits", bound)
    times = processes.pivot(index="turn", columns="process", values="seconds")
    peaks = processes.pivot(index="turn", columns="process", values="peak_mb")
    story = f"emcog segment, {STORY_WORDS:,} words"
    add("import torch, transformers", "time", times["imports"], "s")
    add(story, "time", times["segment"], "s", "<= 9")
    add(story, "time beyond the imports", times["segment"] - times["imports"], "s", "<= 3")
    add(story, "peak memory", peaks["segment"], "MB", "<= 1500")
    add("emcog --help", "time", times["help"], "s", "<= 0.5")
    return pd.DataFrame(rows)


def markdown(table: pd.DataFrame, size: Size) -> str:
    """The report as a Markdown table, with the circumstances below it."""

    def number(value: float) -> str:
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"

    lines = ["| what | measure | median | quartiles | n | promised |", "| --- | --- | --- | --- | --- | --- |"]
    for row in table.itertuples():
        spread = f"{number(row.low)} to {number(row.high)}" if row.n > 1 else ""
        kept = f"{row.bound} {row.unit}".strip() + (", kept" if row.holds else ", NOT kept") if row.bound else ""
        value = f"{number(row.value)} {row.unit}".strip()
        lines.append(f"| {row.subject} | {row.measure} | {value} | {spread} | {row.n} | {kept} |")
    import torch

    native = "" if torch.ops.mkldnn._is_mkldnn_bf16_supported() else "no "
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "transformers"))
    lines += [
        "",
        f"{size.tokens:,} tokens, window {WINDOW:,}, chunks of {CHUNK}, stretches of {size.stretch:,}; {versions}; "
        f"{torch.get_num_threads()} threads; {native}bfloat16 arithmetic in the processor. {measured_on()}",
    ]
    return "\n".join(lines)


def run(text: str, size: Size, device: str = "cpu") -> dict[str, pd.DataFrame]:
    """Measure everything; `text` is repeated to `size.tokens` tokens, and its words to those of a short story.

    Returns
    -------
    Tables by name: report (see `summarize`), stretches, alone, processes.
    """
    processes = run_processes(" ".join(np.resize(np.array(text.split()), STORY_WORDS)), size.processes)
    from emcog.lm import load_lm

    ids = np.resize(load_lm(device="cpu").encode(text)[0], size.tokens)
    worst = difference_in_bits(ids[: 4 * WINDOW])
    alone = pd.concat([run_alone(ids, dtype, device, size.stretch) for dtype in DTYPES])
    turns = pd.concat([run_in_turns(ids, dtype, device, size) for dtype in DTYPES])
    report = summarize(processes, alone, turns, worst, size.stretch)
    return {"report": report, "stretches": turns, "alone": alone, "processes": processes}


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=FULL.tokens)
    parser.add_argument("--text", type=Path, help="default: the demo story, repeated")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK.tokens:,} tokens, to see that it runs")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--write", action="store_true", help="put the table into docs/listening.md")
    parser.add_argument("--out", type=Path, default=Path("results/bench_listening"))
    given = parser.parse_args()
    story = given.text or data_folder("datasets") / "demo" / "late_letter.txt"
    size = QUICK if given.quick else FULL._replace(tokens=max(given.tokens, 8 * FULL.stretch))
    tables = run(story.read_text("utf-8"), size, given.device)
    given.out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(given.out / f"{name}.csv", index=False)
    page = markdown(tables["report"], size)
    (given.out / "report.md").write_text(page + "\n", encoding="utf-8")
    print(page)
    if given.write:
        fill(docs_page("listening.md"), "listening", page)


if __name__ == "__main__":
    main()
