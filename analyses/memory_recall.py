"""Does the embedded LM find what it read 100,000 and a million tokens ago? Pass keys at all depths, hidden in prose.

    python analyses/memory_recall.py [--quick] [--tokens 131072] [--trials 100] [--out FOLDER] [--write]

Part one: numbers at depths spread evenly, each asked for on a fork, with memory and with the sliding window alone
(policy "none", all else equal). --keys-per-reading of them share a reading: one is the pass key alone; up to four are
a pass key, a password, a secret number and the number of a box; more are told apart by names, which is harder.
Part two: one reading of --long-tokens with the file tier, --keys numbers planted in it; the time that the reading took,
and the anonymous memory of the process meanwhile. What is finished lies in --out and is not done again. --write fills
the marked place of docs/memory.md.
"""

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emcog.errors import OptionError
from emcog.files import write_files
from emcog.lm import load_lm
from emcog.lm.training.corpus import read_documents
from emcog.memory import EpisodicLM, MemoryConfig
from emcog.pages import ROOT, docs_page, fill, markdown_table, measured_on
from emcog.tasks import Filler, make_trial, rates, run_trial

EARLY = 65_536
"""Tokens after which memory is to grow no more."""
SETTINGS: dict[str, Any] = {
    "n_init": 16, "n_local": 512, "n_mem": 256, "chunk": 512, "representative": "all",
    "policy": ["none", "none", "none", "none", "similarity", "similarity", "none", "none"],
}  # fmt: skip
"""For the embedded LM, whose fifth and sixth layers are those that look things up."""
LIMITS = {"memory": 0.95, "window": 0.05, "long": 0.9, "minutes": 15.0, "gigabytes": 3.0, "growth": 1.05}


def prose(folder: Path | None = None) -> str | None:
    """The held-out books of the corpus where they are beside this checkout; otherwise None, for the demo story."""
    folder = folder or ROOT.parent / "shared" / "corpus" / "heldout"
    books = [book for path in sorted(folder.glob("*.txt*")) for book in read_documents(path)]
    return "\n\n".join(books) or None


def anonymous_bytes() -> float:
    """Anonymous memory of this process in bytes, as Linux counts it; NaN elsewhere."""
    status = Path("/proc/self/status")
    found = re.search(r"^RssAnon:\s+(\d+) kB", status.read_text() if status.is_file() else "", re.MULTILINE)
    return int(found[1]) * 1024.0 if found else float("nan")


