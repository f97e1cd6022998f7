"""Entropy of the prediction (Shannon 1948): how uncertain the model was before the token came."""

from typing import TYPE_CHECKING

from emcog.signals.predictions import NATS_TO_BITS, Predictions

if TYPE_CHECKING:
    import torch


def entropy(predictions: Predictions) -> "torch.Tensor":
    """Entropy of the distribution that predicts token t, in bits, shape (n_tokens,)."""
    return -predictions.mean_log_p[:-1] * NATS_TO_BITS
