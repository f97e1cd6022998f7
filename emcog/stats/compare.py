"""compare(): segmentations against people, in one table."""

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emcog.errors import DataError, OptionError
from emcog.excerpts import counted
from emcog.human import AnnotationSet, ConsensusRule, Crowd, dataset_item, of_grade, people_of
from emcog.options import check_choice, check_number
from emcog.stats.agreement import MEASURES, AgreementSettings, Ceiling
from emcog.stats.agreement.ceiling import ceilings
from emcog.stats.comparing import Key, compare_rows, measures_of
from emcog.stats.comparing_signals import peakiness_row, signal_row
from emcog.stats.nulls import NULLS
from emcog.stats.rows import tidy

Row = dict[str, Any]
People = Crowd | np.ndarray
METHODS = {
    ("threshold", None): "S", ("threshold", "modularity"): "SM", ("threshold", "conductance"): "SC",
    ("fixed", None): "F", ("fixed", "modularity"): "FM", ("fixed", "conductance"): "FC",
    ("random", None): "R", ("random", "modularity"): "RM", ("random", "conductance"): "RC",
}  # fmt: skip
"""What the literature calls a proposal with a refinement; others go by their own names."""
_PROBLEMS = 5  # of people's marks that a warning names


def compare(
    segmentations: Any,
    human: Any,
    *,
    metrics: Sequence[str] | None = None,
    null: str | None = None,
    n_null: int = 10_000,
    seed: int = 0,
    settings: AgreementSettings | None = None,
    rule: ConsensusRule | None = None,
    reaction_time_s: float = 0.0,
    grade: str | None = None,
    signals: Sequence[str] = (),
    dataset: str | None = None,
) -> pd.DataFrame:
    """Compare segmentations with people's, measure by measure, beside chance and beside the people's own agreement.

    Parameters
    ----------
    segmentations : one `Segmentation`, several in a list, or a mapping from names to them.
    human : an `AnnotationSet`; a file that `emcog.human.read_annotations` reads; the name of a dataset (`emcog datasets
        list`), of which the story with the segmentation's name is taken, or NAME/ITEM for one of its annotation sets;
        or a `Crowd` that lies on the same words.
    metrics : names in `emcog.stats.agreement.MEASURES`; None for all. Measures that must stand together come together.
    null, n_null, seed : what chance means (a name in `emcog.stats.NULLS`; None: circular shift, and for matched
        shuffled event lengths, as it is defined), how many draws, and from which seed.
    settings : tolerance and the like.
    rule : how observers become a consensus; default by density, or the release's own list where nothing else is there.
    reaction_time_s : taken off every time that people marked.
    grade : whose marks, where people marked coarse and fine events, say.
    signals : of the segmentations' words (surprisal, entropy, ...; ("all",) for all of them), each correlated with
        people in a row of its own, beside the crowd's peakiness: see `compare_signal`. With continuous ratings nothing
        else can be compared.
    dataset : its name in the table; default that of `human`.

    Returns
    -------
    DataFrame with the columns of `emcog.stats.COLUMNS`, a row for each segmentation, measure and variant. Boundaries
    are compared as first words of events; boundary 0 never counts. ceiling is the mean of each observer's agreement
    with the others' consensus; observers without marks have none. The interval is over observers; for a list without
    observers, over stretches of the story, and for measures that are shares of boundaries. p_bh corrects over all rows
    of the table.

    Raises
    ------
    OptionError : unknown metrics, null models or signals. DataError : people's marks that do not fit the story; nobody
    marked a boundary; marks of several grades without `grade`.

    Warns of what looks wrong with people's marks (`AnnotationSet.problems`), once a story.

    Source: design of emcog, section 7; each measure's own in `MEASURES`.
    """
    if null is not None:
        check_choice("null", null, NULLS)
    if metrics is not None and not metrics:
        raise OptionError(f"metrics names no measure: choose from {', '.join(MEASURES)}, or leave it out for all")
    for name in metrics or ():
        check_choice("metric", name, MEASURES)
    n_null = int(check_number("n_null", n_null, low=1, integer=True))
    seed = int(check_number("seed", seed, low=0, integer=True))
    settings = settings or AgreementSettings()
    named = _named(segmentations)
    rows: list[Row] = []
    known: dict[str, tuple[People, dict[Key, Ceiling]]] = {}
    for name, segmentation in named:
        place = _story(segmentation)
        if place not in known:
            people = _people(human, segmentation, rule, reaction_time_s, grade, bool(signals))
            known[place] = people, _ceilings(people, metrics, settings)
        people, ceiled = known[place]
        if not isinstance(people, Crowd):
            continue  # ratings: there are no boundaries to compare with
        about = _about(segmentation, _dataset(human, dataset)) | {"method": name}
        found = compare_rows(_first_words(segmentation, people), people, metrics=metrics, settings=settings, null=null,
                             n_null=n_null, seed=seed,
                             ceilings={key: one.mean for key, one in ceiled.items()})  # fmt: skip
        notes = [_ceiling_note(one, people) for one in ceiled.values()]
        rows += [about | row | {"note": f"{row['note']}; {note}"} for row, note in zip(found, notes, strict=True)]
    crowds = {place: people for place, (people, _) in known.items()}
    rows += _signal_rows(named, crowds, signals, _dataset(human, dataset), n_null, seed)
    return tidy(rows)


def method_name(segmentation: Any) -> str:
    """What the literature calls the way a segmentation was made: S, SM, lexical, ..."""
    settings = segmentation.provenance.get("settings", {})
    propose, refine = settings.get("propose", ""), settings.get("refine")
    return METHODS.get((propose, refine), propose + (f"+{refine}" if refine else "")) or segmentation.name


