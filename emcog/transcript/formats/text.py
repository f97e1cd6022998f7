"""Plain text: every run of characters between white space is a word."""

import pandas as pd

from emcog.transcript.source import Source
from emcog.transcript.words import untimed_words, without_margins


def read_text(source: Source) -> tuple[str, pd.DataFrame]:
    """Text as it is, but for white space at both ends (a file's last line feed is no part of a story); its words."""
    text = without_margins(source.content)
    return text, untimed_words(text)
