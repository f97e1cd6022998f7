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

from emcog.lm.precision import computing_dtype
from emcog.lm.rotary import Rotation, raw_rotary

NAME = "emcog_window"
Pair = tuple[torch.Tensor, ...]
QUERY_BLOCK = 128
"""Queries attended at once on a CPU: blocks narrower than the window keep the masked-out part of the products small. A
GPU takes a chunk at once."""


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
        block = QUERY_BLOCK if query.device.type == "cpu" else n
        groups = query.shape[1] // key.shape[1]
        parts = []
        for start in range(0, n, block):
            stop = min(n, start + block)
            low = max(0, past + start - window + 1)
            seen = k[:, :, low : past + stop], value[:, :, low : past + stop]
            mask = self._mask(stop - start, past + stop - low, window, groups, query)
            parts.append(attend(q[:, :, start:stop], *seen, mask, scaling, softcap))
        out, lse = (torch.cat(pieces, dim=2) for pieces in zip(*parts, strict=True))
        # Layers with a window of their own see nothing beyond it, as in the model itself.
        leaving = self.cache.seen - self.cache.n_local
        if leaving + n > 0 and self.cache.n_init and window == self.cache.n_local:
            # Initial key j has left the window of query i where i - j >= n_local.
            far_key, far_value = self.cache.init[module.layer_idx]
            far_key = rotation.far(far_key) if turn else far_key
            out, _ = merge_far(out, lse, query, far_key, far_value, leaving, scaling, softcap)
        return out.transpose(1, 2), None

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


def attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    scaling: float,
    softcap: float | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Softmax attention and its log-sum-exp.

    Parameters
    ----------
    query : (1, heads, n, head_dim). key, value : (1, kv_heads, m, head_dim); heads is a multiple of kv_heads.
    mask : (n, m), added to the scores, or (groups * n, m), repeated already for the query heads that share a key head;
        every row has at least one finite entry. None: every query sees every key.
    softcap : scores are squashed to softcap * tanh(score / softcap), as in Gemma 2.

    Returns
    -------
    out (1, heads, n, head_dim) and lse (1, heads, n), float32.
    """
    heads, kv_heads, n = query.shape[1], key.shape[1], query.shape[2]
    groups = heads // kv_heads
    # Query heads that share a key head are stacked, so no key is ever copied for them.
    q = query.reshape(1, kv_heads, groups * n, -1)
    if mask is not None:
        mask = mask.repeat(groups, 1) if groups > 1 and len(mask) == n else mask
    if q.device.type == "cpu" and softcap is None and query.shape[-1] == value.shape[-1]:
        out, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            q.contiguous(), key, value, attn_mask=None if mask is None else mask[None, None], scale=scaling
        )
    else:
        scores = _scores(q, key, scaling, softcap)
        scores = scores if mask is None else scores + mask.float()
        lse = scores.logsumexp(-1)
        out = (scores - lse[..., None]).exp().to(value.dtype) @ value
    return out.reshape(1, heads, n, -1), lse.reshape(1, heads, n)


def merge_parts(
    out: torch.Tensor, lse: torch.Tensor, other: torch.Tensor, other_lse: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Two attentions of the same queries on different keys, as one softmax over all keys; shapes as in `attend`."""
    total = torch.logaddexp(lse, other_lse)
    share = (lse - total).exp()[..., None].to(out.dtype)
    return out * share + other * (other_lse - total).exp()[..., None].to(out.dtype), total


def merge_far(
    out: torch.Tensor, lse: torch.Tensor, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
    first: int, scaling: float, softcap: float | None,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """Add keys to a finished attention, as if all had been in one softmax.

    Parameters
    ----------
    out, lse : what `attend` returned for the same queries.
    query, key, value : for the added part; query i sees added key j where j <= first + i.

    Returns
    -------
    out and lse of all keys together.
    """
    heads, kv_heads, n, m = query.shape[1], key.shape[1], query.shape[2], key.shape[2]
    q = query.reshape(1, kv_heads, -1, query.shape[-1])
    scores = _scores(q, key, scaling, softcap).reshape(1, heads, n, m)
    if first < m - 1:
        rows = torch.arange(n, device=query.device)[:, None]
        hidden = torch.arange(m, device=query.device)[None] > first + rows
        scores = scores.masked_fill(hidden, -torch.inf)
    total = torch.logaddexp(lse.float(), scores.logsumexp(-1))
    weights = (scores - total[..., None]).exp().to(value.dtype).reshape(1, kv_heads, -1, m)
    added = (weights @ value).reshape(out.shape)
    return out * (lse - total).exp()[..., None].to(out.dtype) + added, total


def _scores(query: torch.Tensor, key: torch.Tensor, scaling: float, softcap: float | None) -> torch.Tensor:
    scores = (query @ key.mT).float() * scaling
    return scores if softcap is None else torch.tanh(scores / softcap) * softcap


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
