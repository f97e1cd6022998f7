"""Surprisal (Shannon 1948; Hale 2001; Levy 2008)."""

from typing import TYPE_CHECKING

from emcog.signals.predictions import NATS_TO_BITS, Predictions

if TYPE_CHECKING:
    import torch


def surprisal(predictions: Predictions) -> "torch.Tensor":
    """-log2 p(token t given the tokens before it), in bits, shape (n_tokens,)."""
    before = predictions.log_p[:-1]
    return -before.gather(-1, predictions.token_ids[:, None])[:, 0] * NATS_TO_BITS
