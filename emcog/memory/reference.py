"""How the authors' released code fills its budgets; the golden data's README, sections 6 and 7.

Blocks are counted from 0. This reproduces what that code does, its slips included, and is used with
`compat="reference"` alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np


def fill(blocks: Sequence[int], sizes: np.ndarray, budget: int) -> tuple[list[int], bool]:
    """Blocks until their tokens reach the budget, and whether they did.

    The last one is taken off again if the total without it is at least as near to the budget.
    """
    taken: list[int] = []
    total = 0
    for block in blocks:
        taken.append(block)
        total += int(sizes[block])
        if total >= budget:
            if total - budget >= budget - (total - int(sizes[block])):
                taken.pop()
            return taken, True
    return taken, False


def similarity_blocks(ranked: np.ndarray, sizes: np.ndarray, budget: int) -> list[int]:
    """Blocks chosen by score; all of them, in natural order, where they fit."""
    if int(sizes.sum()) <= budget:
        return list(range(len(sizes)))
    return fill(ranked.tolist(), sizes, budget)[0]


def contiguity_share(size: float, budget: int) -> int:
    """Tokens of the budget that belong to the buffer."""
    return int(size * budget + 1) if size < 1 else int(size)


@dataclass
class ContiguityBuffer:
    """Neighbours of recalled blocks, oldest first; kept from step to step, for each layer."""

    blocks: list[int] = field(default_factory=list)

    def update(self, chosen: list[int], sizes: np.ndarray, share: int) -> list[int]:
        """Take in this step's chosen blocks (best first); returns the buffer as it is attended."""
        if not chosen:
            return self.blocks
        fresh, filled = self._neighbours(chosen, sizes, share)
        if not fresh:
            return self.blocks
        total = lambda blocks: int(sizes[blocks].sum()) if blocks else 0  # noqa: E731
        if not self.blocks or filled:
            self.blocks = fresh
        elif total(self.blocks) + total(fresh) < share:
            self.blocks = self.blocks + fresh
        else:
            merged = list(fresh)
            size = total(fresh)
            for block in reversed(self.blocks):
                if block in merged or block in chosen:
                    continue
                merged.insert(0, block)
                size += int(sizes[block])
                if size >= share:
                    if size - share >= share - (size - int(sizes[block])):
                        merged.pop(0)
                    break
            self.blocks = merged
        return self.blocks

    @staticmethod
    def _neighbours(chosen: list[int], sizes: np.ndarray, share: int) -> tuple[list[int], bool]:
        found: list[int] = []
        known = set(chosen)
        for block in chosen:
            for neighbour in (block + 1, block - 1):
                if 0 <= neighbour < len(sizes) and neighbour not in known:
                    found.append(neighbour)
                    known.add(neighbour)
        taken, filled = fill(found, sizes, share)
        return taken[::-1], filled
