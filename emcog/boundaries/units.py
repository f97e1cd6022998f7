"""Words and sentences as places where an event may begin."""

import re

import numpy as np


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
    return np.flatnonzero(np.diff(word_index, prepend=-2) != 0)


def sentence_tokens(text: str, char_end: np.ndarray) -> np.ndarray:
    """First token of each sentence; white space before a sentence goes with it, as it goes with the word after it.

    Parameters
    ----------
    char_end : int64 array (n_tokens,), where each token's span of characters ends; the spans tile the text.

    Returns
    -------
    int64 array, increasing.
    """
    first = sentence_characters(text)
    gaps = {gap.end(): gap.start() for gap in re.finditer(r"\s+", text)}
    space = np.array([gaps.get(at, at) for at in first.tolist()], dtype=np.int64)
    token = np.searchsorted(char_end, space, side="right")
    # A token that holds the end of the sentence before as well stays with that one.
    shared = np.where(token > 0, char_end[token - 1], 0) < space
    return np.unique(np.where(shared, np.searchsorted(char_end, first, side="right"), token))


def nearest(places: np.ndarray, n: int) -> np.ndarray:
    """For each of `n` tokens the nearest of the increasing `places`, the earlier of two as near. int64 (n,)."""
    tokens = np.arange(n)
    right = np.searchsorted(places, tokens)
    before = places[np.maximum(right - 1, 0)]
    after = places[np.minimum(right, len(places) - 1)]
    return np.where(np.abs(tokens - before) <= np.abs(after - tokens), before, after).astype(np.int64)
