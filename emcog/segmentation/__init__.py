"""Segmentation: a story's events, the numbers behind them, and where they came from."""

from emcog.segmentation.storage import check_destination, file_stem, write_tables
from emcog.segmentation.tables import THRESHOLD_DECIDES, Segmentation, event_texts

__all__ = ["THRESHOLD_DECIDES", "Segmentation", "check_destination", "event_texts", "file_stem", "write_tables"]
