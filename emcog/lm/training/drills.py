"""Recall drills: a fact stated once in passing, filler prose, then a question and its answer.

They teach a small model to look things up in its context, which episodic memory needs. Names, numbers and
wordings are drawn by a seeded generator; facts are made up. `make_drill` is the one way to make a drill, for
training and for the tests of look-up alike (those use other seeds, so their names and numbers are unseen).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_ONSETS = "b br c ch cl d dr f fl g gr h j k l m n p pr r s sh st t th tr v w".split()
_VOWELS = "a e i o u ai ea ee oo ou".split()
_CODAS = ["", "l", "n", "r", "s", "t", "ck", "ll", "nd", "rd", "rt", "ss", "st", "th", "mby", "ton", "ley", "well"]

_PLACES = (
    "the mill,the harbour,the old chapel,the lighthouse,the inn,the upper farm,the station,the orchard,the bakery,"
    "the stone bridge,the market,the school,the castle,the ferry house,the forge,the north gate,the rectory,the quarry"
).split(",")
_COLOURS = "red,blue,green,yellow,black,white,brown,grey,purple,orange,silver,golden,pink,scarlet".split(",")
_THINGS = (
    "lantern,coat,door,boat,umbrella,book,kettle,carriage,hat,scarf,box,gate,bicycle,trunk,ribbon,chair,cup,flag"
).split(",")
_OBJECTS = "watch,ring,letter,knife,map,key,coin,pipe,compass,necklace,photograph,ticket,candle,whistle".split(",")
_SPOTS = (
    "under the stairs,in the drawer,behind the clock,in the well,under the bed,on the shelf,in the garden,"
    "inside the piano,in the cellar,behind the mirror,in the stable,under the carpet,in the attic,by the pump"
).split(",")
_TRADES = (
    "baker,doctor,sailor,teacher,carpenter,farmer,lawyer,painter,miller,tailor,blacksmith,fisherman,butcher,clerk"
).split(",")


@dataclass(frozen=True)
class Fact:
    """A made-up fact: ways to state it, and questions each with the words that lead into the answer."""

    statements: Sequence[str]
    questions: Sequence[tuple[str, str]]
    answer: str
    about: str


@dataclass(frozen=True)
class Drill:
    """One drill as (text, is_answer) pieces whose texts join to the whole, the answers, and where the facts are stated.

    `stated` holds the spans of characters (half-open) of the statements, in order.
    """

    pieces: list[tuple[str, bool]]
    answers: list[str]
    stated: list[tuple[int, int]]

    @property
    def text(self) -> str:
        """The whole drill."""
        return "".join(text for text, _ in self.pieces)


def _pick(rng: np.random.Generator, options: Sequence[Any]) -> Any:
    return options[int(rng.integers(len(options)))]


def make_name(rng: np.random.Generator) -> str:
    """A made-up name of one to three syllables, such as Brandell or Sheatow."""
    syllables = int(rng.integers(1, 4))
    name = "".join(_pick(rng, _ONSETS) + _pick(rng, _VOWELS) for _ in range(syllables)) + _pick(rng, _CODAS)
    return name.capitalize()


def pass_key(rng: np.random.Generator) -> Fact:
    """A number of four to six digits to be remembered."""
    number = "".join(str(d) for d in rng.integers(0, 10, size=int(rng.integers(4, 7))))
    what = _pick(rng, ["pass key", "pass key", "secret number", "number of the box", "password"])
    return Fact(
        [f"The {what} is {number}. Remember it. {number} is the {what}.", f"The {what} is {number}.",
         f"Remember that the {what} is {number}.", f"Keep this in mind: the {what} is {number}."],
        [(f"What is the {what}?", f"The {what} is"), (f"What was the {what}?", f"The {what} is"),
         (f"Tell me the {what}.", f"The {what} is")],
        number, what,
    )  # fmt: skip


def named_number(rng: np.random.Generator) -> Fact:
    """A number that belongs to a name: several of these in one text are told apart by the name."""
    name, number = make_name(rng), "".join(str(d) for d in rng.integers(0, 10, size=int(rng.integers(3, 6))))
    return Fact(
        [f"The number of {name} is {number}.",
         f"For {name} the number is {number}, so that the number of {name} is {number}."],
        [(f"What is the number of {name}?", f"The number of {name} is"),
         (f"What number has {name}?", f"The number of {name} is")],
        number, name,
    )  # fmt: skip


def home(rng: np.random.Generator) -> Fact:
    """Who lives where."""
    name, place = make_name(rng), _pick(rng, [*_PLACES, make_name(rng), make_name(rng)])
    by = "at" if place.startswith("the ") else "in"
    return Fact(
        [f"{name} lives {by} {place}.", f"It was well known that {name} lives {by} {place}.",
         f"{name}, who has always been poor, lives {by} {place}."],
        [(f"Where does {name} live?", f"{name} lives {by}"), (f"Where is the home of {name}?", f"{name} lives {by}")],
        place, name,
    )  # fmt: skip


def colour(rng: np.random.Generator) -> Fact:
    """Which colour a thing is."""
    name, thing, shade = make_name(rng), _pick(rng, _THINGS), _pick(rng, _COLOURS)
    return Fact(
        [f"The {thing} of {name} is {shade}.", f"Everybody knew that the {thing} of {name} is {shade}."],
        [(f"What colour is the {thing} of {name}?", f"The {thing} of {name} is"),
         (f"Of what colour is the {thing} of {name}?", f"The {thing} of {name} is")],
        shade, f"{thing} of {name}",
    )  # fmt: skip


def hiding_place(rng: np.random.Generator) -> Fact:
    """Where a thing is hidden."""
    name, thing, spot = make_name(rng), _pick(rng, _OBJECTS), _pick(rng, _SPOTS)
    return Fact(
        [f"{name} hid the {thing} {spot}.", f"That evening {name} hid the {thing} {spot}, and told nobody."],
        [(f"Where did {name} hide the {thing}?", f"{name} hid the {thing}"),
         (f"Where is the {thing}?", f"{name} hid the {thing}")],
        spot, thing,
    )  # fmt: skip


def trade(rng: np.random.Generator) -> Fact:
    """What somebody does for a living."""
    name, work = make_name(rng), _pick(rng, _TRADES)
    return Fact(
        [f"{name} is the {work}.", f"They say that {name} is the {work}."],
        [(f"Who is {name}?", f"{name} is the"), (f"What is the trade of {name}?", f"{name} is the")],
        work, name,
    )  # fmt: skip


FACTS: dict[str, Callable[[np.random.Generator], Fact]] = {
    "pass_key": pass_key,
    "named_number": named_number,
    "home": home,
    "colour": colour,
    "hiding_place": hiding_place,
    "trade": trade,
}


def make_drill(
    rng: np.random.Generator,
    sentences: Sequence[str],
    kind: str | None = None,
    n_facts: int = 1,
    depth: float | None = None,
) -> Drill:
    """One drill: `n_facts` facts of one kind at random depths in filler prose, then a question on each.

    Parameters
    ----------
    rng : source of every random choice.
    sentences : the filler, in order; the facts stand between two of them.
    kind : one of `FACTS`; None draws one.
    n_facts : facts stated and asked for; no two about the same thing.
    depth : 0 (start of the filler) to 1 (its end) for the first fact; None draws it.
    """
    make = FACTS[kind or _pick(rng, list(FACTS))]
    facts: dict[str, Fact] = {}
    for _ in range(50):
        fact = make(rng)
        facts.setdefault(fact.about, fact)
        if len(facts) == n_facts or kind == "pass_key":
            break
    places = [int((rng.random() if depth is None or i else depth) * len(sentences)) for i in range(len(facts))]
    body = ""
    stated: list[tuple[int, int]] = []
    for position, sentence in enumerate([*sentences, ""]):
        for place, fact in zip(places, facts.values(), strict=True):
            if place == position:
                statement = _pick(rng, fact.statements)
                stated.append((len(body), len(body) + len(statement)))
                body += statement + " "
        body += sentence + " " if sentence else ""
    pieces: list[tuple[str, bool]] = [(body.removesuffix(" ") + "\n\n", False)]
    asked = [facts[about] for about in rng.permutation(list(facts))]
    for fact in asked:
        question, lead = _pick(rng, fact.questions)
        pieces += [(f"{question} {lead}", False), (f" {fact.answer}", True), (".\n\n", False)]
    pieces[-1] = (".", False)
    return Drill(pieces, [fact.answer for fact in asked], stated)
