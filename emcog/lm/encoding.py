"""Token ids of a text of any length, piece by piece: the same as of the whole."""

from collections.abc import Callable, Iterator

import numpy as np

from emcog.columns import Characters

PIECE, OVERLAP = 2**18, 2**12
"""Characters encoded at once, and how many of them the next piece begins with."""
AGREED = 32
"""Tokens in a row that both pieces must have where one is left for the other."""
Encoded = tuple[np.ndarray, np.ndarray]


def encode_in_pieces(
    encode: Callable[[str], Encoded], text: Characters, piece: int | None = None, overlap: int | None = None
) -> Iterator[Encoded]:
    """Token ids and the ends of their spans of characters.

    What a tokenizer makes of a place depends on the characters around it, not on those far away. So pieces overlap, and
    one is left for the next in the midst of tokens that both have; where they have none in common, they are encoded
    as one.

    Parameters
    ----------
    encode : gives the ids and ends (n,) of a str, increasing.
    piece, overlap : characters; default PIECE and OVERLAP.

    Yields
    ------
    ids, ends : int64 arrays, the ends counted from the beginning of the text.
    """
    piece, overlap = PIECE if piece is None else piece, OVERLAP if overlap is None else overlap
    start, stop, first = 0, piece + overlap, 0
    ids, ends = encode(text[:stop])
    while stop < len(text):
        begin, stop = stop - overlap, stop + piece
        new_ids, new_ends = encode(text[begin:stop])
        new_ends = new_ends + begin
        leave, enter = _crossing(ids, ends, new_ids, new_ends)
        if leave <= first:
            ids, ends = encode(text[start:stop])
            ends = ends + start
            continue
        yield ids[first:leave], ends[first:leave]
        start, first, ids, ends = begin, enter, new_ids, new_ends
    yield ids[first:], ends[first:]


def _crossing(ids: np.ndarray, ends: np.ndarray, new_ids: np.ndarray, new_ends: np.ndarray) -> tuple[int, int]:
    """How many tokens of a piece count, and at which of the next to go on; (0, 0) if they do not agree."""
    if not len(new_ids):
        return 0, 0
    for i in range(int(np.searchsorted(ends, new_ends[0])), len(ids) - AGREED + 1):
        j = int(np.searchsorted(new_ends, ends[i]))
        here, there = slice(i, i + AGREED), slice(j, j + AGREED)
        if np.array_equal(ids[here], new_ids[there]) and np.array_equal(ends[here], new_ends[there]):
            return i + AGREED // 2, j + AGREED // 2
    return 0, 0
