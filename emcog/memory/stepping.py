"""One token at a time, as generation reads, in a step whose shapes and places never change.

A large model answers a single token in a few milliseconds, while its hundreds of small operations a layer take the host
many times as long to launch. A CUDA device replays such a step (`recording`). For that, nothing in it may depend on
numbers that the host knows: what they are goes over to the device before each step, tables have room for more than is
in them, and windows are looked at where they lie. The numbers are those of `Reader`'s own way. Where the log lies in
host memory or in a file, its rows are brought over in between: the step is the same, but is not recorded.
"""

import copy
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import nn

from emcog.lm.transfer import upload
from emcog.memory.choosing_on_device import DeviceChoice, Limits, choose_on_device
from emcog.memory.local import Near, Window
from emcog.memory.log import Sight
from emcog.memory.recording import Recorder

if TYPE_CHECKING:
    from emcog.lm.rotary import Rotation
    from emcog.memory.reader import Reader

ROOM = 64
"""Room for tokens that have left the window and are in no event is made in steps of so many."""


class _Found(NamedTuple):
    """What a step leaves on the device, at the same places each time.

    logits (1, n_vocabulary). fresh : raw keys and values, choices, and attention received by the places of the window's
    buffers (heads, capacity), by layer.
    """

    logits: torch.Tensor
    fresh: dict[int, tuple[torch.Tensor, torch.Tensor]]
    choices: dict[int, DeviceChoice]
    received: dict[int, torch.Tensor]


class _Spot:
    """A window at places that the device alone knows; see `attention.LocalWindow`."""

    def __init__(self, window: Window, places: torch.Tensor):
        self._window, self._places = window, places

    def push(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, turn: "Rotation | None") -> Near:
        """See `local.Window.push_at`."""
        return self._window.push_at(self._places, query, key, value, turn)


