"""SubRip subtitles (.srt): a number, a line of times, lines of text, an empty line."""

import re

import pandas as pd

from emcog.excerpts import quoted
from emcog.transcript.formats.cues import Cue, bad_times, cue_times, spread_cues
from emcog.transcript.source import Source, wrong_format

MARKUP = re.compile(r"</?[A-Za-z][^<>]*>|\{\\[^{}]*\}")  # <i>, </font>, {\an8}
NUMBER = re.compile(r"\s*[0-9]{1,9}\s*")
TIMES_START = re.compile(r"\s*-?[0-9][:.,0-9]*\s*--?>")


def read_srt(source: Source) -> tuple[str, pd.DataFrame]:
    """Words of an SRT file; a cue's time is spread over its words by character count.

    Formatting (<i>, <font ...>, {\\an8}) is left out; empty lines within a cue and missing cue numbers are accepted.
    """
    lines = source.content.split("\n")
    starts = [number for number, line in enumerate(lines) if TIMES_START.match(line)]
    if not starts:
        raise wrong_format(source, "not SRT: no cue's times (00:00:01,000 --> 00:00:02,500) in it")
    preface = next((i for i, line in enumerate(lines[: _cue_start(lines, starts[0], 0)]) if line.strip()), None)
    if preface is not None and NUMBER.fullmatch(lines[preface]):
        raise _no_times(source, lines, preface)
    if preface is not None:
        raise wrong_format(
            source, f"line {preface + 1}: {quoted(lines[preface])} stands before the first cue, which SRT does not have"
        )
    cues = []
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        times = cue_times(lines[start])
        if times is None:
            raise bad_times(source, start + 1, lines[start])
        end = len(lines) if following is None else _cue_start(lines, following, start + 1)
        _check_next_number(source, lines, start, end)
        cues.append(Cue(*times, lines[start + 1 : end], start + 1))
    return spread_cues(source, cues, [MARKUP.sub("", "\n".join(cue.lines)) for cue in cues])


def _cue_start(lines: list[str], times: int, low: int) -> int:
    """First line of the cue whose times are on line `times`: its number, if it has one on the line before."""
    before = times - 1
    return before if before >= low and NUMBER.fullmatch(lines[before]) else times


def _check_next_number(source: Source, lines: list[str], times: int, end: int) -> None:
    """Raise the error of a cue without times, if the cue whose times are on line `times` seems to swallow one.

    That is so where, after an empty line, the number that follows its own stands alone, and the next cue's is not that.
    """
    if times == 0 or not NUMBER.fullmatch(lines[times - 1]):
        return
    number = int(lines[times - 1]) + 1
    if end < len(lines) and NUMBER.fullmatch(lines[end]) and int(lines[end]) == number:
        return
    for i in range(times + 2, end - 1):
        alone = not lines[i - 1].strip() and bool(NUMBER.fullmatch(lines[i])) and bool(lines[i + 1].strip())
        if alone and int(lines[i]) == number:
            raise _no_times(source, lines, i)


def _no_times(source: Source, lines: list[str], number: int) -> Exception:
    """Make the error of a cue whose number is on line `number` (from 0) and which has no times."""
    return source.error(
        f"line {number + 1}: cue {lines[number].strip()} has no times: write 00:00:01,000 --> 00:00:02,500 on the line "
        "after its number, or delete the cue"
    )
