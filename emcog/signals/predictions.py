"""Rows of next-token distributions, and what a signal is."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

NATS_TO_BITS = 1.4426950408889634


class Predictions:
    """Distributions over the vocabulary, before and after each of a few consecutive tokens.

    Parameters
    ----------
    log_p : float tensor (n_tokens + 1, n_vocabulary), natural logarithms; row i predicts token i of the stretch, the
        last row the token after it.
    token_ids : int64 tensor (n_tokens,), the tokens that came.
    """

    def __init__(self, log_p: "torch.Tensor", token_ids: "torch.Tensor"):
        self.log_p, self.token_ids = log_p, token_ids

    @cached_property
    def p(self) -> "torch.Tensor":
        """Probabilities, same shape as `log_p`; computed once for all signals."""
        return self.log_p.exp()

    @cached_property
    def mean_log_p(self) -> "torch.Tensor":
        """Sum over the vocabulary of p log p, shape (n_tokens + 1,): the negative entropies, in nats."""
        from torch.linalg import vecdot

        return vecdot(self.p, self.log_p)


@dataclass(frozen=True)
class Signal:
    """A number per token, computed from the distributions before and after it.

    Attributes
    ----------
    name, unit, doc : the column's name, its unit, and one line that says what it is.
    compute : Predictions of n tokens -> float tensor (n,).
    over_word : how a word's value comes from its tokens': "sum" or "first".
    """

    name: str
    unit: str
    doc: str
    compute: Callable[[Predictions], "torch.Tensor"]
    over_word: str
