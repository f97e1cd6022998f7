"""How a token's key and value become one row of the log: as they are, or in 8 bits.

In 8 bits, values are scaled token by token. Keys are scaled channel by channel over groups of tokens, because a few
channels of keys are far larger than the others at every token (Liu et al. 2024, KIVI; Hooper et al. 2024, KVQuant).
"""

from typing import NamedTuple

import torch

GROUP = 64
"""Tokens that share the scales of their keys' channels."""


class Shape(NamedTuple):
    """Heads and sizes of one layer's keys and values."""

    kv_heads: int
    key_size: int
    value_size: int
    dtype: torch.dtype
    device: torch.device

    @property
    def key_width(self) -> int:
        """Numbers in all the keys of a token."""
        return self.kv_heads * self.key_size

    @property
    def value_width(self) -> int:
        """Numbers in all the values of a token."""
        return self.kv_heads * self.value_size


def _flat(states: torch.Tensor) -> torch.Tensor:
    """(1, kv_heads, n, size) -> (n, kv_heads * size)."""
    return states[0].transpose(0, 1).flatten(1)


class FullRows:
    """Keys and values as they are, side by side."""

    def __init__(self, shape: Shape):
        self.shape = shape
        self.width, self.dtype = shape.key_width + shape.value_width, shape.dtype

    def encode(self, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """(1, kv_heads, n, size) twice -> rows (n, width)."""
        return torch.cat([_flat(key), _flat(value)], dim=1)

    def decode(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows -> keys and values (1, kv_heads, n, size); views of the rows."""
        shape, n = self.shape, len(rows)
        key = rows[:, : shape.key_width].view(n, shape.kv_heads, shape.key_size)
        value = rows[:, shape.key_width :].view(n, shape.kv_heads, shape.value_size)
        return key.transpose(0, 1)[None], value.transpose(0, 1)[None]


class ByteRows:
    """Keys and values in 8 bits; every row carries the scales that it needs, in float16 (its keys' by reference).

    A row is: key bytes, value bytes, then per key-value head the value's lowest number and step (float32).
    The keys' scales lie in rows of a log of their own, one for GROUP tokens.
    """

    dtype = torch.uint8

    def __init__(self, shape: Shape):
        self.shape = shape
        self.width = shape.key_width + shape.value_width + 8 * shape.kv_heads
        self.scale_width = 2 * shape.key_width

    def key_scales(self, key: torch.Tensor) -> torch.Tensor:
        """Lowest number and step of every channel over one group of keys (1, kv_heads, n, size): (1, scale_width)."""
        flat = _flat(key).float()
        low, high = flat.amin(0), flat.amax(0)
        return torch.cat([low, (high - low).clamp_min(1e-8) / 255])[None]

    def encode(self, key: torch.Tensor, value: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
        """Keys and values (1, kv_heads, n, size) of one group, and its scales -> rows (n, width)."""
        low, step = scales[0].chunk(2)
        keys = ((_flat(key).float() - low) / step).round().clamp(0, 255).to(torch.uint8)
        flat = value[0].transpose(0, 1).float()  # (n, kv_heads, size)
        lowest = flat.amin(-1, keepdim=True)
        steps = (flat.amax(-1, keepdim=True) - lowest).clamp_min(1e-8) / 255
        values = ((flat - lowest) / steps).round().clamp(0, 255).to(torch.uint8)
        meta = torch.cat([lowest, steps], dim=-1).flatten(1).contiguous().view(torch.uint8)
        return torch.cat([keys, values.flatten(1), meta], dim=1)

    def decode(self, rows: torch.Tensor, scales: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows and each row's scales (n, scale_width) -> keys and values (1, kv_heads, n, size)."""
        shape, n = self.shape, len(rows)
        low, step = scales.chunk(2, dim=1)
        keys = (rows[:, : shape.key_width].float() * step + low).to(shape.dtype)
        end = shape.key_width + shape.value_width
        meta = rows[:, end:].contiguous().view(torch.float32).view(n, shape.kv_heads, 2)
        values = rows[:, shape.key_width : end].float().view(n, shape.kv_heads, shape.value_size)
        values = (values * meta[..., 1:] + meta[..., :1]).to(shape.dtype)
        keys = keys.view(n, shape.kv_heads, shape.key_size)
        return keys.transpose(0, 1)[None], values.transpose(0, 1)[None]
