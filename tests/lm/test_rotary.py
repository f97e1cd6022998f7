"""Rotation under our own control: by whatever way, the model's own formula."""

import sys
import threading

import pytest
import torch

from emcog.lm.rotary import Rotation, _turn, _turn_in_place, raw_rotary

KINDS = {
    "llama": {}, "phi3": {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5}},
    "qwen3": {"head_dim": 16}, "olmo2": {}, "granite": {},
    "mistral": {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0}},
}  # fmt: skip


@pytest.fixture(params=KINDS)
def model(request, make_model):
    return make_model(request.param, **KINDS[request.param])


@pytest.fixture
def turn(model):
    return Rotation(model.get_decoder(), 40, 20, torch.device("cpu"), torch.float32)


@pytest.fixture
def heads(model):
    config = model.config
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    random = torch.Generator().manual_seed(3)
    return [torch.randn(1, count, 5, size, generator=random) for count in (4, 2)]


def test_queries_from_afar_see_raw_keys_as_raw_queries_see_far_keys(turn, heads):
    query, key = heads
    key = key.repeat_interleave(2, 1)
    torch.testing.assert_close(turn.from_afar(query) @ key.mT, query @ turn.far(key).mT, atol=1e-4, rtol=1e-4)


def test_one_angle_is_one_product(turn, heads):
    for states in heads:
        for sin, wanted in ((turn._far_sin, turn.far(states)), (turn._back_sin, turn.from_afar(states))):
            torch.testing.assert_close(turn._product(states, sin), wanted, atol=1e-5, rtol=1e-5)


def test_turning_by_halves_gives_the_same_bits(turn, heads):
    if not turn._halves or turn.cos.shape[-1] != heads[0].shape[-1]:
        pytest.skip("this model's formula is another")
    cos, against = turn.cos[:, 3:8], turn.sin[:, 3:8]
    for states in heads:
        assert torch.equal(_turn_in_place(states, cos, against), _turn(states, cos, against))


def test_a_place_that_the_device_alone_knows(turn, heads):
    query, key = (states[:, :, :1] for states in heads)
    for place in (0, 7, 39):
        wanted = turn.both(query, key, place)
        for found, one in zip(turn.both(query, key, torch.tensor([place])), wanted, strict=True):
            assert torch.equal(found, one)


def test_the_formula_is_left_out_for_raw_states_only(model):
    module = sys.modules[type(model.get_decoder().layers[0].self_attn).__module__]
    formula, ids, calls = module.apply_rotary_pos_emb, torch.arange(2, 12)[None], []
    wanted = model(ids).logits
    other = type(model)(model.config).eval()
    other.load_state_dict(model.state_dict())
    raw, came, gone = [], threading.Event(), threading.Event()

    def read_raw():
        with raw_rotary(other.get_decoder()):
            raw.append(other(ids).logits)
            came.set()
            assert gone.wait(30)
            raw.append(other(ids).logits)

    with raw_rotary(model.get_decoder()):
        thread = threading.Thread(target=read_raw)
        thread.start()
        assert came.wait(30)
        mine = model(ids).logits
    torch.testing.assert_close(model(ids).logits, wanted)  # another is within the context yet
    gone.set()
    thread.join()
    assert torch.equal(raw[0], raw[1]) and torch.equal(raw[0], mine)
    assert not torch.allclose(mine, wanted, atol=1e-3)
    assert module.apply_rotary_pos_emb is formula and torch.equal(model(ids).logits, wanted)
    module.apply_rotary_pos_emb = lambda *given: calls.append(1) or formula(*given)
    try:
        with raw_rotary(model.get_decoder()):
            model(ids)
            assert not calls
            theirs = module.apply_rotary_pos_emb = formula  # somebody else's, put there meanwhile
        assert module.apply_rotary_pos_emb is theirs
    finally:
        module.apply_rotary_pos_emb = formula
