"""A Llama's forward pass, written out for training: it compiles whole on a GPU and takes our layouts of attention."""

from typing import Any

import torch
from torch.nn import functional

from emcog.lm.training.batches import IGNORE
from emcog.lm.training.layouts import Layout, attend


def weighted_loss(model: Any, ids: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor, layout: Layout) -> Any:
    """Sum of the weighted losses in nats of rows of tokens, all of shape (n_rows, n); targets are IGNORE or ids.

    The same numbers as transformers' own forward pass of the model, where every row is one document.
    """
    logits = functional.linear(last_hidden(model, ids, layout).flatten(0, 1), model.lm_head.weight)
    losses = functional.cross_entropy(logits.float(), targets.flatten(), ignore_index=IGNORE, reduction="none")
    # No product of vectors: where matrix products are in half precision, so would that be.
    return (losses * weights.flatten()).sum()


def last_hidden(model: Any, ids: torch.Tensor, layout: Layout) -> torch.Tensor:
    """Hidden states (n_rows, n, hidden_size) after the last norm."""
    width = model.config.head_dim
    states = functional.embedding(ids, model.model.embed_tokens.weight)
    for layer in model.model.layers:
        attention, mlp = layer.self_attn, layer.mlp
        normed = _norm(states, layer.input_layernorm)
        query, key, value = (
            functional.linear(normed, projection.weight).unflatten(-1, (-1, width)).transpose(1, 2)
            for projection in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        mixed = attend(query, key, value, layout).transpose(1, 2).flatten(2)
        states = states + functional.linear(mixed, attention.o_proj.weight)
        normed = _norm(states, layer.post_attention_layernorm)
        gate = functional.silu(functional.linear(normed, mlp.gate_proj.weight))
        inner = gate * functional.linear(normed, mlp.up_proj.weight)
        states = states + functional.linear(inner, mlp.down_proj.weight)
    return _norm(states, model.model.norm)


def _norm(states: torch.Tensor, norm: Any) -> torch.Tensor:
    return functional.rms_norm(states, states.shape[-1:], norm.weight, norm.variance_epsilon)
