"""What decides the course of a training run, and with it what comes out."""

import math
from dataclasses import dataclass

from emcog.errors import DataError
from emcog.lm.training.batches import Mixture


@dataclass(frozen=True)
class TrainSettings:
    """Everything that decides what comes out, the corpus apart.

    Attributes
    ----------
    tokens : tokens to be seen in all.
    batch_tokens : tokens a step. A multiple of `context`.
    context, short_context, short_share : the first share of the steps reads short rows, which are cheaper.
    matrix_lr, other_lr : learning rates of Muon (matrices inside the layers) and AdamW (embeddings, norms).
    warmup_tokens : the rate rises over them; over the last `decay` share of all tokens it falls to zero.
    drill_share, recital_share, speech_share : shares of recall drills, of passages that come twice, and of
        speech-like prose.
    far_share : of the drills and recitals whose far context stands at one distance, as in memory; of the rest, a third.
    answer_weight : what the loss at a token of a drill's answer counts, against 1 at other tokens.
    vocab_size, hidden_size, intermediate_size, layers, heads, kv_heads : the model. Heads are 64 wide.
    """

    tokens: int = 20_000_000
    batch_tokens: int = 6144
    context: int = 1024
    short_context: int = 256
    short_share: float = 0.6
    matrix_lr: float = 0.02
    other_lr: float = 0.003
    warmup_tokens: int = 200_000
    decay: float = 0.35
    drill_share: float = 0.15
    recital_share: float = 0.05
    answer_weight: float = 4.0
    speech_share: float = 0.10
    far_share: float = 0.0
    seed: int = 0
    vocab_size: int = 8192
    hidden_size: int = 256
    intermediate_size: int = 704
    layers: int = 8
    heads: int = 4
    kv_heads: int = 2

    def __post_init__(self) -> None:
        if self.batch_tokens % self.context or self.context % self.short_context:
            raise DataError("batch_tokens must be a multiple of context, and context of short_context")

    @property
    def mixture(self) -> Mixture:
        """What the rows are made of."""
        return Mixture(self.drill_share, self.recital_share, self.speech_share, self.answer_weight, self.far_share)

    @property
    def steps(self) -> int:
        """Optimiser steps in all."""
        return math.ceil(self.tokens / self.batch_tokens)

    def rate(self, step: int) -> float:
        """Learning rate at a step as a share of its peak: a trapezoid."""
        warm = max(1, self.warmup_tokens // self.batch_tokens)
        fall = max(1, int(self.decay * self.steps))
        return max(0.0, min(1.0, (step + 1) / warm, (self.steps - step) / fall))

    def context_at(self, step: int) -> int:
        """Length of the rows that a step reads."""
        return self.short_context if step < self.short_share * self.steps else self.context
