"""Events as a table."""

import numpy as np
import pandas as pd

from emcog.boundaries.hierarchy import Hierarchy
from emcog.lm.hearing import Hearing


def event_table(
    hearing: Hearing,
    starts: np.ndarray,
    signal: str,
    levels: Hierarchy | None = None,
    first: int = 0,
    stop: int | None = None,
) -> pd.DataFrame:
    """Events that begin at `starts`, those from `first` to `stop`: the columns that `Segmentation` documents."""
    story, owner = hearing.text, hearing.word_index
    if story is None:
        raise ValueError("events have words: a text is needed")
    begin = starts[first:stop]
    end = np.append(starts[first + 1 : first + 1 + len(begin)], len(hearing))[: len(begin)]
    next_word = np.append(owner[begin[1:]], owner[end[-1]] if end[-1] < len(hearing) else story.n_words)
    # A word that has no token of its own (it shares one with the word before it) ends the event of that word.
    end_word = np.maximum(owner[end - 1] + 1, next_word)
    onset, offset = story.times()
    table = pd.DataFrame(
        {
            "event": np.arange(first, first + len(begin)),
            "onset_s": onset[owner[begin]],
            "offset_s": offset[end_word - 1],
            "start_token": begin,
            "end_token": end,
            "start_word": owner[begin],
            "end_word": end_word,
            "n_tokens": end - begin,
            "surprise": hearing.signals[signal][begin].astype(np.float64),
            "text": hearing.texts(begin, end),
        }
    )
    if levels is not None:
        table = table.assign(**{name: column[first:stop] for name, column in levels.holders().items()})
    return table
