"""Words and sentences as places where an event may begin."""

import re
from collections.abc import Iterator

import numpy as np

from emcog.columns import Characters, blocks

PARAGRAPHS = 2**20
"""Characters in which sentences are looked for at once."""


def sentence_characters(text: str, language: str = "en") -> np.ndarray:
    """Index of the first character of each sentence (white space before it left out). int64 array, increasing.

    Sentences are found by sentencex's rules; paragraphs end sentences. A text without full stops is one sentence.
    """
    from sentencex import get_sentence_boundaries

    found = ((one["start_index"], one["text"]) for one in get_sentence_boundaries(language, text))
    starts = [start + len(piece) - len(piece.lstrip()) for start, piece in found if not piece.isspace()]
    return np.array(starts, dtype=np.int64)


def word_tokens(word_index: np.ndarray) -> np.ndarray:
    """First token of each word, from the word that each token belongs to. int64 array, increasing."""
    return _joined(word_tokens_in_pieces(word_index))


def word_tokens_in_pieces(word_index: np.ndarray) -> Iterator[np.ndarray]:
    """The same stretch by stretch, for a text that is not to be held."""
    before = -2
    for a, b in blocks(len(word_index)):
        part = word_index[a:b]
        yield a + np.flatnonzero(np.diff(part, prepend=before) != 0)
        before = part[-1]


def sentence_tokens(text: Characters, char_end: np.ndarray) -> np.ndarray:
    """First token of each sentence; white space before a sentence goes with it, as it goes with the word after it.

    Parameters
    ----------
    char_end : int64 array (n_tokens,), where each token's span of characters ends; the spans tile the text.

    Returns
    -------
    int64 array, increasing.
    """
    return _joined(sentence_tokens_in_pieces(text, char_end))


def sentence_tokens_in_pieces(text: Characters, char_end: np.ndarray, size: int = PARAGRAPHS) -> Iterator[np.ndarray]:
    """The same some paragraphs at a time, about `size` characters."""
    last = -1
    for begin, part in _paragraphs(text, size):
        first = sentence_characters(part)
        gaps = {gap.end(): gap.start() for gap in re.finditer(r"\s+", part)}
        space = begin + np.array([gaps.get(at, at) for at in first.tolist()], dtype=np.int64)
        token = np.searchsorted(char_end, space, side="right")
        # A token that holds the end of the sentence before as well stays with that one.
        shared = np.where(token > 0, char_end[token - 1], 0) < space
        found = np.unique(np.where(shared, np.searchsorted(char_end, begin + first, side="right"), token))
        yield found[found > last]
        last = found[-1] if len(found) else last


def _paragraphs(text: Characters, size: int) -> Iterator[tuple[int, str]]:
    """The text in parts of whole paragraphs, with where each begins: behind a word, before an empty line."""
    start = stop = 0
    while stop < len(text):
        stop += size
        part = text[start:stop]
        if stop < len(text):
            cut = max((found.end() for found in re.finditer(r"\S(?=\n\n)", part)), default=0)
            if not cut:  # a paragraph that is longer still
                continue
            part = part[:cut]
        yield start, part
        start = stop = start + len(part)


def _joined(pieces: Iterator[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.empty(0, np.int64), *pieces])


def nearest(places: np.ndarray, n: int, start: int = 0) -> np.ndarray:
    """For each token from `start` to `n` the nearest of the increasing `places`, the earlier of two as near. int64."""
    tokens = np.arange(start, n)
    right = np.searchsorted(places, tokens)
    before = places[np.maximum(right - 1, 0)]
    after = places[np.minimum(right, len(places) - 1)]
    return np.where(np.abs(tokens - before) <= np.abs(after - tokens), before, after).astype(np.int64)
