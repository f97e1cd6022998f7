"""The Crowd: what people marked, laid on the units (words, tokens, bins of time) of a segmentation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from emcog.errors import DataError
from emcog.human.consensus import (
    ConsensusRule,
    bells,
    density_boundaries,
    magnitude_grid,
    mean_count,
    nearest_value,
    proportion_boundaries,
    segmentation_magnitude,
)


@dataclass(frozen=True, eq=False)
class Crowd:
    """Observers and their consensus on a row of units; made by `AnnotationSet.crowd` or `crowd_of_marks`.

    Attributes
    ----------
    unit : what a unit is: "word", "token" or "bin".
    at : float array (n_units,), not decreasing: where each unit begins, in seconds, or its number where there are
        no times.
    timed : whether `at` is seconds.
    length : of the stimulus, in the same unit as `at`.
    consensus : bool array (n_units,): a boundary at this unit's beginning. Unit 0 is always False.
    names : the observers.
    marks : one float array an observer, increasing, in the unit of `at`.
    marked : bool array (n_observers, n_units): the same marks on the units. Unit 0 is always False.
    sentences : int64 array, the first unit of each sentence, increasing, or None where unknown.
    rule : how the consensus was made.
    bin_s : width of a bin in seconds where the units are bins, else NaN.
    reaction_time_s : what was taken off people's times.
    origin : the crowd that this one is a `subset` of, and the numbers of those who stayed; None for a whole one.
    """

    unit: str
    at: np.ndarray
    timed: bool
    length: float
    consensus: np.ndarray
    names: tuple[str, ...]
    marks: tuple[np.ndarray, ...]
    marked: np.ndarray
    sentences: np.ndarray | None
    rule: ConsensusRule
    bin_s: float = np.nan
    reaction_time_s: float = 0.0
    origin: "tuple[Crowd, np.ndarray] | None" = None

    @property
    def n_units(self) -> int:
        """How many units the story has."""
        return len(self.at)

    @property
    def starts(self) -> np.ndarray:
        """Units at which the consensus has a boundary; 0 is not among them. int64 array, increasing."""
        return np.flatnonzero(self.consensus)

    @property
    def proportion(self) -> np.ndarray:
        """Share of the observers who marked each unit, 0 to 1. float array (n_units,); NaN without observers."""
        return self.marked.mean(axis=0) if len(self.names) else np.full(self.n_units, np.nan)

    def without(self, observer: int) -> "Crowd":
        """The same crowd without one observer, its consensus made anew from the others (see `subset`).

        Raises
        ------
        DataError : fewer than two observers.
        """
        if len(self.names) < 2:
            raise DataError(f"leaving one observer out needs two or more, and there are {len(self.names)}")
        return self.subset(np.delete(np.arange(len(self.names)), observer))

    def subset(self, keep: np.ndarray) -> "Crowd":
        """The same crowd of some of its observers, their consensus made anew.

        A release's own list was made with everybody; that of fewer is the consensus of density.

        Parameters
        ----------
        keep : int array, numbers of the observers that stay, one or more.
        """
        rule, marked = self._rule_of_some, self.marked[keep]
        marks, names = tuple(self.marks[i] for i in keep), tuple(self.names[i] for i in keep)
        whole, here = self._whole
        if rule.rule == "density":
            grid = magnitude_grid(self.length, rule.bandwidth)
            height = whole._height(here[keep], "grid", grid, rule.bandwidth)
            places = density_boundaries(grid, height, rule.threshold, mean_count(marks))
            units = units_of(places, self.at, self.unit == "bin")
        else:
            units = proportion_boundaries(marked, rule)
        consensus = _mask(units, self.n_units)
        return replace(self, consensus=consensus, names=names, marks=marks, marked=marked, rule=rule,
                       origin=(whole, here[keep]))  # fmt: skip

    def magnitude(self, bandwidth: float) -> np.ndarray:
        """Segmentation magnitude at the units (see `segmentation_magnitude`). float array (n_units,)."""
        whole, here = self._whole
        return whole._height(here, "units", self.at, bandwidth)

    @property
    def _whole(self) -> tuple["Crowd", np.ndarray]:
        return self.origin or (self, np.arange(len(self.names)))

    def _height(self, who: np.ndarray, where: str, at: np.ndarray, bandwidth: float) -> np.ndarray:
        """Magnitude of some observers: each one's part is made once, and kept for all subsets."""
        if (where, bandwidth) not in self._bells:
            self._bells[where, bandwidth] = bells(self.marks, at, bandwidth)
        there = np.bincount(who, minlength=len(self.names)).astype(np.float64)
        return np.asarray(self._bells[where, bandwidth].T @ there)

    @cached_property
    def _bells(self) -> dict[tuple[str, float], Any]:
        return {}

    @property
    def _rule_of_some(self) -> ConsensusRule:
        return ConsensusRule() if self.rule.rule == "release" else self.rule


