"""`choosing.choose` and the index of tokens that follows from it, on the device: nothing comes over to the host.

Sizes are fixed by what the host knows (the budget, the smallest event), so what is not used is padded: events that are
none have the number -1, and tokens that nobody may see stand in front. Where sizes may not even change with the number
of events (`stepping`), tables of events are padded too, and numbers that the host knows are given as tensors.
"""

from typing import NamedTuple

import numpy as np
import torch

from emcog.lm.transfer import upload


class Limits(NamedTuple):
    """What the host knows of a step.

    Attributes
    ----------
    budget : tokens that may be recalled. share : of these, for neighbours in time.
    smallest : tokens of the smallest event. slots : tokens that can be recalled at most.
    """

    budget: int
    share: int
    smallest: int
    slots: int

    @property
    def most(self) -> int:
        """Events that can be recalled at most, and one."""
        return self.budget // self.smallest + 1

    @property
    def width(self) -> int:
        """Neighbours that can be recalled at most."""
        return self.share // self.smallest


class DeviceChoice(NamedTuple):
    """What one layer recalls in one step; `choosing.Choice` on the device.

    ranked, scores : (most,) the best events, best first. n_similar : (), how many of them are chosen.
    queue : int64 (width,), neighbours, the newest first, then -1.
    index : int64 (slots,), recalled positions, increasing, behind -1. spare : (1,), how many are -1.
    """

    ranked: torch.Tensor
    scores: torch.Tensor
    n_similar: torch.Tensor
    queue: torch.Tensor
    index: torch.Tensor
    spare: torch.Tensor


def choose_on_device(
    scores: torch.Tensor, starts: torch.Tensor, sizes: torch.Tensor, queue: torch.Tensor, limits: Limits,
    count: torch.Tensor | None = None,
) -> DeviceChoice:  # fmt: skip
    """See `choosing.choose` and `choosing.token_index`.

    Parameters
    ----------
    scores : float (n,) of every event. starts, sizes : int64 (n,), in tokens.
    queue : int64, neighbours recalled in the step before, the newest first; -1 where there is none.
    count : (1,), how many of the n are events, which stand in front of others; None: all.
    """
    n, device = len(scores), scores.device
    if count is not None:  # what is no event comes last, and is too large
        real = torch.arange(n, device=device) < count
        scores, sizes = torch.where(real, scores, -torch.inf), torch.where(real, sizes, limits.budget + 1)
    top, ranked = torch.sort(scores, descending=True, stable=True)
    top, ranked = top[: limits.most], ranked[: limits.most]
    taken = sizes[ranked].cumsum(0) <= limits.budget - limits.share
    # One place more than there are events, for all that is none.
    chosen = torch.zeros(n + 1, dtype=torch.bool, device=device)
    chosen.scatter_(0, torch.where(taken, ranked, n), True)
    if limits.share:
        kept, line = _neighbours(ranked, taken, chosen, sizes, queue, limits, n if count is None else count)
        spots = torch.where(kept, kept.cumsum(0) - 1, limits.width)
        queue = torch.full((limits.width + 1,), -1, device=device).scatter_(0, spots, line)[: limits.width]
        chosen.scatter_(0, torch.where(kept, line, n), True)
    stops = torch.where(chosen[:n], sizes, 0).cumsum(0)
    spare = limits.slots - stops[-1:]
    slot = torch.arange(limits.slots, device=device) - spare
    event = torch.searchsorted(stops, slot, right=True).clamp_(max=n - 1)
    index = torch.where(slot < 0, -1, (starts + sizes - stops)[event] + slot)
    return DeviceChoice(ranked, top, taken.sum(), queue, index, spare)


def _neighbours(
    ranked: torch.Tensor, taken: torch.Tensor, chosen: torch.Tensor, sizes: torch.Tensor, queue: torch.Tensor,
    limits: Limits, count: torch.Tensor | int,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """Which of a line of events, the neighbours of those taken and then the queue, are kept."""
    n, device = len(sizes), sizes.device
    around = torch.stack([ranked + 1, ranked - 1], dim=1)
    real = taken[:, None] & (around >= 0)
    if isinstance(count, torch.Tensor):  # otherwise the event behind the last is number n
        real &= around < count
    around = torch.where(real, around, n)
    line = torch.cat([around.flatten(), torch.where(queue >= 0, queue, n)])
    places = torch.arange(len(line), device=device)
    first = torch.full((n + 1,), len(line), device=device).scatter_reduce_(0, line, places, "amin")
    fresh = (first[line] == places) & ~chosen[line] & (line < n)
    lengths = torch.where(fresh, sizes[line.clamp(max=n - 1)], 0)
    return fresh & (lengths.cumsum(0) <= limits.share), line


def remembered_index(choice: DeviceChoice, n_initial: int, waiting: tuple[int, int]) -> torch.Tensor:
    """All positions that a chunk remembers, increasing, behind `choice.spare` zeros that stand for none.

    Parameters
    ----------
    n_initial : initial tokens. waiting : range of the tokens of no event that have left the window.
    """
    device = choice.index.device
    slot = torch.arange(n_initial + len(choice.index), device=device) - choice.spare
    recalled = torch.cat([choice.index.new_zeros(n_initial), choice.index])
    front = torch.where(slot < n_initial, slot.clamp(min=0), recalled)
    return torch.cat([front, torch.arange(*waiting, device=device)]) if waiting[1] > waiting[0] else front


class DeviceEvents:
    """Starts and sizes of all events on one device, which grow as the host hands them on."""

    def __init__(self, device: torch.device):
        self.device, self.count = device, 0
        self._rows = torch.empty(2, 0, dtype=torch.int64, device=device)

    def grow_to(self, starts: np.ndarray, ends: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Starts and sizes of all events, of which those that were handed on before have not changed."""
        new = np.stack([starts[self.count :], ends[self.count :] - starts[self.count :]])
        if new.shape[1]:
            if len(starts) > self._rows.shape[1]:
                self._make_room(max(256, 2 * len(starts)))
            self._rows[:, self.count : len(starts)] = upload(new, self.device)
            self.count = len(starts)
        return self._rows[0, : self.count], self._rows[1, : self.count]

    def padded(self, room: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The same with room for so many events, at a place that does not change while there is."""
        if room > self._rows.shape[1]:
            self._make_room(room)
        return self._rows[0, :room], self._rows[1, :room]

    def _make_room(self, room: int) -> None:
        grown = self._rows.new_zeros(2, room)
        grown[:, : self.count] = self._rows[:, : self.count]
        self._rows = grown
