"""Rotary positions under our own control: a model's layers pass raw queries and keys, we rotate them.

While `raw_rotary` holds, the model's own rotary embedding says cos = 1, sin = 0, so that keys reach the cache and the
attention function as they were before rotation. Both rotate them at positions of their own choosing, which stay small
however long the text is.
"""

import copy
import functools
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

_tables: "WeakKeyDictionary[nn.Module, dict[tuple, tuple[torch.Size, torch.dtype]]]" = WeakKeyDictionary()
"""What an embedding's tables are like for a token: shape and type, by the other arguments that it was called with."""


class Unrotated(nn.Module):
    """Stands in for a rotary embedding and rotates nothing."""

    def __init__(self, original: nn.Module):
        super().__init__()
        # In a list, so that the original is no submodule of its stand-in.
        self._original = [original]

    def forward(
        self, x: torch.Tensor, position_ids: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """cos = 1 and sin = 0 in the shapes and types that the model expects."""
        known = _tables.setdefault(self._original[0], {})
        asked = (x.dtype, args, *sorted(kwargs.items()))
        if asked not in known:
            # Position 0: embeddings that adapt to long texts change themselves when they see a high one.
            cos, _ = self._original[0](x, torch.zeros_like(position_ids), *args, **kwargs)
            known[asked] = cos.shape[position_ids.dim() :], cos.dtype
        shape, dtype = known[asked]
        cos = torch.ones(*position_ids.shape, *shape, dtype=dtype, device=x.device)
        cos.turns_nothing = True
        return cos, torch.zeros_like(cos)


@contextmanager
def raw_rotary(decoder: nn.Module) -> Iterator[None]:
    """Within this context the decoder's layers leave queries and keys unrotated."""
    original = decoder.rotary_emb
    decoder.rotary_emb = Unrotated(original)
    try:
        with _formula_spared(_module_of(decoder)):
            yield
    finally:
        decoder.rotary_emb = original


_spared: dict[ModuleType, tuple[Callable[..., Any], Callable[..., Any]]] = {}
"""A model's formula and what stands in for it, by its module."""
_contexts: Counter[ModuleType] = Counter()
_lock = threading.Lock()


@contextmanager
def _formula_spared(module: ModuleType) -> Iterator[None]:
    """Within this context a model's formula does not multiply by what an `Unrotated` says; for others it is the same.

    Without it the numbers are the same too, at the cost of ten operations a layer.
    """
    with _lock:
        if not _contexts[module]:
            formula = module.apply_rotary_pos_emb
            _spared[module] = formula, _spare(formula)
            module.apply_rotary_pos_emb = _spared[module][1]  # type: ignore[attr-defined]
        _contexts[module] += 1
    try:
        yield
    finally:
        with _lock:
            _contexts[module] -= 1
            if not _contexts[module]:
                formula, ours = _spared.pop(module)
                if module.apply_rotary_pos_emb is ours:  # what somebody else has put there meanwhile stays
                    module.apply_rotary_pos_emb = formula  # type: ignore[attr-defined]


def _spare(formula: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(formula)
    def rotate(q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        return (q, k) if getattr(cos, "turns_nothing", False) else formula(q, k, cos, *args, **kwargs)

    return rotate


def _module_of(decoder: nn.Module) -> ModuleType:
    return sys.modules[type(decoder.layers[0].self_attn).__module__]


class Rotation:
    """Rotates heads at positions 0, 1, ..., with the model's own embedding and its own formula.

    Parameters
    ----------
    decoder : the base model, with `rotary_emb` and `layers`; not inside `raw_rotary`.
    length : positions 0..length-1 are prepared.
    context : tokens that are ever in sight at once, at most `length`. Embeddings whose frequencies depend on the length
        of a text (dynamic NTK, LongRoPE) are asked for those of a text of this length.

    Attributes
    ----------
    origin : where a text must start to be rotated at the very positions that the model itself would give it. Only
        differences matter, but float32 rounds the angles of other positions otherwise.
    """

    def __init__(self, decoder: nn.Module, length: int, context: int, device: torch.device, dtype: torch.dtype):
        # Only differences of positions matter, and only the highest position decides the frequencies.
        positions = torch.cat([torch.tensor([-context]), torch.arange(context - length, context)])[None].to(device)
        like = torch.empty(1, 1, 1, device=device, dtype=dtype)
        # A copy, since such embeddings keep the frequencies that they were last asked for.
        cos, sin = copy.deepcopy(decoder.rotary_emb)(like, positions)
        self.cos, self.sin = cos[:, 1:], sin[:, 1:]
        self.origin = length - context
        # Embeddings may scale both tables (YaRN): the raw query's share of that goes to the key.
        scale = self.cos[:, length - context : length - context + 1]
        self._far_cos, self._far_sin = cos[:, :1] * scale, sin[:, :1] * scale
        self._apply = _module_of(decoder).apply_rotary_pos_emb
        self._halves = self._turns_halves()
        if self._halves:
            self.sin, self._far_sin = _against(self.sin), _against(self._far_sin)
        self._back_sin = -self._far_sin
        self._products: dict[tuple, torch.Tensor] = {}

    def _turns_halves(self) -> bool:
        """Whether the model's formula is the usual one, the second half of a head against the first: that takes fewer
        steps than the model's own, and no keys where there are queries only."""
        width = self.cos.shape[-1]
        cos, sin = self.cos[:, -3:], self.sin[:, -3:]
        states = torch.linspace(-1, 1, 6 * width, device=cos.device).to(cos.dtype).view(1, 2, 3, width)
        wanted = self._apply(states, states, cos, sin)[0]
        tolerance = 1e-6 if states.dtype == torch.float32 else 2e-2
        return bool(torch.allclose(_turn(states, cos, _against(sin)), wanted, rtol=0, atol=tolerance))

    def __call__(self, states: torch.Tensor, start: int) -> torch.Tensor:
        """Rotate `states` (batch, heads, n, head_dim) at positions start..start+n-1."""
        stop = start + states.shape[-2]
        return self._rotate(states, self.cos[:, start:stop], self.sin[:, start:stop])

    def both(
        self, queries: torch.Tensor, keys: torch.Tensor, start: int | torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Rotate queries and keys of the same tokens, at positions start, start + 1, ... or, of one token, at the
        position int64 (1,) that the device alone knows."""
        if isinstance(start, torch.Tensor):
            cos, sin = self.cos.index_select(1, start), self.sin.index_select(1, start)
        else:
            stop = start + keys.shape[-2]
            cos, sin = self.cos[:, start:stop], self.sin[:, start:stop]
        if self._halves or cos.shape[-1] != keys.shape[-1]:
            return self._rotate(queries, cos, sin), self._rotate(keys, cos, sin)
        return self._apply(queries, keys, cos, sin)

    def far(self, keys: torch.Tensor) -> torch.Tensor:
        """Rotate `keys` (batch, heads, n, head_dim) so that raw queries see them all `context` tokens away."""
        return self._by_one_angle(keys, self._far_sin)

    def from_afar(self, queries: torch.Tensor) -> torch.Tensor:
        """Turn `queries` (batch, heads, n, head_dim) so that they see raw keys as raw queries see `far(keys)`."""
        return self._by_one_angle(queries, self._back_sin)

    def _by_one_angle(self, states: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        return self._turned(states, sin) if states.device.type == "cpu" else self._product(states, sin)

    def _product(self, states: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        """The same in one operation, quick where there are tensor cores: times the matrix whose rows are what the axes
        are turned into."""
        name = (sin is self._far_sin, states.dtype, states.shape[-1])
        if name not in self._products:
            axes = torch.eye(states.shape[-1], dtype=states.dtype, device=states.device)
            self._products[name] = self._turned(axes[None, None], sin)[0, 0]
        return states @ self._products[name]

    def _turned(self, states: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        shape = (1, states.shape[-2], self.cos.shape[-1])
        return self._rotate(states, self._far_cos.expand(shape), sin.expand(shape))

    def to(self, device: torch.device) -> "Rotation":
        """The same rotation with its tables on another device."""
        twin = copy.copy(self)
        for name in ("cos", "sin", "_far_cos", "_far_sin", "_back_sin"):
            setattr(twin, name, getattr(self, name).to(device))
        twin._products = {}
        return twin

    def _rotate(self, states: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        width = cos.shape[-1]
        if width < states.shape[-1]:  # models that rotate a part of each head
            return torch.cat([self._rotate(states[..., :width], cos, sin), states[..., width:]], dim=-1)
        if self._halves:
            return _turn(states, cos, sin)
        # The formula takes queries and keys at once; no heads at all serve as the other argument.
        return self._apply(states, states[:, :0], cos, sin)[0]


def _turn(states: torch.Tensor, cos: torch.Tensor, against: torch.Tensor) -> torch.Tensor:
    if states.device.type == "cpu":
        return torch.addcmul(states * cos, states.roll(states.shape[-1] // 2, -1), against)
    return _turn_in_place(states, cos, against)


def _turn_in_place(states: torch.Tensor, cos: torch.Tensor, against: torch.Tensor) -> torch.Tensor:
    """The same numbers with one operation more and one pass less, for accelerators: nothing is moved beforehand."""
    turned = torch.empty_like(states)
    halves, sources = turned.chunk(2, -1), states.chunk(2, -1)
    for half, source, other, c, s in zip(
        halves, sources, sources[::-1], cos.chunk(2, -1), against.chunk(2, -1), strict=True
    ):
        torch.mul(source, c, out=half).addcmul_(other, s)
    return turned


def _against(sin: torch.Tensor) -> torch.Tensor:
    """Sines for `_turn`: the first half of a head takes the second away."""
    first, second = sin.chunk(2, -1)
    return torch.cat([-first, second], -1)
