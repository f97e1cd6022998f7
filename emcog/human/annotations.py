"""AnnotationSet: one stimulus, many observers, and where each of them saw an event begin."""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from emcog.errors import DataError, OptionError
from emcog.human.checks import find_problems, require_sane
from emcog.human.consensus import ConsensusRule
from emcog.human.crowd import Crowd, crowd_of_marks
from emcog.human.observers import observer_report
from emcog.human.stories import Places, Story, bins_of, sentence_units, tokens_of, words_of
from emcog.options import check_choice, check_number

MARK_COLUMNS = ("observer", "time_s", "word", "grade", "row")
RATING_COLUMNS = ("observer", "time_s", "value", "row")
SLOWEST_S = 10.0
"""Nobody takes longer to press a key."""


@dataclass(frozen=True, eq=False, repr=False)
class AnnotationSet:
    """Boundaries that people marked in one stimulus.

    Attributes
    ----------
    stimulus : its name.
    marks : DataFrame, one row a mark, in the order of the source
        observer (str); time_s (float64), seconds from the start of the stimulus, NaN where words were marked; word
        (int64), the first word of the new event, from 0, -1 where times were given; grade (str), such as coarse or
        fine, "" without; row (int64), its row in the source, as a spreadsheet counts (-1: none).
    observers : everybody who took part, those without a mark among them.
    duration_s : of the stimulus, NaN where unknown.
    lists : the release's own consensus lists by name, each increasing, in seconds (in words where `unit` is "word").
    ratings : DataFrame of continuous ratings (observer, time_s, value, row), empty without.
    reaction_time_s : what has been taken off every time (`shifted`).
    source : where it was read from, for messages.
    unit : what marks and lists are given in, "s" or "word"; "" goes by the marks, and is "s" without any.

    Raises
    ------
    DataError : a column is missing; times and words are mixed; a mark of somebody who is not among the observers.
    """

    stimulus: str
    marks: pd.DataFrame
    observers: tuple[str, ...]
    duration_s: float = float("nan")
    lists: Mapping[str, np.ndarray] = field(default_factory=dict)
    ratings: pd.DataFrame = field(default_factory=lambda: make_ratings([], [], []))
    reaction_time_s: float = 0.0
    source: str = ""
    unit: str = ""

    def __post_init__(self) -> None:
        for name, table, columns in (("marks", self.marks, MARK_COLUMNS), ("ratings", self.ratings, RATING_COLUMNS)):
            missing = [column for column in columns if column not in table.columns]
            if missing:
                raise DataError(f"the {name} of an annotation set need the columns {', '.join(missing)}")
        timed, worded = self.marks["time_s"].notna(), self.marks["word"] >= 0
        if (timed & worded).any() or (timed.any() and worded.any()) or (~timed & ~worded).any():
            raise DataError(f"{self._where}: every mark must have a time, or every mark a word: split the set in two")
        unit = "word" if worded.any() else "s"
        if self.unit and len(self.marks) and self.unit != unit:
            raise DataError(f"{self._where}: the marks are given in {unit}, not in {self.unit}")
        object.__setattr__(self, "unit", check_choice("unit", self.unit or unit, ("s", "word")))
        strangers = set(self.marks["observer"]) - set(self.observers)
        if strangers:
            raise DataError(f"{self._where}: marks of {sorted(strangers)[0]!r}, who is not among the observers")

    @classmethod
    def from_times(
        cls, times: Mapping[str, Iterable[float]], stimulus: str = "", duration_s: float = float("nan"), **more: Any
    ) -> "AnnotationSet":
        """Make a set of each observer's times in seconds.

        Examples
        --------
        >>> AnnotationSet.from_times({"ann": [3.2, 9.0], "bob": []}, "tale", 12.0).event_count()
        2
        """
        pairs = [(name, float(time)) for name, own in times.items() for time in own]
        marks = make_marks([name for name, _ in pairs], time_s=[time for _, time in pairs])
        return cls(stimulus, marks, tuple(map(str, times)), duration_s, **more)

    @property
    def grades(self) -> tuple[str, ...]:
        """The grades of the marks, in order of appearance; ("",) where there are none."""
        return tuple(self.marks["grade"].unique()) or ("",)

    def select(self, *, grade: str | None = None, observers: Iterable[str] | None = None) -> "AnnotationSet":
        """The same set with the marks of one grade, or of some observers only.

        Raises
        ------
        OptionError : an unknown grade or observer.
        """
        kept = self
        if grade is not None:
            check_choice("grade", grade, self.grades)
            kept = replace(kept, marks=kept.marks[kept.marks["grade"] == grade].reset_index(drop=True))
        if observers is not None:
            named = tuple(check_choice("observer", name, self.observers) for name in observers)
            marks = kept.marks[kept.marks["observer"].isin(named)].reset_index(drop=True)
            ratings = kept.ratings[kept.ratings["observer"].isin(named)].reset_index(drop=True)
            kept = replace(kept, marks=marks, ratings=ratings, observers=named)
        return kept

    def shifted(self, reaction_time_s: float) -> "AnnotationSet":
        """The same set with every time this much earlier (not before 0), for the time that people need to react.

        Lists and ratings are moved too. `reaction_time_s` of the result says what has been taken off in all. A warning
        tells how many marks came before that time and are put at 0, where they count for nothing.

        Raises
        ------
        DataError : marks given as words. OptionError : more than 10 s, which nobody needs.
        """
        check_number("reaction_time_s", reaction_time_s)
        if reaction_time_s > SLOWEST_S:
            raise OptionError(
                f"reaction_time_s is in seconds, and nobody takes {reaction_time_s:g} to press a key: "
                f"{reaction_time_s:g} ms are {reaction_time_s / 1000:g}"
            )
        if self.unit == "word":
            raise DataError(f"{self._where}: words were marked, and have no reaction time to take off")
        if too_early := int((self.marks["time_s"] < reaction_time_s).sum()):
            warnings.warn(
                f"{self._where}: {too_early} of {len(self.marks)} marks came less than {reaction_time_s:g} s after the "
                "beginning: they are put at 0 s, where no mark counts",
                stacklevel=2,
            )
        earlier = {"time_s": np.maximum(self.marks["time_s"] - reaction_time_s, 0.0)}
        return replace(
            self,
            marks=self.marks.assign(**earlier),
            lists={name: np.maximum(times - reaction_time_s, 0.0) for name, times in self.lists.items()},
            ratings=self.ratings.assign(time_s=np.maximum(self.ratings["time_s"] - reaction_time_s, 0.0)),
            reaction_time_s=self.reaction_time_s + reaction_time_s,
        )

    def event_count(self, story: Story | None = None) -> int:
        """How many events people saw: the median number of marks an observer, plus one.

        A median that ends in .5 is rounded up; everybody counts, those without a mark too (`report` says who they
        are). Without observers it is the length of the first list, plus one.

        Parameters
        ----------
        story : the transcript or segmentation that the marks belong to. Then words that an observer marked count, not
            marks: two presses at one word are one boundary, one at the first word is none, and one past the end is
            another story's (see `crowd`). Times for a story without times are counted as they are.

        Raises
        ------
        DataError : neither observers nor a list; ratings alone; marks of several grades; with a story, marks that
            do not fit it.
        """
        self._require_one_grade()
        if not self.observers and not self.lists:
            raise DataError(f"{self._where}: no observers and no list: there is nothing to count")
        marked = bool(self.observers) and (len(self.marks) > 0 or not len(self.ratings))
        if not marked and not self.lists:
            raise DataError(f"{self._where}: ratings, and no marks: there are no boundaries to count")
        if story is not None and (self.unit == "word" or words_of(story).timed):
            crowd = self.crowd(story, rule=None if marked else ConsensusRule("release"))
            counts = crowd.marked.sum(axis=1) if marked else [len(crowd.starts)]
        else:
            first = self.report()["n_marks"] if marked else [len(next(iter(self.lists.values())))]
            counts = np.asarray(first)
        return int(np.floor(np.median(counts) + 0.5)) + 1

    def report(self) -> pd.DataFrame:
        """Each observer's marks, and who made none or implausibly many (see `emcog.human.observer_report`)."""
        return observer_report(self.marks, self.observers, self.duration_s)

    def problems(self, story: Story | None = None) -> pd.DataFrame:
        """What looks wrong with the marks, each with its row (see `emcog.human.find_problems`); empty if nothing.

        Parameters
        ----------
        story : the transcript or segmentation that they belong to, which says how long it is.
        """
        duration, words = self.duration_s, None
        if story is not None:
            words = words_of(story)
            duration = duration if np.isfinite(duration) else words.duration_s
        n_words = None if words is None else words.n_words
        found = [find_problems(marks, duration, n_words) for marks in (self.marks, *map(self._as_marks, self.lists))]
        return pd.concat([table for table in found if len(table)] or found[:1], ignore_index=True)

    def crowd(
        self,
        story: Story | None = None,
        *,
        unit: str | None = None,
        bin_s: float = 1.0,
        rule: ConsensusRule | None = None,
    ) -> Crowd:
        """Lay the marks on the words or tokens of a story, or on bins of time.

        A time belongs to the word whose onset is nearest; words without an onset are placed between their neighbours.
        Marks past the end of the story are left out, with a warning that names them.

        Parameters
        ----------
        story : a transcript or a segmentation of the same stimulus; None for bins of time.
        unit : "word" (default with a story), "token" (a segmentation's) or "bin" (default without).
        bin_s : width of a bin in seconds.
        rule : of the consensus; default by density, or the release's first list where there are no observers.

        Raises
        ------
        DataError : times for a story without times, most marks past its end (another story, or milliseconds: the
            message says which it looks like), a rule that does not fit, marks of several grades.
        """
        self._require_one_grade()
        unit = check_choice("unit", unit or ("bin" if story is None else "word"), ("word", "token", "bin"))
        if unit == "bin":
            check_number("bin_s", bin_s, above=0)
            places = bins_of(self._length(story), bin_s, self._where)
        elif story is None:
            raise DataError(f"{self._where}: words and tokens are a story's: give the transcript or the segmentation")
        else:
            places = (words_of if unit == "word" else tokens_of)(story, self.duration_s)
        if self.unit == "s" and not places.timed:
            raise DataError(f"{self._where}: times for a story without word times: give a transcript with onsets")
        if self.unit == "word" and unit == "bin":
            raise DataError(f"{self._where}: words were marked: give the story that they belong to")
        length = self.duration_s if unit == "bin" or np.isfinite(self.duration_s) else places.duration_s
        length = length if places.timed and np.isfinite(length) else places.length
        kept = require_sane(self.marks, length if places.timed else np.nan, places.n_words, self._where)
        nowhere = np.empty(0), np.empty(0, dtype=np.int64)
        own: dict[str, tuple[np.ndarray, np.ndarray | None]] = dict.fromkeys(self.observers, nowhere)
        for name, group in kept.groupby("observer", sort=False):
            own[str(name)] = places.of(group["time_s"].to_numpy(), group["word"].to_numpy())
        if rule is None and not self.observers and self.lists:
            rule = ConsensusRule("release")
        release, release_units = self._release(rule, places, length)
        return crowd_of_marks(
            [at for at, _ in own.values()],
            places.at,
            length,
            unit=unit,
            timed=places.timed,
            names=self.observers,
            rule=rule,
            release=release,
            units=[units for _, units in own.values() if units is not None] if self.unit == "word" else None,
            release_units=release_units,
            sentences=None if story is None or unit == "bin" else sentence_units(story, unit),
            bin_s=bin_s if unit == "bin" else float("nan"),
            reaction_time_s=self.reaction_time_s,
        )

    def mean_rating(self, at: np.ndarray) -> np.ndarray:
        """Continuous ratings averaged over observers at given times, each joined by straight lines. float array.

        Parameters
        ----------
        at : float array, seconds. Outside an observer's first and last rating they do not count; NaN where nobody does.
        """
        stack = self._curves(at)
        there = ~np.isnan(stack)
        total, n = np.where(there, stack, 0.0).sum(axis=0), there.sum(axis=0)
        return np.divide(total, n, out=np.full(stack.shape[1], np.nan), where=n > 0)

    def rating_curves(self, story: Story) -> np.ndarray:
        """Each observer's ratings at the onsets of a story's words, for `emcog.stats.compare_signal`.

        Returns
        -------
        float array (n_observers with ratings, n_words), joined by straight lines, NaN before and after each one's own.

        Raises
        ------
        DataError : no ratings; a story without times.
        """
        places = words_of(story, self.duration_s)
        if not places.timed:
            raise DataError(f"{self._where}: ratings for a story without word times: give a transcript with onsets")
        return self._curves(places.at)

    def _curves(self, at: np.ndarray) -> np.ndarray:
        curves = []
        for _, group in self.ratings.groupby("observer", sort=False):
            ordered = group.sort_values("time_s", kind="stable")
            curves.append(np.interp(at, ordered["time_s"], ordered["value"], left=np.nan, right=np.nan))
        if not curves:
            raise DataError(f"{self._where}: there are no continuous ratings")
        return np.array(curves)

    def _require_one_grade(self) -> None:
        """Coarse and fine marks are two answers to two questions: together they are neither."""
        if len(self.grades) > 1:
            told = ", ".join(map(repr, self.grades))
            raise DataError(f"{self._where}: marks of the grades {told}: choose with select(grade=...), or --grade")

    def _length(self, story: Story | None) -> float:
        if np.isfinite(self.duration_s):
            return self.duration_s
        known = words_of(story).duration_s if story is not None else np.nan
        if not np.isfinite(known):
            raise DataError(f"{self._where}: how long the stimulus is must be known for bins: give duration_s")
        return float(known)

    def _release(
        self, rule: ConsensusRule | None, places: Places, length: float
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        """The chosen list in the unit of the places, and its units where it is of words; None where there is none."""
        if not self.lists:
            return None, None
        name = next(iter(self.lists)) if rule is None or not rule.list else check_choice("list", rule.list, self.lists)
        marks = self._as_marks(name)
        kept = require_sane(marks, length if places.timed else np.nan, places.n_words, f"{self._where}, list {name}")
        return places.of(kept["time_s"].to_numpy(), kept["word"].to_numpy())

    def _as_marks(self, name: str) -> pd.DataFrame:
        """A list as if somebody called after it had marked it."""
        values = self.lists[name]
        who = [f"list {name}"] * len(values)
        return make_marks(who, word=values) if self.unit == "word" else make_marks(who, time_s=values)

    @property
    def _where(self) -> str:
        return self.source or self.stimulus or "annotations"

    def __repr__(self) -> str:
        parts = [f"{len(self.observers)} observers, {len(self.marks)} marks in {self.unit}"]
        if self.lists:
            parts.append("lists " + ", ".join(f"{name} ({len(times)})" for name, times in self.lists.items()))
        if len(self.ratings):
            parts.append(f"{len(self.ratings)} ratings")
        if self.reaction_time_s:
            parts.append(f"{self.reaction_time_s:g} s taken off for reaction time")
        return f"<AnnotationSet {self.stimulus!r}: {'; '.join(parts)}>"


def make_marks(
    observer: Iterable[str],
    *,
    time_s: Iterable[float] | None = None,
    word: Iterable[int] | None = None,
    grade: Iterable[str] | str = "",
    row: Iterable[int] | int = -1,
) -> pd.DataFrame:
    """Build the table of marks that an AnnotationSet holds (columns: `MARK_COLUMNS`); times or words, not both."""
    names = [str(name) for name in observer]
    n = len(names)
    return pd.DataFrame(
        {
            "observer": pd.Series(names, dtype="str"),
            "time_s": np.full(n, np.nan) if time_s is None else np.asarray(list(time_s), dtype=np.float64),
            "word": np.full(n, -1) if word is None else np.asarray(list(word), dtype=np.int64),
            "grade": pd.Series([grade] * n if isinstance(grade, str) else list(grade), dtype="str"),
            "row": np.full(n, row) if isinstance(row, int) else np.asarray(list(row), dtype=np.int64),
        }
    )


def make_ratings(
    observer: Iterable[str], time_s: Iterable[float], value: Iterable[float], row: Iterable[int] | int = -1
) -> pd.DataFrame:
    """Build the table of ratings that an AnnotationSet holds (columns: `RATING_COLUMNS`)."""
    names = [str(name) for name in observer]
    return pd.DataFrame(
        {
            "observer": pd.Series(names, dtype="str"),
            "time_s": np.asarray(list(time_s), dtype=np.float64),
            "value": np.asarray(list(value), dtype=np.float64),
            "row": np.full(len(names), row) if isinstance(row, int) else np.asarray(list(row), dtype=np.int64),
        }
    )
