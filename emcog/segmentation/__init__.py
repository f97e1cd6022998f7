"""Segmentation: a story's events, the numbers behind them, and where they came from."""

from emcog.segmentation.storage import check_destination, file_stem
from emcog.segmentation.tables import Segmentation, event_texts

__all__ = ["Segmentation", "check_destination", "event_texts", "file_stem"]
