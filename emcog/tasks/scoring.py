"""Asking: does the memory say the right answer, and how likely is it to it, against wrong ones?"""

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from emcog.tasks.kinds import TASKS
from emcog.tasks.trials import Question, Trial

if TYPE_CHECKING:
    from emcog.memory import EpisodicLM

MORE = 2
"""Tokens generated beyond the answer's own, so that an answer which goes on (12345 for 1234) is seen to be wrong."""


def ask_questions(memory: "EpisodicLM", trial: Trial) -> pd.DataFrame:
    """Ask a memory that has read a trial's context its questions; the memory itself does not change.

    Returns
    -------
    DataFrame, one row a question:
        depth (as asked for); distance (tokens from the statement's end to the context's end); answer; said (the words
        generated, greedily); correct (what was said is the answer, exactly); log2_p (of the answer after the prompt, in
        bits, 0 or less); margin (log2_p minus that of the best distractor); chosen (margin > 0); recalled (share of the
        layers with memory that recalled an event with the statement in it, as the prompt was read or the answer said).
    """
    line = memory.fork()
    events = memory.events
    rows = []
    for question in trial.questions:
        asked = line if TASKS[trial.task].in_turn else memory
        prompted = asked.fork()
        prompted.read(_ids(asked, question.prompt))
        speaker, said, correct = _say(prompted, question)
        recalled = _share_that_recalled(speaker, question, events, since=asked.reader.step)
        log2_p, others = _weigh(prompted, question)
        margin = log2_p - max(others, default=np.nan)
        distance = trial.n_tokens - question.end
        rows.append((question.depth, distance, question.answer, said, correct, log2_p, margin, margin > 0, recalled))
        if TASKS[trial.task].in_turn:
            line = prompted
            line.read(_ids(line, f" {question.answer}."))
    columns = ["depth", "distance", "answer", "said", "correct", "log2_p", "margin", "chosen", "recalled"]
    return pd.DataFrame(rows, columns=columns)


def _ids(memory: "EpisodicLM", text: str) -> np.ndarray:
    return memory.lm.encode(text)[0]


def _share_that_recalled(memory: "EpisodicLM", question: Question, events: pd.DataFrame, since: int) -> float:
    """Share of layers with memory that recalled the statement in the step `since` or later."""
    rows = memory.recalls
    rows = rows[rows["step"] >= since]
    stating = events[(events["end_token"] > question.start) & (events["start_token"] < question.end)]["event"]
    layers = rows[rows["event"].isin(stating)]["layer"].nunique()
    return layers / max(1, len(memory.reader.layers))


def _say(prompted: "EpisodicLM", question: Question) -> tuple["EpisodicLM", str, bool]:
    """The fork that spoke, what it said, and whether that is the answer."""
    n = len(_ids(prompted, f" {question.answer}")) + MORE
    speaker = prompted.fork()
    said = str(speaker.generate(None, max_new_tokens=n, do_sample=False))
    return speaker, said.strip(), bool(re.match(rf"\s*{re.escape(question.answer)}(?!\w)", said))


def _weigh(prompted: "EpisodicLM", question: Question) -> tuple[float, list[float]]:
    """log2 p of the answer and of each distractor, in bits."""
    weights = [
        -float(prompted.score(_ids(prompted, f" {candidate}"))["surprisal"].sum())
        for candidate in (question.answer, *question.distractors)
    ]
    return weights[0], weights[1:]
