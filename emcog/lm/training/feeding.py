"""From the curriculum to the device: the rows of a step as tensors, made ahead of need by worker processes on a GPU."""

import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from emcog.lm.training.batches import Curriculum, Rows
from emcog.lm.training.settings import TrainSettings


class Batch(NamedTuple):
    """Rows as tensors of shape (n_rows, n), `far` (n_rows,); see `Rows`, whose `inputs` are `ids` here."""

    ids: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor
    position: torch.Tensor
    document: torch.Tensor
    far: torch.Tensor
    unseen: torch.Tensor


def rows_of_step(curriculum: Curriculum, settings: TrainSettings, step: int) -> list[Rows]:
    """What a step reads, a segment each."""
    n_segments = settings.batch_tokens // settings.context
    return [curriculum.rows(step * n_segments + k, settings.context_at(step)) for k in range(n_segments)]


def to_batch(*parts: Rows) -> Batch:
    """Rows one below the other, as tensors."""
    names = ("inputs", *Batch._fields[1:])
    return Batch(*(torch.from_numpy(np.concatenate([getattr(part, name) for part in parts])) for name in names))


def feed(curriculum: Curriculum, settings: TrainSettings, step: int) -> Iterator[Batch]:
    """The batches of all steps from `step` on, in pinned memory, made by all cores but one."""
    workers = max(1, (os.cpu_count() or 2) - 1)
    made = DataLoader(
        _Steps(curriculum, settings), batch_size=None, sampler=range(step, settings.steps), num_workers=workers,
        prefetch_factor=4, pin_memory=torch.cuda.is_available(),
    )  # fmt: skip
    return iter(made)


class _Steps(Dataset[Batch]):
    """A step number's batch."""

    def __init__(self, curriculum: Curriculum, settings: TrainSettings):
        self.curriculum, self.settings = curriculum, settings

    def __getitem__(self, step: int) -> Batch:
        return to_batch(*rows_of_step(self.curriculum, self.settings, step))
