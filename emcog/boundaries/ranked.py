"""The K most promising places: boundaries taken in the order of a score, each keeping its distance from the others."""

from bisect import bisect_left, insort

import numpy as np

from emcog.errors import OptionError


def by_rank(score: np.ndarray) -> np.ndarray:
    """Indices from the highest score to the lowest, the earlier first among equals; NaNs are left out."""
    order = np.argsort(-score, kind="stable")
    return order[~np.isnan(score[order])]


def take_ranked(
    order: np.ndarray, n_events: int, n: int, min_event: int, landing: np.ndarray | None = None
) -> np.ndarray:
    """Starts of exactly `n_events` events: 0 and the first places in `order` that keep events long enough.

    A place is passed over, too, if with it there would be no room left for as many events as are wanted.

    Parameters
    ----------
    order : token indices, the most promising first.
    n_events : events wanted.
    n : tokens in the text.
    min_event : fewest tokens of an event.
    landing : int array (n,): where a boundary proposed at each token would be put (see snapping); default: there.

    Raises
    ------
    OptionError : there are not that many places.
    """
    places = (order if landing is None else landing[order]).astype(np.int64)
    taken = _take(places.tolist(), n_events, n, min_event)
    if len(taken) - 1 < n_events:
        allowed = np.unique(places)
        room = _room(allowed, 0, n, min_event) + 1
        if room < n_events:
            raise cannot_be_had(n_events, room, n, min_event)
        taken = _take(places.tolist(), n_events, n, min_event, allowed)
    return np.array(taken[:-1], dtype=np.int64)


def place_apart(starts: np.ndarray, n: int, min_event: int, allowed: np.ndarray) -> np.ndarray:
    """As many starts as given, each at the nearest of the `allowed` places that leaves every event `min_event` tokens.

    Parameters
    ----------
    starts : increasing, 0 first. n : tokens in the text.
    allowed : increasing token indices.

    Raises
    ------
    OptionError : there are not that many places.
    """
    allowed = allowed[np.searchsorted(allowed, min_event) : np.searchsorted(allowed, n - min_event, side="right")]
    room = _room(allowed, 0, n, min_event) + 1
    if room < len(starts):
        raise cannot_be_had(len(starts), room, n, min_event)
    # The latest that each may be, so that those after it still have room: found from the right.
    latest, edge = np.zeros(len(starts), dtype=np.int64), n
    for i in range(len(starts) - 1, 0, -1):
        latest[i] = edge = int(allowed[np.searchsorted(allowed, edge - min_event, side="right") - 1])
    placed = np.zeros(len(starts), dtype=np.int64)
    for i in range(1, len(starts)):
        low, high = np.searchsorted(allowed, [placed[i - 1] + min_event, latest[i] + 1])
        # The nearest is one of the two around it, as far as they are within reach.
        after = low + int(np.searchsorted(allowed[low:high], starts[i]))
        around = allowed[max(low, after - 1) : min(high, after + 1)]
        placed[i] = around[np.argmin(np.abs(around - starts[i]))]
    return placed


def cannot_be_had(n_events: int, room: int, n: int, min_event: int) -> OptionError:
    """The error that says how many events there is room for."""
    length = f" of at least {min_event} tokens (min_event)" if min_event > 1 else ""
    return OptionError(
        f"{n_events} events{length} cannot be had: with these settings only {room} fit the {n} tokens; ask for fewer "
        f"events{' or shorter ones' if length else ''}"
    )


def _take(places: list[int], n_events: int, n: int, min_event: int, allowed: np.ndarray | None = None) -> list[int]:
    """The edges of events whose starts are taken from `places` in turn; with `allowed`, looking ahead."""
    taken = [0, n]
    room = n_events - 1 if allowed is None else _room(allowed, 0, n, min_event)
    for token in places:
        if len(taken) - 1 == n_events:
            break
        k = bisect_left(taken, token)
        left, right = taken[k - 1], taken[k]
        if token == right or token - left < min_event or right - token < min_event:
            continue
        if allowed is not None:
            parts = _room(allowed, left, token, min_event) + 1 + _room(allowed, token, right, min_event)
            lost = _room(allowed, left, right, min_event) - parts
            if room - lost < n_events - 1:
                continue
            room -= lost
        insort(taken, token)
    return taken


def _room(allowed: np.ndarray, start: int, end: int, min_event: int) -> int:
    """The most boundaries that fit between `start` and `end`, `min_event` from both and from each other."""
    if min_event <= 1:
        return int(np.searchsorted(allowed, end) - np.searchsorted(allowed, start, side="right"))
    count, place = 0, int(np.searchsorted(allowed, start + min_event))
    while place < len(allowed) and allowed[place] <= end - min_event:
        count += 1
        place = int(np.searchsorted(allowed, allowed[place] + min_event))
    return count
