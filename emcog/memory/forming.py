"""From the tokens' surprise and keys to events, as the text is read: a former takes chunks and hands out events."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from emcog.boundaries.lengths import split_long
from emcog.boundaries.streaming import StreamingRefiner
from emcog.boundaries.threshold import running_scores
from emcog.memory.config import MemoryConfig

METRICS = {"SM": "modularity", "SC": "conductance"}


class Former(Protocol):
    """Forms events online.

    Attributes
    ----------
    formed : first token that belongs to no event yet.
    refiner : moves boundaries; None where the segmentation does not refine.
    slack : events that end at least so many tokens before the end of what was read are formed, whatever comes; None:
        nothing is said of that.
    """

    formed: int
    refiner: StreamingRefiner | None

    @property
    def slack(self) -> int | None: ...

    def take(self, keys: Callable[[], Any]) -> None:
        """Take a chunk's raw keys of the layers that refine, (layers, kv_heads, n, head_dim), which `keys` gives."""

    def read(self, start: int, surprise: np.ndarray, given: np.ndarray) -> None:
        """Take the chunk whose keys were taken last.

        Parameters
        ----------
        start : position of the chunk's first token.
        surprise : float64 (n,), bits; as the mode has it (reference: of the token after each; 0 where not known).
        given : positions in the chunk where events begin by other means (sentences, people's events).
        """

    def leave(self, seen: int) -> np.ndarray:
        """New events that have left the window when so many tokens are read.

        Returns
        -------
        int64 (n_events, 2): half-open ranges of tokens, consecutive.
        """

    def settled(self) -> np.ndarray:
        """Events that are complete, but still in the window, int64 (n_events, 2)."""


