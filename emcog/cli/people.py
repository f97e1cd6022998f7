"""The people that a command is given: a file, with what its reader must be told, or a dataset."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emcog.errors import OptionError

if TYPE_CHECKING:
    from emcog.human import AnnotationSet

COLUMN_ROLES = ("observer", "time", "word", "grade", "value", "stimulus")


def people_given(given: str | None, reading: Mapping[str, Any], option: str) -> "str | AnnotationSet | None":
    """A file read as it was told to be; a name, or a file that says everything itself, as it is.

    Parameters
    ----------
    given : a file, a dataset's name, or None.
    reading : options of `read_annotations` by name, those that are None left out; `columns` as ROLE=NAME,ROLE=NAME.
    option : of the command by which people are given, for messages.

    Raises
    ------
    OptionError : options for a file where there is none; a role that columns do not have.
    """
    told = {name: value for name, value in reading.items() if value is not None}
    if not told:
        return given
    named = ", ".join(name.replace("_", "-") for name in told)
    if given is None:
        raise OptionError(f"{named}: for a file of people's marks: name it with {option}")
    from emcog.human import dataset_item, read_annotations

    if dataset_item(given) is not None:
        raise OptionError(f"{named}: for a file of people's marks, and {given} is a dataset: leave it out")
    told |= _columns(told.pop("columns", ""))
    return read_annotations(Path(given), **told)


def _columns(told: str) -> dict[str, str]:
    """observer=who,time=when -> {"observer_column": "who", "time_column": "when"}."""
    columns = {}
    for part in filter(None, (part.strip() for part in told.split(","))):
        role, _, name = part.partition("=")
        if role not in COLUMN_ROLES or not name:
            raise OptionError(f"column {part!r}: write ROLE=NAME, where ROLE is one of {', '.join(COLUMN_ROLES)}")
        columns[f"{role}_column"] = name
    return columns
