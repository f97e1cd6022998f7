"""Which null model each test has by itself."""

from emcog.stats.agreement import MEASURES
from emcog.stats.nulls import DEFAULT_NULL


def is_default(metric: str, null_model: str) -> bool:
    """Whether a test of this metric has this null model where none is asked for.

    >>> is_default("f1", "circular_shift"), is_default("f1", "uniform"), is_default("lag_crp", "shuffled_order")
    (True, False, True)
    """
    if metric in MEASURES:
        return null_model == MEASURES[metric].null
    return null_model in (DEFAULT_NULL, "shuffled_order", "t, stretches")
