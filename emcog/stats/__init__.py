"""Statistics: agreement with people, null models, regressions, recall curves, and the table that holds them."""

from emcog.stats.agreement import MEASURES, AgreementSettings
from emcog.stats.cohesion import Keys, cohesion
from emcog.stats.compare import compare
from emcog.stats.comparing_signals import compare_signal
from emcog.stats.matching_recall import match_recall
from emcog.stats.nulls import DEFAULT_NULL, NULLS, draws, two_sided_p
from emcog.stats.reading import reading_times
from emcog.stats.recall_curves import memory_trials, recall_curves
from emcog.stats.regression import regress
from emcog.stats.report import apa, latex, markdown, save
from emcog.stats.rows import COLUMNS, benjamini_hochberg, corrected, tidy

__all__ = [
    "COLUMNS",
    "DEFAULT_NULL",
    "MEASURES",
    "NULLS",
    "AgreementSettings",
    "Keys",
    "apa",
    "benjamini_hochberg",
    "cohesion",
    "compare",
    "compare_signal",
    "corrected",
    "draws",
    "latex",
    "markdown",
    "match_recall",
    "memory_trials",
    "reading_times",
    "recall_curves",
    "regress",
    "save",
    "tidy",
    "two_sided_p",
]