def _named(segmentations: Any) -> list[tuple[str, Any]]:
    if isinstance(segmentations, Mapping):
        return [(str(name), one) for name, one in segmentations.items()]
    several = segmentations if isinstance(segmentations, list | tuple) else [segmentations]
    if not several or not all(hasattr(one, "events") and hasattr(one, "words") for one in several):
        raise DataError("compare needs a Segmentation, a list of them or a mapping from names to them")
    return [(method_name(one), one) for one in several]


def _story(segmentation: Any) -> str:
    source = segmentation.provenance.get("input", {})
    return f"{segmentation.name}/{source.get('sha256') if isinstance(source, dict) else ''}/{len(segmentation.words)}"


def _people(
    human: Any, segmentation: Any, rule: ConsensusRule | None, reaction_time_s: float, grade: str | None, signals: bool
) -> People:
    """People on the words of a story: their boundaries, or their ratings where there is nothing else."""
    if isinstance(human, Crowd):
        if rule is not None or reaction_time_s or grade is not None:
            raise DataError("rule, reaction_time_s and grade are for annotations: a Crowd has its consensus already")
        return _marking(human, "the crowd")
    people = people_of(human, segmentation.name)
    where = people.source or people.stimulus or "people"
    if grade is not None:
        people = of_grade(people, grade)
    _warn(people, segmentation, where)
    if reaction_time_s:
        people = people.shifted(reaction_time_s)
    if len(people.ratings) and not len(people.marks) and not people.lists:
        if signals:
            return people.rating_curves(segmentation)
        raise DataError(
            f"{where}: nobody marked a boundary (these are ratings): correlate signals with them, by signals= "
            "(--signals) or compare_signal"
        )
    return _marking(people.crowd(segmentation, rule=rule), where)


def _marking(crowd: Crowd, where: str) -> Crowd:
    if not crowd.marked.any() and not crowd.consensus.any():
        raise DataError(
            f"{where}: nobody marked a boundary after the first word: give people who marked some, or a list"
        )
    return crowd


def _warn(people: AnnotationSet, segmentation: Any, where: str) -> None:
    """What looks wrong with the marks, in one warning; those outside the story are named where they are left out."""
    found = people.problems(segmentation)
    told = found.loc[~found["problem"].isin(["negative", "past the end"]), "message"].tolist()
    if told:
        more = f"; and {len(told) - _PROBLEMS} more: see problems()" if len(told) > _PROBLEMS else ""
        warnings.warn(
            f"{where}: {counted(len(told), 'thing')} about the marks to look at: {'; '.join(told[:_PROBLEMS])}{more}",
            stacklevel=4,
        )


def _about(segmentation: Any, dataset: str) -> Row:
    return {"analysis": "agreement", "dataset": dataset, "story": segmentation.name, "model": _model(segmentation)}


def _signal_rows(
    named: Sequence[tuple[str, Any]], people: Mapping[str, People], signals: Sequence[str], dataset: str, n_null: int,
    seed: int,
) -> list[Row]:  # fmt: skip
    """A row a signal, and one of the people alone: once a story and model, whatever the methods."""
    rows: dict[tuple[str, str, str], Row] = {}
    for _, segmentation in named if signals else ():
        about, place = _about(segmentation, dataset), _story(segmentation)
        for name in _signals(segmentation, signals):
            key = place, about["model"], name
            if key not in rows:
                row = signal_row(segmentation.words[name].to_numpy(), people[place], n_null, seed)
                rows[key] = about | {"method": name} | row
        crowd = people[place]
        if isinstance(crowd, Crowd) and crowd.names and (place, "", "people") not in rows:
            rows[place, "", "people"] = about | {"model": ""} | peakiness_row(crowd)
    return list(rows.values())


def _signals(segmentation: Any, names: Sequence[str]) -> list[str]:
    numbers = segmentation.words.select_dtypes("float")
    there = [name for name in numbers if name not in ("onset_s", "offset_s")]
    return there if list(names) == ["all"] else [check_choice("signal", name, there) for name in names]


def _dataset(human: Any, given: str | None) -> str:
    if given is not None:
        return given
    if isinstance(human, AnnotationSet):
        return human.stimulus
    if isinstance(human, str | os.PathLike):
        return (dataset_item(human) or (Path(human).name, ""))[0]
    return ""


def _model(segmentation: Any) -> str:
    model = segmentation.provenance.get("model", {})
    return str(model.get("name", "")) if isinstance(model, dict) else str(model)


def _first_words(segmentation: Any, crowd: Crowd) -> np.ndarray:
    if crowd.unit != "word" or crowd.n_units != len(segmentation.words):
        raise DataError(
            f"the crowd lies on {crowd.n_units} {crowd.unit}s and {segmentation.name!r} has "
            f"{len(segmentation.words)} words: lay it on the segmentation's words"
        )
    starts = np.unique(segmentation.events["start_word"].to_numpy(dtype=np.int64))
    return starts[(starts > 0) & (starts < crowd.n_units)]


def _ceilings(people: People, metrics: Sequence[str] | None, settings: AgreementSettings) -> dict[Key, Ceiling]:
    if not isinstance(people, Crowd):
        return {}
    chosen, _ = measures_of(metrics, people)
    found = ceilings(chosen, people, settings)
    return {(measure.name, variant): one for (measure, variant), one in zip(chosen, found, strict=True)}


def _ceiling_note(one: Ceiling, crowd: Crowd) -> str:
    return one.note or f"ceiling over {one.n} of {counted(len(crowd.names), 'observer')}"
