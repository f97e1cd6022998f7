"""What an analysis is run with, and what it met on the way: model, data, seed; inputs and what was missing."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

import emcog.lm
from emcog.errors import DataError
from emcog.files import sha256_file
from emcog.human import Dataset, load_dataset
from emcog.human.datasets import find_dataset
from emcog.lm import LM, load_lm
from emcog.options import check_number
from emcog.reproduce.heard import Heard, hear
from emcog.reproduce.reports import report_table
from emcog.reproduce.stories import Stimulus, find_stories, reason

Tell = Callable[[str, int, int], None]
"""Called as tell(what is being done, done, in all)."""

T = TypeVar("T")

_lms: dict[str, LM] = {}
_heard: dict[tuple[str, str, int], Heard] = {}


@contextmanager
def lent_lm(model: str | None, lm: LM) -> Iterator[None]:
    """Within this context the analyses' model of that name is `lm`, which is loaded already."""
    name = model or ""
    before = _lms.get(name)
    _lms[name] = lm
    try:
        yield
    finally:
        del _lms[name]
        if before is not None:
            _lms[name] = before


class Setting:
    """One run of an analysis.

    Parameters
    ----------
    model : name or folder; None is the embedded LM.
    data : names of data, None for all that are here.
    seed : of everything random. quick : fewer draws, shorter texts.
    tell : called with progress.
    cache : folder where listenings are kept for the next analysis; None keeps them in memory only.

    Attributes
    ----------
    missing : a line on everything that was not there or was left out. absent : names of data sets that were not there.
    inputs : SHA-256 by story. caveats : what a reader of any number must know.
    """

    def __init__(
        self,
        model: str | None = None,
        data: Sequence[str] | None = None,
        seed: int = 0,
        quick: bool = False,
        tell: Tell | None = None,
        cache: Path | None = None,
    ):
        self.model, self.data, self.quick = model, None if data is None else list(data), bool(quick)
        self.seed = int(check_number("seed", seed, low=0, integer=True))
        self.tell: Tell = tell or (lambda what, done, total: None)
        self.cache = cache
        self.missing: list[str] = []
        self.absent: list[str] = []
        self.inputs: dict[str, str] = {}
        self.caveats: list[str] = []

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the numbers, as JSON holds it."""
        made = {"model": self.model or "embedded", "data": self.data, "seed": self.seed, "quick": self.quick}
        weights = Path(emcog.lm.__file__).parent / "embedded" / "model.safetensors"
        if self.model is None and weights.is_file():  # an embedded LM that was trained anew makes new reports
            made["weights_file"] = sha256_file(weights)[:16]
        return made

    @cached_property
    def lm(self) -> LM:
        """The model, loaded once for all analyses of a process."""
        name = self.model or ""
        if name not in _lms:
            _lms[name] = load_lm(self.model)
        return _lms[name]

    def stories(self, people: bool = True, default: Sequence[str] | None = None) -> list[Stimulus]:
        """The stories that are here; those that are not are noted.

        Parameters
        ----------
        people : only those with people's boundaries. default : which, where no data are named; None for all.

        Raises DataError if none is here.
        """
        found, missing = find_stories(self.data or default, quick=self.quick, people=people)
        self.missing += missing.values()
        wanted = ["pg19" if name == "book" else name for name in missing]
        self.absent += [name for name in wanted if find_dataset(name) is None]
        for story in found:
            self.inputs[f"{story.dataset}/{story.name}"] = story.transcript.sha256
            if story.caveat:
                self.caveats.append(f"{story.name}: {story.caveat}")
        if not found:
            raise DataError(f"none of the data is here: {'; '.join(missing.values())}")
        return found

    def dataset(self, name: str) -> Dataset | None:
        """A data set, or None (which is noted) where it is not here."""
        try:
            return load_dataset(name)
        except DataError as error:
            self.missing.append(f"{name}: {reason(error)}")
            self.absent.append(name)
            return None

    def each(self, what: str, items: Sequence[T]) -> Iterator[T]:
        """Go through items and tell how many are done."""
        for number, item in enumerate(items):
            yield item
            self.tell(what, number + 1, len(items))

    def hear(self, story: Stimulus) -> Heard:
        """What the model makes of a story."""
        kind = f"{self.lm.weight_hash} {self.lm.model.dtype}"
        key = (kind, story.transcript.sha256, len(story.transcript.words))
        if key not in _heard:
            told = f"listening to {story.name}, tokens"
            _heard[key] = hear(
                story.transcript, self.lm, self.cache, lambda done, total: self.tell(told, done, total)
            )  # fmt: skip
        return _heard[key]

    def report(self, analysis: str, rows: Iterable[Mapping[str, Any]], model: bool = True) -> pd.DataFrame:
        """The report's table, with its provenance in `attrs`.

        Parameters
        ----------
        rows : without a model they are of this setting's model. model : whether the model had a part in it.
        """
        name = self.lm.name if model else ""
        made = [{"model": name} | dict(row) for row in rows]
        if not made:
            raise DataError(f"{analysis}: nothing to report; {'; '.join(self.missing) or 'no data'}")
        table = report_table(made)
        told = {"name": name, "weights": self.lm.weight_hash, "dtype": str(self.lm.model.dtype)[6:]} if model else {}
        table.attrs["provenance"] = {
            "analysis": analysis, "settings": self.settings, "seed": self.seed, "model": told, "inputs": self.inputs,
            "missing": self.missing, "absent": self.absent, "caveats": list(dict.fromkeys(self.caveats)),
        }  # fmt: skip
        return table

    def about(self, story: Stimulus) -> dict[str, str]:
        """The columns that say which story a row is of."""
        return {"dataset": story.dataset, "story": story.name}
