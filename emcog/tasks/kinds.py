"""The tasks by name: which facts are hidden, among what, and how they are asked for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """A kind of recall test.

    Attributes
    ----------
    about : what is to be done, in one line.
    facts : kinds of `emcog.lm.training.drills.FACTS`, taken in turn.
    alone : one fact a reading; otherwise as many as there are depths.
    in_prose : the facts stand in prose; otherwise among other facts of their kind, and nothing else.
    in_turn : the questions follow one another in one reading, the right answer being told after each; otherwise each
        is asked by itself, on a fork.
    """

    about: str
    facts: tuple[str, ...]
    alone: bool = False
    in_prose: bool = True
    in_turn: bool = False


TASKS: dict[str, Task] = {
    "pass_key": Task("a number, stated once in prose", ("pass_key",), alone=True),
    "pass_keys": Task("a pass key, a password, a secret number and the number of a box, in prose", ("pass_key",)),
    "several_keys": Task("several numbers in prose, told apart by names", ("named_number",)),
    "key_value": Task("one of many pairs of a name and a number, and no prose", ("named_number",), in_prose=False),
    "who_lives_where": Task("where several people live, told in prose", ("home",)),
    "associative_recall": Task(
        "several pairs of many kinds in prose, all asked for, one after another",
        ("colour", "trade", "home", "named_number"), in_turn=True,
    ),
}  # fmt: skip
"""Pass key: Mohtashami & Jaggi (2023). Key-value retrieval: Liu et al. (2024). Multi-query associative recall: Arora et
al. (2024)."""
