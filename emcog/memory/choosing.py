"""Which events are recalled: by similarity, recency or chance, then their neighbours in time, within a budget.

Events are numbered in order of time; sizes are in tokens.
"""

from collections.abc import Callable
from itertools import chain
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


FEW = 2048
"""Scores that are sorted as quickly as the best of them are found."""


def best_events(scores: torch.Tensor, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The `count` best events, best first, of equal ones the earlier first, and their scores."""
    if scores.device.type != "cpu":  # one copy over, which waits for the device once
        values, places = torch.sort(scores, descending=True, stable=True)
        both = torch.stack([values[:count].double(), places[:count].double()]).cpu().numpy()
        return both[1].astype(np.int64), both[0]
    if len(scores) > FEW and count < len(scores):
        least = scores.topk(count, sorted=False).values.min()
        places = torch.nonzero(scores >= least)[:, 0]
        values, found = scores[places].double().numpy(), places.numpy()
    else:
        values = scores.double().numpy()
        order = np.argsort(-values, kind="stable")[:count]
        return order, values[order]
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
    similar = int(np.searchsorted(np.cumsum(sizes[ranked]), budget - share, side="right"))
    chosen = ranked[:similar]
    if not share:
        return Choice(chosen, scores[:similar], similar, buffer)
    line = _neighbours(chosen.tolist(), buffer.tolist(), sizes, share)
    queue = np.array(line, dtype=np.int64)
    blank = np.full(len(queue), np.nan)
    return Choice(np.concatenate([chosen, queue]), np.concatenate([scores[:similar], blank]), similar, queue)


def _neighbours(chosen: list[int], buffer: list[int], sizes: np.ndarray, share: int) -> list[int]:
    """The following and the preceding event of each chosen one, then those of the buffer, each once, while they fit.

    A loop, since few fit: it ends with the first that does not.
    """
    known, kept = set(chosen), []
    around = (near for event in chosen for near in (event + 1, event - 1) if 0 <= near < len(sizes))
    for event in chain(around, buffer):
        if event not in known:
            known.add(event)
            share -= int(sizes[event])
            if share < 0:
                break
            kept.append(event)
    return kept


def token_index(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """All positions in the half-open ranges, range after range; int64."""
    lengths = ends - starts
    total = int(lengths.sum())
    first = np.cumsum(lengths) - lengths
    return np.arange(total) + np.repeat(starts - first, lengths)
