"""Training on a GPU: its fused attention, its compiled loss and its fed batches give the CPU's numbers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from emcog.lm.training.batches import Curriculum
from emcog.lm.training.feeding import Batch, rows_of_step, to_batch
from emcog.lm.training.forward import weighted_loss
from emcog.lm.training.layouts import dense_layout
from emcog.lm.training.loop import Trainer, build_model
from emcog.lm.training.settings import TrainSettings
from emcog.lm.training.tokens import TokenStore

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


class Words:
    """A tokenizer for drills that need no text: one token a letter."""

    bos_token_id, eos_token_id = 0, 1

    def decode(self, ids):
        return "".join(chr(97 + int(i) % 26) for i in ids) + ". And. So."

    def encode(self, text, **_):
        return [2 + ord(c) % 500 for c in text]

    def __call__(self, text, **_):
        return {"input_ids": self.encode(text), "offset_mapping": [(k, k + 1) for k in range(len(text))]}


@pytest.fixture
def trainers():
    settings = TrainSettings(
        tokens=16384, batch_tokens=2048, context=512, short_context=128, short_share=0, vocab_size=512, hidden_size=128,
        intermediate_size=256, layers=2, heads=4, kv_heads=2, drill_share=0.4, recital_share=0.2, speech_share=0,
        far_share=0.6,
    )  # fmt: skip
    ids = np.random.default_rng(0).integers(2, 512, 100_000).astype(np.uint16)
    firsts = np.arange(0, 99_000, 512)
    store = TokenStore([ids], [np.array([0])], np.stack([np.zeros_like(firsts), firsts], 1), 512, {})
    curriculum = Curriculum(store, Words(), 0, settings.mixture)
    return [Trainer(build_model(settings).to(device), curriculum, settings) for device in ("cpu", "cuda")]


def test_the_fused_compiled_loss_has_the_dense_ones_gradients(trainers, monkeypatch):
    monkeypatch.setattr("emcog.lm.training.loop.has_native_bfloat16", lambda device: False)
    cpu, cuda = trainers
    with torch.no_grad():
        for one, other in zip(cpu.parameters, cuda.parameters, strict=True):
            if one.ndim == 2:
                one.normal_(std=0.05, generator=torch.Generator().manual_seed(one.numel()))
            other.copy_(one)
    far = documents = False
    for step in range(3):
        batch = to_batch(*rows_of_step(cpu.curriculum, cpu.settings, step))
        far |= bool(batch.far.any())
        documents |= bool(batch.document.any())
        loss = cpu.loss(batch)
        wanted = torch.autograd.grad(loss, cpu.parameters)
        there = cuda.loss(Batch(*(part.cuda() for part in batch)))
        found = torch.autograd.grad(there, cuda.parameters)
        assert float(there) == pytest.approx(float(loss), rel=1e-3)
        for one, other in zip(wanted, found, strict=True):
            assert (one - other.cpu()).norm() <= 0.01 * one.norm()
    assert far
    assert documents


def test_a_course_on_a_gpu_moves_the_weights_as_on_a_cpu(trainers, monkeypatch):
    monkeypatch.setattr("emcog.lm.training.loop.has_native_bfloat16", lambda device: False)
    before = [parameter.detach().clone() for parameter in trainers[0].parameters]
    for trainer in trainers:
        for _ in range(4):
            trainer.train_step()
    for start, one, other in zip(before, *(trainer.parameters for trainer in trainers), strict=True):
        moved, there = (one - start).flatten().double(), (other.cpu() - start).flatten().double()
        assert torch.cosine_similarity(moved, there, dim=0) > 0.95


def test_rows_that_are_one_document_are_those_of_transformers(trainers):
    cuda = trainers[1]
    plain = replace(cuda.settings, drill_share=0, recital_share=0, far_share=0)
    batch = to_batch(*rows_of_step(Curriculum(cuda.curriculum.store, Words(), 1, plain.mixture), plain, 0))
    ids = batch.ids.cuda()
    layout = dense_layout(
        cuda.model.model.rotary_emb,
        *(part.cuda() for part in (batch.position, batch.document, batch.far, batch.unseen)),
    )
    with torch.no_grad():
        logits = cuda.model(ids).logits.flatten(0, 1).float()
        wanted = torch.nn.functional.cross_entropy(logits, batch.targets.cuda().flatten(), reduction="sum")
        found = weighted_loss(cuda.model, ids, batch.targets.cuda(), batch.weights.cuda(), layout)
    assert float(found) == pytest.approx(float(wanted), rel=1e-4)
