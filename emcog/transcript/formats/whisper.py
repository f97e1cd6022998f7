"""JSON with the times of words, as written by Whisper, WhisperX, faster-whisper, and Hugging Face's pipeline.

- segments with words (Whisper with word_timestamps, WhisperX): the words' times; a word without any has NaN;
- segments without words: the segment's time is spread over its words by character count, marked as interpolated;
- words only (OpenAI's API, gentle's JSON);
- chunks with a timestamp (the pipeline of transformers).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from emcog.excerpts import quoted
from emcog.transcript.source import Source, wrong_format
from emcog.transcript.words import LONE_SURROGATE, check_times, timed_words

LEADING_SPACE = 0.5  # share of words written with the space before them from which on that space means something


@dataclass
class Piece:
    """A word, or a segment without words: its text as written, seconds, speaker, and where it stands."""

    text: str
    onset_s: float
    offset_s: float
    speaker: str
    where: str
    is_word: bool
    opens: bool


def read_whisper(source: Source) -> tuple[str, pd.DataFrame]:
    """Words of a Whisper-like JSON file; half surrogate pairs in it become U+FFFD."""
    try:
        found = json.loads(source.content)
    except json.JSONDecodeError as error:
        raise wrong_format(source, f"line {error.lineno}: not JSON: {error.msg}") from None
    except (RecursionError, ValueError):
        raise wrong_format(source, "not a transcript's JSON: nested too deeply, or a number too long") from None
    pieces = _join_parts(list(_pieces(source, found)))
    onset = np.array([piece.onset_s for piece in pieces], dtype=np.float64)
    offset = np.array([piece.offset_s for piece in pieces], dtype=np.float64)
    check_times(onset, offset, lambda row: pieces[row].where, source.error)
    speakers = [piece.speaker for piece in pieces for _ in piece.text.split()]
    spread = np.array([not piece.is_word for piece in pieces], dtype=bool)
    return timed_words([piece.text for piece in pieces], onset, offset, speakers, spread)


def _pieces(source: Source, found: Any) -> Iterable[Piece]:
    """Words and word-less segments of the file, in order."""
    if isinstance(found, list):
        found = {"segments": found}
    if not isinstance(found, dict):
        raise wrong_format(source, "JSON, but not a transcript's: it has no segments, words or chunks")
    segments, words, chunks = (found.get(key) for key in ("segments", "words", "chunks"))
    timed_segments = isinstance(segments, list) and any(isinstance(s, dict) and s.get("words") for s in segments)
    if isinstance(words, list) and words and not timed_segments:
        yield from _words(source, words, "", "")
    elif isinstance(segments, list):
        for index, segment in enumerate(segments, 1):
            yield from _segment(source, segment, f"segment {index}")
    elif isinstance(chunks, list):
        for index, chunk in enumerate(chunks, 1):
            times = chunk.get("timestamp") if isinstance(chunk, dict) else None
            start, end = times if isinstance(times, list) and len(times) == 2 else (None, None)
            item = {**chunk, "start": start, "end": end} if isinstance(chunk, dict) else chunk
            piece = _piece(source, item, f"chunk {index}", "text", "")
            piece.is_word = len(piece.text.split()) == 1
            yield piece
    else:
        raise wrong_format(source, "JSON, but not a transcript's: it has no segments, words or chunks")


def _segment(source: Source, segment: Any, where: str) -> Iterable[Piece]:
    if isinstance(segment, dict) and isinstance(segment.get("words"), list) and segment["words"]:
        yield from _words(source, segment["words"], f"{where}, ", _speaker(segment))
    else:
        piece = _piece(source, segment, where, "text", "")
        piece.is_word = False
        yield piece


def _words(source: Source, words: list[Any], prefix: str, speaker: str) -> Iterable[Piece]:
    for index, word in enumerate(words, 1):
        piece = _piece(source, word, f"{prefix}word {index}", "word", speaker)
        piece.opens = index == 1
        yield piece


def _piece(source: Source, item: Any, where: str, key: str, speaker: str) -> Piece:
    if not isinstance(item, dict):
        raise source.error(f"{where}: {quoted(item)} where an object with {key}, start and end should be")
    text = item.get(key, item.get("text"))
    if not isinstance(text, str):
        raise source.error(f"{where}: it has no {key}: give it one, as a string")
    onset, offset = (_time(source, item.get(name), f"{where}: {name}") for name in ("start", "end"))
    text = LONE_SURROGATE.sub("\ufffd", text)
    return Piece(text, onset, offset, _speaker(item) or speaker, where, True, True)


def _time(source: Source, value: Any, what: str) -> float:
    if value is None:
        return np.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise source.error(f"{what} is {quoted(value)}: give seconds as a number, or null")
    try:
        return float(value)
    except OverflowError:
        return np.inf


def _speaker(item: dict[str, Any]) -> str:
    value = item.get("speaker")
    return "" if value is None else " ".join(LONE_SURROGATE.sub("\ufffd", str(value)).split())


def _join_parts(pieces: list[Piece]) -> list[Piece]:
    """Join what Whisper splits: where words are written with the space before them, one without goes on the last.

    " well", "-known" are one word, from the onset of the first to the offset of the last.
    """
    inner = [piece for piece in pieces if piece.is_word and not piece.opens and piece.text.strip()]
    leading = sum(piece.text[0].isspace() for piece in inner)
    if not inner or leading < LEADING_SPACE * len(inner):
        return pieces
    joined: list[Piece] = []
    for piece in pieces:
        starts = not piece.is_word or piece.opens or not piece.text.strip() or piece.text[0].isspace()
        if starts or not joined or not joined[-1].is_word or not joined[-1].text.strip():
            joined.append(piece)
            continue
        last = joined[-1]
        last.text = last.text.rstrip() + piece.text
        last.offset_s = piece.offset_s
    return joined
