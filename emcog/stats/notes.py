"""What a reader of a result must know about the people and the settings: the note of a row."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from emcog.excerpts import counted
from emcog.human import ConsensusRule, Crowd
from emcog.human.observers import implausible
from emcog.stats.agreement import AgreementSettings, Measure
from emcog.stats.agreement.windows import window_of

_NAMED = 5  # observers that a note names


def people_note(crowd: Crowd) -> str:
    """Who they are, who marked nothing or implausibly much, how they became one list, what was taken off their times.

    The word for it where there are no observers is a list.
    """
    told = [
        f"people: {counted(len(crowd.starts), 'boundary', 'boundaries')} of {_observers(crowd)}, {_consensus(crowd)}"
    ]
    if crowd.reaction_time_s:
        told.append(f"{crowd.reaction_time_s:g} s taken off for reaction time")
    return "; ".join(told)


def settings_note(crowd: Crowd, settings: AgreementSettings, measures: Sequence[Measure]) -> str:
    """The settings that have a say in some of the measures, with their units."""
    names, unit = {measure.name for measure in measures}, _unit(crowd)
    tolerated = f"{crowd.unit}s" if settings.tolerance_unit == "unit" else "s"
    told = [f"tolerance in {tolerated}"]
    if names & {"pk", "window_diff"}:
        told.append(f"window of pk and window_diff: {window_of(crowd, settings)} {crowd.unit}s")
    if "boundary_similarity" in names:
        told.append(f"n_t of boundary_similarity: {settings.transposition} {crowd.unit}s")
    if "boundary_density" in names:
        told.append(f"bandwidth of boundary_density: {settings.bandwidth:g} {unit}")
    return "; ".join(told)


def _observers(crowd: Crowd) -> str:
    if not crowd.names:
        return "one list"
    counts = np.array([len(own) for own in crowd.marks])
    many, _ = implausible(counts, crowd.length if crowd.timed else np.nan)
    flags: list[tuple[Any, str]] = [(~crowd.marked.any(axis=1), "without marks"), (many, "with implausibly many")]
    told = [f"{int(flag.sum())} {what}{_named(crowd, flag)}" for flag, what in flags]
    return f"{counted(len(crowd.names), 'observer')} ({', '.join(told)})"


def _named(crowd: Crowd, flag: np.ndarray) -> str:
    names = [crowd.names[i] for i in np.flatnonzero(flag)]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f" ({', '.join(names[:_NAMED])}{more})" if names else ""


def _consensus(crowd: Crowd) -> str:
    rule = crowd.rule
    how = {
        "density": [f"bandwidth {rule.bandwidth:g} {_unit(crowd)}", _threshold(rule)],
        "proportion": [_threshold(rule)],
        "release": [rule.list] if rule.list else [],
    }[rule.rule]
    return f"consensus by {rule.rule}" + (f" ({', '.join(how)})" if how else "")


def _threshold(rule: ConsensusRule) -> str:
    return "as many as marks on average" if rule.threshold is None else f"threshold {rule.threshold:g}"


def _unit(crowd: Crowd) -> str:
    return "s" if crowd.timed else f"{crowd.unit}s"
