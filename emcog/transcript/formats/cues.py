"""Subtitle cues, which SRT and WebVTT share: a line of two times, then lines of text.

The line of times is read here rather than by a subtitle library because a transcript must not lose words silently:
every line that should be a cue's times is one, or is an error that says which line it is.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emcog.excerpts import quoted
from emcog.transcript.source import Source
from emcog.transcript.words import check_times, timed_words

STAMP = r"(-?)(?:([0-9]{1,9}):)?([0-9]{1,2}):([0-9]{1,2})(?:[.,]([0-9]{1,9}))?"
TOUCHING_S = 0.05
"""Two cues with no more than a video frame between them touch."""
TIMES = re.compile(rf"\s*{STAMP}\s*-->\s*{STAMP}(?:\s.*)?")


log = logging.getLogger("emcog")


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
    if not found or any(int(found.group(part) or 0) > 59 for part in (3, 4, 8, 9)):
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
    return source.error(
        f"line {number}: {quoted(line)} is not a cue's times: write 00:00:01,000 --> 00:00:02,500, minutes and seconds "
        "up to 59"
    )


def spread_cues(
    source: Source, cues: Sequence[Cue], texts: Sequence[str], speakers: Sequence[str] | None = None
) -> tuple[str, pd.DataFrame]:
    """Check the cues' times and spread each over its words, marked as interpolated.

    Cues may overlap, as subtitles do: then the words of one may begin before the last words of the one before. What
    rolling captions repeat is left out, and a line in the log says how much that was.
    """
    onset = np.array([cue.onset_s for cue in cues], dtype=np.float64)
    offset = np.array([cue.offset_s for cue in cues], dtype=np.float64)
    check_times(onset, offset, lambda row: f"cue {row + 1} (line {cues[row].line_number})", source.error)
    repeated = rolled_words(onset, offset, texts)
    if any(repeated):
        log.info(
            "%s: rolling captions: %d cues begin with what the cue before shows; these %d words are left out",
            source.label, np.count_nonzero(repeated), sum(repeated),
        )  # fmt: skip
        if speakers is not None:
            rest = iter(speakers)
            kept = [[next(rest) for _ in text.split()][count:] for text, count in zip(texts, repeated, strict=True)]
            speakers = [speaker for some in kept for speaker in some]
        texts = [" ".join(text.split()[count:]) for text, count in zip(texts, repeated, strict=True)]
    return timed_words(texts, onset, offset, speakers, spread=True)


def rolled_words(onset_s: np.ndarray, offset_s: np.ndarray, texts: Sequence[str]) -> list[int]:
    """How many words at the beginning of each cue only go on showing the last lines of the cue before.

    Captions that roll, as YouTube makes them, show each line twice or more: at the bottom, then above the next one. A
    cue can repeat only the cue before, whose time its own touches or overlaps. Where fewer than half of the cues that
    could repeat do, somebody said the same thing twice, and nothing is left out.

    Parameters
    ----------
    onset_s, offset_s : float64, shape (n,). texts : shape (n,), what each cue shows, in lines.
    """
    repeated, could = [0] * len(texts), 0
    before: list[list[str]] = []
    until = -np.inf
    for i, text in enumerate(texts):
        lines = [words for line in text.split("\n") if (words := line.split())]
        if not lines:
            continue
        if onset_s[i] <= until + TOUCHING_S:
            could += 1
            repeated[i] = _shared(before, [word for line in lines for word in line])
        before, until = lines, offset_s[i]
    return repeated if 2 * np.count_nonzero(repeated) >= could else [0] * len(texts)


def _shared(before: list[list[str]], words: list[str]) -> int:
    """Words at the beginning of a cue that are the last lines, as many as possible, of the cue before."""
    for first in range(len(before)):
        last = [word for line in before[first:] for word in line]
        if words[: len(last)] == last:
            return len(last)
    return 0
