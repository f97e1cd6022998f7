"""Reading token ids chunk by chunk: with a sliding window where positions are rotary, else in overlapping windows."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from emcog.errors import ModelError
from emcog.lm.load import LM

if TYPE_CHECKING:
    from emcog.lm.window import WindowCache

log = logging.getLogger("emcog")

TESTED = frozenset("llama mistral qwen2 qwen3 phi3 olmo2 smollm3 granite gemma2 stablelm phi".split())
"""Model types that the tests compare with a plain forward pass."""


@dataclass(frozen=True)
class Place:
    """Where a reading is: with this it goes on, in another process too.

    Attributes
    ----------
    read : tokens read so far, BOS among them.
    cache : what the window holds; it changes as the reading goes on. None where windows overlap.
    """

    read: int
    cache: "WindowCache | None" = None


@dataclass(frozen=True)
class Chunk:
    """What one forward pass gave.

    Attributes
    ----------
    start, n_tokens : the tokens it read (BOS not counted).
    first, logits : logits (n, n_vocabulary), whose row i predicts token first + i.
    place : where the reading is after it.
    keys : un-rotated keys (layers, kv_heads, n_tokens, head_dim), or None.
    """

    start: int
    n_tokens: int
    first: int
    logits: torch.Tensor
    place: Place
    keys: torch.Tensor | None = None


class _Tokens:
    """Token ids behind BOS, of which the piece that is read goes to the model's device."""

    def __init__(self, ids: np.ndarray, bos: int | None, device: torch.device):
        self.ids, self.device = ids, device
        self.front = np.array([] if bos is None else [bos], dtype=np.int64)
        self.extra = len(self.front)

    def __len__(self) -> int:
        return self.extra + len(self.ids)

    def piece(self, start: int, stop: int) -> torch.Tensor:
        """Those from `start` to `stop` (or to the end), int64 (n,)."""
        behind = self.ids[max(0, start - self.extra) : max(0, stop - self.extra)]
        found = torch.from_numpy(np.concatenate([self.front[start:stop], behind]))
        if self.device.type == "cuda":
            found = found.pin_memory()
        return found.to(self.device, non_blocking=True)


def read_in_chunks(
    lm: LM, ids: np.ndarray, bos: int | None, n_init: int, n_local: int, chunk: int, with_keys: bool = False,
    place: Place | None = None,
) -> Iterator[Chunk]:  # fmt: skip
    """Read token ids with the means that the model's positions allow; see `emcog.lm.listen.listen`.

    place : where an earlier reading of the same ids with the same settings was interrupted.
    """
    if streams(lm):
        yield from _stream(lm, ids, bos, n_init, n_local, chunk, with_keys, place)
        return
    if with_keys:
        raise ModelError(
            f"{lm.name} has no rotary positions that can be taken apart, so its keys cannot be collected: "
            "choose a model with rotary positions (Llama, Mistral, Qwen, ...) for refinement or memory"
        )
    yield from _windows(lm, ids, bos, min(n_local, lm.limit), 0 if place is None else place.read)


def streams(lm: LM) -> bool:
    """Whether the model can be read with a sliding window: its positions are rotary and our attention equals its own.

    Architectures differ in ways that no list can keep up with: for those that our tests do not cover, the second is
    tried out on a few tokens, once a model.
    """
    if "streams" not in lm._checked:
        known = lm.model.config.model_type in TESTED
        lm._checked["streams"] = _has_rotary_layers(lm) and (known or _agrees_with_plain(lm))
    return lm._checked["streams"]


def _has_rotary_layers(lm: LM) -> bool:
    decoder = lm.model.get_decoder()
    layers = getattr(decoder, "layers", None)
    return hasattr(decoder, "rotary_emb") and all(hasattr(layer, "self_attn") for layer in layers or [None])


@torch.inference_mode()
def _agrees_with_plain(lm: LM) -> bool:
    ids = np.random.default_rng(0).integers(0, lm.n_vocabulary, 24)
    plain = lm.model(torch.from_numpy(ids)[None].to(lm.device), use_cache=False).logits[0].float()
    try:
        ours = torch.cat([part.logits.float() for part in _stream(lm, ids, None, 0, 64, 10, False)])
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError, IndexError) as error:
        log.info("%s is read in overlapping windows: %s", lm.name, error)
        return False
    tolerance = 1e-4 if lm.model.dtype == torch.float32 else 5e-2
    off = (ours - plain).abs().max() / plain.std().clamp_min(1e-6)
    return bool(off <= tolerance * max(1.0, float(plain.abs().max() / plain.std().clamp_min(1e-6))))


@torch.inference_mode()
def _stream(
    lm: LM, ids: np.ndarray, bos: int | None, n_init: int, n_local: int, chunk: int, with_keys: bool,
    place: Place | None = None,
) -> Iterator[Chunk]:  # fmt: skip
    from emcog.lm.window import WindowAttention, WindowCache, window_attention

    tokens = _Tokens(ids, bos, lm.device)
    extra = tokens.extra
    cache = None if place is None else place.cache
    if cache is None:
        cache = WindowCache(len(lm.model.get_decoder().layers), n_init, n_local)
    attention = WindowAttention(cache, lm.model, chunk)
    for start in range(cache.seen, len(tokens), chunk):
        piece = tokens.piece(start, start + chunk)
        # The model is changed only while it computes, not while the caller does: a generator may be left half-way.
        with window_attention(lm.model, attention):
            logits = lm.model(
                input_ids=piece[None],
                position_ids=torch.arange(len(piece), device=lm.device)[None],
                past_key_values=cache,
                use_cache=True,
            ).logits[0]
        cache.seen += len(piece)
        skip = max(0, extra - start)
        keys = None
        if with_keys:
            found = [cache.new_keys[layer][0, :, skip:] for layer in sorted(cache.new_keys)]
            keys = torch.stack([keys.to(lm.device) for keys in found])
        now = Place(cache.seen, cache)
        yield Chunk(max(0, start - extra), len(piece) - skip, start + 1 - extra, logits, now, keys)


@torch.inference_mode()
def _windows(lm: LM, ids: np.ndarray, bos: int | None, window: int, read: int = 0) -> Iterator[Chunk]:
    """Windows that overlap by half: every token but those of the first window has at least half a window before it.

    read : tokens that an earlier reading has given out, up to the end of a window.
    """
    tokens = _Tokens(ids, bos, lm.device)
    extra = tokens.extra
    half = window // 2
    if len(tokens) > window:
        log.info("%s is read in windows of %d tokens that overlap by %d", lm.name, window, window - half)
    start = done = 0
    while done < len(tokens):
        stop = min(start + window, len(tokens))
        if stop > read:
            logits = lm.model(input_ids=tokens.piece(start, stop)[None], use_cache=False).logits[0]
            # `done` tokens were read before; the last of their distributions was already given out.
            first = done + 1 - extra
            yield Chunk(max(0, done - extra), stop - max(done, extra), first, logits[done - start :], Place(stop))
        done, start = stop, start + half
