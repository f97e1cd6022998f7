"""A sliding window of context behind initial tokens that stay, for any rotary decoder.

Query i sees key j where 0 <= i - j < n_local, at its true distance, and the first n_init keys that have left its
window, all at the one distance n_local. So what is computed for a token does not depend on where chunks begin.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from transformers import Cache
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from emcog.lm.attention import attend, attend_part, merge_far
from emcog.lm.precision import computing_dtype
from emcog.lm.rotary import Rotation, raw_rotary

NAME = "emcog_window"
Pair = tuple[torch.Tensor, ...]
QUERY_BLOCK = 128
"""Queries attended at once on a CPU: blocks narrower than the window keep the masked-out part of the products small."""


class WindowCache(Cache):
    """Un-rotated keys and values of the initial tokens and of the local window, per layer.

    Attributes
    ----------
    n_init, n_local : sizes in tokens.
    seen : tokens that all layers have read (the chunk being read not among them).
    new_keys : per layer, the raw keys (1, kv_heads, n, head_dim) of the chunk read last.
    """

    def __init__(self, n_layers: int, n_init: int, n_local: int):
        super().__init__(layers=[])
        self.n_init, self.n_local, self.n_layers = n_init, n_local, n_layers
        self.seen = 0
        self.init: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self.local: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self.new_keys: dict[int, torch.Tensor] = {}

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take in a chunk's keys and values of one layer; returns those of the window with the chunk behind them."""
        new = (key_states, value_states)
        self.new_keys[layer_idx] = key_states
        if self.seen < self.n_init:
            room = self.n_init - self.seen
            self.init[layer_idx] = _join(self.init.get(layer_idx), tuple(x[:, :, :room].contiguous() for x in new))
        joined = _join(self.local.get(layer_idx), new)
        keep = self.n_local - 1
        self.local[layer_idx] = tuple(x[:, :, max(0, x.shape[2] - keep) :] for x in joined)
        return joined

    def get_state(self) -> dict[str, torch.Tensor]:
        """Its keys and values by name; with `seen`, what `set_state` needs."""
        pairs = [(f"{part}.{layer}", pair) for part in ("init", "local") for layer, pair in getattr(self, part).items()]
        return {f"{name}.{kind}": x for name, pair in pairs for kind, x in zip(("key", "value"), pair, strict=True)}

    def set_state(self, tensors: dict[str, torch.Tensor], seen: int) -> None:
        """Go on from where `get_state` of a cache of the same sizes was asked."""
        self.seen = seen
        for name in tensors:
            part, layer, kind = name.split(".")
            if kind == "key":
                getattr(self, part)[int(layer)] = (tensors[name], tensors[f"{part}.{layer}.value"])

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Tokens read."""
        return self.seen

    def get_mask_sizes(self, query_length: int, layer_idx: int = 0) -> tuple[int, int]:
        """Keys given to the attention function, and the position of the first (no mask is made from it)."""
        return min(self.seen, self.n_local - 1) + query_length, 0


def _join(old: Pair | None, new: Pair) -> Pair:
    return new if old is None else tuple(torch.cat(pair, dim=2) for pair in zip(old, new, strict=True))


class WindowAttention:
    """The attention function: local part and initial part in one softmax.

    Parameters
    ----------
    cache : the WindowCache that the same forward pass is given.
    model : the transformers causal LM that it is for.
    chunk : the longest chunk that will be read.
    """

    def __init__(self, cache: WindowCache, model: nn.Module, chunk: int):
        self.cache = cache
        length, kind = cache.n_local + chunk, computing_dtype(model)
        rotation = Rotation(model.get_decoder(), length, cache.n_local, model.device, kind)
        self._rotations = {rotation.cos.device: rotation}  # layers may lie on several devices
        self._masks: dict[tuple, torch.Tensor] = {}

    def __call__(
        self, module: nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
        attention_mask: torch.Tensor | None = None, scaling: float | None = None, dropout: float = 0.0,
        sliding_window: int | None = None, softcap: float | None = None, **kwargs: object,
    ) -> tuple[torch.Tensor, None]:  # fmt: skip
        """Attention of a chunk's raw queries (1, heads, n, head_dim) on the raw keys that the cache returned."""
        n, n_keys = query.shape[2], key.shape[2]
        past = n_keys - n
        scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
        window = min(self.cache.n_local, sliding_window or self.cache.n_local)
        turn = getattr(module, "use_rope", True)
        # While the text fits the window its positions are those of a plain pass, and so is every rounding.
        rotation = self._rotation(query.device)
        first = rotation.origin + min(0, self.cache.n_local - n_keys)
        q, k = (rotation(query, first + past), rotation(key, first)) if turn else (query, key)
        if query.device.type == "cpu":
            out, lse = self._in_blocks(q, k, value, window, scaling, softcap)
        else:
            out, lse = attend_part(q, k, value, scaling, softcap, causal=True, window=window)
        # Layers with a window of their own see nothing beyond it, as in the model itself.
        leaving = self.cache.seen - self.cache.n_local
        if leaving + n > 0 and self.cache.n_init and window == self.cache.n_local:
            # Initial key j has left the window of query i where i - j >= n_local.
            far_key, far_value = self.cache.init[module.layer_idx]
            far_key = rotation.far(far_key) if turn else far_key
            out, _ = merge_far(out, lse, query, far_key, far_value, leaving, scaling, softcap)
        return out.transpose(1, 2), None

    def _in_blocks(
        self, q: torch.Tensor, k: torch.Tensor, value: torch.Tensor, window: int, scaling: float, softcap: float | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        n, past, groups = q.shape[2], k.shape[2] - q.shape[2], q.shape[1] // k.shape[1]
        parts = []
        for start in range(0, n, QUERY_BLOCK):
            stop = min(n, start + QUERY_BLOCK)
            low = max(0, past + start - window + 1)
            seen = k[:, :, low : past + stop], value[:, :, low : past + stop]
            mask = self._mask(stop - start, past + stop - low, window, groups, q)
            parts.append(attend(q[:, :, start:stop], *seen, mask, scaling, softcap))
        out, lse = (torch.cat(pieces, dim=2) for pieces in zip(*parts, strict=True))
        return out, lse

    def _mask(self, n: int, n_keys: int, window: int, groups: int, like: torch.Tensor) -> torch.Tensor:
        found = self._masks.get((n, n_keys, window, like.device))
        if found is None:
            distance = torch.arange(n_keys - n, n_keys)[:, None] - torch.arange(n_keys)[None]
            seen = ((distance >= 0) & (distance < window)).to(like.device)
            found = torch.zeros(n, n_keys, dtype=like.dtype, device=like.device).masked_fill_(~seen, -torch.inf)
            found = found.repeat(groups, 1)
            if len(self._masks) >= 64:
                self._masks.clear()
            self._masks[n, n_keys, window, like.device] = found
        return found

    def _rotation(self, device: torch.device) -> Rotation:
        if device not in self._rotations:
            self._rotations[device] = next(iter(self._rotations.values())).to(device)
        return self._rotations[device]


@contextmanager
def window_attention(model: nn.Module, attention: WindowAttention) -> Iterator[None]:
    """Within this context the model attends by `attention`; afterwards it is as it was before.

    Parameters
    ----------
    model : a transformers causal LM with rotary positions, on one device or several.
    attention : its cache is given to the model's forward as `past_key_values`.
    """
    decoder = model.get_decoder()
    before = decoder.config._attn_implementation
    try:
        # The instance's own table, not the library-wide one: it can be taken back.
        ALL_ATTENTION_FUNCTIONS[NAME] = attention
        model.set_attn_implementation(NAME)
        with raw_rotary(decoder):
            yield
    finally:
        model.set_attn_implementation(before)
        del ALL_ATTENTION_FUNCTIONS[NAME]
