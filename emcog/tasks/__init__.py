"""Recall tests: facts hidden in long readings, asked for afterwards, in the wording of the embedded LM's drills."""

from emcog.tasks.filler import Filler
from emcog.tasks.kinds import TASKS, Task
from emcog.tasks.scoring import ask_questions
from emcog.tasks.sweep import rates, run_trial, sweep
from emcog.tasks.trials import Question, Trial, make_trial

__all__ = ["TASKS", "Filler", "Question", "Task", "Trial", "ask_questions", "make_trial", "rates", "run_trial", "sweep"]
