"""The align.csv of the gentle aligner: word, word as aligned, onset, offset in seconds; no header.

Source: https://github.com/strob/gentle. Words that it did not find in the recording have empty times.
"""

import pandas as pd

from emcog.transcript.formats.table import load_cells, parse_times
from emcog.transcript.source import Source, wrong_format
from emcog.transcript.words import check_times, timed_words


def read_gentle(source: Source) -> tuple[str, pd.DataFrame]:
    """Words of gentle's align.csv, as the transcript spells them."""
    cells, first = load_cells(source, ",", "gentle's align.csv")
    if cells.shape[1] != 4:
        raise wrong_format(
            source,
            f"not gentle's align.csv: row {first} has {cells.shape[1]} columns where it has 4 (word, aligned "
            "word, onset, offset)",
        )

    def where(row: int) -> str:
        return f"row {row + first}"

    onset = parse_times(source, cells[2], "onset", 1.0, where)
    offset = parse_times(source, cells[3], "offset", 1.0, where)
    check_times(onset, offset, where, source.error)
    return timed_words(cells[0].tolist(), onset, offset)
