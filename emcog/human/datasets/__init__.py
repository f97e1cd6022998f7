"""Datasets by name: cards, files, and what is in them."""

from emcog.human.datasets.cards import DataFile, DatasetCard, card_names, read_card
from emcog.human.datasets.dataset import Dataset
from emcog.human.datasets.fetching import dataset_path, fetch_dataset, find_dataset
from emcog.human.datasets.loading import LOADERS, load_dataset

__all__ = [
    "LOADERS",
    "DataFile",
    "Dataset",
    "DatasetCard",
    "card_names",
    "dataset_path",
    "fetch_dataset",
    "find_dataset",
    "load_dataset",
    "read_card",
]
