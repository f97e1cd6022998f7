"""What the page is given to show: the tables of a report as one JSON value, words and events by number."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from emcog.errors import DataError
from emcog.options import check_choice

DECIMALS = 4  # of signals and times: a ten-thousandth of a bit or of a second; the statistics keep all their digits
NOT_SIGNALS = ("onset_s", "offset_s")


@dataclass(frozen=True, eq=False)
class ReportMethod:
    """One way of segmenting the story.

    Attributes
    ----------
    name : as the method switch and the statistics call it.
    events, tokens, words : the tables of a `Segmentation`; words need char_start and char_end.
    provenance : of the segmentation: where it came from.
    signal : the column of `words` that is shown first; None is the one that the provenance's settings name.
    """

    name: str
    events: pd.DataFrame
    tokens: pd.DataFrame
    words: pd.DataFrame
    provenance: Mapping[str, Any] = field(default_factory=dict)
    signal: str | None = None

    @property
    def signals(self) -> list[str]:
        """The columns of `words` that are signals, in order."""
        return [c for c in self.words.columns if self.words[c].dtype.kind == "f" and c not in NOT_SIGNALS]

    @property
    def shown(self) -> str:
        """The signal that is shown first."""
        named = self.signal or self.provenance.get("settings", {}).get("signal") or next(iter(self.signals), "")
        return check_choice("signal", named, self.signals)


@dataclass(frozen=True, eq=False)
class ReportPeople:
    """People's boundaries on the words of the story.

    Attributes
    ----------
    name : of the annotations.
    consensus : int array: the first word of each event that people agree on; 0 is not among them.
    share : float array (n_words,), the share of observers who marked each word, 0 to 1; None without observers.
    n_observers : 0 where there is only a list.
    """

    name: str
    consensus: np.ndarray
    share: np.ndarray | None = None
    n_observers: int = 0


def payload(
    methods: Sequence[ReportMethod],
    people: Sequence[ReportPeople],
    results: pd.DataFrame | None,
    units: Mapping[str, str],
    title: str,
) -> dict[str, Any]:
    """Everything that the page's script reads, fit for JSON.

    Raises
    ------
    DataError : no methods, two of one name, a story without words, methods or people of different stories.
    """
    _check(methods, people)
    words = methods[0].words
    text = "".join(methods[0].tokens["text"])
    listenings: list[pd.DataFrame] = []
    return {
        "title": title,
        "words": words["word"].tolist(),
        "gaps": _gaps(text, words),
        "speakers": _speakers(words),
        "onset": _times(words["onset_s"]),
        "offset": _times(words["offset_s"]),
        "methods": [_method(method, text, listenings) for method in methods],
        "signals": [{c: _rounded(table[c]) for c in table.columns} for table in listenings],
        "units": dict(units),
        "people": [_people(one) for one in people],
        "results": None if results is None else _results(results),
    }


def as_json(value: Any) -> str:
    """A value as JSON that may stand inside a script element: no `<` is left that could end it."""
    plain = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return plain.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _check(methods: Sequence[ReportMethod], people: Sequence[ReportPeople]) -> None:
    if not methods:
        raise DataError("a report needs at least one segmentation")
    names = [method.name for method in methods]
    if len(set(names)) < len(names):
        raise DataError(f"two segmentations of a report are called {max(names, key=names.count)!r}: name them apart")
    first = methods[0].words
    for method in methods:
        if len(method.words) == 0 or len(method.events) == 0:
            raise DataError(f"{method.name}: the story has no words, and a report shows words: segment a transcript")
        missing = [c for c in ("char_start", "char_end") if c not in method.words.columns]
        if missing:
            raise DataError(f"{method.name}: the table of words lacks {', '.join(missing)}: segment the story again")
        if method.words["word"].tolist() != first["word"].tolist():
            raise DataError(
                f"{names[0]!r} has {len(first)} words and {method.name!r} has {len(method.words)}, or other ones: "
                f"a report shows one story; make a report of each"
            )
    for one in people:
        places = np.asarray(one.consensus)
        outside = len(places) and (places.min() < 0 or places.max() >= len(first))
        if outside or (one.share is not None and len(one.share) != len(first)):
            raise DataError(f"people's boundaries ({one.name}) do not lie on the {len(first)} words of the story")


def _gaps(text: str, words: pd.DataFrame) -> dict[str, str]:
    """What stands before each word, where it is not one space; after the last word, under the number of words."""
    begins, ends = words["char_start"].tolist(), words["char_end"].tolist()
    edges = zip([0, *ends], [*begins, len(text)], strict=True)
    gaps = {i: text[a:b] for i, (a, b) in enumerate(edges)}
    return {str(i): gap for i, gap in gaps.items() if gap != (" " if 0 < i < len(words) else "")}


def _speakers(words: pd.DataFrame) -> list[list[Any]]:
    """Where somebody else begins to speak: [word, who]."""
    if "speaker" not in words.columns:
        return []
    who = words["speaker"].fillna("").astype(str).tolist()
    return [[i, name] for i, name in enumerate(who) if name != (who[i - 1] if i else "")]


def _method(method: ReportMethod, text: str, listenings: list[pd.DataFrame]) -> dict[str, Any]:
    if "".join(method.tokens["text"]) != text:
        raise DataError(f"{method.name}: its text is another than the first segmentation's: make a report of each")
    events, heard = method.events, method.words[method.signals]
    source = next((i for i, known in enumerate(listenings) if known.equals(heard)), None)
    if source is None:
        source = len(listenings)
        listenings.append(heard)
    place, offset = _places(method)
    return {
        "name": method.name,
        "signals": source,
        "signal": method.shown,
        "events": {
            "place": place,
            "cut": offset,
            "start_word": events["start_word"].tolist(),
            "end_word": events["end_word"].tolist(),
            "start_token": events["start_token"].tolist(),
            "end_token": events["end_token"].tolist(),
            "onset_s": _times(events["onset_s"]),
            "offset_s": _times(events["offset_s"]),
            "n_tokens": events["n_tokens"].tolist(),
            "surprise": _rounded(events["surprise"]),
        },
    }


def _places(method: ReportMethod) -> tuple[list[int], list[int]]:
    """Each event's first word, and how much of that word belongs to the event before (UTF-16 units, as scripts count).

    An event that begins between two words (at the white space that most tokens begin with) begins at the second.
    """
    words, lengths = method.words, method.tokens["text"].str.len().to_numpy(dtype=np.int64)
    begins = np.concatenate([[0], np.cumsum(lengths)])[method.events["start_token"].to_numpy()]
    start, end = words["char_start"].to_numpy(), words["char_end"].to_numpy()
    place = np.searchsorted(end, begins, side="right")  # the first word that ends after the event begins
    inside = np.maximum(begins - np.append(start, begins.max() + 1)[place], 0)
    texts = words["word"].tolist()
    cuts = [
        len(texts[w][:k].encode("utf-16-le")) // 2 if k else 0
        for w, k in zip(place.tolist(), inside.tolist(), strict=True)
    ]
    return place.tolist(), cuts


def _people(one: ReportPeople) -> dict[str, Any]:
    share = None
    if one.share is not None:
        marked = np.flatnonzero(np.asarray(one.share) > 0)
        share = {str(i): round(float(one.share[i]), DECIMALS) for i in marked}
    return {"name": one.name, "consensus": np.unique(one.consensus).tolist(), "share": share, "n": one.n_observers}


def _results(table: pd.DataFrame) -> dict[str, Any]:
    cells = [[_plain(value) for value in row] for row in table.itertuples(index=False, name=None)]
    return {"columns": list(map(str, table.columns)), "rows": cells}


def _plain(value: Any) -> Any:
    """A cell as JSON has it: an absent one is null, a number keeps all its digits."""
    if value is None or value is pd.NA or value != value:
        return None
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _times(column: pd.Series) -> list[float | None] | None:
    """Seconds; None for a story without any."""
    return _rounded(column) if column.notna().any() else None


def _rounded(column: pd.Series) -> list[float | None]:
    return [round(value, DECIMALS) if math.isfinite(value) else None for value in column.astype("float64").tolist()]
