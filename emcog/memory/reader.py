"""The state of a memory, and the one step that changes it: a chunk of tokens goes through the model."""

import copy
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from emcog.errors import ModelError
from emcog.lm import LM
from emcog.lm.precision import computing_dtype
from emcog.lm.rotary import Rotation, raw_rotary
from emcog.lm.transfer import Download, upload
from emcog.memory.attention import SAMPLE, MemoryAttention, Remembered
from emcog.memory.choosing_on_device import DeviceChoice, DeviceEvents
from emcog.memory.config import MemoryConfig
from emcog.memory.forming import Former, PaperFormer, ReferenceFormer
from emcog.memory.growing import Growing
from emcog.memory.layout import find_layers
from emcog.memory.local import LocalCache, Window
from emcog.memory.log import MemoryLog, Sight
from emcog.memory.recalling import RECALL, LayerMemory, Scene, take_in
from emcog.memory.stepping import Stepper

NAME = "emcog_memory"
ROWS = 64
"""Distributions reduced at once."""
BITS = 1.4426950408889634
LONG = 16
"""Tokens from which on a chunk's choices are left to an accelerator; for fewer the host is quicker."""


class _Late(NamedTuple):
    """What a chunk gave that the host has not looked at yet.

    Attributes
    ----------
    scene, given : the chunk, and where events begin in it by other means.
    surprisal : of tokens from the first that was not known, in nats, or None.
    first : the first of these has no surprisal (nothing came before it).
    records : of recalls, by layer; choices : of the layers that chose on a device, four arrays for each device.
    """

    scene: Scene
    given: np.ndarray
    surprisal: Download | None
    first: bool
    records: dict[int, np.ndarray]
    choices: list[tuple[list[int], list[Download]]]


