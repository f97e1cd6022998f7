"""Recall, layer by layer: which events a chunk is given, where their tokens lie, and the record of it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch

from emcog.lm.transfer import upload
from emcog.memory.choosing import Choice, choose, rank_events, token_index
from emcog.memory.choosing_on_device import DeviceChoice, DeviceEvents, Limits, choose_on_device, remembered_index
from emcog.memory.config import MemoryConfig, share_of
from emcog.memory.index import Index, mean_vectors, top_vectors
from emcog.memory.layout import Layer
from emcog.memory.log import Fetched, LayerLog, Sight
from emcog.memory.reference import ContiguityBuffer, contiguity_share, similarity_blocks

RECALL = np.dtype([("step", "i4"), ("layer", "i2"), ("similar", "?"), ("event", "i4"), ("rank", "i4"), ("score", "f4")])
"""A row of the record of recalls."""
Query = Callable[[], torch.Tensor]
TOGETHER = 8
"""Layers whose new events are taken in at once on an accelerator: a few copies of their keys lie there meanwhile."""
SCAN, SCAN_ON_DEVICE = 4096, 65_536
"""Rows of the log that are looked through at once where every token represents its event: on a CPU so many as its cache
holds."""


@dataclass(frozen=True)
class Scene:
    """What all layers share in one step.

    Attributes
    ----------
    step, seen, n : the step's number, tokens read before it, tokens of its chunk.
    starts, ends : of the events that can be recalled, initial tokens left out.
    n_init : initial tokens, set aside.
    formed : first token that belongs to no such event.
    places : the same events on the devices that choose among them, by device; none where the host chooses.
    """

    step: int
    seen: int
    n: int
    starts: np.ndarray
    ends: np.ndarray
    n_init: int
    formed: int
    places: dict[torch.device, DeviceEvents] | None = field(default=None, compare=False)

    @cached_property
    def sizes(self) -> np.ndarray:
        """Tokens of each event."""
        return self.ends - self.starts

    @cached_property
    def smallest(self) -> int:
        """Tokens of the smallest event; 0 without events."""
        return int(self.sizes.min()) if len(self.sizes) else 0

    @cached_property
    def total(self) -> int:
        """Tokens of all events."""
        return int(self.sizes.sum())

    def stretches(self, n_tokens: int) -> Iterator[tuple[int, int]]:
        """The events in stretches of about so many tokens: from which event to before which."""
        edges = np.unique(np.searchsorted(self.ends, np.arange(self.ends[0], self.ends[-1] + 1, n_tokens)))
        yield from pairwise([*edges.tolist(), len(self.ends)])

    def on(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """Starts and sizes of the events on a device."""
        places = self.places if self.places is not None else {}
        return places.setdefault(device, DeviceEvents(device)).grow_to(self.starts, self.ends)


class Coming(NamedTuple):
    """Events that were handed in: where they begin and end, the first token that is in none then, and the number of the
    first of them."""

    starts: np.ndarray
    ends: np.ndarray
    formed: int
    number: int


class LayerMemory:
    """What one layer remembers by: the index of its events, the attention that open tokens received, its neighbours.

    Parameters
    ----------
    number : of the layer. layer : its shapes. log : of its keys and values.
    """

    def __init__(self, number: int, layer: Layer, log: LayerLog, config: MemoryConfig):
        self.number, self.layer, self.log, self.config = number, layer, log, config
        self._index = Index(layer.shape, layer.heads, config.representative, config.n_representative)
        self.coming: list[Coming] = []  # events that are not in the index yet
        # Of the tokens from `first` on.
        self.received = torch.zeros(layer.heads, 0, device=layer.shape.device)
        self.first = 0
        self.queue = np.empty(0, dtype=np.int64)
        self._queue: torch.Tensor | None = None  # the same on the device, while it chooses there
        self.buffer = ContiguityBuffer()
        self._sight: tuple[np.ndarray, Fetched] | None = None

    @property
    def index(self) -> Index:
        """Representatives of all events that have been handed in."""
        self.take_in()
        return self._index

    @property
    def share(self) -> int:
        """Tokens of the budget that are for neighbours: a share of it, or so many if that is 1 or more."""
        return share_of(self.config.contiguity, int(self.config.n_mem or 0))

    def find_by_all(self, config: MemoryConfig) -> None:
        """Go on with other settings, whose representative is "all"."""
        self.take_in()
        self.config = config
        self._index = Index(self.layer.shape, self.layer.heads, config.representative, config.n_representative)

    def chooses_on_device(self, scene: Scene) -> bool:
        """Whether what a chunk remembers is chosen where the scores are, and the host need not wait for them."""
        return scene.places is not None and self.asks and scene.total > 0

    @property
    def asks(self) -> bool:
        """Whether events are recalled by similarity."""
        return self.config.policy_of(self.number) == "similarity" and bool(self.config.n_mem)

    def take_queue(self) -> np.ndarray:
        """The neighbours that were recalled last, which the host knows; a device's are let go."""
        self._queue = None
        return self.queue

    def recall_on_device(self, scene: Scene, query: Query) -> tuple[Sight, DeviceChoice]:
        """What `recall` gives and `bring` brings, without the host's knowing what it is."""
        budget, device = int(self.config.n_mem or 0), self.layer.shape.device
        limits = Limits(budget, self.share, scene.smallest, min(budget, scene.total))
        queue = upload(self.queue, device) if self._queue is None else self._queue
        choice = choose_on_device(self._scores(scene, query()), *scene.on(device), queue, limits)
        self._queue = choice.queue
        n_initial, gone = _left(scene, int(self.config.n_local or 0))
        index = remembered_index(choice, n_initial, (max(scene.formed, n_initial), gone))
        return self.log.sight(index, choice.spare), choice

    def chosen(self, scene: Scene, ranked: np.ndarray, scores: np.ndarray, n: int, queue: np.ndarray) -> np.ndarray:
        """The record of a choice that was made on the device, when it has come over; see `DeviceChoice`."""
        self.queue = queue[queue >= 0]
        blank = np.full(len(self.queue), np.nan)
        events = np.concatenate([ranked[:n], self.queue])
        return _record(scene, self.number, Choice(events, np.concatenate([scores[:n], blank]), n, self.queue))

    def recall(self, scene: Scene, query: Query) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the tokens that a chunk remembers, increasing, and the record of it.

        query : gives the chunk's mean query (heads, size), at the far distance.
        """
        self._queue = None
        if self.config.compat == "reference":
            events, record = self._choose_as_reference(scene, query)
        else:
            events, record = self._choose(scene, query)
        return _positions(scene, np.sort(events), self.config), record

    def bring(self, index: np.ndarray, keep: bool) -> Fetched:
        """Begin to bring what lies at these positions, or give what was kept of the step before if it is the same.

        In 8 bits the newest tokens wait unrounded, and may not be kept.
        """
        if self._sight is not None and np.array_equal(index, self._sight[0]):
            return self._sight[1]
        found = self.log.fetch(index)
        self._sight = (index, found) if keep and self.log.eight is None else None
        return found

    def _choose(self, scene: Scene, query: Query) -> tuple[np.ndarray, np.ndarray]:
        config, policy = self.config, self.config.policy_of(self.number)
        sizes = scene.sizes
        if not len(sizes) or policy == "none" or not config.n_mem:
            return np.empty(0, dtype=np.int64), np.empty(0, RECALL)
        # More than these never fit.
        count = config.n_mem // scene.smallest + 1
        seed = (scene.step, self.number)
        ranked, values = rank_events(policy, lambda: self._scores(scene, query()), len(sizes), count, seed)
        choice = choose(ranked, values, sizes, self.queue, config.n_mem, self.share)
        self.queue = choice.buffer
        return choice.events, _record(scene, self.number, choice)

    def _choose_as_reference(self, scene: Scene, query: Query) -> tuple[np.ndarray, np.ndarray]:
        config, sizes = self.config, scene.sizes
        policy = config.policy_of(self.number)
        if not len(sizes) or policy == "none":
            return np.empty(0, dtype=np.int64), np.empty(0, RECALL)
        budget = config.n_init + config.chunk + config.n_mem - _waiting(scene, config)  # type: ignore[operator]
        if scene.seen > config.n_local:  # type: ignore[operator]
            budget -= scene.n_init
        share = contiguity_share(config.contiguity, budget) if config.contiguity else 0
        values = np.full(len(sizes), np.nan)
        ranked = np.arange(len(sizes))
        if int(sizes.sum()) > budget - share:
            seed = (scene.step, self.number)
            ranked, found = rank_events(policy, lambda: self._scores(scene, query()), len(sizes), len(sizes), seed)
            values[ranked] = found
        chosen = similarity_blocks(ranked, sizes, budget - share)
        around = self.buffer.update(chosen, sizes, share) if share else []
        events = np.array(chosen + around, dtype=np.int64)
        scores_of = np.concatenate([values[chosen], np.full(len(around), np.nan)])
        choice = Choice(events, scores_of, len(chosen), np.empty(0, dtype=np.int64))
        return events, _record(scene, self.number, choice)

    def _scores(self, scene: Scene, query: torch.Tensor) -> torch.Tensor:
        if self.config.representative != "all":
            return self.index.scores(query)
        return self._best_tokens(scene, query)

    def _best_tokens(self, scene: Scene, query: torch.Tensor) -> torch.Tensor:
        """For each event, head by head the product with its best token's key, summed; looks through the log."""
        kv_heads, size = self.layer.shape.kv_heads, self.layer.shape.key_size
        groups = query.float().view(kv_heads, -1, size).mT
        # Query heads side by side in one product: each sees its own key head's part of a row alone.
        spread = torch.block_diag(*groups).T.contiguous()  # (heads, kv_heads * size)
        scan = SCAN if query.device.type == "cpu" else SCAN_ON_DEVICE
        lengths = upload(scene.sizes, query.device)
        best = []
        for first, last in scene.stretches(scan):  # so that what is held of each token does not grow with the text
            low, high = int(scene.starts[first]), int(scene.ends[last - 1])  # events follow one another without gaps
            products = [(spread @ keys.float().T).T for keys in self.log.key_rows(low, high, high - low)]
            every = products[0] if len(products) == 1 else torch.cat(products)
            best.append(torch.segment_reduce(every, "max", lengths=lengths[first:last], unsafe=True).sum(1))
        return torch.cat(best)

    def note(self, received: torch.Tensor, seen: int, n: int) -> torch.Tensor:
        """Attention that the open tokens received, with that of a chunk, `received` (heads, past + n), added."""
        total = torch.zeros(received.shape[0], seen + n - self.first, device=received.device)
        total[:, : self.received.shape[1]] = self.received
        begin = seen + n - received.shape[1] - self.first  # where the window begins among the open tokens
        total[:, max(0, begin) :] += received[:, max(0, -begin) :]
        return total

    def add(self, starts: np.ndarray, ends: np.ndarray, formed: int) -> None:
        """Hand in events that follow one another without gaps; tokens before `formed` are in events now."""
        number = self._index.count + sum(len(coming.starts) for coming in self.coming)
        self.coming.append(Coming(starts, ends, formed, number))
        if self.log.eight is not None:  # keys that still wait to be rounded are looked at as they are now
            self.take_in()

    def take_in(self) -> None:
        """Put the events that were handed in into the index."""
        if self.coming:
            _take_in([self])

    def keys(self, start: int, stop: int) -> torch.Tensor:
        """Un-rotated keys of the tokens from `start` to before `stop`, (1, kv_heads, n, size)."""
        parts = list(self.log.key_rows(start, stop, stop - start))
        rows = parts[0] if len(parts) == 1 else torch.cat(parts)
        return rows.view(len(rows), self.layer.shape.kv_heads, -1).transpose(0, 1)[None]

    def took_in(self, vectors: torch.Tensor | None) -> None:
        """The events that were handed in first are known now, by these representatives."""
        coming = self.coming[0]
        if vectors is not None:
            self._index.count = coming.number  # an interrupted attempt may have added some
            self._index.add(vectors)
        if coming.formed > self.first:  # attention that these tokens received is not asked for again
            self.received, self.first = self.received[:, coming.formed - self.first :].clone(), coming.formed
        del self.coming[0]

    def fork(self, log: LayerLog) -> "LayerMemory":
        """An independent memory with the same content."""
        twin = LayerMemory(self.number, self.layer, log, self.config)
        twin._index, twin.received, twin.first = self.index.fork(), self.received, self.first
        twin.queue, twin.buffer = self.queue, ContiguityBuffer(list(self.buffer.blocks))
        twin._queue = self._queue
        return twin

    def mark(self) -> Any:
        """A function that goes back to what was chosen before."""
        queue, on_device, blocks = self.queue, self._queue, list(self.buffer.blocks)

        def go_back() -> None:
            self.queue, self._queue, self.buffer = queue, on_device, ContiguityBuffer(blocks)

        return go_back


