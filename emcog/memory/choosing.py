"""Which events are recalled: by similarity, recency or chance, then their neighbours in time, within a budget.

All arrays; no loop over events. Events are numbered in order of time; sizes are in tokens.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch


class Choice(NamedTuple):
    """What one layer recalls in one step.

    events : int64, by rank; those found by similarity (or another policy) first, then the neighbours.
    scores : float64, NaN where the policy gives none. n_similar : how many of them are not neighbours.
    buffer : the contiguity buffer afterwards.
    """

    events: np.ndarray
    scores: np.ndarray
    n_similar: int
    buffer: np.ndarray


def best_events(scores: torch.Tensor, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The `count` best events, best first, of equal ones the earlier first, and their scores."""
    if scores.device.type != "cpu":  # one copy over, which waits for the device once
        values, places = torch.sort(scores, descending=True, stable=True)
        both = torch.stack([values[:count].double(), places[:count].double()]).cpu().numpy()
        return both[1].astype(np.int64), both[0]
    if count < len(scores):
        least = scores.topk(count, sorted=False).values.min()
        places = torch.nonzero(scores >= least)[:, 0]
        values, found = scores[places].double().numpy(), places.numpy()
    else:
        values, found = scores.double().numpy(), np.arange(len(scores))
    order = np.argsort(-values, kind="stable")[:count]
    return found[order], values[order]


def rank_events(
    policy: str, scores: Callable[[], torch.Tensor], n_events: int, count: int, seed: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """The first `count` of `n_events` events as a policy ranks them, and their scores.

    scores : gives those of all events, for "similarity". seed : (step, layer), for "random".
    """
    if policy == "similarity":
        return best_events(scores(), min(count, n_events))
    if policy == "recency":
        found = np.arange(n_events - 1, max(-1, n_events - 1 - count), -1)
    elif policy == "random":
        found = np.random.default_rng(seed).permutation(n_events)[:count]
    else:
        found = np.empty(0, dtype=np.int64)
    return found.astype(np.int64), np.full(len(found), np.nan)


def choose(
    ranked: np.ndarray, scores: np.ndarray, sizes: np.ndarray, buffer: np.ndarray, budget: int, share: int
) -> Choice:
    """Fill a budget of tokens with the best events, a share of it with the neighbours in time of these.

    Parameters
    ----------
    ranked, scores : events by rank, with their scores.
    sizes : int64, of every event.
    buffer : neighbours recalled in the steps before, the newest first.
    budget : tokens; never exceeded.
    share : tokens of the budget that are for neighbours.

    Source: Fountas et al. (2025): a similarity buffer, and a queue of neighbours (contiguity buffer), in which an event
    stays until newer neighbours push it out. An event that is chosen by similarity is not recalled a second time.
    """
    similar = _within(ranked, sizes, budget - share)
    chosen = ranked[:similar]
    if not share:
        return Choice(chosen, scores[:similar], similar, buffer)
    around = np.stack([chosen + 1, chosen - 1], axis=1).ravel()
    queue = np.concatenate([around[(around >= 0) & (around < len(sizes))], buffer])
    # Each once, where it comes first; a few hundred numbers, for which a dict is quicker than sorting.
    once = dict.fromkeys(chosen.tolist()) | dict.fromkeys(queue.tolist())
    queue = np.array(list(once)[len(chosen) :], dtype=np.int64)
    queue = queue[: _within(queue, sizes, share)]
    blank = np.full(len(queue), np.nan)
    return Choice(np.concatenate([chosen, queue]), np.concatenate([scores[:similar], blank]), similar, queue)


def _within(events: np.ndarray, sizes: np.ndarray, budget: int) -> int:
    """How many of the first events have at most `budget` tokens together."""
    return int(np.searchsorted(np.cumsum(sizes[events]), budget, side="right"))


def token_index(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """All positions in the half-open ranges, range after range; int64."""
    lengths = ends - starts
    total = int(lengths.sum())
    first = np.cumsum(lengths) - lengths
    return np.arange(total) + np.repeat(starts - first, lengths)