class Reader:
    """A model that reads chunk after chunk, with all that it remembers.

    Attributes
    ----------
    ids, surprisal : of every token (bits; NaN where nothing came before); the surprisal of a token to come may be
        known already.
    starts, ends : of the events that have left the window, in tokens.
    recalls : the record of recalls; event numbers count from the first that can be recalled.
    step : forward passes made.
    waits : whether the host may look at what a chunk gave while the device reads the next one; what it gives is the
        same. Tables are whole after `settle`.
    chooses : whether devices choose what long chunks remember.
    replays : whether a device replays single tokens, where it can (`stepping`).
    """

    def __init__(self, lm: LM, config: MemoryConfig):
        self.lm = lm
        self.layout = find_layers(lm)
        self.config = config = config.resolve(lm.limit, len(self.layout))
        self.reference = config.compat == "reference"
        self.n_local = int(config.n_local or 0)
        self.far = self.n_local - 1 if self.reference else self.n_local
        self.leaving = not self.reference
        self.sample = 0 if config.representative != "top" else 1 if self.reference else SAMPLE
        reach = {number: layer.reach(self.n_local) for number, layer in self.layout.items()}
        self.cache = LocalCache(reach, int(config.chunk or 1))
        shapes = {number: layer.shape for number, layer in self.layout.items() if layer.own_window is None}
        self.log = MemoryLog(shapes, config)
        self.layers = {n: LayerMemory(n, self.layout[n], self.log.layers[n], config) for n in shapes}
        self.former: Former = (ReferenceFormer if self.reference else PaperFormer)(config, self.n_local)
        # What there is of every token lies in the file too, where the log does; of events there is little.
        in_file = config.tier == "file"
        self.ids, self.surprisal = Growing(np.int64, in_file), Growing(np.float64, in_file)
        self.starts, self.ends = Growing(np.int64), Growing(np.int64)
        self.skipped = 0  # events that lie in the initial tokens, and are never recalled
        self.given = Growing(np.int64)
        self.recalls = Growing(RECALL)
        self.step = 0
        self.carried: torch.Tensor | None = None
        self.waits = self.lm.device.type == "cuda" and self.former.slack is not None
        self.chooses = self.lm.device.type == "cuda" and not self.reference
        self.replays = self.chooses
        self._stepper: Stepper | None = None
        self._calls = False
        self._places: dict[torch.device, DeviceEvents] = {}
        self._late: _Late | None = None
        self._n_known = 0  # tokens whose surprisal is known or on its way
        # No cycle: a fork that nobody holds any more lets go of its files at once.
        self._attention = MemoryAttention(weakref.proxy(self), self.n_local, self._make_rotation())
        self._scene: Scene | None = None
        self._go_back: list[Callable[[], None]] = []
        self._records: dict[int, np.ndarray] = {}
        self._choices: dict[int, DeviceChoice] = {}
        self._received: dict[int, torch.Tensor] = {}

    def _make_rotation(self) -> Rotation:
        length = max(self.cache.places, self.far + 1)
        return Rotation(self.lm.model.get_decoder(), length, self.far, self.lm.device, computing_dtype(self.lm.model))

    @property
    def seen(self) -> int:
        """Tokens read."""
        return self.cache.seen

    @property
    def scene(self) -> Scene:
        """The chunk that is being read."""
        if self._scene is None:
            raise ModelError("no chunk is being read: use the model within `attach()`, which begins one")
        return self._scene

    @contextmanager
    def attention(self) -> Iterator[None]:
        """Within this context the model attends through this memory; afterwards it is as it was before."""
        model, decoder = self.lm.model, self.lm.model.get_decoder()
        before, outer = decoder.config._attn_implementation, ALL_ATTENTION_FUNCTIONS.get(NAME)
        self._stepper = None
        try:
            ALL_ATTENTION_FUNCTIONS[NAME] = self._attention
            model.set_attn_implementation(NAME)
            with raw_rotary(decoder):
                yield
        finally:
            self._stepper = None
            model.set_attn_implementation(before)
            if outer is None:
                del ALL_ATTENTION_FUNCTIONS[NAME]
            else:  # this was within another memory's context, or its own
                ALL_ATTENTION_FUNCTIONS[NAME] = outer

    @property
    def attends(self) -> bool:
        """Whether the model attends through this memory, and is not called by it just now."""
        return not self._calls and ALL_ATTENTION_FUNCTIONS.get(NAME) is self._attention

    @torch.no_grad()
    def read_chunk(self, ids: np.ndarray, label: int | None = None) -> torch.Tensor:
        """Read up to `chunk` tokens; returns their logits (n, n_vocabulary).

        label : the token that follows, where it is known.
        """
        with self.attention():
            return self.forward(ids, label)

    def forward(self, ids: np.ndarray, label: int | None = None) -> torch.Tensor:
        """`read_chunk` within `attention`."""
        device = self.lm.device
        self.begin(len(ids))
        try:
            logits = self.replay(ids)
            if logits is None:
                self._calls = True
                logits = self.lm.model(
                    input_ids=upload(ids, device)[None],
                    position_ids=torch.arange(len(ids), device=device)[None],
                    past_key_values=self.cache,
                    use_cache=True,
                ).logits[0]
        except BaseException:
            self.roll_back()
            raise
        finally:
            self._calls = False
        self.finish(ids, logits, label)
        return logits

    def events_on(self, device: torch.device) -> DeviceEvents:
        """Where the events begin and how large they are, on a device that chooses among them."""
        return self._places.setdefault(device, DeviceEvents(device))

    def replay(self, ids: np.ndarray) -> torch.Tensor | None:
        """The logits of a chunk that has begun, if it is one that a device replays."""
        if not self.replays or len(ids) > 1 or not Stepper.suits(self):
            return None
        if self._stepper is None:
            self._stepper = Stepper(self)
        before = ALL_ATTENTION_FUNCTIONS[NAME]
        try:
            self._calls, ALL_ATTENTION_FUNCTIONS[NAME] = True, self._stepper.attention
            logits, self._choices, received = self._stepper.run(int(ids[0]))
        finally:
            self._calls, ALL_ATTENTION_FUNCTIONS[NAME] = False, before
        for layer, some in received.items():
            self.note(layer, some)
        return logits

    def begin(self, n: int) -> None:
        """Make ready for a chunk of n tokens."""
        if self._scene is not None:  # the chunk before failed half-way
            self.roll_back()
        if self._late is not None and not self._can_wait(n):
            self.settle()
        for column in (self.ids, self.surprisal):
            column.make_room(n + 1)
        self._take(self.former.leave(self.seen))
        take_in(self.layers.values())
        self._records, self._choices, self._received = {}, {}, {}  # of its own, not a fork's
        self._go_back = [part.mark() for layer in self.layers.values() for part in (layer.log, layer)]
        starts, ends = self.starts.rows[self.skipped :], self.ends.rows[self.skipped :]
        n_init = self.former.n_init_set if isinstance(self.former, ReferenceFormer) else self.config.n_init
        starts = np.maximum(starts, n_init)
        places = self._places if self.chooses and n >= LONG else None
        self._scene = Scene(self.step, self.seen, n, starts, ends, n_init, self.former.formed, places)

    def _can_wait(self, n: int) -> bool:
        """Whether a chunk of n tokens can be read before the host has looked at the one before."""
        late = self._late
        if late is None or self.former.slack is None or (late.choices and min(n, late.scene.n) < LONG):
            return False
        # What leaves the window now must be in events that follow from the tokens before that chunk.
        return self.n_local - 1 >= late.scene.n + self.former.slack

    def roll_back(self) -> None:
        """Forget the chunk that is being read."""
        for go_back in self._go_back:
            go_back()
        self.cache.rollback()
        self._scene, self._go_back, self._records, self._choices, self._received = None, [], {}, {}, {}
        self._stepper = None  # its device may be a step ahead

    def finish(self, ids: np.ndarray, logits: torch.Tensor, label: int | None) -> None:
        """Take in what the forward pass gave: surprise, and the events that follow from it."""
        self.settle()
        scene, n = self.scene, len(ids)
        first, surprisal = self._measure(ids, logits, label)
        fresh = {layer: pair[0] for layer, pair in self.cache.fresh.items()}
        self.former.take(lambda: [fresh[layer][0].to(self.lm.device) for layer in self.config.refine_layers])
        self.cache.commit(n)
        for layer, received in self._received.items():
            self.layers[layer].received = received
        given = self.given.rows
        given = given[np.searchsorted(given, scene.seen) : np.searchsorted(given, scene.seen + n)].copy()
        self._late = _Late(scene, given, surprisal, first, self._records, self._bring_choices())
        self.ids.extend(ids)
        self.step += 1
        self._scene, self._go_back, self._records, self._choices, self._received = None, [], {}, {}, {}
        if not self.waits:
            self.settle()

    def _bring_choices(self) -> list[tuple[list[int], list[Download]]]:
        """Begin to bring what the layers chose on their devices, device by device."""
        devices: dict[torch.device, list[int]] = {}
        for layer, choice in self._choices.items():
            devices.setdefault(choice.ranked.device, []).append(layer)
        return [
            (
                layers,
                [Download(torch.stack(parts)) for parts in zip(*(self._choices[n][:4] for n in layers), strict=True)],
            )
            for layers in devices.values()
        ]

    def settle(self) -> None:
        """Look at what the chunk before gave, if that was put off: surprisal, recalls, events."""
        late, self._late = self._late, None
        if late is None:
            return
        scene = late.scene
        if late.first:
            self.surprisal.extend([np.nan])
        if late.surprisal is not None:
            self.surprisal.extend(late.surprisal.get().astype(np.float64) * BITS)
        records = dict(late.records)
        for layers, parts in late.choices:
            ranked, scores, n_similar, queue = (part.get() for part in parts)
            for i, n in enumerate(layers):
                records[n] = self.layers[n].chosen(scene, ranked[i], scores[i], int(n_similar[i]), queue[i])
        for layer in sorted(records):
            self.recalls.extend(records[layer])
        self.former.read(scene.seen, self._surprise(scene.seen, scene.n), late.given)
        self._take(self.former.leave(self.seen))

    def _surprise(self, start: int, n: int) -> np.ndarray:
        if not self.reference:
            return self.surprisal.rows[start : start + n]
        # The reference stores a token's surprise at the token before; without a label there is none.
        following = self.surprisal.rows[start + 1 : start + n + 1]
        return following if len(following) == n else np.full(n, np.nan)

    def _take(self, events: np.ndarray) -> None:
        """Add events that have left the window."""
        if not len(events):
            return
        starts, ends = events.T.copy()
        self.starts.extend(starts)
        self.ends.extend(ends)
        n_init = 0 if self.reference else self.config.n_init
        skip = int(np.searchsorted(ends, n_init, side="right"))
        self.skipped += skip
        starts, ends = np.maximum(starts, n_init)[skip:], ends[skip:]
        for memory in self.layers.values():
            memory.add(starts, ends, self.former.formed)

    def _measure(self, ids: np.ndarray, logits: torch.Tensor, label: int | None) -> tuple[bool, Download | None]:
        """Begin to bring the surprisal of the tokens that the logits tell of, and whether one before has none."""
        first, parts = False, []
        if self._n_known == self.seen:
            first = self.carried is None
            if self.carried is not None:
                parts.append(self._nats(self.carried[None], ids[:1]))
            self._n_known += 1
        following = ids[1:] if label is None else np.append(ids[1:], label)
        if len(following):
            parts.append(self._nats(logits[: len(following)], following))
            self._n_known += len(following)
        self.carried = logits[-1].detach().clone()
        return first, Download(torch.cat(parts)) if parts else None

    def surprise_of(self, logits: torch.Tensor, ids: np.ndarray) -> np.ndarray:
        """Surprisal of tokens in bits, float64 (n,), under the distributions given by logits (n, n_vocabulary)."""
        return Download(self._nats(logits, ids)).get().astype(np.float64) * BITS

    def tell(self, surprisal: np.ndarray) -> None:
        """Put in the surprisal of the token that comes next, where it is known beforehand."""
        self.settle()
        self.surprisal.extend(surprisal)
        self._n_known = len(self.surprisal)

    def _nats(self, logits: torch.Tensor, ids: np.ndarray) -> torch.Tensor:
        targets = upload(ids, logits.device)[:, None]
        found = []
        for start in range(0, len(ids), ROWS):
            rows, wanted = logits[start : start + ROWS].float(), targets[start : start + ROWS]
            log_p = rows.softmax(-1).log() if self.reference else rows.log_softmax(-1)
            found.append(-log_p.gather(-1, wanted)[:, 0])
        return torch.cat(found)

    def window(self, layer: int) -> Window:
        """The local window of a layer; see `attention.Host`."""
        return self.cache.windows[layer]

    def holds(self, layer: int) -> bool:
        """Whether a layer has a memory; see `attention.Host`."""
        return layer in self.layers

    def recall(self, layer: int, query: Callable[[], torch.Tensor], n: int) -> Remembered | None:
        """Store the chunk's keys and values, and begin to bring what it remembers; see `attention.Host`."""
        scene, memory = self.scene, self.layers[layer]
        memory.log.append(scene.seen, *self.cache.fresh[layer])
        if memory.chooses_on_device(scene):
            sight, self._choices[layer] = memory.recall_on_device(scene, query)
            return sight
        index, record = memory.recall(scene, query)
        if len(record):
            self._records[layer] = record
        return Sight(memory.bring(index, keep=scene.n == 1).get) if len(index) else None

    def note(self, layer: int, received: torch.Tensor) -> None:
        """See `attention.Host`."""
        scene, memory = self.scene, self.layers[layer]
        self._received[layer] = memory.note(received, scene.seen, scene.n)

    def find_by_all(self) -> None:
        """From now on find events by the keys of all their tokens; the index is let go."""
        self.config, self.sample = replace(self.config, representative="all"), 0
        for memory in self.layers.values():
            memory.find_by_all(self.config)

    def fork(self) -> "Reader":
        """An independent reader with the same past; keys, values and index are shared, not copied."""
        self.settle()
        twin = copy.copy(self)
        twin._places, twin._stepper = {}, None
        twin.cache, twin.log = self.cache.fork(), self.log.fork()
        twin.layers = {n: memory.fork(twin.log.layers[n]) for n, memory in self.layers.items()}
        twin.former = copy.deepcopy(self.former)
        for name in ("ids", "surprisal", "starts", "ends", "given", "recalls"):
            setattr(twin, name, getattr(self, name).copy())
        twin._attention = copy.copy(self._attention)
        twin._attention.host = weakref.proxy(twin)
        return twin
