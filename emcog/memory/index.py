"""The index of representatives: by which keys an event is found, one table a layer.

Kept in blocks that are never changed once full, so that a fork shares them.
"""

import numpy as np
import torch

from emcog.lm.transfer import upload
from emcog.memory.rows import Shape

BLOCK = 4096
"""Events in a block."""


class Index:
    """Vectors of one layer's events, in their order.

    Parameters
    ----------
    shape, heads : of the layer.
    kind : "top" or "mean".
    n_tokens : representatives of an event ("top").
    """

    def __init__(self, shape: Shape, heads: int, kind: str, n_tokens: int):
        self.shape, self.heads, self.kind, self.n_tokens = shape, heads, kind, n_tokens
        self.width = (heads if kind == "top" else shape.kv_heads) * shape.key_size
        self.count = 0
        self._blocks: list[torch.Tensor] = []
        self._shared = 0  # blocks that a fork looks at too: copied before they are written to

    def add(self, vectors: torch.Tensor) -> None:
        """Add vectors (n, width)."""
        while len(vectors):
            number, place = divmod(self.count, BLOCK)
            if number == len(self._blocks):
                self._blocks.append(torch.empty(BLOCK, self.width, device=vectors.device))
            elif number < self._shared:
                self._blocks[number] = self._blocks[number].clone()
            self._shared = min(self._shared, number)
            fits = vectors[: BLOCK - place]
            self._blocks[number][place : place + len(fits)] = fits
            self.count += len(fits)
            vectors = vectors[len(fits) :]

    def rows(self, start: int, stop: int) -> torch.Tensor:
        """Vectors of the events from `start` to before `stop`, (n, width)."""
        parts = [
            self._blocks[i][max(0, start - i * BLOCK) : stop - i * BLOCK]
            for i in range(start // BLOCK, -(-stop // BLOCK))
        ]
        return torch.cat(parts) if parts else torch.empty(0, self.width)

    def scores(self, query: torch.Tensor) -> torch.Tensor:
        """Products of every vector with a query (heads, size), float32 (count,)."""
        return self._products(query, [block[: self.count - i * BLOCK] for i, block in enumerate(self._blocks)])

    def padded_scores(self, query: torch.Tensor) -> torch.Tensor:
        """The same, and anything for vectors to come, float32 (capacity,)."""
        return self._products(query, self._blocks)

    def _products(self, query: torch.Tensor, blocks: list[torch.Tensor]) -> torch.Tensor:
        flat = (query if self.kind == "top" else shared_heads(query, self.shape.kv_heads)).reshape(-1).float()
        parts = [block @ flat for block in blocks]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def places(self) -> list[torch.Tensor]:
        """The tensors that hold the vectors, at least one, whose last rows may be free yet."""
        if not self._blocks:
            self._blocks.append(torch.empty(BLOCK, self.width, device=self.shape.device))
        return self._blocks

    def fork(self) -> "Index":
        """An independent index with the same vectors."""
        twin = Index(self.shape, self.heads, self.kind, self.n_tokens)
        twin.count, twin._blocks = self.count, list(self._blocks)
        self._shared = twin._shared = len(self._blocks)
        return twin

    @property
    def bytes(self) -> int:
        """Memory that the vectors take."""
        return self.count * self.width * 4


def shared_heads(query: torch.Tensor, kv_heads: int) -> torch.Tensor:
    """(heads, size) -> (kv_heads, size): the sum over query heads that share a key head."""
    return query.reshape(kv_heads, -1, query.shape[-1]).sum(1)


def top_vectors(
    key: torch.Tensor, received: torch.Tensor, starts: np.ndarray, ends: np.ndarray, n_tokens: int
) -> torch.Tensor:
    """Head by head the mean key of the tokens of each event that received most attention.

    Parameters
    ----------
    key : (1, kv_heads, n, size), un-rotated. received : (heads, n). starts, ends : of events among these n tokens.

    Returns
    -------
    float32 (n_events, heads * size)

    Source: Xiao et al. (2024), InfLLM; Fountas et al. (2025).
    """
    device = key.device
    places, inside = _padded(starts, ends, device)
    weights = received.float()[:, places].transpose(0, 1).masked_fill(~inside[:, None], -torch.inf)
    count = min(n_tokens, weights.shape[-1])
    best = weights.topk(count, dim=-1)
    used = best.values > -torch.inf
    token = places[:, None].expand(weights.shape).gather(2, best.indices)  # (n_events, heads, count)
    heads = received.shape[0]
    head = torch.arange(heads, device=device)[None, :, None] // (heads // key.shape[1])
    found = key[0][head, token].float()  # (n_events, heads, count, size)
    return ((found * used[..., None]).sum(2) / used.sum(2)[..., None]).flatten(1)


def mean_vectors(key: torch.Tensor, starts: np.ndarray, ends: np.ndarray) -> torch.Tensor:
    """The mean key of each event, (n_events, kv_heads * size), float32."""
    places, inside = _padded(starts, ends, key.device)
    found = key[0].float().transpose(0, 1).flatten(1)[places]  # (n_events, longest, kv_heads * size)
    return (found * inside[..., None]).sum(1) / inside.sum(1)[:, None]


def _padded(starts: np.ndarray, ends: np.ndarray, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Positions of each event's tokens (n_events, longest), padded, and which of them are its own."""
    first, last = upload(np.stack([starts, ends]), device)
    offsets = torch.arange(int((ends - starts).max()), device=device)[None]
    places = first[:, None] + offsets
    inside = places < last[:, None]
    return torch.where(inside, places, first[:, None]), inside
