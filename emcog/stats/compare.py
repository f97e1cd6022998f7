"""compare(): segmentations against people, in one table."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emcog.errors import DataError, OptionError
from emcog.human import AnnotationSet, ConsensusRule, Crowd, people_of
from emcog.options import check_choice, check_number
from emcog.stats.agreement import MEASURES, AgreementSettings
from emcog.stats.agreement.ceiling import ceilings
from emcog.stats.comparing import Key, compare_rows, measures_of
from emcog.stats.nulls import NULLS
from emcog.stats.rows import tidy

METHODS = {
    ("threshold", None): "S", ("threshold", "modularity"): "SM", ("threshold", "conductance"): "SC",
    ("fixed", None): "F", ("fixed", "modularity"): "FM", ("fixed", "conductance"): "FC",
    ("random", None): "R", ("random", "modularity"): "RM", ("random", "conductance"): "RC",
}  # fmt: skip
"""What the literature calls a proposal with a refinement; others go by their own names."""


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
    dataset: str | None = None,
) -> pd.DataFrame:
    """Compare segmentations with people's, measure by measure, beside chance and beside the people's own agreement.

    Parameters
    ----------
    segmentations : one `Segmentation`, several in a list, or a mapping from names to them.
    human : an `AnnotationSet`; a file that `emcog.human.read_annotations` reads; the name of a dataset (`emcog datasets
        list`), of which the story with the segmentation's name is taken; or a `Crowd` that lies on the same words.
    metrics : names in `emcog.stats.agreement.MEASURES`; None for all. Measures that must stand together come together.
    null, n_null, seed : what chance means (a name in `emcog.stats.NULLS`; None: circular shift, and for matched
        shuffled event lengths, as it is defined), how many draws, and from which seed.
    settings : tolerance and the like.
    rule : how observers become a consensus; default by density, or the release's own list where nothing else is there.
    reaction_time_s : taken off every time that people marked.
    dataset : its name in the table; default that of `human`.

    Returns
    -------
    DataFrame with the columns of `emcog.stats.COLUMNS`, a row for each segmentation, measure and variant. Boundaries
    are compared as first words of events; boundary 0 never counts. ceiling is the mean of each observer's agreement
    with the others' consensus. The interval is over observers; for a list without observers, over stretches of the
    story, and for measures that are shares of boundaries. p_bh corrects over all rows of the table.

    Raises
    ------
    OptionError : unknown metrics or null models. DataError : people's marks that do not fit the story.

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
    rows: list[dict[str, Any]] = []
    known: dict[str, tuple[Crowd, dict[Key, float]]] = {}
    for name, segmentation in named:
        place = _story(segmentation)
        if place not in known:
            crowd = _crowd(human, segmentation, rule, reaction_time_s)
            known[place] = crowd, _ceilings(crowd, metrics, settings)
        crowd, ceilings = known[place]
        starts = _first_words(segmentation, crowd)
        about = {"analysis": "agreement", "dataset": _dataset(human, dataset), "story": segmentation.name,
                 "model": _model(segmentation), "method": name}  # fmt: skip
        found = compare_rows(starts, crowd, metrics=metrics, settings=settings, null=null, n_null=n_null, seed=seed,
                             ceilings=ceilings)  # fmt: skip
        rows += [about | row for row in found]
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


def _crowd(human: Any, segmentation: Any, rule: ConsensusRule | None, reaction_time_s: float) -> Crowd:
    if isinstance(human, Crowd):
        if rule is not None or reaction_time_s:
            raise DataError("rule and reaction_time_s are for annotations: a Crowd has its consensus already")
        return human
    people = people_of(human, segmentation.name)
    if reaction_time_s:
        people = people.shifted(reaction_time_s)
    return people.crowd(segmentation, rule=rule)


def _dataset(human: Any, given: str | None) -> str:
    if given is not None:
        return given
    if isinstance(human, AnnotationSet):
        return human.stimulus
    return Path(human).name if isinstance(human, str | os.PathLike) else ""


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


def _ceilings(crowd: Crowd, metrics: Sequence[str] | None, settings: AgreementSettings) -> dict[Key, float]:
    chosen, _ = measures_of(metrics, crowd)
    found = ceilings(chosen, crowd, settings)
    return {(measure.name, variant): one.mean for (measure, variant), one in zip(chosen, found, strict=True)}
