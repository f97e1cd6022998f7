"""The Sherlock annotations as they were released: a workbook of segments and a text file a recall."""

import re
from pathlib import Path
from typing import Any

import pandas as pd

from emcog.errors import DataError

WORKBOOK = "Sherlock_Segments_1000_NN_2017.xlsx"


def read_sherlock_workbook(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Segments and recalls with the columns of the tidy tables, as far as the source has them.

    The scene cell is filled only where a scene starts, and is carried forward; a cell of blanks is no scene. Times
    restart at the second run, and are counted on from the end of the first.

    Returns
    -------
    segments : segment, onset_s, offset_s, scene (from 1), scene_label, text, run.
    recalls : participant, n_words, text.

    Raises
    ------
    DataError : no workbook, or one without the columns.
    """
    path = next(iter(sorted(folder.rglob(WORKBOOK))), None)
    if path is None:
        raise DataError(f"{folder}: neither segments.csv nor {WORKBOOK}: the dataset is not complete")
    try:
        sheet = pd.read_excel(path, dtype=object, keep_default_na=False, na_values=[])
    except Exception as error:
        raise DataError(f"{path}: not a workbook: {' '.join(str(error).split())[:120]}") from None
    columns = _columns(path, [str(name) for name in sheet.columns])
    onset, offset = (pd.to_numeric(sheet.iloc[:, columns[key]]).astype(float) for key in ("onset", "offset"))
    second = onset.diff() < 0  # the clock restarts once, with the second run
    shift = second.cumsum() * (offset[second.idxmax() - 1] if second.any() else 0.0)
    label = sheet.iloc[:, columns["scene"]].map(lambda cell: " ".join(str(cell).split()))
    starts = label != ""
    segments = pd.DataFrame(
        {
            "segment": range(1, len(sheet) + 1),
            "onset_s": onset + shift,
            "offset_s": offset + shift,
            "scene": starts.cumsum(),
            "scene_label": label.where(starts).ffill().map(lambda name: re.sub(r"^\d+\s*[.:)-]?\s*", "", str(name))),
            "text": sheet.iloc[:, columns["text"]].map(lambda cell: " ".join(str(cell).split())),
            "run": second.cumsum() + 1,
        }
    )
    return segments, _recalls(path.parent)


def _columns(path: Path, names: list[str]) -> dict[str, int]:
    """Index of each column, by what its name says."""
    wanted: dict[str, Any] = {
        "onset": lambda name: "start" in name and "tr" not in re.findall(r"[a-z]+", name),
        "offset": lambda name: "end" in name and "tr" not in re.findall(r"[a-z]+", name),
        "scene": lambda name: name.startswith("scene segments"),
        "text": lambda name: name.startswith("scene details"),
    }
    found = {}
    for role, fits in wanted.items():
        index = next((i for i, name in enumerate(names) if fits(" ".join(name.casefold().split()))), None)
        if index is None:
            raise DataError(f"{path}: no column for {role}: the columns are {', '.join(names)}")
        found[role] = index
    return found


def _recalls(folder: Path) -> pd.DataFrame:
    """Recall transcripts NN1 to NN17; two of them are in Windows' encoding."""
    rows = []
    for path in sorted(folder.glob("NN* transcript.txt"), key=lambda path: int(re.findall(r"\d+", path.stem)[0])):
        data = path.read_bytes()
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", errors="replace")
        words = text.split()
        rows.append((path.stem.split()[0], len(words), " ".join(words)))
    return pd.DataFrame(rows, columns=["participant", "n_words", "text"])
