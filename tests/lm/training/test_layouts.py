"""Rows whose far context stands at one distance: the layout is memory's, and what must be seen is."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from emcog.lm import listen, load_lm
from emcog.lm.training.batches import IGNORE, Curriculum, Mixture, pack, plain, set_apart
from emcog.lm.training.feeding import feed, rows_of_step, to_batch
from emcog.lm.training.forward import weighted_loss
from emcog.lm.training.layouts import dense_layout, fused_layout
from emcog.lm.training.loop import Trainer, build_model

DRILLS = Mixture(drills=1.0, recitals=0, speech=0, answer_weight=4, far=1.0)


@pytest.fixture
def trainer(settings, store, tokenizer):
    settings = replace(settings, heads=4, kv_heads=2)
    made = Trainer(build_model(settings), Curriculum(store, tokenizer, 0, settings.mixture), settings)
    with torch.no_grad():
        for name, parameter in made.model.named_parameters():
            if "norm" not in name:
                parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(len(name))) * 0.3)
    return made


@pytest.fixture
def ids(tokenizer):
    return np.random.default_rng(0).integers(2, len(tokenizer), 128)


def loss(trainer, rows) -> float:
    """Loss of rows in nats, in float32."""
    with torch.no_grad():
        return float(trainer._loss(to_batch(rows)))


def test_the_layout_is_that_of_a_window_behind_which_everything_stays(trainer, ids, tokenizer, monkeypatch):
    # An independent way to the same numbers: listening, whose initial tokens stay at the distance of the window.
    monkeypatch.setattr("emcog.lm.training.loop.has_native_bfloat16", lambda device: False)
    rows = pack([[plain(ids)]], 128, tokenizer.bos_token_id, tokenizer.eos_token_id)
    given = np.concatenate([[tokenizer.bos_token_id], ids])
    lm = load_lm(trainer.model.eval())
    for far in (16, 40):
        heard = listen(given, lm, n_local=far, n_init=len(given), chunk=50)["surprisal"].iloc[1:]
        assert loss(trainer, replace(rows, far=np.array([far]))) == pytest.approx(heard.sum() * np.log(2), rel=1e-4)
    assert loss(trainer, replace(rows, far=np.array([128]))) == pytest.approx(loss(trainer, rows), rel=1e-5)
    assert abs(loss(trainer, replace(rows, far=np.array([16]))) - loss(trainer, rows)) > 0.1


def test_what_is_unseen_counts_inside_the_window_alone(trainer, ids, tokenizer, monkeypatch):
    monkeypatch.setattr("emcog.lm.training.loop.has_native_bfloat16", lambda device: False)
    rows = pack([[plain(ids)]], 128, tokenizer.bos_token_id, tokenizer.eos_token_id)
    rows = replace(rows, far=np.array([16]), unseen=np.zeros((1, 128), bool))
    rows.unseen[0, 40:70] = True
    other = replace(rows, inputs=rows.inputs.copy())
    other.inputs[0, 50] = (other.inputs[0, 50] + 1) % 100
    # Tokens up to 65 saw token 50, tokens up to 80 saw those: of two layers nothing is left behind that.
    late = np.zeros((1, 128), np.float32)
    late[0, 50 + 2 * 15 + 1 :] = 1
    reach = [replace(r, weights=late) for r in (rows, other)]
    assert loss(trainer, reach[0]) == loss(trainer, reach[1])
    seen = [replace(r, unseen=np.zeros((1, 128), bool)) for r in reach]
    assert loss(trainer, seen[0]) != loss(trainer, seen[1])


def test_facts_and_first_tokens_stay_in_sight(store, tokenizer):
    curriculum = Curriculum(store, tokenizer, 0, DRILLS)
    hidden = facts = 0
    for number in range(40):
        rows = curriculum.rows(number, 128)
        assert rows.far[0] in (16, 32, 64)
        assert not (rows.unseen & (rows.needed | (rows.position < 4))).any()
        hidden += rows.unseen.sum()
        text = tokenizer.decode(rows.inputs[0][rows.needed[0]])
        facts += any(word in text for word in (" is ", " lives ", " hid "))
    assert hidden > 100
    assert facts > 30


def test_what_is_needed_holds_every_answer(store, tokenizer):
    curriculum = Curriculum(store, tokenizer, 0, DRILLS)
    for number in range(10):
        rows = curriculum.rows(number, 128)
        for d in np.unique(rows.document[0][rows.weights[0] == 4]):
            own = (rows.document[0] == d) & (rows.targets[0] != IGNORE)
            stated = tokenizer.decode(rows.inputs[0][own & rows.needed[0]])
            answers = tokenizer.decode(rows.targets[0][own & (rows.weights[0] == 4)])
            assert all(word in stated for word in answers.split())


def test_rows_are_set_apart_by_share(store, tokenizer):
    def share(mixture):
        curriculum = Curriculum(store, tokenizer, 0, mixture)
        return np.mean([curriculum.rows(k, 128).far.any() for k in range(300)])

    assert share(replace(DRILLS, far=0.0)) == 0
    assert share(replace(DRILLS, far=0.6)) == pytest.approx(0.6, abs=0.1)
    assert share(replace(DRILLS, drills=0.0, far=0.6)) == pytest.approx(0.2, abs=0.1)


def test_set_apart_is_seeded(ids, tokenizer):
    rows = pack([[plain(ids)]], 128, tokenizer.bos_token_id, tokenizer.eos_token_id)
    one, two = (set_apart(rows, np.random.default_rng(5)) for _ in range(2))
    assert one.far == two.far
    assert (one.unseen == two.unseen).all()


@pytest.mark.parametrize("far", [0.0, 1.0])
def test_the_fused_layout_gives_the_dense_ones_loss(trainer, store, tokenizer, far):
    # Its gradients need a GPU: see tests/cuda.
    curriculum = Curriculum(store, tokenizer, 3, Mixture(drills=0.5, recitals=0.2, speech=0, answer_weight=4, far=far))
    batch = to_batch(*(curriculum.rows(number, 128) for number in range(6)))
    assert bool(batch.far.any()) == (far > 0)
    assert batch.document.any()
    found = []
    for make in (dense_layout, fused_layout):
        layout = make(trainer.model.model.rotary_emb, batch.position, batch.document, batch.far, batch.unseen)
        with torch.no_grad():
            found.append(weighted_loss(trainer.model, batch.ids, batch.targets, batch.weights, layout))
    assert torch.allclose(*found, rtol=1e-5)


def test_fed_batches_are_those_of_their_steps_in_order(settings, store, tokenizer):
    curriculum = Curriculum(store, tokenizer, 0, settings.mixture)
    for step, batch in enumerate(feed(curriculum, settings, 3), 3):
        wanted = to_batch(*rows_of_step(curriculum, settings, step))
        assert all(torch.equal(one, other) for one, other in zip(batch, wanted, strict=True))
    assert step == settings.steps - 1
