"""Recall, layer by layer: which events a chunk is given, where their tokens lie, and the record of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from emcog.memory.choosing import Choice, choose, rank_events, token_index
from emcog.memory.config import MemoryConfig
from emcog.memory.index import Index, mean_vectors, shared_heads, top_vectors
from emcog.memory.layout import Layer
from emcog.memory.log import LayerLog
from emcog.memory.reference import ContiguityBuffer, contiguity_share, similarity_blocks

RECALL = np.dtype([("step", "i4"), ("layer", "i2"), ("similar", "?"), ("event", "i4"), ("rank", "i4"), ("score", "f4")])
"""A row of the record of recalls."""
SCAN = 65_536
"""Rows of the log that are looked through at once where every token represents its event."""


@dataclass(frozen=True)
class Scene:
    """What all layers share in one step.

    Attributes
    ----------
    step, seen, n : the step's number, tokens read before it, tokens of its chunk.
    starts, ends : of the events that can be recalled, initial tokens left out.
    n_init : initial tokens, set aside.
    formed : first token that belongs to no such event.
    """

    step: int
    seen: int
    n: int
    starts: np.ndarray
    ends: np.ndarray
    n_init: int
    formed: int


class LayerMemory:
    """What one layer remembers by: the index of its events, the attention that open tokens received, its neighbours.

    Parameters
    ----------
    number : of the layer. layer : its shapes. log : of its keys and values.
    """

    def __init__(self, number: int, layer: Layer, log: LayerLog, config: MemoryConfig):
        self.number, self.layer, self.log, self.config = number, layer, log, config
        self.index = Index(layer.shape, layer.heads, config.representative, config.n_representative)
        # Of the tokens from `first` on.
        self.received = torch.zeros(layer.heads, 0, device=layer.shape.device)
        self.first = 0
        self.queue = np.empty(0, dtype=np.int64)
        self.buffer = ContiguityBuffer()

    def recall(self, scene: Scene, query: torch.Tensor | None) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the tokens that a chunk remembers, increasing, and the record of it.

        query : the chunk's mean query (heads, size), at the far distance; None if no event can be recalled.
        """
        if self.config.compat == "reference":
            events, record = self._choose_as_reference(scene, query)
        else:
            events, record = self._choose(scene, query)
        return _positions(scene, np.sort(events), self.config), record

    def _choose(self, scene: Scene, query: torch.Tensor | None) -> tuple[np.ndarray, np.ndarray]:
        config, policy = self.config, self.config.policy_of(self.number)
        sizes = scene.ends - scene.starts
        if not len(sizes) or policy == "none" or not config.n_mem:
            return np.empty(0, dtype=np.int64), np.empty(0, RECALL)
        scores = self._scores(scene, query) if policy == "similarity" and query is not None else None
        # More than these never fit.
        count = config.n_mem // max(1, int(sizes.min())) + 1
        ranked, values = rank_events(policy, scores, len(sizes), count, (scene.step, self.number))
        choice = choose(ranked, values, sizes, self.queue, config.n_mem, config.contiguity)
        self.queue = choice.buffer
        return choice.events, _record(scene, self.number, choice)

    def _choose_as_reference(self, scene: Scene, query: torch.Tensor | None) -> tuple[np.ndarray, np.ndarray]:
        config, sizes = self.config, scene.ends - scene.starts
        if not len(sizes) or config.policy_of(self.number) == "none":
            return np.empty(0, dtype=np.int64), np.empty(0, RECALL)
        budget = config.n_init + config.chunk + config.n_mem - _waiting(scene, config)  # type: ignore[operator]
        if scene.seen > config.n_local:  # type: ignore[operator]
            budget -= scene.n_init
        share = contiguity_share(config.contiguity, budget) if config.contiguity else 0
        values = np.full(len(sizes), np.nan)
        ranked = np.arange(len(sizes))
        if int(sizes.sum()) > budget - share:
            scores = self._scores(scene, query) if query is not None else None
            ranked, found = rank_events(
                config.policy_of(self.number), scores, len(sizes), len(sizes), (scene.step, self.number)
            )
            values[ranked] = found
        chosen = similarity_blocks(ranked, sizes, budget - share)
        around = self.buffer.update(chosen, sizes, share) if share else []
        events = np.array(chosen + around, dtype=np.int64)
        scores_of = np.concatenate([values[chosen], np.full(len(around), np.nan)])
        choice = Choice(events, scores_of, len(chosen), np.empty(0, dtype=np.int64))
        return events, _record(scene, self.number, choice)

    def _scores(self, scene: Scene, query: torch.Tensor | None) -> torch.Tensor:
        assert query is not None
        if self.config.representative != "all":
            return self.index.scores(query)
        return self._best_tokens(scene, shared_heads(query.float(), self.layer.shape.kv_heads))

    def _best_tokens(self, scene: Scene, query: torch.Tensor) -> torch.Tensor:
        """For each event the largest product of the query with one of its tokens' keys; looks through the log."""
        best = torch.full((len(scene.starts),), -torch.inf, device=query.device)
        for low in range(0, len(scene.starts), max(1, SCAN // (self.config.max_event or 1))):
            some = slice(low, low + max(1, SCAN // (self.config.max_event or 1)))
            starts, ends = scene.starts[some], scene.ends[some]
            key, _ = self.log.fetch(token_index(starts, ends)).get()
            product = torch.einsum("hnd,hd->n", key[0].float(), query)
            owner = torch.from_numpy(np.repeat(np.arange(len(starts)), ends - starts)).to(query.device)
            best[some] = torch.full((len(starts),), -torch.inf, device=query.device).scatter_reduce(
                0, owner, product, "amax"
            )
        return best

    def note(self, received: torch.Tensor, seen: int, n: int) -> torch.Tensor:
        """Attention that the open tokens received, with that of a chunk, `received` (heads, past + n), added."""
        total = torch.zeros(received.shape[0], seen + n - self.first, device=received.device)
        total[:, : self.received.shape[1]] = self.received
        begin = seen + n - received.shape[1] - self.first  # where the window begins among the open tokens
        total[:, max(0, begin) :] += received[:, max(0, -begin) :]
        return total

    def add(self, starts: np.ndarray, ends: np.ndarray) -> None:
        """Add events to the index; they follow one another without gaps."""
        if self.config.representative == "all" or not len(starts):
            return
        low = int(starts[0])
        key, _ = self.log.fetch(np.arange(low, int(ends[-1]))).get()
        if self.config.representative == "mean":
            self.index.add(mean_vectors(key, starts - low, ends - low))
            return
        received = self.received[:, low - self.first : int(ends[-1]) - self.first]
        vectors, _ = top_vectors(key, received, starts - low, ends - low, self.config.n_representative)
        self.index.add(vectors)

    def forget(self, formed: int) -> None:
        """Let go of the attention that tokens before `formed` received."""
        if formed > self.first:
            self.received = self.received[:, formed - self.first :].clone()
            self.first = formed

    def fork(self, log: LayerLog) -> "LayerMemory":
        """An independent memory with the same content."""
        twin = LayerMemory(self.number, self.layer, log, self.config)
        twin.index, twin.received, twin.first = self.index.fork(), self.received, self.first
        twin.queue, twin.buffer = self.queue, ContiguityBuffer(list(self.buffer.blocks))
        return twin

    def mark(self) -> Any:
        """A function that goes back to what was chosen before."""
        queue, blocks = self.queue, list(self.buffer.blocks)

        def go_back() -> None:
            self.queue, self.buffer = queue, ContiguityBuffer(blocks)

        return go_back


def _record(scene: Scene, layer: int, choice: Choice) -> np.ndarray:
    rows = np.empty(len(choice.events), RECALL)
    rows["step"], rows["layer"] = scene.step, layer
    rows["event"], rows["score"] = choice.events, choice.scores
    rows["rank"] = np.arange(len(rows))
    rows["similar"] = rows["rank"] < choice.n_similar
    return rows


def _waiting(scene: Scene, config: MemoryConfig) -> int:
    """Tokens of no event that are attended beside the window (reference): enough for the chunk's last query."""
    return max(scene.seen - scene.formed + scene.n - config.n_local, 0)  # type: ignore[operator]


def _positions(scene: Scene, events: np.ndarray, config: MemoryConfig) -> np.ndarray:
    """Positions of the initial tokens, the events' tokens and the open ones that left the window, increasing."""
    found = token_index(scene.starts[events], scene.ends[events])
    n_local = config.n_local or 0
    if config.compat == "reference":
        n_init = scene.n_init if scene.seen > n_local else 0
        rest = np.arange(scene.formed, scene.formed + _waiting(scene, config))
        # A block may be there twice: its tokens then are, too.
        return np.sort(np.concatenate([np.arange(n_init), found, rest]))
    gone = max(0, scene.seen - n_local + 1)
    initial = np.arange(min(scene.n_init, gone))
    return np.concatenate([initial, found, np.arange(max(scene.formed, len(initial)), gone)])