class Stepper:
    """Reads single tokens for a reader, and is its attention's host meanwhile (`attention.Host`).

    Good for as long as the reader's `attention()` holds: what is recorded knows nothing of a model that is changed.

    Attributes
    ----------
    attention : the attention function that looks at this host.
    """

    leaving = False

    def __init__(self, reader: "Reader"):
        self.reader: Reader = weakref.proxy(reader)  # no cycle
        self.device = reader.lm.device
        self.sample = reader.sample
        self.attention = copy.copy(reader._attention)
        self.attention.host = weakref.proxy(self)
        self._row = {layer: row for row, layer in enumerate(reader.cache.windows)}
        # From the host, before each step. Of every window: where the token goes, and what is seen then. The token, its
        # position, how many events there are, the first token of none, and where what is remembered ends, without and
        # with recalled events in front.
        self._spots = torch.zeros(len(self._row), 3, dtype=torch.int64, device=self.device)
        self._numbers = torch.zeros(6, dtype=torch.int64, device=self.device)
        self._queues = torch.zeros(0, 0, dtype=torch.int64, device=self.device)
        self._queues_of = -1  # the step before which they are right
        self._events = reader.events_on(self.device)
        self._table: tuple[torch.Tensor, torch.Tensor] = self._events.padded(0)
        self._tail = torch.empty(0)
        self._room = ROOM  # for tokens of no event
        self._limits = Limits(0, 0, 1, 0)
        self._recorder = Recorder(self.device, reader.lm.name)
        if _looked_into(reader.lm.model) or len({weight.device for weight in reader.lm.model.parameters()}) > 1:
            self._recorder.on = False
        self._choices: dict[int, DeviceChoice] = {}
        self._received: dict[int, torch.Tensor] = {}

    @staticmethod
    def suits(reader: "Reader") -> bool:
        """Whether all layers lie on one device, and what they do is the same in every step."""
        device = reader.lm.device
        config = reader.config
        return (
            not reader.reference
            and config.representative != "all"
            and reader.seen > 0
            and all(layer.shape.device == device for layer in reader.layout.values())
            and all(config.policy_of(layer) in ("similarity", "none") for layer in reader.layers)
        )

    @property
    def seen(self) -> int:
        """See `attention.Host`."""
        return self.reader.seen

    def run(self, token: int) -> tuple[torch.Tensor, dict[int, DeviceChoice], dict[int, torch.Tensor]]:
        """Read a token, for which the reader has begun a chunk.

        Returns
        -------
        logits (1, n_vocabulary); what the layers recalled; attention that the window's and the token's own place
        received (heads, past + 1), where it was asked for. All but the logits are to be used before the next step.
        """
        reader = self.reader
        layout = self._prepare(token)
        asked = bool(self.sample) and reader.seen % self.sample == 0
        here = all(memory.log.on_device for memory in reader.layers.values())  # the host need not bring anything
        found: _Found = self._recorder.run(self._compute, layout, asked) if here else self._compute()
        self._queues_of = reader.step + 1
        refine = reader.config.refine_layers if reader.former.refiner is not None else ()  # who keeps these keys
        kept = {layer: (found.fresh[layer][0].clone(), found.fresh[layer][1]) for layer in refine}
        reader.cache.fresh = found.fresh | kept
        received = {}
        for layer, some in found.received.items():
            window = reader.cache.windows[layer]
            received[layer] = some[:, window.start : window.stop + 1]
        return found.logits.clone(), found.choices, received

    def _prepare(self, token: int) -> object:
        """Bring to the device what the host knows of this step; returns all that a recorded step depends on beside."""
        reader, scene = self.reader, self.reader.scene
        config, windows = reader.config, reader.cache.windows
        tensors: list[torch.Tensor] = []
        turn = self.attention.rotation(self.device)
        for layer, window in windows.items():
            tensors += window.prepare(turn if reader.layout[layer].turns else None)
        room = 0
        for memory in reader.layers.values():
            if memory.log.on_device:
                memory.log.rows.reserve(reader.seen)
                tensors += memory.log.rows.places
            if memory.asks:
                blocks = memory.index.places()
                tensors += blocks
                room = sum(map(len, blocks))
        self._events.grow_to(scene.starts, scene.ends)
        self._table = self._events.padded(room)
        budget = int(config.n_mem or 0)
        share = next(iter(reader.layers.values())).share
        limits = Limits(budget, share, max(1, scene.smallest or config.min_event), budget)
        self._bring_queues(limits.width)
        tensors += [*self._table, self._queues]
        gone = max(0, reader.seen - reader.n_local + 1)
        n_initial = min(scene.n_init, gone)
        first = max(scene.formed, n_initial)
        n_waiting = max(0, gone - first)
        self._room = max(self._room, -(-n_waiting // ROOM) * ROOM)
        self._limits = limits
        spots = [(window.stop, window.start, window.stop + 1) for window in windows.values()]
        self._spots.copy_(upload(np.array(spots), self.device))
        left = n_initial + n_waiting
        numbers = np.array([token, reader.seen, len(scene.starts), first, left, budget + left])
        self._numbers.copy_(upload(numbers, self.device))
        return limits, self._room, tuple((tensor.data_ptr(), tensor.shape) for tensor in tensors)

    def _bring_queues(self, width: int) -> None:
        """Neighbours that the layers recalled last, unless a step has left them on the device."""
        reader = self.reader
        if self._queues_of == reader.step and self._queues.shape[1] == width:
            return
        queues = np.full((len(self._row), width), -1, dtype=np.int64)
        for layer, memory in reader.layers.items():
            queue = memory.take_queue()
            queues[self._row[layer], : len(queue)] = queue
        brought = upload(queues, self.device)
        if self._queues.shape == brought.shape:
            self._queues.copy_(brought)
        else:
            self._queues = brought

    def _compute(self) -> _Found:
        """The step itself: operations of a device, and nothing that the host must know."""
        reader = self.reader
        self._choices, self._received = {}, {}
        _, seen, _, first, _, _ = self._numbers
        initial, waiting = (torch.arange(n, device=self.device) for n in (reader.config.n_init, self._room))
        self._tail = torch.cat([initial, first + waiting]).minimum(seen)  # what lies behind stands for nothing
        logits = reader.lm.model(
            input_ids=self._numbers[None, :1],
            position_ids=torch.zeros(1, 1, dtype=torch.int64, device=self.device),
            past_key_values=reader.cache,
            use_cache=True,
        ).logits[0]
        return _Found(logits, dict(reader.cache.fresh), self._choices, self._received)

    def window(self, layer: int) -> _Spot:
        """See `attention.Host`."""
        return _Spot(self.reader.cache.windows[layer], self._spots[self._row[layer]])

    def holds(self, layer: int) -> bool:
        """See `attention.Host`."""
        return self.reader.holds(layer)

    def recall(self, layer: int, query: Callable[[], torch.Tensor], n: int) -> Sight:
        """See `attention.Host`: recalled events, behind what is none, then initial tokens and those of no event."""
        memory, queue = self.reader.layers[layer], self._queues[self._row[layer]]
        log, (_, seen, count, _, left, stop) = memory.log, self._numbers.split(1)
        fresh = self.reader.cache.fresh[layer]
        if log.on_device:
            log.rows.put_on_device(seen, log.full.encode(*fresh))
        else:
            log.append(self.reader.seen, *fresh)
        if not memory.asks:
            return log.sight(self._tail, torch.zeros_like(left), left)
        choice = choose_on_device(memory.index.padded_scores(query()), *self._table, queue, self._limits, count)
        queue.copy_(choice.queue)
        self._choices[layer] = choice
        return log.sight(torch.cat([choice.index.clamp(min=0), self._tail]), choice.spare, stop)

    def note(self, layer: int, received: torch.Tensor) -> None:
        """See `attention.Host`."""
        self._received[layer] = received


def _looked_into(model: nn.Module) -> bool:
    """Whether somebody waits for the model's parts to be called, which a recorded step does not. (transformers itself
    does for good once hidden states were asked for, and then does nothing where they are not.)"""
    hooks = (
        hook
        for module in model.modules()
        if module is not model
        for hook in (*module._forward_hooks.values(), *module._forward_pre_hooks.values())
    )
    return any(not str(getattr(hook, "__module__", "")).startswith("transformers.") for hook in hooks)
