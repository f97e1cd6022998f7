"""Tasks over lengths, depths, models and settings, as one tidy table."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import pandas as pd

from emcog.errors import OptionError
from emcog.lm import LM, load_lm
from emcog.memory import EpisodicLM, MemoryConfig
from emcog.options import check_choice, check_number
from emcog.tasks.filler import Filler
from emcog.tasks.kinds import TASKS
from emcog.tasks.scoring import ask_questions
from emcog.tasks.trials import Trial, make_trial

Progress = Callable[[int, int], None] | None
CELL = ("model", "config", "task", "length", "depth")
"""What a cell of a sweep is."""


def sweep(
    lengths: Sequence[int],
    depths: Sequence[float],
    tasks: str | Sequence[str] = "pass_key",
    models: Any = None,
    configs: MemoryConfig | Mapping[str, MemoryConfig] | None = None,
    n_trials: int = 1,
    seed: int = 0,
    text: str | None = None,
    n_distractors: int = 7,
    progress: Progress = None,
) -> pd.DataFrame:
    """Read contexts of every length with facts at every depth, and ask for them.

    Parameters
    ----------
    lengths : tokens of the contexts.
    depths : 0 (the beginning of the context) to 1 (its end). A task with one fact a reading gets a reading for each
        depth; the others state a fact at each depth in one reading, which is asked about on forks.
    tasks : names out of `TASKS`.
    models : what `emcog.load_lm` takes; a sequence of these, or a mapping from names to them. None: the embedded LM.
    configs : a mapping from names to settings; or settings, which are then called "memory" and compared with the
        sliding window alone (policy="none", called "window"). None: the same with the default settings.
    n_trials : of each task, length and depth.
    seed : trial i has the seed `seed` + i, so that all models and settings get the same trials.
    text : prose to hide the facts in; None is the demo story.
    n_distractors : wrong answers for each question.
    progress : called after each reading as progress(readings done, readings in all).

    Returns
    -------
    DataFrame, one row a question: model, config, task, length, n_tokens (of the context), trial, seed, read_s (seconds
    that the reading took), and the columns of `ask_questions`: depth, distance, answer, said, correct, log2_p, margin,
    chosen, recalled.

    Examples
    --------
    >>> table = sweep([4096, 16384], [0.1, 0.5, 0.9], n_trials=10)    # doctest: +SKIP
    >>> rates(table)                                                  # doctest: +SKIP
    """
    names = [tasks] if isinstance(tasks, str) else list(tasks)
    for name in names:
        check_choice("task", name, TASKS)
    n_trials = int(check_number("n_trials", n_trials, low=1, integer=True))
    settings = _settings(configs)
    lms = _models(models)
    if not (names and len(lengths) and len(depths) and settings and lms):
        raise OptionError("a sweep needs at least one task, length, depth, model and settings")
    plan = [
        (task, length, trial, part)
        for task, length, trial in product(names, lengths, range(n_trials))
        for part in ([[depth] for depth in depths] if TASKS[task].alone else [list(depths)])
    ]
    total, done, tables = len(plan) * len(lms) * len(settings), 0, []
    for model, lm in lms.items():
        filler = Filler(lm, text)
        for task, length, number, part in plan:
            trial = make_trial(task, filler, length, part, seed + number, n_distractors)
            for config, chosen in settings.items():
                about = {"model": model, "config": config, "task": task, "length": length,
                         "n_tokens": trial.n_tokens, "trial": number, "seed": trial.seed}  # fmt: skip
                tables.append(run_trial(lm, chosen, trial).assign(**about))
                done += 1
                if progress is not None:
                    progress(done, total)
    table = pd.concat(tables, ignore_index=True)
    first = ["model", "config", "task", "length", "n_tokens", "trial", "seed", "read_s"]
    return table[[*first, *table.columns.difference(first, sort=False)]]


def run_trial(
    lm: LM, config: MemoryConfig, trial: Trial, progress: Callable[[EpisodicLM, int], None] | None = None
) -> pd.DataFrame:
    """Read a trial's context with a new memory, and ask.

    progress : called after each chunk as progress(memory, tokens read).

    Returns the table of `ask_questions`, and read_s: seconds that the reading took.
    """
    memory = EpisodicLM(lm, config)
    start = time.perf_counter()
    memory.read(trial.context, progress=None if progress is None else lambda done, _: progress(memory, done))
    seconds = time.perf_counter() - start
    return ask_questions(memory, trial).assign(read_s=seconds)


def rates(table: pd.DataFrame, by: Sequence[str] = CELL) -> pd.DataFrame:
    """How often the answers are right, cell by cell of a sweep.

    Returns
    -------
    DataFrame, one row a cell: the columns `by`; n (questions); correct (share said exactly); ci_low, ci_high (95%
    interval of it, Wilson 1927); chosen (share where the answer beats all distractors); log2_p, margin, recalled
    (means).
    """
    from statsmodels.stats.proportion import proportion_confint

    groups = table.groupby(list(by), sort=False)
    found = groups.agg(
        n=("correct", "size"), right=("correct", "sum"), correct=("correct", "mean"), chosen=("chosen", "mean"),
        log2_p=("log2_p", "mean"), margin=("margin", "mean"), recalled=("recalled", "mean"),
    ).reset_index()  # fmt: skip
    low, high = proportion_confint(found.pop("right").to_numpy(), found["n"].to_numpy(), method="wilson")
    found.insert(found.columns.get_loc("correct") + 1, "ci_low", low)
    found.insert(found.columns.get_loc("correct") + 2, "ci_high", high)
    return found


def _settings(configs: MemoryConfig | Mapping[str, MemoryConfig] | None) -> dict[str, MemoryConfig]:
    if isinstance(configs, Mapping):
        return dict(configs)
    config = MemoryConfig() if configs is None else configs
    return {"memory": config, "window": replace(config, policy="none")}


def _models(models: Any) -> dict[str, LM]:
    if isinstance(models, Mapping):
        return {str(name): load_lm(model) for name, model in models.items()}
    found = [load_lm(model) for model in (models if isinstance(models, list | tuple) else [models])]
    if len({lm.name for lm in found}) < len(found):
        raise OptionError("two models of the same name: give a mapping from names to models")
    return {lm.name: lm for lm in found}