def plan(trials: int, keys: int) -> Iterator[list[float]]:
    """The depths of each reading: `trials` in all, spread evenly over (0, 1) and over the readings."""
    depths = (np.arange(trials) + 0.5) / trials
    readings = -(-trials // keys)
    yield from (depths[start::readings].tolist() for start in range(readings))


def many_trials(
    filler: Filler, config: MemoryConfig, tokens: int, trials: int, keys: int, seed: int, done: "Finished"
) -> pd.DataFrame:
    """Part one: one row a question and config."""
    parts: list[pd.DataFrame] = []
    task = "pass_key" if keys == 1 else "pass_keys" if keys <= 4 else "several_keys"
    for number, depths in enumerate(plan(trials, keys)):
        trial = make_trial(task, filler, tokens, depths, seed + number)
        about = {"task": task, "length": tokens, "n_tokens": trial.n_tokens, "seed": trial.seed}
        for name, chosen in (("memory", config), ("window", replace(config, policy="none"))):
            make = partial(run_trial, filler.lm, chosen, trial)
            parts.append(done.table(f"{name}-{number:03d}", make).assign(config=name, **about))
    return pd.concat(parts, ignore_index=True)


class Finished:
    """What is done already, reading by reading, in a folder.

    Parameters
    ----------
    folder : made if it is missing. settings : of the whole run; a folder with others is refused.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], tell: Callable[[str], Any]):
        self.folder, self.tell = folder, tell
        folder.mkdir(parents=True, exist_ok=True)
        text, path = json.dumps(settings, indent=1), folder / "settings.json"
        if path.exists() and path.read_text(encoding="utf-8") != text:
            raise OptionError(f"{folder} holds a run with other settings: give another --out, or delete it")
        write_files(folder, {path.name: text.encode()})

    def table(self, name: str, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """A table that is there, or is made now."""
        path = self.folder / f"{name}.csv"
        if path.exists():
            return pd.read_csv(path, dtype={"answer": str, "said": str}, keep_default_na=False, na_values=[""])
        table = make()
        write_files(self.folder, {path.name: table.to_csv(index=False).encode()})
        right = int(table.correct.sum())
        self.tell(f"{name}: {right} of {len(table)} right, read in {table.read_s.iloc[0]:.0f} s")
        return table


class Watch:
    """Anonymous memory while a memory reads."""

    def __init__(self, early: int):
        self.early, self.rows = early, [(0, anonymous_bytes())]
        self.index_bytes = 0

    def __call__(self, memory: EpisodicLM, done: int) -> None:
        """Look at it; to be called after each chunk."""
        self.rows.append((done, anonymous_bytes()))
        self.index_bytes = memory.index_bytes

    @property
    def most(self) -> float:
        """The most there was, in bytes."""
        return max(size for _, size in self.rows)

    @property
    def growth(self) -> float:
        """The most after `early` tokens over the most before, the index of representatives left out."""
        before = max(size for done, size in self.rows if done <= self.early)
        return (self.most - self.index_bytes) / before


def long_reading(
    filler: Filler, config: MemoryConfig, tokens: int, keys: int, seed: int, done: Finished
) -> tuple[pd.DataFrame, Watch]:
    """Part two: one row a key, and what the reading took."""
    watch = Watch(min(EARLY, tokens // 2))
    kept = done.folder / "memory_meanwhile.json"

    def make() -> pd.DataFrame:
        trial = make_trial("several_keys", filler, tokens, next(plan(keys, keys)), seed)
        table = run_trial(filler.lm, replace(config, tier="file"), trial, watch)
        write_files(done.folder, {kept.name: json.dumps([watch.index_bytes, watch.rows]).encode()})
        about = {"config": "long", "task": trial.task, "length": tokens, "n_tokens": trial.n_tokens, "seed": seed}
        return table.assign(**about)

    table = done.table("long", make)
    watch.index_bytes, watch.rows = json.loads(kept.read_text(encoding="utf-8"))
    return table, watch


def summary(table: pd.DataFrame, watch: Watch, n_local: int) -> pd.DataFrame:
    """One row a requirement: what, n, value, ci_low, ci_high, limit, holds."""
    far = table[(table.config != "window") | (table.distance > n_local)]
    rows: list[dict[str, Any]] = []
    for cell in rates(far, by=["config", "length"]).itertuples():
        name = {"memory": "keys, with memory", "window": "keys beyond the window, sliding window alone",
                "long": "keys in one reading, on forks, file tier"}[cell.config]  # fmt: skip
        holds = cell.correct < LIMITS["window"] if cell.config == "window" else cell.correct >= LIMITS[cell.config]
        limit = f"{'under' if cell.config == 'window' else 'at least'} {LIMITS[cell.config]:g}"
        if cell.config != "window":
            rows.append({"what": f"{name}: share of layers that recalled the statement", "tokens": cell.length,
                         "n": cell.n, "value": cell.recalled, "limit": "", "holds": None})  # fmt: skip
        rows.append({"what": f"{name}: share right", "tokens": cell.length, "n": cell.n, "value": cell.correct,
                     "ci_low": cell.ci_low, "ci_high": cell.ci_high, "limit": limit, "holds": bool(holds)})  # fmt: skip
    last = table[table.config == "long"].iloc[0]
    for what, value, name in (
        ("reading it, minutes", last.read_s / 60, "minutes"),
        ("anonymous memory meanwhile, GB", watch.most / 1e9, "gigabytes"),
        (f"the same over that of the first {watch.early:,} tokens, index left out", watch.growth, "growth"),
        ("index of representatives, GB", watch.index_bytes / 1e9, ""),
    ):
        limit = {"minutes": "under", "gigabytes": "under", "growth": "at most"}.get(name, "")
        holds = None if not name or value != value else bool(value <= LIMITS[name])
        rows.append({"what": what, "tokens": last.length, "n": 1, "value": float(value),
                     "limit": f"{limit} {LIMITS[name]:g}" if name else "", "holds": holds})  # fmt: skip
    return pd.DataFrame(rows)


def by_depth(table: pd.DataFrame) -> pd.DataFrame:
    """Share right by tenths of the depth: one row a tenth, one column a config and length."""
    cells = table.assign(tenth=(table.depth * 10).astype(int).clip(upper=9))
    found = rates(cells, by=["config", "length", "tenth"])
    found["column"] = found.config.map({"memory": "memory", "window": "sliding window", "long": "one long reading"})
    found["column"] += found.length.map(", {:,} tokens".format)
    wide = found.pivot(index="tenth", columns="column", values="correct").reset_index()
    wide.insert(0, "depth", wide.pop("tenth").map(lambda k: f"{k / 10:.1f} to {(k + 1) / 10:.1f}"))
    return wide.rename_axis(columns=None)


def page_block(result: pd.DataFrame, depths: pd.DataFrame, config: MemoryConfig, source: str, seed: int) -> str:
    """The text of the marked place in docs/memory.md."""
    shown = result.astype({"tokens": object}).assign(tokens=result.tokens.map("{:,}".format))
    shown["holds"] = result.holds.map({True: "yes", False: "NO"}).fillna("")
    told = ", ".join(f"{name}={value}" for name, value in config.as_dict().items() if value is not None)
    return (
        f"{markdown_table(shown)}\n\nShare right by depth (0 is the beginning of the reading):\n\n"
        f"{markdown_table(depths, 2)}\n\nRight is what is said greedily and is the number, exactly; intervals are "
        f"Wilson's, 95%. Hidden in {source}; seeds from {seed} on. Settings: {told}.\n\n{measured_on()}"
    )


def main() -> None:
    """Print the tables, and write them if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=131_072, help="of each reading of part one")
    parser.add_argument("--trials", type=int, default=100, help="keys of part one")
    parser.add_argument("--keys-per-reading", type=int, default=20, help="of part one")
    parser.add_argument("--long-tokens", type=int, default=1_048_576, help="of part two's reading")
    parser.add_argument("--keys", type=int, default=20, help="of part two")
    parser.add_argument("--config", type=json.loads, default=SETTINGS, help="MemoryConfig as JSON: '{\"n_mem\": 768}'")
    parser.add_argument("--model", help="name or folder; default: the embedded LM")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--out", type=Path, default=Path("results/memory_recall"), help="folder for what is finished")
    parser.add_argument("--write", action="store_true", help="fill the marked place of docs/memory.md")
    options = parser.parse_args()
    if options.quick:
        options.tokens, options.trials, options.long_tokens, options.keys = 2_000, 2, 3_000, 2
    lm, text, config = load_lm(options.model), prose(), MemoryConfig(**options.config)
    filler = Filler(lm, text)
    given = {name: value for name, value in vars(options).items() if name not in ("out", "write", "quick")}
    settings = {"weights": lm.weight_hash, "prose": hashlib.sha256((text or "").encode()).hexdigest(), **given}
    done = Finished(options.out, settings, lambda line: print(line, file=sys.stderr, flush=True))
    rows, watch = long_reading(filler, config, options.long_tokens, options.keys, options.seed, done)
    many = many_trials(filler, config, options.tokens, options.trials, options.keys_per_reading, options.seed + 1, done)
    table = pd.concat([many, rows], ignore_index=True)
    resolved = config.resolve(lm.limit, lm.model.config.num_hidden_layers)
    result, depths = summary(table, watch, int(resolved.n_local or 0)), by_depth(table)
    for one in (result, depths):
        print(one.to_string(index=False, na_rep="", float_format=lambda value: f"{value:.3g}"), end="\n\n")
    table.to_csv(options.out / "trials.csv", index=False)
    result.to_csv(options.out / "summary.csv", index=False)
    if options.write:
        source = "the demo story, over and over" if text is None else "held-out public-domain novels"
        fill(docs_page("memory.md"), "memory_recall", page_block(result, depths, resolved, source, options.seed))


if __name__ == "__main__":
    main()
