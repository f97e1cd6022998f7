"""read_transcript: one door for every format."""

import hashlib
import os
from pathlib import Path, PurePath

import pandas as pd

from emcog.errors import EmcogError, OptionError, TranscriptError
from emcog.excerpts import escaped, quoted
from emcog.options import check_choice
from emcog.transcript.recognise import SUFFIXES, recognise, sniff
from emcog.transcript.registry import FORMATS
from emcog.transcript.source import Source, WrongFormatError, decode, read_bytes
from emcog.transcript.transcript import Transcript, check_text


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
    Transcript. Plain text is kept as it is, but for a byte order mark, white space before its first word and behind
    its last, and that every line end is a line feed; the text of Markdown is its prose; that of a format with times is
    its words joined by single spaces.

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


def as_transcript(given: object) -> Transcript:
    """The Transcript itself, the one to be read from a Path, or that of a text given as a str.

    Raises
    ------
    TranscriptError: none of these; a str that is the name of a file rather than a text; or as in `read_transcript`.
    """
    if isinstance(given, Transcript):
        return given
    if isinstance(given, os.PathLike):
        return read_transcript(Path(given))
    if not isinstance(given, str):
        raise TranscriptError(
            f"a transcript must be a Transcript, a Path to read one from or the text itself as a str, got "
            f"{type(given).__name__}: give read_transcript(path), or join words to one text"
        )
    if names_a_file(given):
        raise TranscriptError(
            f"{quoted(given, 120)} is a file's name, not a story: give Path({given!r}) or read_transcript({given!r})"
        )
    return Transcript.from_text(given)


def names_a_file(text: str) -> bool:
    """True if a text is the name of a file that is there, or looks like the name of a transcript."""
    if not text or len(text.splitlines()) != 1 or text.splitlines()[0] != text:
        return False
    try:
        if os.path.isfile(text):
            return True
    except ValueError:  # a NUL character
        return False
    return not any(c.isspace() for c in text) and PurePath(text).suffix.lower() in SUFFIXES


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
            f"cannot be read as {chosen} ({type(error).__name__}: {escaped(error, 120)}): check the file, or name "
            "its format (--from)"
        ) from error
    return text, words