def crowd_of_marks(
    marks: Sequence[np.ndarray],
    at: np.ndarray,
    length: float,
    *,
    unit: str = "word",
    timed: bool = True,
    names: Sequence[str] | None = None,
    rule: ConsensusRule | None = None,
    release: np.ndarray | None = None,
    units: Sequence[np.ndarray] | None = None,
    release_units: np.ndarray | None = None,
    sentences: np.ndarray | None = None,
    bin_s: float = np.nan,
    reaction_time_s: float = 0.0,
) -> Crowd:
    """Make a Crowd of each observer's marks.

    Parameters
    ----------
    marks : one array an observer, in the unit of `at`; a mark belongs to the unit whose beginning is nearest (to the
        bin that holds it, where the units are bins), and one that belongs to unit 0 counts for nothing.
    at : float array (n_units,), not decreasing.
    length : of the stimulus, same unit.
    unit, timed, sentences, bin_s, reaction_time_s : as in `Crowd`.
    names : of the observers; default their numbers.
    rule : of the consensus; default `ConsensusRule()`, or the release's list where it is given without observers.
    release : places of the release's own list, in the unit of `at`, for rule "release".
    units, release_units : int arrays, the units of the marks and of the list where they are known, because words were
        marked; None finds the nearest.

    Raises
    ------
    DataError : no units; places that decrease; rule "release" without a list; a rule that needs observers without any.
    """
    at = np.asarray(at, dtype=np.float64)
    if len(at) == 0 or np.any(~np.isfinite(at)) or np.any(np.diff(at) < 0):
        raise DataError("the units of a crowd must begin at finite places that do not decrease, and be one or more")
    own = tuple(np.sort(np.asarray(one, dtype=np.float64)) for one in marks)
    if rule is None:
        rule = ConsensusRule("release") if release is not None and not own else ConsensusRule()
    if rule.rule == "release" and release is None:
        raise DataError("consensus by 'release': these annotations bring no list of their own; choose density")
    if rule.rule != "release" and not own:
        raise DataError(f"consensus by {rule.rule!r} needs observers, and there are none; choose release")
    marked = np.zeros((len(own), len(at)), dtype=bool)
    for row, one in enumerate(own if units is None else units):
        marked[row, units_of(one, at, unit == "bin") if units is None else one] = True
    marked[:, 0] = False
    named = tuple(map(str, range(len(own)))) if names is None else tuple(map(str, names))
    if rule.rule == "proportion":
        agreed = proportion_boundaries(marked, rule)
    elif rule.rule == "density":
        grid = magnitude_grid(length, rule.bandwidth)
        height = segmentation_magnitude(own, grid, rule.bandwidth)
        places = density_boundaries(grid, height, rule.threshold, mean_count(own))
        agreed = units_of(places, at, unit == "bin")
    elif release_units is not None:
        agreed = release_units
    else:
        agreed = units_of(np.asarray(release, dtype=np.float64), at, unit == "bin")
    consensus = _mask(agreed, len(at))
    return Crowd(unit, at, timed, float(length), consensus, named, own, marked, sentences, rule, bin_s, reaction_time_s)


def crowd_of_boundaries(
    starts: Iterable[int], at: np.ndarray | int, length: float | None = None, sentences: np.ndarray | None = None
) -> Crowd:
    """A crowd that is one list of boundaries: another segmentation to compare with, say.

    Parameters
    ----------
    starts : first units of its events; 0 may be among them and never counts.
    at : float array (n_units,), seconds at which the units begin; or how many units there are, without times.
    length : of the story in seconds; default the last beginning.
    sentences : first unit of each sentence.

    Raises
    ------
    DataError : a boundary outside the story.

    Examples
    --------
    >>> crowd_of_boundaries([0, 3, 7], 12).starts.tolist()
    [3, 7]
    """
    timed = not isinstance(at, int)
    places = np.asarray(at, dtype=np.float64) if timed else np.arange(float(at))
    mask = np.zeros(len(places), dtype=bool)
    for start in starts:
        if not 0 <= start < len(places):
            raise DataError(f"boundary {start} lies outside the {len(places)} units of the story")
        mask[start] = True
    mask[0] = False
    whole = float(len(places)) if not timed else float(places[-1] if length is None else length)
    nobody = np.zeros((0, len(places)), dtype=bool)
    return Crowd("word", places, timed, whole, mask, (), (), nobody, sentences, ConsensusRule("release"))


def units_of(places: np.ndarray, at: np.ndarray, inside: bool = False) -> np.ndarray:
    """Unit that each place belongs to: the one that begins nearest (the earlier of two), or the one that holds it.

    Parameters
    ----------
    places : float array (n,), in the unit of `at`.
    at : float array (n_units,), not decreasing: where each unit begins.
    inside : the last unit that begins at or before the place (bins) instead of the nearest beginning (words).
    """
    places = np.asarray(places, dtype=np.float64)
    if inside:
        return np.maximum(np.searchsorted(at, places, side="right") - 1, 0)
    return np.searchsorted(at, nearest_value(at, places))


def _mask(units: np.ndarray, n_units: int) -> np.ndarray:
    mask = np.zeros(n_units, dtype=bool)
    mask[units] = True
    mask[0] = False
    return mask
