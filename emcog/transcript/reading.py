"""read_transcript: one door for every format."""

import hashlib
from pathlib import Path

import pandas as pd

from emcog.errors import EmcogError, OptionError, TranscriptError
from emcog.options import check_choice
from emcog.transcript.recognise import SUFFIXES, recognise, sniff
from emcog.transcript.registry import FORMATS
from emcog.transcript.source import Source, WrongFormatError, decode, read_bytes
from emcog.transcript.transcript import Transcript, check_text
from emcog.transcript.words import one_line


def read_transcript(
    path: str | Path,
    format: str | None = None,
    encoding: str | None = None,
    tier: str | None = None,
    word_column: str | None = None,
    onset_column: str | None = None,
    offset_column: str | None = None,
    speaker_column: str | None = None,
    time_unit: str | None = None,
) -> Transcript:
    """Read a transcript from a file.

    Parameters
    ----------
    path : the file; "-" is standard input.
    format : one of `emcog.transcript.FORMATS` (text, markdown, srt, webvtt, textgrid, csv, tsv, whisper, gentle);
        None recognises it by the file's name, then by its content.
    encoding : as Python names it; None is that of the byte order mark, or else UTF-8.
    tier : name of the TextGrid tier with the words; None is the first interval tier whose name speaks of words, or
        else the first with labels that is not one of phones.
    word_column, onset_column, offset_column, speaker_column : columns of a CSV or TSV table, where they do not have
        one of the usual names.
    time_unit : "s" or "ms", of a table's times; None goes by the column's name (onset_ms), and is seconds without one.

    Returns
    -------
    Transcript. Plain text is kept as it is, but for a byte order mark and that every line end is a line feed; the
    text of Markdown is its prose; that of a format with times is its words joined by single spaces.

    Raises
    ------
    TranscriptError: one line that says what is wrong, in which file and row, and what to do: no such file, an empty
        one, no words, bytes that cannot be decoded, NUL characters, a binary file, another format than asked for,
        times that are negative, infinite or run backwards, an offset before its onset, no such tier or column.
        Rows of a table are counted as a spreadsheet does: the header is row 1.
    OptionError: an unknown format, encoding or unit, or an option that the format does not have.

    Examples
    --------
    >>> transcript = read_transcript("story.srt")                                    # doctest: +SKIP
    >>> transcript = read_transcript("words.csv", word_column="w", time_unit="ms")   # doctest: +SKIP
    """
    if format is not None:
        format = check_choice("format", SUFFIXES.get(f".{format}".lower(), format), FORMATS)
    if time_unit is not None:
        check_choice("time_unit", time_unit, ("s", "ms"))
    data, label, name = read_bytes(path)
    content = decode(data, label, encoding)
    if not content.strip():
        raise TranscriptError(f"{label}: no words in it: give a transcript with at least one")
    chosen = format or recognise(str(path), content)
    options = {
        "tier": tier,
        "word_column": word_column,
        "onset_column": onset_column,
        "offset_column": offset_column,
        "speaker_column": speaker_column,
        "time_unit": time_unit,
    }
    check_options(label, chosen, options)
    text, words = parse(Source(label, content, **options), chosen)
    return Transcript(text, words, name, chosen, hashlib.sha256(data).hexdigest())


def check_options(label: str, chosen: str, options: dict[str, str | None]) -> None:
    """Raise an OptionError for an option that the format does not have."""
    for option, value in options.items():
        if value is not None and option not in FORMATS[chosen].options:
            having = ", ".join(entry.name for entry in FORMATS.values() if option in entry.options)
            flag = option.replace("_", "-")
            raise OptionError(
                f"{label}: {option} (--{flag}) is for {having}, and this is read as {chosen}: leave it out, or force "
                "the format (--from)"
            )


def parse(source: Source, chosen: str) -> tuple[str, pd.DataFrame]:
    """Read `source` in a format; whatever a parser throws comes out as one line."""
    try:
        text, words = FORMATS[chosen].read(source)
        if not len(words):
            raise source.error("no words in it: give a transcript with at least one")
        check_text(text, source.label)
    except WrongFormatError as error:
        looks = sniff(source.content)
        hint = f"; it looks like {looks}: give format='{looks}' (--from {looks})" if looks and looks != chosen else ""
        raise TranscriptError(f"{error}{hint}") from None
    except EmcogError:
        raise
    except Exception as error:
        raise source.error(
            f"cannot be read as {chosen} ({type(error).__name__}: {one_line(error, 120)}): check the file, or name "
            "its format (--from)"
        ) from error
    return text, words
