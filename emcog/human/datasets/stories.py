"""Loaders of the datasets with people's boundaries, readings and recalls, from tidy tables and from the sources."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emcog.errors import DataError
from emcog.human.align import spread_by_characters
from emcog.human.annotations import AnnotationSet, make_marks
from emcog.human.datasets.cards import DatasetCard
from emcog.human.datasets.dataset import Dataset, OnDemand
from emcog.human.datasets.workbook import read_sherlock_workbook
from emcog.human.readers import read_annotations, read_kumar_transcript
from emcog.human.readers.kumar import STORIES
from emcog.transcript import Transcript, read_transcript
from emcog.transcript.words import word_frame

PIE_MAN_S = 450.0
"""Length of the recording of Pie Man (Nastase et al. 2021: 300 volumes of 1.5 s)."""


def table(folder: Path, name: str) -> pd.DataFrame:
    """A CSV of a tidy dataset; words such as "null" stay words."""
    path = folder / name
    try:
        return pd.read_csv(path, keep_default_na=False, na_values=[""])
    except FileNotFoundError:
        raise DataError(f"{path}: no such file: the dataset is not complete") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a CSV table: {' '.join(str(error).split())[:120]}") from None


def of_words(
    name: str, words: list[str], onset_s: Any = np.nan, offset_s: Any = np.nan, inter: bool = False
) -> Transcript:
    """A Transcript of words joined by single spaces."""
    text = " ".join(words)
    ends = np.cumsum([len(word) + 1 for word in words]) - 1
    made = Transcript.from_text(text, name)
    starts = ends - [len(word) for word in words]
    frame = word_frame(words, starts, ends, onset_s, offset_s, interpolated=inter)
    return Transcript(text, frame, name, "dataset", made.sha256)


def load_demo(folder: Path, card: DatasetCard) -> Dataset:
    """The bundled story; its author's scene breaks are a list in words, not people's judgements."""
    path = folder / "late_letter.txt"
    scenes = pd.read_csv(folder / "late_letter.scenes.tsv", sep="\t", quoting=3)
    breaks = {"author": scenes["word_start"].to_numpy()[1:]}
    annotations = AnnotationSet(
        "late_letter", make_marks([]), (), lists=breaks, unit="word", source="late_letter.scenes.tsv"
    )
    return Dataset(
        card, OnDemand({"late_letter": lambda: read_transcript(path)}), {"late_letter": annotations}, {"scenes": scenes}
    )


def load_films(folder: Path, card: DatasetCard) -> Dataset:
    """Button presses of two films (tidy tables); neural boundaries and regions as tables.

    Raises
    ------
    DataError : only the source's pickled arrays are there, which are never opened.
    """
    tidy = folder / "behavioral_boundaries.csv"
    if not tidy.is_file():
        raise DataError(
            f"{folder}: no behavioral_boundaries.csv (film, participant, time_s): the source's arrays are Python "
            "pickles, which emcog does not open; turn them into that table once, where you trust them"
        )
    films = table(folder, "films.csv").set_index("film")

    def one(film: str) -> Callable[[], AnnotationSet]:
        """What reads the presses of a film."""

        def read() -> AnnotationSet:
            found = read_annotations(tidy, stimulus=film, duration_s=float(films.loc[film, "duration_s"]))
            # Everybody who took part counts, whether or not they pressed: the table numbers them from 0.
            people = tuple(map(str, range(int(films.loc[film, "n_behavioral_participants"]))))
            return AnnotationSet(found.stimulus, found.marks, people, found.duration_s, source=found.source)

        return read

    others = ["films.csv", "rois.csv", "neural_boundaries.csv", "neural_boundaries_individual.csv"]
    tables = {name.removesuffix(".csv"): (lambda name=name: table(folder, name)) for name in others}
    present = {key: make for key, make in tables.items() if (folder / f"{key}.csv").is_file()}
    return Dataset(card, {}, OnDemand({film: one(str(film)) for film in films.index}), OnDemand(present))


def load_kumar(folder: Path, card: DatasetCard) -> Dataset:
    """The release's stories, or the tidy consensus list of Pie Man with its clauses.

    From the release: `Pieman run1`, `Pieman run2`, `Tunnel`, `Monkey`. From the tidy tables: `pieman` (the list that
    the published loader returns) and `pieman unfiltered`; its transcript has approximate times only (speech at a
    constant rate of characters over the whole recording), marked as interpolated.
    """
    root = next((path.parent for path in sorted(folder.rglob("sourcedata")) if path.parent.name in STORIES), None)
    if root is not None:
        stories = {path.name: path for path in sorted(root.parent.iterdir()) if (path / "sourcedata").is_dir()}
        stories = {name: path for name, path in stories.items() if name in STORIES}
        runs = {
            f"{name} {run}".strip(): (lambda path=path, run=run: read_annotations(path, event=run or None))
            for name, path in stories.items()
            for run in STORIES[name].runs
        }
        texts = {name: (lambda path=path: read_kumar_transcript(path)) for name, path in stories.items()}
        return Dataset(card, OnDemand(texts), OnDemand(runs))
    variants = table(folder, "consensus_boundaries_variants.csv")
    clauses = table(folder, "transcript_clauses.csv")

    def times(variant: str) -> AnnotationSet:
        chosen = variants.loc[variants["variant"] == variant, "time_s"].to_numpy()
        lists = {variant: np.sort(chosen)}
        return AnnotationSet("pieman", make_marks([]), (), PIE_MAN_S, lists, source="consensus_boundaries_variants.csv")

    def text() -> Transcript:
        return spread_by_characters(Transcript.from_text(" ".join(clauses["text"]), "pieman"), 0.0, PIE_MAN_S)

    annotations = OnDemand({"pieman": lambda: times("filtered"), "pieman unfiltered": lambda: times("unfiltered")})
    return Dataset(card, OnDemand({"pieman": text}), annotations, {"clauses": clauses})


def load_natural_stories(folder: Path, card: DatasetCard) -> Dataset:
    """Stories with audio times, surprisal and reading times (tidy), or the corpus itself (words and reading times)."""
    words = table(folder, "words.csv") if (folder / "words.csv").is_file() else _natural_stories_source(folder)

    def story(number: int) -> Callable[[], Transcript]:
        """What reads a story."""

        def read() -> Transcript:
            own = words[words["story"] == number]
            onset = own["onset_s"].to_numpy() if "onset_s" in own else np.nan
            offset = own["offset_s"].to_numpy() if "offset_s" in own else np.nan
            return of_words(f"story-{number}", own["word"].astype(str).tolist(), onset, offset)

        return read

    texts = {f"story-{number}": story(int(number)) for number in sorted(words["story"].unique())}
    return Dataset(card, OnDemand(texts), {}, {"words": words})


def _natural_stories_source(folder: Path) -> pd.DataFrame:
    """Words and mean reading times of the corpus' own files, the times moved to the word they were spent on.

    In processed_wordinfo.tsv (unchanged since 2021) the time at position z is that of word z + 1: see the card.
    """
    root = next((path.parent for path in sorted(folder.rglob("all_stories.tok"))), None)
    if root is None:
        raise DataError(f"{folder}: neither words.csv nor all_stories.tok: the dataset is not complete")
    read = {"sep": "\t", "quoting": 3, "keep_default_na": False}
    words = pd.read_csv(root / "all_stories.tok", **read)
    words = words.rename(columns={"item": "story", "zone": "position"})[["story", "position", "word"]]
    words = words.astype({"story": int, "position": int}).sort_values(["story", "position"], ignore_index=True)
    path = root / "processed_wordinfo.tsv"
    if path.is_file():
        times = pd.read_csv(path, **read)
        times = pd.DataFrame(
            {
                "story": times["item"].astype(int),
                "position": times["zone"].astype(int) + 1,
                "mean_rt_ms": pd.to_numeric(times["meanItemRT"]),
                "n_rt": pd.to_numeric(times["nItem"]),
            }
        )
        words = words.merge(times, on=["story", "position"], how="left", validate="one_to_one")
        # Story 3, word 230: its press was for a blank screen (inferred; the card says how).
        words.loc[(words["story"] == 3) & (words["position"] == 230), ["mean_rt_ms", "n_rt"]] = np.nan
    return words


def load_sherlock(folder: Path, card: DatasetCard) -> Dataset:
    """The episode's described segments as a timed transcript, its 50 scenes as a list, and the spoken recalls.

    A description's words are spread over its segment by their characters, and marked as interpolated.
    """
    if (folder / "segments.csv").is_file():
        segments, recalls = table(folder, "segments.csv"), table(folder, "recalls.csv")
    else:
        segments, recalls = read_sherlock_workbook(folder)

    def text() -> Transcript:
        return described(segments)

    first = segments.groupby("scene", sort=True)["onset_s"].first().to_numpy(dtype=np.float64)
    scenes = AnnotationSet(
        "sherlock", make_marks([]), (), float(segments["offset_s"].max()), {"scenes": first[1:]}, source="segments"
    )
    tables = {"segments": segments, "recalls": recalls}
    return Dataset(card, OnDemand({"sherlock": text}), {"sherlock": scenes}, tables)


def described(segments: pd.DataFrame) -> Transcript:
    """Descriptions in their order as one text; each word lasts its share, by characters, of its segment."""
    words: list[str] = []
    onset, offset = [], []
    for said, start, end in zip(segments["text"], segments["onset_s"], segments["offset_s"], strict=True):
        own = [(found.group(), found.start(), found.end()) for found in re.finditer(r"\S+", str(said))]
        length = max(own[-1][2], 1) if own else 1
        for word, first, last in own:
            words.append(word)
            onset.append(start + (end - start) * first / length)
            offset.append(start + (end - start) * last / length)
    return of_words("sherlock", words, np.array(onset), np.array(offset), inter=True)


def load_narratives(folder: Path, card: DatasetCard) -> Dataset:
    """Stories with word times as gentle found them (stimuli/gentle/<story>/align.csv); no event boundaries."""
    found = sorted(folder.rglob("align.csv"))
    if not found:
        raise DataError(f"{folder}: no align.csv in it: the dataset is not complete")

    def one(path: Path) -> Callable[[], Transcript]:
        """What reads a story's alignment."""

        def read() -> Transcript:
            made = read_transcript(path, format="gentle")
            return Transcript(made.text, made.words, path.parent.name, made.format, made.sha256)

        return read

    return Dataset(card, OnDemand({path.parent.name: one(path) for path in found}))
