"""People as a caller gives them: annotations, a file of them, or the name of a dataset."""

import os
from pathlib import Path
from typing import Any

from emcog.errors import DataError, OptionError
from emcog.human.annotations import AnnotationSet
from emcog.human.datasets import load_dataset
from emcog.human.datasets.cards import card_names
from emcog.human.readers import read_annotations


def people_of(given: Any, story: str) -> AnnotationSet:
    """The annotations that are meant.

    Parameters
    ----------
    given : an `AnnotationSet`; a file that `read_annotations` reads; the name of a dataset (`emcog datasets list`); or
        NAME/ITEM, one of a dataset's annotation sets.
    story : its name, by which a dataset's annotations are chosen where no item is named.

    Raises
    ------
    DataError : something else, no such file and no such dataset, or annotations that cannot be read.
    OptionError : the dataset has no such item.
    """
    if isinstance(given, AnnotationSet):
        return given
    if not isinstance(given, str | os.PathLike):
        raise DataError(f"people must be annotations, a file or a dataset's name, got {type(given).__name__}")
    found = dataset_item(given)
    if found is None:
        if Path(given).exists():
            return read_annotations(Path(given))
        raise DataError(f"people: there is no file {given} and no dataset of that name: {', '.join(card_names())}")
    dataset, item = found
    return load_dataset(dataset).annotations_of(story, item)


def of_grade(people: AnnotationSet, grade: str) -> AnnotationSet:
    """Their marks of one grade.

    Raises
    ------
    OptionError : the marks have no grades, or others.
    """
    if people.grades == ("",) and grade:
        raise OptionError(
            f"{people.source or people.stimulus or 'people'}: these marks have no grades: leave grade (--grade) out, "
            "or name the column of grades with grade_column"
        )
    return people.select(grade=grade)


def dataset_item(given: str | os.PathLike[str]) -> tuple[str, str] | None:
    """Dataset and item of NAME or NAME/ITEM (item: "" without one); None where it is no dataset's, or a file's."""
    dataset, _, item = str(given).partition("/")
    return None if dataset not in card_names() or Path(given).exists() else (dataset, item)