def take_in(memories: Iterable[LayerMemory]) -> None:
    """Put the events that were handed in into the indices; layers of one kind on one accelerator do it together."""
    groups: dict[tuple, list[LayerMemory]] = {}
    for memory in memories:
        if memory.coming:
            shape = memory.layer.shape
            alone = memory.number if shape.device.type == "cpu" else None
            first, number = memory.first, memory.coming[0].number  # others than these where one was interrupted
            kind = (shape, memory.layer.heads, first, number, len(memory.coming), alone)
            groups.setdefault(kind, []).append(memory)
    for group in groups.values():
        for start in range(0, len(group), TOGETHER):
            _take_in(group[start : start + TOGETHER])


def _take_in(group: list[LayerMemory]) -> None:
    """Of layers that were handed in the same events: their heads side by side, as if they were one layer's."""
    config = group[0].config
    for starts, ends, _, _ in list(group[0].coming):
        if config.representative != "all" and len(starts):
            low, high = int(starts[0]), int(ends[-1])
            key = _side_by_side([memory.keys(low, high) for memory in group], 1)
            places = starts - low, ends - low
            if config.representative == "mean":
                vectors = mean_vectors(key, *places)
            else:
                first = group[0].first
                received = _side_by_side([memory.received[:, low - first : high - first] for memory in group], 0)
                # Where the window is narrower than the steps at which tokens are asked, the last were not seen by any.
                received = torch.nn.functional.pad(received, (0, key.shape[2] - received.shape[1]))
                vectors = top_vectors(key, received, *places, config.n_representative)
            parts = vectors.chunk(len(group), dim=1)
        else:
            parts = (None,) * len(group)
        for memory, some in zip(group, parts, strict=True):
            memory.took_in(some)


def _side_by_side(parts: list[torch.Tensor], dim: int) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim)


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
    n_initial, gone = _left(scene, n_local)
    return np.concatenate([np.arange(n_initial), found, np.arange(max(scene.formed, n_initial), gone)])


def _left(scene: Scene, n_local: int) -> tuple[int, int]:
    """Initial tokens, and tokens in all, that have left the window."""
    gone = max(0, scene.seen - n_local + 1)
    return min(scene.n_init, gone), gone
