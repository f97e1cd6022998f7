"""Events that are neither too short nor too long."""

from typing import Any

import numpy as np

from emcog.errors import OptionError
from emcog.options import check_number


def check_max_event(max_event: Any, min_event: int) -> int:
    """The longest event as int, or an OptionError: what is longer must be splittable into two that are long enough."""
    longest, least = int(check_number("max_event", max_event, low=1, integer=True)), 2 * min_event - 1
    if longest < least:
        raise OptionError(
            f"max_event={longest} is too short for min_event={min_event}: a longer event is split into two that both "
            f"have min_event; give max_event at least {least}, or a lower min_event"
        )
    return longest


def merge_short(starts: np.ndarray, n: int, min_event: int) -> np.ndarray:
    """Drop, from left to right, boundaries less than `min_event` tokens after the last kept one or before the end."""
    if min_event <= 1:
        return starts
    kept = [0]
    for start in starts[1:].tolist():
        if start - kept[-1] >= min_event and n - start >= min_event:
            kept.append(start)
    return np.array(kept, dtype=np.int64)


def split_long(
    starts: np.ndarray, n: int, max_event: int, min_event: int, signal: np.ndarray, allowed: np.ndarray | None = None
) -> np.ndarray:
    """Split events of more than `max_event` tokens where the signal is highest, until none is left.

    Parameters
    ----------
    starts : of events of at least `min_event` tokens; max_event >= 2 * min_event - 1, so that a split always exists.
    signal : float array (n,), NaN where undefined.
    allowed : increasing token indices where a split may be (first tokens of words, say); where an event has none
        within reach, it is split at any token.
    """
    out = []
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), n], strict=True):
        out.append(start)
        while end - start > max_event:
            low, high = start + min_event, min(start + max_event, end - min_event)
            value = np.nan_to_num(signal[low : high + 1], nan=-np.inf)
            if allowed is not None:
                reach = np.searchsorted(allowed, [low, high + 1])
                usable = np.isin(np.arange(low, high + 1), allowed[slice(*reach)])
                value = np.where(usable, value, -np.inf if usable.any() else value)
            # Among equals the latest, which leaves the fewest splits to come.
            start = high - int(np.argmax(value[::-1]))
            out.append(start)
    return np.array(out, dtype=np.int64)
