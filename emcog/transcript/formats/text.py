"""Plain text: every run of characters between white space is a word."""

import pandas as pd

from emcog.transcript.source import Source
from emcog.transcript.words import untimed_words


def read_text(source: Source) -> tuple[str, pd.DataFrame]:
    """Text as it is, and its words."""
    return source.content, untimed_words(source.content)
