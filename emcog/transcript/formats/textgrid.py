"""Praat TextGrids, long and short text files.

Both are one stream of free-standing strings, numbers and flags; whatever else stands in the file ("xmin =",
"intervals [1]:") is for human eyes (Praat manual, "TextGrid file formats"). So one reader of that stream reads both,
whatever a label holds.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emcog.excerpts import quoted
from emcog.transcript.source import Source, wrong_format
from emcog.transcript.words import check_times, timed_words

TOKEN = re.compile(
    r'(?<!\S)(?:![^\n]*|"(?P<string>[^"]*(?:""[^"]*)*)"|(?P<flag><[a-z]+>)'
    r"|(?P<number>[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)(?!\S))"
)
SPEAKS_OF_WORDS = re.compile(
    r"(?:^|[^a-z])(?:words?|ort(?:hography)?|orth|transcripts?|transcription|text|tokens?)(?:[^a-z]|$)"
)
SPEAKS_OF_PHONES = re.compile(
    r"(?:^|[^a-z])(?:phones?|phonemes?|phon|segments?|seg|mau|syllables?|syll?|kan)(?:[^a-z]|$)"
)
SILENCES = frozenset({"sp", "sil", "<sp>", "<sil>", "<SIL>", "<eps>", "<p:>", "{SL}"})
"""Labels by which forced aligners mark a silence; these and empty ones are not words."""


@dataclass(frozen=True)
class Tier:
    """One tier: labels with onsets and offsets in seconds (equal at a point)."""

    name: str
    is_interval: bool
    onset_s: np.ndarray
    offset_s: np.ndarray
    labels: list[str]


def read_textgrid(source: Source) -> tuple[str, pd.DataFrame]:
    """Words of one interval tier; an interval of several words is spread over them by character count.

    The tier is `source.tier`, or the first with labels whose name speaks of words, or else the first with labels
    whose name does not speak of phones or syllables, or else the first with labels. Intervals that are empty or hold
    an aligner's mark of silence (`SILENCES`) are silences; every other label is words.
    """
    head = source.content[:300]
    if "ooTextFile" not in head or "TextGrid" not in head or "Praat chronological" in head:
        raise wrong_format(source, "not a Praat TextGrid: save it in Praat as a (short) text file")
    tier = _choose(source, list(read_tiers(source)))
    texts = ["" if label.strip() in SILENCES else label for label in tier.labels]
    check_times(tier.onset_s, tier.offset_s, lambda row: f"tier {quoted(tier.name)}, interval {row + 1}", source.error)
    return timed_words(texts, tier.onset_s, tier.offset_s)


def _choose(source: Source, tiers: list[Tier]) -> Tier:
    """Tier with the words: the one that is named, or the likeliest."""
    kinds = [f"{quoted(tier.name)}{'' if tier.is_interval else ' (points)'}" for tier in tiers]
    listed = f"its tiers are {', '.join(kinds)}" if kinds else "it has none"
    intervals = [tier for tier in tiers if tier.is_interval]
    if source.tier is not None:
        exact = [tier for tier in intervals if tier.name == source.tier]
        close = [tier for tier in intervals if tier.name.strip().casefold() == source.tier.strip().casefold()]
        if not exact and not close:
            raise source.error(f"no interval tier {quoted(source.tier)}: {listed}")
        return (exact or close)[0]
    labelled = [tier for tier in intervals if any(label.strip() for label in tier.labels)]
    if not labelled:
        raise source.error(f"no words: no interval tier has a label; {listed}")
    by_name = [tier for tier in labelled if SPEAKS_OF_WORDS.search(tier.name.casefold())]
    others = [tier for tier in labelled if not SPEAKS_OF_PHONES.search(tier.name.casefold())]
    return (by_name or others or labelled)[0]


class _Stream:
    """The free-standing values of a file, taken one by one, each of the kind that must come next."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.tokens: Iterator[re.Match[str]] = TOKEN.finditer(source.content)

    def take(self, kind: str, what: str) -> str:
        """Next value as it stands in the file; an error that names the line if it is of another kind."""
        for token in self.tokens:
            if token.lastgroup is None:  # a comment
                continue
            if token.lastgroup != kind:
                line = self.source.content.count("\n", 0, token.start()) + 1
                raise self.source.error(f"line {line}: {quoted(token.group())} where {what} should be: save it again")
            return token[kind]
        raise self.source.error(f"the file ends where {what} should be: a damaged TextGrid; save it again in Praat")

    def end(self) -> None:
        """Check that nothing is left: a count that is too small must not cut labels off."""
        for token in self.tokens:
            if token.lastgroup is not None:
                line = self.source.content.count("\n", 0, token.start()) + 1
                raise self.source.error(f"line {line}: {quoted(token.group())} after the last tier: a damaged TextGrid")

    def number(self, what: str) -> float:
        return float(self.take("number", what))

    def count(self, what: str) -> int:
        value = self.number(what)
        if not value.is_integer() or value < 0:
            raise self.source.error(f"{value:g} is not {what}: a damaged TextGrid; save it again in Praat")
        return int(value)

    def string(self, what: str) -> str:
        return self.take("string", what).replace('""', '"')


def read_tiers(source: Source) -> Iterator[Tier]:
    """Every tier of the file, intervals and points, in order."""
    stream = _Stream(source)
    # The long form's first line is `File type = "ooTextFile"`; the short one may have the string alone.
    stream.string("the file type")
    stream.string("the object class")
    stream.number("the start of the file")
    stream.number("the end of the file")
    if stream.take("flag", "<exists>") != "<exists>":
        return
    for index in range(1, stream.count("the number of tiers") + 1):
        kind = stream.string(f"the class of tier {index}")
        if kind not in ("IntervalTier", "TextTier"):
            raise source.error(f"tier {index} is of class {quoted(kind)}: a damaged TextGrid; save it again in Praat")
        name = stream.string(f"the name of tier {index}")
        stream.number(f"the start of tier {index}")
        stream.number(f"the end of tier {index}")
        count = stream.count(f"the number of intervals of tier {index}")
        onsets, offsets, labels = [], [], []
        for _ in range(count):
            onsets.append(stream.number(f"an onset in tier {quoted(name)}"))
            offsets.append(stream.number(f"an offset in tier {quoted(name)}") if kind == "IntervalTier" else onsets[-1])
            labels.append(stream.string(f"a label in tier {quoted(name)}"))
        yield Tier(name, kind == "IntervalTier", np.array(onsets), np.array(offsets), labels)
    stream.end()
