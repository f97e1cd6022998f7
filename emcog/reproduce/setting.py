"""What an analysis is run with, and what it met on the way: model, data, seed; inputs and what was missing."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

import emcog.lm
from emcog.errors import DataError
from emcog.human import Dataset, load_dataset
from emcog.lm import LM, load_lm
from emcog.options import check_number
from emcog.reproduce.heard import Heard, hear, heard_as
from emcog.reproduce.inputs import file_checksum, input_checksums, model_checksum
from emcog.reproduce.reports import report_table
from emcog.reproduce.stories import Stimulus, find_stories, own_files, reason

Tell = Callable[[str, int, int], None]
"""Called as tell(what is being done, done, in all)."""

T = TypeVar("T")

_lms: dict[str, LM] = {}
_heard: dict[str, Heard] = {}
_renewed: set[str] = set()


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
    missing : a line on everything that was not there, could not be read or was left out.
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
        human: str | None = None,
        renew: bool = False,
    ):
        self.model, self.data, self.quick = model, None if data is None else list(data), bool(quick)
        self.seed = int(check_number("seed", seed, low=0, integer=True))
        self.tell: Tell = tell or (lambda what, done, total: None)
        self.cache, self.renew = cache, renew
        self.human, self.own = human, own_files(self.data, human)
        self.missing: list[str] = []
        self.inputs: dict[str, str] = {}
        self.caveats: list[str] = []

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the numbers, as JSON holds it; files by their content."""
        own = {str(path) for path in self.own}
        data = None if self.data is None else [Path(name).name if name in own else name for name in self.data]
        made: dict[str, Any] = {"model": self.model or "embedded", "data": data, "seed": self.seed, "quick": self.quick}
        weights = Path(emcog.lm.__file__).parent / "embedded" / "model.safetensors"
        if self.model is None and weights.is_file():  # an embedded LM that was trained anew makes new reports
            made["weights_file"] = file_checksum(weights)[:16]
        if self.model is not None and Path(self.model).is_dir():  # and so does another model in the same place
            made["weights_file"] = model_checksum(Path(self.model))[:16]
        if self.own:
            made["own"] = {path.name: file_checksum(path) for path in self.own}
        if self.human is not None:
            made["human"] = file_checksum(Path(self.human))
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
        found, missing = find_stories(self.data or default, quick=self.quick, people=people, human=self.human)
        self.missing += missing.values()
        for story in found:
            self.inputs[f"{story.dataset}/{story.name}"] = story.transcript.sha256
            if story.caveat:
                self.caveats.append(f"{story.name}: {story.caveat}")
        if not found:
            raise DataError(f"none of the data is here: {'; '.join(missing.values())}")
        return found

    def dataset(self, name: str) -> Dataset | None:
        """A data set, or None where it is not here or cannot be read (why is noted)."""
        try:
            return load_dataset(name)
        except DataError as error:
            self.missing.append(f"{name}: {reason(error)}")
            return None

    def each(self, what: str, items: Sequence[T]) -> Iterator[T]:
        """Go through items and tell how many are done."""
        for number, item in enumerate(items):
            yield item
            self.tell(what, number + 1, len(items))

    def hear(self, story: Stimulus) -> Heard:
        """What the model makes of a story."""
        key = heard_as(story.transcript, self.lm)
        renew = self.renew and key not in _renewed  # once a process, for all analyses
        if key not in _heard or renew:
            told = f"listening to {story.name}, tokens"
            _heard[key] = hear(
                story.transcript, self.lm, self.cache, lambda done, total: self.tell(told, done, total), renew
            )  # fmt: skip
            if renew:
                _renewed.add(key)
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
            "checksums": input_checksums(analysis, self.data), "missing": self.missing,
            "caveats": list(dict.fromkeys(self.caveats)),
        }  # fmt: skip
        return table

    def about(self, story: Stimulus) -> dict[str, str]:
        """The columns that say which story a row is of."""
        return {"dataset": story.dataset, "story": story.name}
