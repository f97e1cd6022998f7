"""The three tables of a segmentation, checked once and then relied upon."""

import html
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from emcog.errors import DataError
from emcog.excerpts import first_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EVENT_COLUMNS = {
    "event": "int64",
    "onset_s": "float64",
    "offset_s": "float64",
    "start_token": "int64",
    "end_token": "int64",
    "start_word": "int64",
    "end_word": "int64",
    "n_tokens": "int64",
    "surprise": "float64",
    "text": "str",
}
NESTED_COLUMN = re.compile(r"parent|level_\d+")
TOKEN_COLUMNS = {"text": "str"}
WORD_COLUMNS = {"word": "str", "onset_s": "float64", "offset_s": "float64"}
THRESHOLD_DECIDES = ("threshold", "peaks", "fixed", "random")
"""Proposals whose number of events follows from the threshold, where no number is asked for."""


@dataclass(frozen=True, eq=False, repr=False)
class Segmentation:
    """The events of one story as tables, which can be saved, loaded and drawn.

    Attributes
    ----------
    events : DataFrame, one row an event, in order
        event : int64, counted from 0.
        onset_s, offset_s : float64, seconds from the start of the stimulus; NaN where unknown (an event without an
            onset has no offset either).
        start_token, end_token : int64, half-open range of rows of `tokens`; the events tile them.
        start_word, end_word : int64, half-open range of rows of `words`.
        n_tokens : int64, end_token - start_token.
        surprise : float64, the signal at the event's first token, in the signal's unit; NaN where undefined.
        text : str, the event's part of the transcript, exactly (the texts of its tokens, joined).
        level_0, level_1, ... : int64, where coarser levels were asked for: the event of each coarser level (0 is the
            coarsest) that holds this one, counted from 0; and parent, the same for the next coarser level.
    tokens : DataFrame, one row a token: its id, text, place and signals (see `emcog.listen`).
    words : DataFrame, one row a word: its place, times and signals.
    provenance : dict fit for JSON: versions, model and its weight hash, settings, seed, input and its hash.

    Raises
    ------
    DataError : a column is missing, the events do not tile the tokens, or the provenance is not fit for JSON.
    """

    events: pd.DataFrame
    tokens: pd.DataFrame
    words: pd.DataFrame
    provenance: dict[str, Any]

    def __post_init__(self) -> None:
        tokens = _typed("tokens", self.tokens, TOKEN_COLUMNS)
        words = _typed("words", self.words, WORD_COLUMNS)
        columns = event_columns(self.events)
        events = _typed("events", self.events, columns)[list(columns)]
        events["offset_s"] = events["offset_s"].where(events["onset_s"].notna())
        _check_events(events, tokens, len(words))
        try:
            provenance = json.loads(json.dumps(self.provenance, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise DataError(f"provenance must be fit for JSON: {error}") from error
        values = {"events": events, "tokens": tokens, "words": words, "provenance": provenance}
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def boundaries(self) -> np.ndarray:
        """The first token of each event, int64, shape (n_events,); the first is 0 (empty for an empty story)."""
        return self.events["start_token"].to_numpy(dtype=np.int64, copy=True)

    @property
    def name(self) -> str:
        """The story's name, which is also the stem of the files that `save` writes."""
        source = self.provenance.get("input")
        name = source.get("name") if isinstance(source, dict) else None
        return str(name or "segmentation")

    def save(self, folder: str | os.PathLike[str], stem: str | None = None, plot: bool = False) -> list[Path]:
        """Write the segmentation into `folder`, all its files or none.

        Written are <stem>.events.tsv (BIDS style: onset and duration in seconds, n/a where unknown),
        <stem>.tokens.parquet, <stem>.words.parquet, <stem>.png if `plot`, and <stem>.json (provenance, and the
        hashes of the others). The same content gives the same bytes.

        Parameters
        ----------
        folder : made if it is missing.
        stem : the files' common name; default the story's name.
        plot : draw the picture too.

        Returns
        -------
        The paths written, the manifest last.

        Raises
        ------
        StorageError : the folder cannot be written to, or <stem>.json is somebody else's file.
        OptionError : `stem` is not a plain file name.
        """
        from emcog.segmentation.storage import write_segmentation

        return write_segmentation(self, folder, stem, plot=plot)

    @classmethod
    def load(cls, folder: str | os.PathLike[str], stem: str | None = None) -> "Segmentation":
        """Read back what `save` wrote.

        Parameters
        ----------
        folder : where it was saved.
        stem : which one, where the folder holds several.

        Raises
        ------
        StorageError : nothing there, several without `stem`, or a file that is missing, damaged or of another run.
        """
        from emcog.segmentation.storage import read_segmentation

        return read_segmentation(folder, stem)

    def plot(self, **options: Any) -> "Figure":
        """Draw the story: its signal, its events and how each begins; `options` as in `emcog.viz.plot_segmentation`."""
        from emcog.viz import plot_segmentation

        settings = self.provenance.get("settings", {})
        said = {"title": self.name, "subtitle": f"{self._method()} · {self._counts()}"}
        if "signal" in settings:
            said["signal"] = settings["signal"]
        return plot_segmentation(self.events, self.tokens, self.words, **(said | options))

    def __repr__(self) -> str:
        shown = self.events.drop(columns="text").assign(begins=[first_words(t, 40) for t in self.events["text"]])
        table = shown.to_string(index=False, max_rows=12)
        return f"<Segmentation of {self.name!r}: {self._counts()}>\n{table}"

    def _repr_html_(self) -> str:
        shown = self.events.assign(text=[first_words(t, 120) for t in self.events["text"]])
        table = shown.to_html(index=False, max_rows=24, na_rep="", border=0, float_format=lambda x: f"{x:.2f}")
        return f"<div><p><b>{html.escape(self.name)}</b>: {self._counts()}</p>{table}</div>"

    def _method(self) -> str:
        """How the events were found, on one line: the model, the signal and the settings that matter."""
        model, settings = self.provenance.get("model", {}), self.provenance.get("settings", {})
        name = model.get("name", "") if isinstance(model, dict) else str(model)
        if name == "embedded":
            name = "embedded LM"
        told = dict(settings)
        if told.get("propose") not in THRESHOLD_DECIDES or told.get("n_events") is not None:
            told.pop("gamma", None)  # it had no say
            told.pop("window", None)
        if told.get("min_event") == 1:
            told.pop("min_event")
        values = [str(told[key]).replace("_", " ") for key in ("signal", "propose") if told.get(key)]
        for key in ("gamma", "window", "distance", "min_event", "max_event", "refine", "snap"):
            value = told.get(key)
            if value is not None:
                shown = f"{value:g}" if isinstance(value, float) else str(value)
                values.append(f"{key.replace('_', ' ')} {shown}")
        return " · ".join(part for part in (name, ", ".join(values)) if part)

    def _counts(self) -> str:
        counts = [(len(self.events), "event"), (len(self.words), "word"), (len(self.tokens), "token")]
        return ", ".join(f"{n:,} {what}{'' if n == 1 else 's'}" for n, what in counts)


def event_columns(events: pd.DataFrame) -> dict[str, str]:
    """The columns of a table of events and their types: those that every one has, and those of coarser levels."""
    nested = [str(c) for c in events.columns if NESTED_COLUMN.fullmatch(str(c))]
    return EVENT_COLUMNS | dict.fromkeys(nested, "int64")


def event_texts(tokens: pd.DataFrame, start_token: np.ndarray, end_token: np.ndarray) -> list[str]:
    """The exact text of each event: the texts of its tokens, joined."""
    texts = tokens["text"].tolist()
    return ["".join(texts[a:b]) for a, b in zip(start_token.tolist(), end_token.tolist(), strict=True)]


def _typed(table: str, frame: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    if frame.shape == (0, 0):  # token ids alone have no words
        columns = {}
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        raise DataError(f"the table of {table} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}")
    try:
        return frame.reset_index(drop=True).astype(dict(columns))
    except (TypeError, ValueError) as error:
        reason = first_words(str(error), 200)
        raise DataError(f"the table of {table} has a column of the wrong kind: {reason}") from error


def _check_events(events: pd.DataFrame, tokens: pd.DataFrame, n_words: int) -> None:
    start, end = events["start_token"].to_numpy(), events["end_token"].to_numpy()
    edges = np.append(start, len(tokens))
    if (len(events) == 0) != (len(tokens) == 0) or edges[0] != 0 or (edges[1:] != end).any() or (end <= start).any():
        raise DataError("the events do not tile the tokens: each must start where the one before it ends")
    first, last = events["start_word"].to_numpy(), events["end_word"].to_numpy()
    if (first < 0).any() or (last < first).any() or (last > n_words).any():
        raise DataError(f"an event's words lie outside the {n_words} words of the story")
    if (events["event"].to_numpy() != np.arange(len(events))).any() or (events["n_tokens"] != end - start).any():
        raise DataError("events must be counted from 0, and n_tokens must be end_token - start_token")
    if events["text"].tolist() != event_texts(tokens, start, end):
        raise DataError("an event's text differs from the joined texts of its tokens")
