"""Bayesian surprise of a token: how far it moved the prediction (Itti & Baldi 2009; Kumar et al. 2023)."""

from typing import TYPE_CHECKING

from emcog.signals.predictions import NATS_TO_BITS, Predictions

if TYPE_CHECKING:
    import torch


def bayesian_surprise(predictions: Predictions) -> "torch.Tensor":
    """KL(after || before) in bits, shape (n_tokens,): `before` predicts token t, `after` token t + 1."""
    from torch.linalg import vecdot

    divergence = predictions.mean_log_p[1:] - vecdot(predictions.p[1:], predictions.log_p[:-1])
    return divergence.clamp_min(0) * NATS_TO_BITS
