"""load_dataset: what is in a dataset, by its name."""

from collections.abc import Callable
from pathlib import Path

from emcog.errors import DataError
from emcog.human.datasets.benchmarks import load_books, load_tasks
from emcog.human.datasets.cards import DatasetCard, read_card
from emcog.human.datasets.dataset import Dataset
from emcog.human.datasets.fetching import dataset_path
from emcog.human.datasets.stories import (
    load_demo,
    load_films,
    load_kumar,
    load_narratives,
    load_natural_stories,
    load_sherlock,
)

LOADERS: dict[str, Callable[[Path, DatasetCard], Dataset]] = {
    "booksort": load_tasks,
    "demo": load_demo,
    "films": load_films,
    "infinitebench": load_tasks,
    "kumar2023": load_kumar,
    "longbench": load_tasks,
    "narratives": load_narratives,
    "natural_stories": load_natural_stories,
    "pg19": load_books,
    "sherlock": load_sherlock,
}


def load_dataset(name: str) -> Dataset:
    """A dataset's transcripts, annotation sets and tables, whatever its source's own format.

    Its files are taken from EMCOG_DATA/<name> where that folder exists, else from the cache (`emcog datasets fetch`).
    Nothing is downloaded here.

    Parameters
    ----------
    name : one of `emcog datasets list`.

    Raises
    ------
    OptionError : no dataset of that name.
    DataError : it is not here (the message says how to get it), or not complete.

    Examples
    --------
    >>> load_dataset("demo").annotations["late_letter"].event_count()
    12
    """
    folder, card = dataset_path(name), read_card(name)
    if name not in LOADERS:
        raise DataError(f"dataset {name} has a card and no loader: read its files in {folder} yourself")
    return LOADERS[name](folder, card)
