"""Errors and warnings in the words of the command line."""

import pytest

from emcog.cli.wording import in_options
from emcog.human.readers.reading import ANNOTATION_FORMATS


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("read them with time_unit='ms' if they are", "read them with --time-unit ms if they are"),
        ("name it with time_column or word_column", "name it with --columns time=NAME or --columns word=NAME"),
        ("choose with stimulus=, one of a, b", "choose with --stimulus, one of a, b"),
        ("There are press, rest: choose with event=", "There are press, rest: choose with --event"),
        ("samples without a rate: give sampling_hz (samples a second)", "samples without a rate: give --sampling-hz "
         "(samples a second)"),
        ("unknown observers_in 'x': choose from columns", "unknown --observers-in 'x': choose from columns"),
        ("p.csv: event is for bids, and this is read as long: leave it out, or give format=",
         "p.csv: --event is for bids, and this is read as long: leave it out, or give --from"),
        ("two; and 3 more: see problems()", "two; and 3 more"),
        ("marks of the grades 'a', 'b': choose with select(grade=...), or --grade",
         "marks of the grades 'a', 'b': choose with --grade"),
        ("correlate signals with them, by signals= (--signals)", "correlate signals with them, by --signals"),
        ("give format='srt' (--from srt)", "give --from srt"),
        ("2 segmentations: choose one with stem=, of a, b", "2 segmentations: choose one as FOLDER/NAME, of a, b"),
        # What is a file's or a column's name stays as it is.
        ("sampling_hz.csv: row 2: 'x' in column 'time_column' is not a number", None),
        ("in/time_column/word_column: no such file", None),
    ],
)  # fmt: skip
def test_python_names_become_options(said, told):
    assert in_options(said, "compare") == (said if told is None else told)
    assert in_options(said, "batch") == said  # a plan has Python's names


def test_a_transcripts_options_and_peoples_are_told_apart():
    assert in_options("say so with time_unit='ms' (--time-unit ms)", "segment") == "say so with --time-unit ms"
    assert in_options("read them with time_unit='ms'", "segment") == "read them with --match-time-unit ms"


def test_every_option_of_a_reader_has_one():
    names = {name for entry in ANNOTATION_FORMATS.values() for name in entry.options} - {"observer"}  # Python's alone
    for command in ("compare", "report", "segment"):
        for name in names:
            told = in_options(f"p.csv: {name} is for x", command)
            assert told.startswith("p.csv: --") and f" {name} " not in told, (command, name)
