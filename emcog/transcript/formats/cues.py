"""Subtitle cues, which SRT and WebVTT share: a line of two times, then lines of text.

The line of times is read here rather than by a subtitle library because a transcript must not lose words silently:
every line that should be a cue's times is one, or is an error that says which line it is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emcog.transcript.source import Source
from emcog.transcript.words import check_times, quoted, timed_words

STAMP = r"(-?)(?:([0-9]{1,9}):)?([0-9]{1,2}):([0-9]{1,2})(?:[.,]([0-9]{1,9}))?"
TIMES = re.compile(rf"\s*{STAMP}\s*-->\s*{STAMP}(?:\s.*)?")


@dataclass(frozen=True)
class Cue:
    """One cue: seconds, its lines of text as they stand in the file, and the file's line of its times, from 1."""

    onset_s: float
    offset_s: float
    lines: Sequence[str]
    line_number: int


def cue_times(line: str) -> tuple[float, float] | None:
    """Onset and offset, in seconds, of a line such as `00:01:02,500 --> 00:01:04,000`; None if it is not one."""
    found = TIMES.fullmatch(line)
    if not found:
        return None
    return _seconds(found.groups()[:5]), _seconds(found.groups()[5:])


def _seconds(fields: Sequence[str | None]) -> float:
    sign, hours, minutes, seconds, fraction = fields
    whole = (int(hours or 0) * 60 + int(minutes or 0)) * 60 + int(seconds or 0)
    # One division of integers: the float nearest to what the file says.
    value = (whole * 10**9 + int((fraction or "").ljust(9, "0"))) / 10**9
    return -value if sign else value


def bad_times(source: Source, number: int, line: str) -> Exception:
    """Make the error of a line that should be a cue's times and is not."""
    return source.error(f"line {number}: {quoted(line)} is not a cue's times: write 00:00:01,000 --> 00:00:02,500")


def spread_cues(
    source: Source, cues: Sequence[Cue], texts: Sequence[str], speakers: Sequence[str] | None = None
) -> tuple[str, pd.DataFrame]:
    """Check the cues' times and spread each over its words, marked as interpolated.

    Cues may overlap, as subtitles do: then the words of one may begin before the last words of the one before.
    """
    onset = np.array([cue.onset_s for cue in cues], dtype=np.float64)
    offset = np.array([cue.offset_s for cue in cues], dtype=np.float64)
    check_times(onset, offset, lambda row: f"cue {row + 1} (line {cues[row].line_number})", source.error)
    return timed_words(texts, onset, offset, speakers, spread=True)
