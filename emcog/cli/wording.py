"""Messages in the words of the command line: Python's names of options become the options."""

import re
from collections.abc import Mapping

from emcog.cli.people import COLUMN_ROLES, MATCH_OPTIONS, OPTIONS

PEOPLE_OPTIONS: dict[str, Mapping[str, str]] = {"compare": OPTIONS, "report": OPTIONS, "segment": MATCH_OPTIONS}
"""Of each command that reads people's files, its options by the reader's names."""

# A name that is told with its option: word_column (--word-column), format='srt' (--from srt).
_BESIDE = re.compile(r"\b[a-z_]+(?:=(?:'[^']*')?)? \((--[a-z-]+(?: [^()]*)?)\)")


def in_options(message: str, command: str) -> str:
    """What an error or warning says, with the options of `emcog COMMAND` in the place of arguments in Python."""
    if command not in PEOPLE_OPTIONS:
        return message
    said = _said(PEOPLE_OPTIONS[command])
    whole_words = "|".join(map(re.escape, said))  # and no part of a file's name or of a cell
    told = re.compile(rf"(?<![\w'/.-])(?:{whole_words})(?![\w'/]|\.\w)")
    return told.sub(lambda found: said[found[0]], _BESIDE.sub(r"\1", message))


def _said(options: Mapping[str, str]) -> dict[str, str]:
    """What readers and comparisons say -> what the command line says."""
    return {
        "select(grade=...), or --grade": "--grade",
        "more: see problems()": "more",
        "one with stem=, of": "one as FOLDER/NAME, of",
        "reaction_time_s": "--reaction-time",
        "time_unit='ms'": f"{options['time_unit']} ms",
        "unknown time_unit": "unknown --time-unit",  # of a transcript: of people's it was checked before
        **{f"{role}_column": f"{options['columns']} {role}=NAME" for role in COLUMN_ROLES},
        **{f"with {name}=": f"with {options[name]}" for name in ("stimulus", "event")},
        "give format=": f"give {options['format']}",
        **{f"{name} is for": f"{options[name]} is for" for name in ("event", "tier", "time_unit")},
        **{name: options[name] for name in ("sampling_hz", "observers_in", "duration_s")},
    }
