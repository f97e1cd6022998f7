"""Memory inside plain transformers code: while attached, the model's own forward reads through the memory."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from transformers.modeling_outputs import CausalLMOutputWithPast

from emcog.errors import ModelError
from emcog.memory.reader import Reader


class Owner(Protocol):
    """Whose memory is attached."""

    reader: Reader

    @property
    def pending(self) -> np.ndarray:
        """Tokens that were given but not yet read."""

    def sync(self) -> None:
        """The reader has read something."""


@contextmanager
def attached(owner: Owner) -> Iterator[None]:
    """Within this context, `model(...)` and `model.generate(...)` read into the owner's memory and recall from it."""
    reader = owner.reader
    hooks = _Hooks(owner)
    model = reader.lm.model
    before = model.register_forward_pre_hook(hooks.before, with_kwargs=True)
    after = model.register_forward_hook(hooks.after, with_kwargs=True)
    own, forward = vars(model).get("forward"), model.forward
    ours = model.forward = functools.wraps(forward)(functools.partial(hooks.forward, forward))
    try:
        with reader.attention(), torch.no_grad():
            yield
    finally:
        before.remove()
        after.remove()
        if vars(model).get("forward") is ours:  # what somebody else has put there meanwhile stays
            del model.forward
            if own is not None:
                model.forward = own


class _Hooks:
    """Around each forward pass: what is longer than a chunk is read chunk by chunk first."""

    def __init__(self, owner: Owner):
        self.owner, self.reader = owner, owner.reader
        self.wanted: Any = None
        self.as_tuple = False
        self.last = np.empty(0, dtype=np.int64)
        self.before_last: list[torch.Tensor] = []

    def before(self, model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Read all but the last piece, and let the pass that was asked for read that."""
        if not self.reader.attends:
            return None
        ids = kwargs.get("input_ids", args[0] if args else None)
        if ids is None or kwargs.get("inputs_embeds") is not None:
            raise ModelError("a memory reads token ids: give input_ids, not inputs_embeds")
        if kwargs.get("use_cache") is False:
            raise ModelError("a memory is the model's cache, and each token goes in once: leave out use_cache=False")
        if ids.shape[0] != 1:
            raise ModelError(
                f"a memory reads one text at a time, got {ids.shape[0]} at once: generate without beams and with one "
                "sequence; for more, use one fork() each"
            )
        reader = self.reader
        if kwargs.get("past_key_values") is not reader.cache:  # a new text, as far as the caller knows
            reader.cache.base = reader.seen
        new = ids[0].cpu().numpy().astype(np.int64)
        pending = self.owner.pending
        given = np.concatenate([pending, new])
        chunk = int(reader.config.chunk or 1)
        # The reference reads the last token of a prompt by itself.
        last = 1 if reader.reference else min(len(new), chunk)
        self.wanted, self.as_tuple = kwargs.pop("logits_to_keep", 0), kwargs.get("return_dict") is False
        self._read(given[: len(given) - last], int(given[-last]), len(pending))
        self.last = given[len(given) - last :]
        device = ids.device
        kwargs |= {
            "input_ids": torch.from_numpy(self.last)[None].to(device),
            "position_ids": torch.arange(last, device=device)[None],
            "attention_mask": None, "past_key_values": reader.cache, "use_cache": True, "logits_to_keep": 0,
            "return_dict": True,
        }  # fmt: skip
        reader.begin(last)
        return (), kwargs

    def _read(self, ids: np.ndarray, label: int, n_pending: int) -> None:
        """Read in chunks; keep the logits of the caller's own tokens if all are asked for."""
        self.before_last = []
        keep = isinstance(self.wanted, int) and self.wanted == 0
        chunk = int(self.reader.config.chunk or 1)
        for start in range(0, len(ids), chunk):
            piece = ids[start : start + chunk]
            following = int(ids[start + chunk]) if start + chunk < len(ids) else label
            logits = self.reader.forward(piece, following)
            if keep:
                self.before_last.append(logits[max(0, n_pending - start) :])

    def forward(self, own: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The model's own, or what a device replays of it, which gives the same logits, and nothing beside."""
        more = ("output_hidden_states", "output_attentions")
        asked = any(kwargs.get(name) or getattr(self.reader.lm.model.config, name, False) for name in more)
        logits = None if asked or not self.reader.attends else self.reader.replay(self.last)
        if logits is None:
            return own(*args, **kwargs)
        return CausalLMOutputWithPast(logits=logits[None], past_key_values=self.reader.cache)

    def after(self, model: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        """Take in the last piece, and give back the logits that were asked for."""
        if not self.reader.attends:
            return None
        self.reader.finish(self.last, output.logits[0], None)
        self.owner.sync()
        if self.before_last:
            output.logits = torch.cat([*(part[None] for part in self.before_last), output.logits], dim=1)
            self.before_last = []
        if isinstance(self.wanted, int):
            output.logits = output.logits[:, -self.wanted :] if self.wanted else output.logits
        else:
            output.logits = output.logits[:, self.wanted]
        return output.to_tuple() if self.as_tuple else output
