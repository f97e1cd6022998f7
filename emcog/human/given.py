"""People as a caller gives them: annotations, a file of them, or the name of a dataset."""

import os
from pathlib import Path
from typing import Any

from emcog.errors import DataError
from emcog.human.annotations import AnnotationSet
from emcog.human.datasets import load_dataset
from emcog.human.datasets.cards import card_names
from emcog.human.readers import read_annotations


def people_of(given: Any, story: str) -> AnnotationSet:
    """The annotations that are meant.

    Parameters
    ----------
    given : an `AnnotationSet`; a file that `read_annotations` reads; or the name of a dataset (`emcog datasets list`).
    story : its name, by which a dataset's annotations are chosen.

    Raises
    ------
    DataError : something else, no such file and no such dataset, or annotations that cannot be read.
    """
    if isinstance(given, AnnotationSet):
        return given
    if isinstance(given, str | os.PathLike):
        if Path(given).exists():
            return read_annotations(Path(given))
        if str(given) in card_names():
            return load_dataset(str(given)).annotations_of(story)
        raise DataError(f"people: there is no file {given} and no dataset of that name: {', '.join(card_names())}")
    raise DataError(f"people must be annotations, a file or a dataset's name, got {type(given).__name__}")
