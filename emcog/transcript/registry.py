"""The formats that can be read, by name."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from emcog.transcript.formats.gentle import read_gentle
from emcog.transcript.formats.markdown import read_markdown
from emcog.transcript.formats.srt import read_srt
from emcog.transcript.formats.table import read_csv, read_tsv
from emcog.transcript.formats.text import read_text
from emcog.transcript.formats.textgrid import read_textgrid
from emcog.transcript.formats.webvtt import read_webvtt
from emcog.transcript.formats.whisper import read_whisper
from emcog.transcript.source import Source

COLUMN_OPTIONS = ("word_column", "onset_column", "offset_column", "speaker_column", "time_unit")


@dataclass(frozen=True)
class Format:
    """One format: how to read it, which file names are its own, which options it takes."""

    name: str
    read: Callable[[Source], tuple[str, pd.DataFrame]]
    suffixes: tuple[str, ...]
    options: tuple[str, ...] = ()


FORMATS: dict[str, Format] = {
    entry.name: entry
    for entry in (
        Format("text", read_text, (".txt", ".text")),
        Format("markdown", read_markdown, (".md", ".markdown")),
        Format("srt", read_srt, (".srt",)),
        Format("webvtt", read_webvtt, (".vtt", ".webvtt")),
        Format("textgrid", read_textgrid, (".textgrid",), ("tier",)),
        Format("csv", read_csv, (".csv",), COLUMN_OPTIONS),
        Format("tsv", read_tsv, (".tsv", ".tab"), COLUMN_OPTIONS),
        Format("whisper", read_whisper, (".json",)),
        Format("gentle", read_gentle, ()),
    )
}
