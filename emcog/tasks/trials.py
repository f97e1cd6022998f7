"""Making a trial: a context with facts at given depths, and questions about them; all of it follows from a seed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emcog.errors import OptionError
from emcog.lm.training.drills import FACTS, Fact
from emcog.options import check_choice, check_number
from emcog.tasks.filler import Filler
from emcog.tasks.kinds import TASKS, Task

STREAM = 20_000
"""First number of every seed here. Training draws its drills from streams below 10,000, so names and numbers differ."""
_TRIES = 2000


@dataclass(frozen=True)
class Question:
    """A question about a fact.

    Attributes
    ----------
    prompt : what is read after the context: the question, and the words that lead into the answer.
    answer : the right one. distractors : wrong ones of the same kind, those that stand in the context first.
    depth : where the fact was to stand, 0 (the beginning of the context) to 1 (its end).
    start, end : tokens of the context that state it, half-open.
    """

    prompt: str
    answer: str
    distractors: tuple[str, ...]
    depth: float
    start: int
    end: int


@dataclass(frozen=True)
class Trial:
    """A reading and its questions.

    Attributes
    ----------
    task : its name. seed : what it was made from. context : the text to be read. n_tokens : of the context.
    questions : in the order in which they are asked.
    """

    task: str
    seed: int
    context: str
    n_tokens: int
    questions: tuple[Question, ...]


def make_trial(
    task: str, filler: Filler, length: int, depths: Sequence[float], seed: int = 0, n_distractors: int = 7
) -> Trial:
    """A trial of a task.

    Parameters
    ----------
    task : one of `TASKS`.
    length : tokens of the context; it has that many or, to end with a whole sentence, a few more.
    depths : one fact is stated at each: 0 is the beginning of the context, 1 its end.
    seed : of every random choice; the same seed gives the same trial.
    n_distractors : wrong answers that the right one is compared with.

    Raises
    ------
    OptionError : an unknown task, a depth outside [0, 1], no room for so many facts.
    """
    kind = TASKS[check_choice("task", task, TASKS)]
    length = int(check_number("length", length, low=1, integer=True))
    seed = int(check_number("seed", seed, low=0, integer=True))
    depths = [check_number("depth", depth, low=0, high=1) for depth in depths]
    if not depths:
        raise OptionError("depths must have at least one depth")
    if kind.alone and len(depths) > 1:
        raise OptionError(f"task {task} has one fact a reading: give one depth at a time, got {len(depths)}")
    rng = np.random.default_rng([STREAM, seed])
    taken: set[tuple[str, str]] = set()
    facts = [_new_fact(rng, kind.facts[i % len(kind.facts)], taken) for i in range(len(depths))]
    stated = [str(rng.choice(fact.statements)) for fact in facts]
    room = length - int(filler.count(stated).sum())
    if room < 0:
        raise OptionError(f"length {length}: the {len(facts)} facts alone need {length - room} tokens")
    if kind.in_prose:
        around, sizes = filler.stretch(int(rng.integers(len(filler.sentences))), room)
    else:
        around, sizes = _more_facts(rng, kind, taken, filler, room)
    context, spans = _join(around, sizes, stated, depths)
    _, _, ends = filler.lm.encode(context)
    questions = tuple(
        Question(
            _prompt(rng, fact), fact.answer, _distractors(rng, i, facts, kind, n_distractors), depth,
            int(np.searchsorted(ends, a, side="right")), int(np.searchsorted(ends, b)) + 1,
        )
        for i, (fact, depth, (a, b)) in enumerate(zip(facts, depths, spans, strict=True))
    )  # fmt: skip
    order = rng.permutation(len(questions))
    return Trial(task, seed, context, len(ends), tuple(questions[i] for i in order))


def _new_fact(rng: np.random.Generator, name: str, taken: set[tuple[str, str]]) -> Fact:
    """A fact about something that no other is about."""
    for _ in range(_TRIES):
        fact = FACTS[name](rng)
        if (name, fact.about) not in taken:
            taken.add((name, fact.about))
            return fact
    raise OptionError(f"there are not so many different facts of the kind {name}: give fewer depths")


def _more_facts(
    rng: np.random.Generator, kind: Task, taken: set[tuple[str, str]], filler: Filler, room: int
) -> tuple[list[str], np.ndarray]:
    """Statements of other facts, as few as have at least `room` tokens, and the tokens of each."""
    found: list[str] = []
    sizes = np.empty(0, dtype=np.int64)
    while sizes.sum() < room:
        names = [kind.facts[i % len(kind.facts)] for i in range(1 + int(room - sizes.sum()) // 10)]
        new = [str(rng.choice(_new_fact(rng, name, taken).statements)) for name in names]
        found, sizes = found + new, np.concatenate([sizes, filler.count(new)])
    few = int(np.searchsorted(np.cumsum(sizes), room)) + 1 if room > 0 else 0
    return found[:few], sizes[:few]


def _join(
    around: list[str], sizes: np.ndarray, stated: list[str], depths: Sequence[float]
) -> tuple[str, list[tuple[int, int]]]:
    """The context, and the characters in it that state each fact, half-open."""
    edges = np.concatenate([[0], np.cumsum(sizes)])
    places = np.searchsorted(edges, np.array(depths) * edges[-1])
    pieces = [*stated, *around]
    order = np.argsort(np.concatenate([places - 0.5, np.arange(len(around))]), kind="stable")
    lengths = np.array([len(pieces[i]) for i in order])
    begins = np.concatenate([[0], np.cumsum(lengths + 1)[:-1]])
    where = dict(zip(order.tolist(), zip(begins.tolist(), (begins + lengths).tolist(), strict=True), strict=True))
    return " ".join(pieces[i] for i in order), [where[i] for i in range(len(stated))]


def _prompt(rng: np.random.Generator, fact: Fact) -> str:
    question, lead = fact.questions[int(rng.integers(len(fact.questions)))]
    return f"\n\n{question} {lead}"


def _distractors(rng: np.random.Generator, i: int, facts: list[Fact], kind: Task, count: int) -> tuple[str, ...]:
    """Wrong answers that are like the right one."""
    answer, step = facts[i].answer, len(kind.facts)
    there = [fact.answer for fact in facts[i % step :: step]]
    found = dict.fromkeys(str(other) for other in rng.permutation(there) if _alike(other, answer))
    for _ in range(_TRIES):
        if len(found) >= count:
            break
        other = FACTS[kind.facts[i % step]](rng).answer
        if _alike(other, answer):
            found[other] = None
    return tuple(found)[:count]


def _alike(other: str, answer: str) -> bool:
    """Whether another answer could stand in this one's place: a longer number, say, is less likely for that alone."""
    if other == answer or other.startswith("the ") != answer.startswith("the "):
        return False
    return len(other) == len(answer) if answer.isdigit() else not other.isdigit()
