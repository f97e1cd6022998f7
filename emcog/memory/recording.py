"""A step that a CUDA device records and replays as one graph, where launching its operations takes longer than they do.

What is recorded are operations on tensors where they lie, once and for all. A step that is replayed must leave its
numbers at the same places, wait for nothing, and ask nothing of the host.
"""

import contextlib
import warnings
from collections.abc import Callable
from typing import Any

import torch

WAITED = "called a synchronizing CUDA operation"
PROTOTYPE = "Synchronization debug mode"
"""What torch says where the host waits for a device, and of that it says so."""


class Recorder:
    """Does a step a few times, and then replays it.

    Parameters
    ----------
    device : of the step. name : of the model, for what is said where it cannot be recorded.

    Attributes
    ----------
    on : whether steps are recorded.
    """

    def __init__(self, device: torch.device, name: str):
        self.device, self.name = device, name
        self.on = device.type == "cuda"
        self._layout: object = None
        self._begun = False
        self._kinds: dict[bool, tuple[torch.cuda.CUDAGraph, Any] | None] = {}
        self._pool: tuple[int, int] | None = None

    def run(self, work: Callable[[], Any], layout: object, kind: bool) -> Any:
        """What `work` gives.

        Parameters
        ----------
        layout : all that the step depends on beside the numbers in tensors; when it is another, what was recorded is
            let go.
        kind : steps come in two kinds.
        """
        if not self.on:
            return work()
        if layout != self._layout:
            self._layout, self._kinds, self._pool = layout, {}, None
        if not self._begun:  # what is tried out once, such as kernels, is not held against the model
            self._begun = True
            return work()
        if kind not in self._kinds:
            found = self._watch(work)
            self._kinds[kind] = None
            return found
        recorded = self._kinds[kind]
        if recorded is None:
            try:
                recorded = self._kinds[kind] = self._record(work)
            except RuntimeError as error:
                self._tidy_up()
                self._give_up(str(error).splitlines()[0])
                return work()
        graph, found = recorded
        graph.replay()
        return found

    def _watch(self, work: Callable[[], Any]) -> Any:
        """Do the step, and see whether the host waits in it. Then it is not tried to be recorded, which would fail, and
        leave random numbers and memory in disorder."""
        before = torch.cuda.get_sync_debug_mode()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                found = work()
            finally:
                torch.cuda.set_sync_debug_mode(before)
        for one in told:
            if not str(one.message).startswith((WAITED, PROTOTYPE)):
                warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
        if any(str(one.message).startswith(WAITED) for one in told):
            self._give_up("the host waits for the device within the model")
        return found

    def _record(self, work: Callable[[], Any]) -> "tuple[torch.cuda.CUDAGraph, Any]":
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream(self.device)
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(stream):
            graph.capture_begin(pool=self._pool, capture_error_mode="thread_local")
            try:
                found = work()
            finally:
                graph.capture_end()
        torch.cuda.current_stream(self.device).wait_stream(stream)
        return graph, found

    def _tidy_up(self) -> None:
        """Put right what torch leaves undone where a recording fails: memory still goes to it, and random numbers wait
        for its end, until another ends well."""
        pool, self._pool = self._pool, None
        index = torch.cuda.current_device() if self.device.index is None else self.device.index
        # No public name does this, and not every torch needs it.
        with contextlib.suppress(RuntimeError, AttributeError, TypeError):
            torch._C._cuda_endAllocateToPool(index, pool)
        with contextlib.suppress(RuntimeError):
            self._record(lambda: torch.zeros(1, device=self.device))
        self._pool = None

    def _give_up(self, why: str) -> None:
        self.on, self._kinds = False, {}
        warnings.warn(
            f"{self.name}: steps of this model cannot be recorded ({why}), so its generation takes longer",
            stacklevel=2,
        )
