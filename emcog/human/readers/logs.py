"""Response logs of PsychoPy and jsPsych."""

import json
from typing import Any

from emcog.excerpts import first_words
from emcog.human.readers.source import (
    ALIASES,
    MISSING,
    UNITS,
    Read,
    Source,
    cells_of,
    column_of,
    number,
    plain_name,
    rescaled,
    scale_of,
)
from emcog.human.readers.tables import of_stimulus


def read_psychopy(source: Source) -> Read:
    """PsychoPy's CSV: the .rt column of a keyboard or mouse component, in seconds from that component's start.

    A cell may hold one time or a list of all. `event` names the component where there are several. The component must
    have started with the stimulus.
    """
    header, body = cells_of(source)
    components = [name.removesuffix(".rt") for name in header if name.endswith(".rt")]
    wanted = source.options.event
    if wanted is None and len(components) != 1:
        told = ", ".join(components) if components else "none"
        raise source.error(f"which component's presses? Those with a .rt column: {told}; choose with event=")
    component = wanted if wanted is not None else components[0]
    if component not in components:
        raise source.error(f"no component {component!r} with a .rt column: there are {', '.join(components) or 'none'}")
    column, observer = header.index(f"{component}.rt"), column_of(source, header, "observer")
    body = of_stimulus(source, header, body, column_of(source, header, "stimulus"))
    found = Read(duration_s=source.options.duration_s, stimulus=source.options.stimulus or "")
    scale = UNITS[source.options.time_unit or "s"]
    for row, cells in body:
        who = cells[observer] if observer is not None and cells[observer] else source.options.observer or source.stem
        found.present(who)
        for value in _listed(source, cells[column], row, header[column]):
            found.mark(who, row, time_s=rescaled(value, scale))
    return found


def read_jspsych(source: Source) -> Read:
    """jsPsych's data, JSON or CSV: times in milliseconds in rt, a number or a list of numbers or of {"rt": ...}.

    `event` chooses trials by their task, trial_type or name. rt counts from its own trial's start, so an observer must
    have one trial of the stimulus; several are refused unless a time column is named.
    """
    found = Read(duration_s=source.options.duration_s, stimulus=source.options.stimulus or "")
    column = source.options.columns.get("time", "rt")
    scale = UNITS[source.options.time_unit] if source.options.time_unit else _unit_of(source, column)
    first: dict[str, int] = {}
    for row, trial in _trials(source):
        who = _observer(source, trial)
        found.present(who)
        if not _chosen(source, trial):
            continue
        times = _listed(source, trial.get(column), row, column)
        if times and "time" not in source.options.columns and first.setdefault(who, row) != row:
            raise source.error(
                f"row {row}: observer {who!r} has rt in row {first[who]} already, and rt counts from its own trial's "
                "start: choose the stimulus' trial with event=, or name a time_column"
            )
        for value in times:
            found.mark(who, row, time_s=rescaled(value, scale))
    return found


def _unit_of(source: Source, column: str) -> float:
    """jsPsych's own times are milliseconds; a column that names another unit has that."""
    return 1e-3 if plain_name(column).rpartition("_")[2] not in UNITS else scale_of(source, column)


def _trials(source: Source) -> list[tuple[int, dict[str, Any]]]:
    """Trials with their row: of a table as a spreadsheet counts, of JSON from 1."""
    if not source.content.lstrip().startswith(("[", "{")):
        header, body = cells_of(source)
        return [(row, dict(zip(header, cells, strict=True))) for row, cells in body]
    try:
        data = json.loads(source.content)
    except json.JSONDecodeError as error:
        raise source.error(f"line {error.lineno}: not JSON ({error.msg}): save the data again") from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, lists in lists without end
        raise source.error(f"not JSON ({first_words(str(error), 100)}): save the data again") from None
    if isinstance(data, dict):
        data = data.get("trials", data.get("data"))
    if not isinstance(data, list) or not all(isinstance(trial, dict) for trial in data):
        raise source.error("not jsPsych's data: a list of trials is needed")
    return list(enumerate(data, start=1))


def _observer(source: Source, trial: dict[str, Any]) -> str:
    wanted = source.options.columns.get("observer")
    if wanted is not None:
        if wanted not in trial:
            raise source.error(f"no column {wanted!r}: a trial has {', '.join(trial)}")
        return str(trial[wanted])
    names = {plain_name(name): name for name in trial}
    alias = next(
        (alias for alias in ALIASES["observer"] if alias in names and trial[names[alias]] not in (None, "")), None
    )
    return str(trial[names[alias]]) if alias is not None else source.options.observer or source.stem


def _chosen(source: Source, trial: dict[str, Any]) -> bool:
    event, stimulus = source.options.event, source.options.stimulus
    if event is not None and event not in {str(trial.get(key)) for key in ("task", "trial_type", "name", "event")}:
        return False
    return stimulus is None or "stimulus" not in trial or stimulus in str(trial["stimulus"])


def _listed(source: Source, cell: Any, row: int, column: str) -> list[float]:
    """Times of a cell: a number, a list, a list written as text; none where it says so."""
    if isinstance(cell, str):
        if cell.strip().casefold() in MISSING:
            return []
        if cell.lstrip().startswith("["):
            try:
                cell = json.loads(cell.replace("None", "null").replace("'", '"'))
            except (ValueError, RecursionError):
                raise source.error(f"row {row}: {cell[:40]!r} in column {column!r} is no list of times") from None
    values = cell if isinstance(cell, list) else [cell]
    values = [value.get("rt") if isinstance(value, dict) else value for value in values]
    numbers = [number(source, str(value), row, column) for value in values]
    return [value for value in numbers if value is not None]