class PaperFormer:
    """The method as the paper means it: an event begins at the surprising token, or where refinement moves it.

    Boundaries less than min_event after the one before are dropped; an event of more than max_event tokens is split
    where surprise is highest. An event is handed out when its last token has left the window of every query to come.
    """

    def __init__(self, config: MemoryConfig, n_local: int):
        self.config, self.n_local = config, n_local
        self.formed = self._open = self._known = 0
        self._starts: list[int] = []
        self._ready: list[tuple[int, int]] = []
        # Of the tokens from _base on.
        self._surprise, self._base = np.empty(0), 0
        self._longest = 0
        self.refiner: StreamingRefiner | None = None
        if (kind := config.segmentation) in METRICS:
            # Longer events are split anyway; a wider window would only keep boundaries open for longer.
            self._longest = max(2 * (config.max_event or 1), 4 * config.min_event)
            self.refiner = StreamingRefiner(METRICS[kind], min_size=config.min_event, max_window=self._longest)

    @property
    def slack(self) -> int:
        """See `Former`: a proposal is settled, and the one before it, when its window is read; a stretch is cut when it
        is longer than an event may be."""
        return (2 * self._longest if self.refiner else 0) + (self.config.max_event or 1) + self.config.min_event

    def take(self, keys: Callable[[], Any]) -> None:
        """See `Former.take`."""
        if self.refiner is not None:
            self.refiner.take(keys())

    def read(self, start: int, surprise: np.ndarray, given: np.ndarray) -> None:
        """See `Former.read`."""
        end = start + len(surprise)
        self._surprise = np.concatenate([self._surprise, surprise])
        proposed = self._propose(start, given)
        if self.refiner is not None:
            moved = self.refiner.decide(proposed)
            self._starts += moved[moved > 0].tolist()
            self._known = self.refiner.settled_before
        else:
            self._starts += proposed.tolist()
            self._known = end
        self._cut()
        keep = max(0, min(self._open, end - self.config.window) - self._base)
        self._surprise, self._base = self._surprise[keep:], self._base + keep

    def _propose(self, start: int, given: np.ndarray) -> np.ndarray:
        config, n_before = self.config, start - self._base
        if config.segmentation == "F":
            end = self._base + len(self._surprise)
            size = config.max_event or 1
            return np.arange(max(1, -(-start // size)) * size, end, size)
        if config.segmentation not in ("S", "SM", "SC"):
            return given[given > 0]
        # No value further back than the window plays a part.
        first = max(0, n_before - config.window)
        scores = running_scores(self._surprise[first:], config.window, last=len(self._surprise) - n_before)
        with np.errstate(invalid="ignore"):
            found = start + np.flatnonzero(scores > config.gamma)
        return found[found > 0]

    def _cut(self) -> None:
        """Make events of the boundaries that are settled."""
        low, high = self.config.min_event, self.config.max_event or 1
        for boundary in self._starts:
            if boundary - self._open >= low:
                self._add(boundary)
        self._starts = []
        # What must be split whatever comes: the first piece of a long stretch does not depend on where it ends.
        while self._known - self._open >= high + low:
            piece = self._surprise[self._open + low - self._base : self._open + high + 1 - self._base]
            value = np.nan_to_num(piece, nan=-np.inf)[::-1]
            self._add(self._open + high - int(np.argmax(value)))

    def _add(self, end: int) -> None:
        piece = self._surprise[self._open - self._base : end - self._base]
        starts = np.zeros(1, dtype=np.int64)
        if len(piece) > (self.config.max_event or 1):
            starts = split_long(starts, len(piece), self.config.max_event or 1, self.config.min_event, piece)
        edges = [*(starts + self._open).tolist(), end]
        self._ready += pairwise(edges)
        self._open = end

    def leave(self, seen: int) -> np.ndarray:
        """See `Former.leave`."""
        gone = seen - self.n_local + 1
        count = sum(1 for _, stop in self._ready if stop <= gone)
        found, self._ready = self._ready[:count], self._ready[count:]
        if found:
            self.formed = found[-1][1]
        return np.array(found, dtype=np.int64).reshape(-1, 2)

    def settled(self) -> np.ndarray:
        """See `Former.settled`."""
        return np.array(self._ready, dtype=np.int64).reshape(-1, 2)


class ReferenceFormer:
    """Blocks as the authors' released code forms them; the golden data's README, sections 3, 4 and 8.

    Attributes
    ----------
    n_init_set : initial tokens set aside so far.
    """

    def __init__(self, config: MemoryConfig, n_local: int):
        self.config, self.n_local = config, n_local
        self.formed = self.n_init_set = 0  # `formed` is E, the first token of the remainder
        self._flags = np.empty(0, dtype=bool)  # of the remainder
        self._surprise, self._base = np.empty(0), 0
        self.refiner: StreamingRefiner | None = None
        if (kind := config.segmentation) in METRICS:
            longest = max(4 * config.min_event, 2 * (config.chunk or 1))
            self.refiner = StreamingRefiner(METRICS[kind], "reference", config.min_event, max_window=longest)
        self.threshold = np.nan
        self._left = np.empty((0, 2), dtype=np.int64)
        self.slack = None

    def take(self, keys: Callable[[], Any]) -> None:
        """See `Former.take`."""
        if self.refiner is not None:
            self.refiner.take(keys())

    def read(self, start: int, surprise: np.ndarray, given: np.ndarray) -> None:
        """See `Former.read`; `given` is not used. A chunk without labels has surprise NaN throughout."""
        n = len(surprise)
        labelled = not np.isnan(surprise).any()
        events = self._propose(start, surprise) if labelled else np.empty(0, dtype=np.int64)
        if self.refiner is not None:
            events = self.refiner.decide(events + start) - start
        flags = np.zeros(n, dtype=bool)
        flags[events] = True
        self._flags = np.concatenate([self._flags, flags])
        # float32, as the reference keeps them.
        self._surprise = np.concatenate([self._surprise, np.nan_to_num(surprise).astype(np.float32)])
        self._set_initial_aside()
        self._left = np.concatenate([self._left, self._form()])
        keep = min(self.formed, start + n - self.n_local) - self._base
        if keep > 0:
            self._surprise, self._base = self._surprise[keep:], self._base + keep

    def leave(self, seen: int) -> np.ndarray:
        """See `Former.leave`: blocks are formed when they have left."""
        found, self._left = self._left, self._left[:0]
        return found

    def _propose(self, start: int, surprise: np.ndarray) -> np.ndarray:
        config, n = self.config, len(surprise)
        if config.segmentation == "F":
            return np.arange(0, n, config.max_event or 1)
        if start == 0:
            window = surprise if self.refiner is not None else surprise[: config.n_init]
        else:
            # Entries of the current chunk: known on the surprise path, still zero on the refinement path.
            current = surprise if self.refiner is None else np.zeros(n)
            known = np.concatenate([self._surprise, current])
            low = max(start + n - self.n_local, self.formed)
            high = max(start, self.formed + config.n_init)
            window = known[low - self._base : high - self._base]
        window = window.astype(np.float32).astype(np.float64)
        with np.errstate(all="ignore"):
            sd = window.std(ddof=1) if len(window) > 1 else np.nan
            self.threshold = window.mean() + config.gamma * sd if len(window) else np.nan
            return np.flatnonzero(surprise > self.threshold)

    def _set_initial_aside(self) -> None:
        spare = len(self._flags) - self.n_local
        count = min(self.config.n_init - self.n_init_set, spare)
        if count > 0:
            self._flags = self._flags[count:]
            self.n_init_set += count
            self.formed += count

    def _form(self) -> np.ndarray:
        low, high = self.config.min_event, self.config.max_event or 1
        old = len(self._flags) - self.n_local  # m: tokens of the remainder that have left the window
        if old < low:
            return np.empty((0, 2), dtype=np.int64)
        cuts = np.flatnonzero(self._flags[:old])
        if not len(cuts) and old > high:
            cuts = np.arange(high, old, high)
        edges = np.unique(np.concatenate([[0], cuts, [old]]))
        sizes: list[int] = []
        running = 0
        for piece, last in zip(np.diff(edges).tolist(), np.arange(len(edges) - 1) == len(edges) - 2, strict=True):
            running += piece
            while running >= high:
                sizes.append(high)
                running -= high
            if running < min(low, old):
                continue
            if not last:
                sizes.append(running)
            running = 0
        ends = self.formed + np.cumsum(np.array(sizes, dtype=np.int64))
        found = np.stack([ends - np.array(sizes, dtype=np.int64), ends], axis=1)
        taken = int(sum(sizes))
        self.formed += taken
        self._flags = self._flags[taken:]
        return found

    def settled(self) -> np.ndarray:
        """See `Former.settled`: none, the reference shows its blocks only."""
        return np.empty((0, 2), dtype=np.int64)
