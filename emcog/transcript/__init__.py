"""Transcripts: a text, its words, their places in the text and their times, read from the formats that people have."""

from emcog.transcript.long import LongText, is_long, read_long_text
from emcog.transcript.reading import as_transcript, read_transcript
from emcog.transcript.registry import FORMATS, Format
from emcog.transcript.transcript import WORD_COLUMNS, Transcript

__all__ = [
    "FORMATS",
    "WORD_COLUMNS",
    "Format",
    "LongText",
    "Transcript",
    "as_transcript",
    "is_long",
    "read_long_text",
    "read_transcript",
]
