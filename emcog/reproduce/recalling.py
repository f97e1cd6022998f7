"""What the memory analyses share: the settings that are compared, prose to hide facts in, and rates as rows."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from emcog.errors import DataError
from emcog.lm import LM
from emcog.memory import MemoryConfig
from emcog.reproduce.setting import Setting
from emcog.reproduce.stories import book_text
from emcog.stats.paired import paired_shares
from emcog.tasks import rates, sweep

FULL = "full attention"
WINDOW = "window"
MEMORIES = ("SM+C", "SM", "S")
"""Of these the first that was run is the memory that is compared with others."""
REPRESENTATIVE = "all"
"""An event is found by any of its tokens, whatever cut it out: the few that received most attention, the default, often
miss a fact that a small model was told in passing, and then no segmentation and no policy could tell itself apart."""


def configurations(lm: LM, length: int, names: Sequence[str] | None = None) -> dict[str, MemoryConfig]:
    """The settings that are compared: S, SM and SM with contiguity; F (InfLLM); recency and random; the window alone;
    and full attention where the length, with room for a question, is within the model's limit.

    Parameters
    ----------
    length : tokens of the context. names : which of them; None for all.
    """
    half = window_of(lm)
    common: dict[str, Any] = {
        "n_local": half, "n_mem": half // 2, "contiguity": 0.0, "representative": REPRESENTATIVE,
    }  # fmt: skip
    made = {
        "S": MemoryConfig(**common, segmentation="S"),
        "SM": MemoryConfig(**common, segmentation="SM"),
        "SM+C": MemoryConfig(**common | {"contiguity": 0.3}, segmentation="SM"),
        "F": MemoryConfig(**common, segmentation="F"),
        "recency": MemoryConfig(**common, segmentation="SM", policy="recency"),
        "random": MemoryConfig(**common, segmentation="SM", policy="random"),
        WINDOW: MemoryConfig(**common, policy="none"),
    }
    if length + ROOM <= lm.limit:
        made[FULL] = MemoryConfig(n_local=lm.limit, n_mem=0, policy="none")
    return made if names is None else {name: config for name, config in made.items() if name in names}


ROOM = 64
"""Tokens for the question and its answer."""


def window_of(lm: LM) -> int:
    """Tokens of the sliding window that all settings have but full attention."""
    return max(64, lm.limit // 2)


def prose(setting: Setting) -> str | None:
    """A book's text where one is here (and noted among the inputs), otherwise None: the demo story over and over."""
    try:
        text, source = book_text()
    except DataError as error:
        setting.missing.append(f"prose: {error}; the demo story takes its place")
        return None
    setting.caveats.append(f"facts are hidden in {source}")
    setting.inputs["book"] = hashlib.sha256(text.encode()).hexdigest()
    return text


def grid_rows(
    setting: Setting,
    analysis: str,
    tasks: Sequence[str],
    trials: Mapping[int, int],
    depths: Sequence[float],
    names: Sequence[str] | None = None,
) -> Iterator[dict[str, Any]]:
    """Rows by length and depth, by length alone, and of what lies beyond the window, for the settings that
    `configurations` gives at each length.

    Parameters
    ----------
    trials : how many of each task, by length in tokens. names : of the settings; None for all.
    """
    configs = {length: configurations(setting.lm, length, names) for length in trials}
    table = run_sweep(setting, tasks, trials, depths, configs)
    for by in (["length", "depth"], ["length"]):
        yield from rate_rows(table, by, analysis, setting.seed)
    yield from beyond_rows(table, analysis, window_of(setting.lm), setting.seed)


def run_sweep(
    setting: Setting,
    tasks: Sequence[str],
    trials: Mapping[int, int],
    depths: Sequence[float],
    configs: Mapping[int, Mapping[str, MemoryConfig]],
) -> pd.DataFrame:
    """`emcog.tasks.sweep` with trials and settings that may differ between lengths.

    trials : by length in tokens. configs : by length in tokens, and by name.
    """
    text = prose(setting)
    setting.caveats.append(f"an event is found by any of its tokens (representative={REPRESENTATIVE!r})")
    parts = []
    for length, n_trials in trials.items():
        tell = partial(setting.tell, f"{length:,} tokens, readings")
        parts.append(sweep([length], depths, tasks, setting.lm, configs[length], n_trials, setting.seed, text,
                           progress=tell))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def rate_rows(table: pd.DataFrame, by: Sequence[str], analysis: str, seed: int) -> Iterator[dict[str, Any]]:
    """Three rows a cell: the share of questions answered exactly, of layers that recalled the statement, the margin.

    by : columns of the table beside config and task that make a cell; each becomes a column of the report.
    """
    for cell in rates(table, by=["config", "task", *by]).to_dict("records"):
        place = {name: cell[name] for name in by}
        said = ", ".join(f"{name} {value:g}" for name, value in place.items())
        common = {"analysis": analysis, "dataset": "emcog.tasks", "story": cell["task"], "method": cell["config"],
                  "variant": said, "n": cell["n"], "seed": seed, **place}  # fmt: skip
        yield common | {"metric": "correct", "unit": "share", "estimate": cell["correct"], "ci_low": cell["ci_low"],
                        "ci_high": cell["ci_high"], "note": "n: questions; interval: Wilson, 95%"}  # fmt: skip
        yield common | {"metric": "recalled", "unit": "share of layers", "estimate": cell["recalled"],
                        "note": "n: questions; share of the layers that recalled the statement"}  # fmt: skip
        yield common | {"metric": "margin", "unit": "bits", "estimate": cell["margin"],
                        "note": "n: questions; log2 p of the answer less that of the likeliest wrong one"}  # fmt: skip


def beyond_rows(table: pd.DataFrame, analysis: str, window: int, seed: int) -> Iterator[dict[str, Any]]:
    """What lies beyond the window when its question comes, all lengths together: memory against the window and F.

    Parameters
    ----------
    table : from `sweep`. window : tokens; only questions about statements further back count.
    """
    for task, own in table[table["distance"] > window].groupby("task", sort=False):
        names = [name for name in MEMORIES if name in set(own["config"])]
        for other in (WINDOW, "F"):
            if names and other in set(own["config"]):
                yield {"story": task, "window": window} | paired_row(own, names[0], other, analysis, seed)


def paired_row(table: pd.DataFrame, one: str, other: str, analysis: str, seed: int) -> dict[str, Any]:
    """A row: how much larger the share of exact answers of one setting is than another's to the same questions.

    Further columns: against (the other setting), share and share_against (of right answers).
    """
    asked = ["length", "trial", "depth"]
    both = table[table["config"] == one].merge(table[table["config"] == other], on=asked, validate="one_to_one")
    found = paired_shares(both["correct_x"], both["correct_y"])
    only = f"{one} alone right in {found.pop('only_ours')}, {other} alone in {found.pop('only_theirs')}"
    return found | {
        "analysis": analysis, "dataset": "emcog.tasks", "method": one, "against": other, "metric": "correct_difference",
        "variant": f"against {other}", "unit": "share, difference", "null_model": "McNemar, exact", "seed": seed,
        "share": float(both["correct_x"].mean()), "share_against": float(both["correct_y"].mean()),
        "note": f"n: questions; {only}; interval: Tango's, 95%",
    }  # fmt: skip
