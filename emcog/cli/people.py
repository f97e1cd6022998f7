"""The people that a command is given: a file, with what its reader must be told, or a dataset."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emcog.errors import OptionError

if TYPE_CHECKING:
    from emcog.human import AnnotationSet

COLUMN_ROLES = ("observer", "time", "word", "grade", "value", "stimulus")
OPTIONS = {
    "format": "--from", "stimulus": "--stimulus", "duration_s": "--duration", "time_unit": "--time-unit",
    "sampling_hz": "--sampling-hz", "observers_in": "--observers-in", "event": "--event", "tier": "--tier",
    "columns": "--columns",
}  # fmt: skip
"""What a command calls that which `read_annotations` is told, by the reader's names."""
MATCH_OPTIONS = OPTIONS | {
    "format": "--match-from", "time_unit": "--match-time-unit", "tier": "--match-tier", "columns": "--match-columns",
}  # fmt: skip
"""The same of `emcog segment`, where the transcript's reader has the plain names."""

PANEL = "People"


def people_option(help: str, *names: str, metavar: str | None = None) -> Any:
    """An option about people, and about what the reader of their file must be told."""
    return typer.Option(*names, help=help, rich_help_panel=PANEL, metavar=metavar)


Grade = Annotated[str | None, people_option("Whose marks: coarse or fine, say.", "--grade", metavar="NAME")]
ReactionTime = Annotated[float, people_option("Seconds taken off people's times.", "--reaction-time")]
Consensus = Annotated[str | None, people_option("density, proportion or release.", "--consensus", metavar="RULE")]
FromFormat = Annotated[str | None, people_option("The file's format; default: recognised.", "--from", metavar="FORMAT")]
Stimulus = Annotated[str | None, people_option("Which one, of several.", "--stimulus", metavar="NAME")]
Duration = Annotated[float | None, people_option("Of the stimulus, in seconds.", "--duration")]
TimeUnit = Annotated[str | None, people_option("s or ms.", "--time-unit", metavar="UNIT")]
SamplingHz = Annotated[float | None, people_option("Matrix: samples a second.", "--sampling-hz")]
ObserversIn = Annotated[str | None, people_option("Matrix: columns or rows.", "--observers-in", metavar="NAME")]
Event = Annotated[
    str | None, people_option("Logs and BIDS: which event, trial or run is a mark.", "--event", metavar="NAME")
]
Tier = Annotated[str | None, people_option("ELAN, TextGrid: the tier.", "--tier", metavar="NAME")]
Columns = Annotated[str | None, people_option("Table: observer=who,time=when.", "--columns", metavar="ROLE=NAME")]


def people_given(
    given: str | None, reading: Mapping[str, Any], option: str, options: Mapping[str, str] = OPTIONS
) -> "str | AnnotationSet | None":
    """A file read as it was told to be; a name, or a file that says everything itself, as it is.

    Parameters
    ----------
    given : a file, a dataset's name, or None.
    reading : options of `read_annotations` by name, those that are None left out; `columns` as ROLE=NAME,ROLE=NAME.
    option : of the command by which people are given, for messages.
    options : what the command calls those of `reading`, for messages.

    Raises
    ------
    OptionError : options for a file where there is none; a role that columns do not have; an unknown unit.
    """
    told = {name: value for name, value in reading.items() if value is not None}
    if not told:
        return given
    named = ", ".join(options[name] for name in told)
    if given is None:
        raise OptionError(f"{named}: for a file of people's marks: name it with {option}")
    from emcog.human import dataset_item, read_annotations
    from emcog.options import check_choice

    if dataset_item(given) is not None:
        raise OptionError(f"{named}: for a file of people's marks, and {given} is a dataset: leave it out")
    if "time_unit" in told:  # here, where it is known which of two units is meant
        check_choice(options["time_unit"], told["time_unit"], ("s", "ms"))
    told |= _columns(told.pop("columns", ""), options["columns"])
    return read_annotations(Path(given), **told)


def _columns(told: str, option: str) -> dict[str, str]:
    """observer=who,time=when -> {"observer_column": "who", "time_column": "when"}."""
    columns = {}
    for part in filter(None, (part.strip() for part in told.split(","))):
        role, _, name = part.partition("=")
        if role not in COLUMN_ROLES or not name:
            raise OptionError(f"{option} {part!r}: write ROLE=NAME, where ROLE is one of {', '.join(COLUMN_ROLES)}")
        columns[f"{role}_column"] = name
    return columns
