"""Events as a table."""

import numpy as np
import pandas as pd

from emcog.boundaries.hierarchy import Hierarchy
from emcog.segmentation import event_texts
from emcog.transcript import Transcript


def event_table(
    transcript: Transcript, tokens: pd.DataFrame, starts: np.ndarray, signal: str, levels: Hierarchy | None = None
) -> pd.DataFrame:
    """The events that begin at `starts`, with the columns that `Segmentation` documents."""
    ends = np.append(starts[1:], len(tokens))
    owner = tokens["word_index"].to_numpy()
    words = transcript.words
    first, last = owner[starts], owner[ends - 1]
    # A word that has no token of its own (it shares one with the word before it) ends the event of that word.
    end_word = np.maximum(last + 1, np.append(first[1:], len(words)))
    table = pd.DataFrame(
        {
            "event": np.arange(len(starts)),
            "onset_s": words["onset_s"].to_numpy()[first],
            "offset_s": words["offset_s"].to_numpy()[end_word - 1],
            "start_token": starts,
            "end_token": ends,
            "start_word": first,
            "end_word": end_word,
            "n_tokens": ends - starts,
            "surprise": tokens[signal].to_numpy()[starts],
            "text": event_texts(tokens, starts, ends),
        }
    )
    if levels is not None:
        table = table.assign(**levels.holders())
    return table
