"""What a model's layers look like from inside the attention function: found out by one forward pass over one token."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import Cache
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from emcog.errors import ModelError
from emcog.lm import LM
from emcog.lm.reading import streams
from emcog.lm.rotary import raw_rotary
from emcog.memory.rows import Shape

NAME = "emcog_probe"


@dataclass(frozen=True)
class Layer:
    """One layer: its keys and values, its query heads, the width of its own sliding window if it has one, and whether
    it rotates by positions."""

    shape: Shape
    heads: int
    own_window: int | None
    turns: bool

    def reach(self, n_local: int) -> int:
        """Tokens that a query sees locally, itself among them."""
        return n_local if self.own_window is None else self.own_window


class _Probe(Cache):
    def __init__(self) -> None:
        super().__init__(layers=[])
        self.found: dict[int, Layer] = {}

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return key_states, value_states

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return 0

    def get_mask_sizes(self, query_length: int, layer_idx: int = 0) -> tuple[int, int]:
        return query_length, 0

    def attention(
        self, module: nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *args: Any,
        sliding_window: int | None = None, **kwargs: Any,
    ) -> tuple[torch.Tensor, None]:  # fmt: skip
        """One token sees itself: its value is the answer."""
        shape = Shape(key.shape[1], key.shape[3], value.shape[3], key.dtype, key.device)
        self.found[int(module.layer_idx)] = Layer(
            shape, query.shape[1], sliding_window, getattr(module, "use_rope", True)
        )
        return value.repeat_interleave(query.shape[1] // key.shape[1], dim=1).transpose(1, 2), None


@torch.no_grad()
def find_layers(lm: LM) -> dict[int, Layer]:
    """The layers of a model, by number.

    Raises
    ------
    ModelError : the model cannot be given a memory; the message says why.
    """
    if not streams(lm):
        raise ModelError(
            f"{lm.name} ({lm.model.config.model_type}) cannot be given a memory: its positions are not rotary, or its "
            "attention does more than ours; choose a model such as Llama, Mistral, Qwen, Phi-3, OLMo 2 or Gemma 2"
        )
    probe, decoder = _Probe(), lm.model.get_decoder()
    before = decoder.config._attn_implementation
    try:
        ALL_ATTENTION_FUNCTIONS[NAME] = probe.attention
        lm.model.set_attn_implementation(NAME)
        with raw_rotary(decoder):
            decoder(input_ids=torch.zeros(1, 1, dtype=torch.long, device=lm.device), past_key_values=probe)
    finally:
        lm.model.set_attn_implementation(before)
        del ALL_ATTENTION_FUNCTIONS[NAME]
    if all(layer.own_window is not None for layer in probe.found.values()):
        raise ModelError(
            f"{lm.name} ({lm.model.config.model_type}) has a sliding window of its own in every layer, so none can "
            "hold a memory: choose a model with layers of full attention"
        )
    return dict(sorted(probe.found.items()))
