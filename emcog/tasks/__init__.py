"""Recall tests: facts hidden in long readings, asked for afterwards, in the wording of the embedded LM's drills."""

from importlib import import_module
from typing import TYPE_CHECKING

from emcog.tasks.kinds import TASKS, Task

if TYPE_CHECKING:
    from emcog.tasks.filler import Filler
    from emcog.tasks.scoring import ask_questions
    from emcog.tasks.sweeping import rates, run_trial, sweep
    from emcog.tasks.trials import Question, Trial, make_trial

# The names of the tasks cost nothing; what runs them brings torch along, and is fetched when first used.
_HOMES = {
    "Filler": "filler", "ask_questions": "scoring", "rates": "sweeping", "run_trial": "sweeping",
    "sweep": "sweeping",
    "Question": "trials", "Trial": "trials", "make_trial": "trials",
}  # fmt: skip

__all__ = ["TASKS", "Filler", "Question", "Task", "Trial", "ask_questions", "make_trial", "rates", "run_trial", "sweep"]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f"emcog.tasks.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'emcog.tasks' has no attribute {name!r}")
