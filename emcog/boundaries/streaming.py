"""Refinement on the fly: chunks of keys and raw proposals go in, refined boundaries come out, and memory does not grow.

The listening pass feeds it chunk by chunk:

    refiner = StreamingRefiner("modularity", max_window=512, layers=[3, 4, 5])
    for chunk in ...:
        boundaries.append(refiner.push(chunk_keys, proposed_starts_in_this_chunk))
    boundaries.append(refiner.finish())

Only the keys that a boundary to come may still look at are carried: at most 2 x max_window tokens and the chunk.
"""

from typing import Any

import numpy as np

from emcog.boundaries.refinement import MODES, Splitter, check_window, refine
from emcog.errors import DataError, OptionError
from emcog.graph.passing import PassingGraph
from emcog.graph.scores import METRICS, VOLUMES
from emcog.graph.similarity import KINDS, key_rows, to_numpy
from emcog.graph.sums import NEGATIVE
from emcog.options import check_choice, check_number


class StreamingRefiner:
    """Refines a text of any length as it is listened to.

    In mode "paper" the boundaries equal `refine(similarity(keys, ...), proposals, ..., max_window=max_window)` on the
    whole text. In mode "reference" each push is one chunk of the released code: the left context goes back to the
    last refined boundary if that lies within as many tokens as the chunk has, and not in the first chunk.

    Parameters
    ----------
    metric, mode, min_size, negative, volume : as in `refine`.
    max_window : tokens, the longest window that a boundary may move in.
    layers, heads, kind : as in `emcog.graph.similarity`.
    """

    def __init__(
        self,
        metric: str = "modularity",
        mode: str = "paper",
        min_size: int = 1,
        *,
        max_window: int = 512,
        layers: Any = None,
        heads: Any = None,
        kind: str = "dot",
        negative: str | None = None,
        volume: str = "degree",
    ):
        self.mode = check_choice("mode", mode, MODES)
        min_size = int(check_number("min_size", min_size, low=1, integer=True))
        if mode == "reference" and (negative not in (None, "keep") or volume != "degree"):
            raise OptionError('mode="reference" has its own rules: leave negative and volume out')
        self._choice = (layers, heads, check_choice("kind", kind, KINDS))
        self._longest = int(check_window(max_window, None, min_size) or 0)
        self._rule = Splitter(
            check_choice("metric", metric, METRICS),
            min_size,
            check_choice("negative", negative or "clip", NEGATIVE),
            check_choice("volume", volume, VOLUMES),
            self._longest,
        )
        self._passing = PassingGraph(self._longest)
        self._seen = self._chunk = 0  # tokens whose keys were taken; those of the last chunk
        self._known = 0
        self._last = 0  # the refined start before
        self._pending: list[int] = []
        self._begun = self._done = False  # begun: a boundary has been returned

    @property
    def carried(self) -> int:
        """Tokens whose keys are held at the moment."""
        return self._passing.stop - self._passing.start

    @property
    def settled_before(self) -> int:
        """Position before which every boundary has been returned: those to come lie at or after it ("paper")."""
        # A boundary moves back at most to the one before it, and within its window.
        following = self._pending[0] if self._pending else self._known
        return max(self._last + 1, following - self._longest + self._rule.min_size)

    def get_state(self) -> tuple[Any, dict[str, Any]]:
        """What `set_state` needs to go on from here: the keys carried (None before the first), and plain values."""
        names = ("_seen", "_known", "_last", "_pending", "_begun", "_done")
        return self._passing.rows, {"_base": self._passing.start} | {name: getattr(self, name) for name in names}

    def set_state(self, rows: Any, values: dict[str, Any]) -> None:
        """Go on from where `get_state` of a refiner with the same settings was asked."""
        self._passing.restore(rows, values["_base"])
        for name, value in values.items():
            if name != "_base":
                setattr(self, name, list(value) if isinstance(value, list) else value)

    def push(self, keys: Any, proposals: Any, known: int | None = None) -> np.ndarray:
        """Take the next chunk; return the boundaries that are now settled.

        Parameters
        ----------
        keys : this chunk's un-rotated keys, shapes as in `similarity`: (layers, kv_heads, n_chunk, head_dim), array
            or tensor.
        proposals : int, proposed starts as positions in the whole text, increasing; token 0 is implied ("paper").
        known : every proposal before this position has been given by now; None: all before the end of this chunk. Give
            an earlier one if the proposals lag behind the keys (Bayesian surprise of a chunk's last token, whole
            words).

        Returns
        -------
        int64 array of refined starts in the whole text, after all that came before; 0 is the first ("paper").
        """
        rows = self._rows(keys)
        events = self._check(proposals, known, self._seen + int(rows.shape[0]))
        self._take(rows)
        return self._decide(*events)

    def take(self, keys: Any) -> None:
        """The first half of `push`: take the next chunk's keys. `decide` is to follow before the next chunk.

        Where the keys are on an accelerator, what `decide` needs is on its way to the host meanwhile.
        """
        self._take(self._rows(keys))

    def decide(self, proposals: Any, known: int | None = None) -> np.ndarray:
        """The second half of `push`, for the chunk whose keys were taken last."""
        return self._decide(*self._check(proposals, known, self._seen))

    def _rows(self, keys: Any) -> Any:
        if self._done:
            raise DataError("this refiner is finished: make a new one for another text")
        return key_rows(keys, *self._choice)

    def _take(self, rows: Any) -> None:
        self._chunk = int(rows.shape[0])
        self._passing.append(rows)
        self._seen += self._chunk

    def _check(self, proposals: Any, known: int | None, seen: int) -> tuple[list[int], int]:
        known = seen if known is None else int(check_number("known", known, low=self._known, integer=True))
        return self._check_proposals(proposals, seen, known), known

    def _decide(self, events: list[int], known: int) -> np.ndarray:
        if self.mode == "reference":
            settled = self._push_reference(events, self._seen - self._chunk, self._chunk)
        else:
            self._pending += [event for event in events if event > 0]
            self._known = known
            settled = ([] if self._begun or not self._seen else [0]) + self._settle(last=False)
            self._begun = self._begun or self._seen > 0
        self._trim()
        return np.asarray(settled, dtype=np.int64)

    def finish(self, proposals: Any = ()) -> np.ndarray:
        """The boundaries still open at the end of the text; `proposals` are those that lagged behind ("paper")."""
        events = self._check_proposals(proposals, self._seen, self._seen)
        if self.mode == "reference" and events:
            raise DataError('mode="reference" takes the proposals of a chunk with its keys, not at the end')
        self._pending += [event for event in events if event > 0]
        self._done = True
        settled = self._settle(last=True) if self.mode == "paper" else []
        self._passing.restore(None, self._seen)
        return np.asarray(settled, dtype=np.int64)

    def _check_proposals(self, proposals: Any, end: int, known: int) -> list[int]:
        events = to_numpy(proposals).ravel()
        if events.dtype == bool or (events.size and events.dtype.kind not in "iu"):
            raise DataError(
                "proposals must be whole positions in the text, not flags or fractions: give "
                "np.flatnonzero(flags) + start"
            )
        if known > end:
            raise DataError(f"known={known} lies beyond the {end} tokens pushed so far")
        earliest = max(self._known, self._pending[-1] + 1 if self._pending else 0)
        if events.size and (events[0] < earliest or events[-1] >= end or (np.diff(events) <= 0).any()):
            raise DataError(
                f"proposals must increase and lie in {earliest} to {end - 1}, those not yet settled and already "
                f"pushed; got {int(events[0])} to {int(events[-1])}"
            )
        return events.tolist()

    def _settle(self, last: bool) -> list[int]:
        """Move the proposals whose window can no longer change."""
        settled = []
        while self._pending:
            proposal = self._pending[0]
            if len(self._pending) > 1:
                after = self._pending[1]
            elif last:
                after = self._seen
            elif self._known >= proposal + self._longest:
                after = self._known  # wherever the next proposal comes, the window ends before it
            else:
                break
            self._last = self._rule.move(self._graph, self._last, proposal, after)
            settled.append(self._last)
            self._pending.pop(0)
        return settled

    def _graph(self, start: int, end: int) -> np.ndarray:
        return self._passing.window(start, end)

    def _push_reference(self, events: list[int], start: int, count: int) -> list[int]:
        if not events:
            return []
        back = start - self._last
        offset = (
            back if self._begun and start >= count and 0 < back <= count and self._last >= self._passing.start else 0
        )
        graph = self._graph(start - offset, start + count)
        moved = refine(graph, np.asarray(events) - start, self._rule.metric, "reference", self._rule.min_size, offset)
        if len(moved):
            self._last, self._begun = start + int(moved[-1]), True
        return (moved + start).tolist()

    def _trim(self) -> None:
        """Let go of keys that no later window can reach."""
        if self.mode == "paper":
            next_one = self._pending[0] if self._pending else self._known
            keep = max(self._last, next_one - self._longest)
        else:
            keep = max(self._last, self._seen - self._longest)
        self._passing.let_go(keep)
