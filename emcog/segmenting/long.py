"""segment_long(): a text that is too long to be held is segmented into files."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from emcog.columns import Columns, blocks
from emcog.files import scratch
from emcog.lm import LM
from emcog.segmentation import write_tables
from emcog.segmenting.finding import Found, Progress, find_events
from emcog.segmenting.settings import make_settings
from emcog.transcript import read_long_text

_EVENTS = 2**12  # made into rows at once


@dataclass(frozen=True)
class Written:
    """The files, the manifest last, how much is in them, and the SHA-256 of the text's file."""

    files: list[Path]
    n_events: int
    n_words: int
    n_tokens: int
    sha256: str


def segment_long(
    path: str | Path,
    lm: LM,
    folder: str | Path,
    stem: str,
    encoding: str | None = None,
    progress: Progress = None,
    checkpoint: str | Path | None = None,
    on_events: Callable[[pd.DataFrame], None] | None = None,
    **settings: Any,
) -> Written:
    """Segment a plain text of any length in bounded memory, and write what `segment(...).save(folder, stem)` would.

    Parameters
    ----------
    path : the text. encoding : as in `read_transcript`.
    folder, stem : where the files go and how they begin, as in `Segmentation.save`. Text and columns lie there too in
        the meantime, hidden: some 80 bytes a token.
    on_events : called with each stretch of the events, as in `Segmentation.events`, when it is written.
    progress, checkpoint and the settings : as in `segment`, but for `match`. Memory is bounded for the threshold's
        proposals without n_events (S, SM, SC); see `find_events`.

    Raises
    ------
    As `read_transcript`, `segment` and `Segmentation.save`.
    """
    chosen = make_settings(**settings)
    with scratch(folder) as place:
        story = read_long_text(path, place, encoding)
        found = find_events(story, lm, chosen, Columns(place), progress, checkpoint)
        files = write_tables(folder, stem, _tables(found, story.n_words, on_events), found.provenance)
        return Written(files, len(found.starts), story.n_words, len(found.hearing), story.sha256)


def _tables(
    found: Found, n_words: int, on_events: Callable[[pd.DataFrame], None] | None
) -> dict[str, Iterator[pd.DataFrame]]:
    hearing = found.hearing
    return {
        "events": _events(found, on_events),
        "tokens": (hearing.tokens(a, b) for a, b in blocks(len(hearing))),
        "words": (hearing.words(a, b) for a, b in blocks(n_words)),
    }


def _events(found: Found, on_events: Callable[[pd.DataFrame], None] | None) -> Iterator[pd.DataFrame]:
    for a, b in blocks(len(found.starts), _EVENTS):
        part = found.events(a, b)
        if on_events is not None:
            on_events(part)
        yield part
