"""Boundaries from the key graph: refinement as the keys come, and the exact optimum.

Keys are large (kilobytes a token) and are not kept: they go into the graph of a short text, or through the streaming
refiner, as they come. Where proposals that are to be refined need the whole signal first, the text is read twice.
"""

from typing import Any

import numpy as np
import torch

from emcog.boundaries.optimal import optimal
from emcog.boundaries.streaming import StreamingRefiner
from emcog.boundaries.threshold import running_scores
from emcog.errors import OptionError
from emcog.graph import BandedGraph
from emcog.lm import LM
from emcog.segmenting.settings import SegmentSettings

MAX_WINDOW = 512
"""Tokens, the longest stretch that a boundary may move in, and the band of the graph of a short text."""
SHORT = 32_768
"""Tokens of the longest text whose graph is kept whole, for the optimum and for levels."""


def upper_layers(lm: LM, settings: SegmentSettings) -> list[int]:
    """The layers whose keys make the graph: those asked for, or the upper half, whose keys say more than spelling."""
    count = len(lm.model.get_decoder().layers)
    layers = list(settings.layers) if settings.layers is not None else list(range(count // 2, count))
    if max(layers) >= count:
        raise OptionError(f"layers {layers} do not all exist: {lm.name} has layers 0 to {count - 1}")
    return layers


class OnlineRefiner:
    """Proposes by threshold and refines, chunk by chunk, while the text is being listened to.

    `push` is given to `listen` as its `on_keys`; `finish` returns the refined starts. Memory does not grow with the
    text: signals come from the tables that listening fills anyway, keys are let go as soon as no boundary needs them.
    Proposals that come too soon are dropped before anything is refined, as where the whole signal is known.

    `landing`, int array (n_tokens,), says where a boundary proposed at each token will be put; None: there.
    """

    def __init__(self, lm: LM, settings: SegmentSettings, landing: np.ndarray | None = None):
        self.settings, self.landing = settings, landing
        self.refiner = _streaming(lm, settings)
        self.found: list[np.ndarray] = []
        self.before = np.empty(0)
        self.known = self.seen = 0  # tokens whose signal, whose keys are there
        self.last = 0  # the latest proposal that was kept
        self.held: list[int] = []  # kept, but perhaps too near to the end of the text

    def push(self, start: int, keys: torch.Tensor, signals: dict[str, np.ndarray]) -> None:
        """Take the keys from token `start` on, and the values of the signals that have become known."""
        self._keep(self._propose(signals[self.settings.signal]))
        self.seen = start + keys.shape[2]
        ready = self._ready()
        self.found.append(self.refiner.push(keys, np.array(ready, dtype=np.int64), known=self._settled()))

    def finish(self) -> np.ndarray:
        """The refined starts of the whole text."""
        return np.concatenate([*self.found, self.refiner.finish()])

    def get_state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """What `set_state` needs to go on from here."""
        tensors, plain = _refiner_state(self.refiner, self.found)
        tensors["before"] = torch.from_numpy(self.before)
        return tensors, plain | {name: getattr(self, name) for name in ("known", "seen", "last", "held")}

    def set_state(self, tensors: dict[str, torch.Tensor], plain: dict[str, Any]) -> None:
        """Go on from where `get_state` of a refiner with the same settings was asked."""
        self.found = _restore_refiner(self.refiner, tensors, plain)
        self.before = tensors["before"].cpu().numpy()
        for name in ("known", "seen", "last", "held"):
            setattr(self, name, plain[name])

    def _keep(self, starts: np.ndarray) -> None:
        """Hold the proposals, where they will be put, that do not come too soon after the one before."""
        landed = starts if self.landing is None else self.landing[starts]
        for place in landed.tolist():
            if place - self.last >= self.settings.min_event:
                self.held.append(place)
                self.last = place

    def _ready(self) -> list[int]:
        """Let go of those that are far enough from the end of the text, wherever that is."""
        count = sum(place + self.settings.min_event <= self.seen for place in self.held)
        ready, self.held = self.held[:count], self.held[count:]
        return ready

    def _settled(self) -> int:
        """Before this token every proposal was made, put in its place, and let go."""
        known = self.known
        if self.landing is not None and known < len(self.landing):
            known = int(self.landing[known])
        return min(known, self.seen, *self.held[:1])

    def _propose(self, new: np.ndarray) -> np.ndarray:
        values = np.concatenate([self.before, new])
        scores = running_scores(values, self.settings.window)[len(self.before) :]
        with np.errstate(invalid="ignore"):
            starts = self.known + np.flatnonzero(scores > self.settings.gamma)
        self.known += len(new)
        self.before = values[-self.settings.window :]
        return starts[starts > 0]


class ProposalRefiner:
    """Refines proposals that are all known, in a pass of its own over the text; `push` and `finish` as above."""

    def __init__(self, lm: LM, settings: SegmentSettings, starts: np.ndarray):
        self.starts = starts
        self.refiner = _streaming(lm, settings)
        self.found: list[np.ndarray] = []

    def push(self, start: int, keys: torch.Tensor, signals: dict[str, np.ndarray]) -> None:
        """Take the keys from token `start` on."""
        inside = self.starts[(self.starts >= start) & (self.starts < start + keys.shape[2])]
        self.found.append(self.refiner.push(keys, inside[inside > 0]))

    def finish(self) -> np.ndarray:
        """The refined starts of the whole text."""
        return np.concatenate([*self.found, self.refiner.finish()])

    def get_state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """What `set_state` needs to go on from here."""
        return _refiner_state(self.refiner, self.found)

    def set_state(self, tensors: dict[str, torch.Tensor], plain: dict[str, Any]) -> None:
        """Go on from where `get_state` of a refiner of the same proposals was asked."""
        self.found = _restore_refiner(self.refiner, tensors, plain)


def _refiner_state(
    refiner: StreamingRefiner, found: list[np.ndarray]
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    rows, values = refiner.get_state()
    tensors = {"found": torch.from_numpy(np.concatenate([np.empty(0, dtype=np.int64), *found]))}
    return tensors | ({} if rows is None else {"rows": rows}), {"refiner": values}


def _restore_refiner(
    refiner: StreamingRefiner, tensors: dict[str, torch.Tensor], plain: dict[str, Any]
) -> list[np.ndarray]:
    refiner.set_state(tensors.get("rows"), plain["refiner"])
    return [tensors["found"].cpu().numpy()]


class GraphBuilder:
    """Forms the banded key graph of a short text, chunk by chunk, while the text is being listened to.

    `push` is given to `listen` as its `on_keys`; `graph` is whole afterwards.
    """

    def __init__(self, lm: LM, settings: SegmentSettings):
        band = max(MAX_WINDOW, settings.max_event or 0)
        self.graph = BandedGraph(band, layers=upper_layers(lm, settings), heads=settings.heads)

    def push(self, start: int, keys: torch.Tensor, signals: dict[str, np.ndarray]) -> None:
        """Take the keys from token `start` on; an OptionError as soon as the text proves too long."""
        if start + keys.shape[2] > SHORT:
            raise OptionError(f"the optimum and levels take texts of up to {SHORT:,} tokens: cut this one")
        self.graph.append(keys)


def best_segmentation(graph: BandedGraph, settings: SegmentSettings) -> np.ndarray:
    """Starts of the exact optimum of modularity, with the settings' limits."""
    wanted = settings.wanted
    # Without a limit of the user's, one that keeps the search short and that events of unlike lengths do not feel.
    usual = max(MAX_WINDOW, 2 * settings.min_event, 4 * -(-graph.n // wanted) if wanted else 0)
    longest = settings.max_event or usual
    return optimal(graph, wanted, settings.penalty, max_event=longest, min_event=settings.min_event).boundaries


def can_refine_online(settings: SegmentSettings) -> bool:
    """Whether what is to be refined follows from what was read so far, so that one pass over the text is enough."""
    return settings.refine is not None and settings.propose == "threshold" and settings.wanted is None


def _streaming(lm: LM, settings: SegmentSettings) -> StreamingRefiner:
    return StreamingRefiner(
        settings.refine or "modularity",
        min_size=settings.min_event,
        max_window=max(MAX_WINDOW, 4 * settings.min_event),
        layers=upper_layers(lm, settings),
        heads=settings.heads,
    )
