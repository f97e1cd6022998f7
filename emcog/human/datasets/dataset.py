"""What load_dataset gives: transcripts, annotation sets and tables, each read when it is first used."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import pandas as pd

from emcog.errors import DataError
from emcog.human.annotations import AnnotationSet
from emcog.human.datasets.cards import DatasetCard
from emcog.options import check_choice
from emcog.transcript import Transcript

Value = TypeVar("Value")


class OnDemand(Mapping[str, Value], Generic[Value]):
    """A mapping whose values are made when first asked for: a collection of books is not read to list it."""

    def __init__(self, makers: Mapping[str, Callable[[], Value]]) -> None:
        self._makers = dict(makers)
        self._made: dict[str, Value] = {}

    def __getitem__(self, name: str) -> Value:
        if name not in self._made:
            self._made[name] = self._makers[check_choice("item", name, self._makers)]()
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def __repr__(self) -> str:
        shown = list(self._makers)[:8]
        return f"<{len(self)}: {', '.join(shown)}{', ...' if len(self) > len(shown) else ''}>"


@dataclass(frozen=True, eq=False)
class Dataset:
    """A dataset by name.

    Attributes
    ----------
    card : who made it, its licence, how to cite it.
    transcripts : Transcript by story.
    annotations : AnnotationSet by stimulus (and list, run or grade where a stimulus has several).
    tables : DataFrame by name: reading times, recalls, segments, tasks; columns as in the dataset's own description.
    """

    card: DatasetCard
    transcripts: Mapping[str, Transcript] = field(default_factory=dict)
    annotations: Mapping[str, AnnotationSet] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def annotations_of(self, story: str, item: str = "") -> AnnotationSet:
        """The annotation set of a story: the one of its name, whatever the case, or the only one there is.

        Parameters
        ----------
        story : its name. Where the only set there is bears another name, a warning says so.
        item : the set's own name, whatever the case; then the story's says nothing.

        Raises
        ------
        DataError : none, or several of which none is called so.
        """
        wanted = item or story
        same = [name for name in self.annotations if name.casefold() == wanted.casefold()]
        names = same or ([] if item else list(self.annotations))
        if len(names) != 1:
            names = list(self.annotations)
            there = f"choose one of {', '.join(names)}, as {self.card.name}/{names[0]}" if names else "none"
            raise DataError(f"dataset {self.card.name} has no annotations called {wanted!r}: {there}")
        if not same:
            warnings.warn(
                f"dataset {self.card.name}: its annotations are of {names[0]!r}, and the story is called {story!r}: "
                f"is it the same? {self.card.name}/{names[0]} says that it is",
                stacklevel=2,
            )
        return self.annotations[names[0]]

    def __repr__(self) -> str:
        counts = [(self.transcripts, "transcripts"), (self.annotations, "annotations"), (self.tables, "tables")]
        told = "; ".join(f"{what}: {', '.join(list(of)[:6])}{' ...' * (len(of) > 6)}" for of, what in counts if len(of))
        return f"<Dataset {self.card.name!r}: {told}>"
