"""Half precision: stored in 16 bits, computed in 32 where the CPU has no 16, and close to what float32 says."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from emcog.lm import listen, load_lm, precision
from emcog.lm.precision import WideEmbedding, WideLinear, compute_in_float32, computing_dtype


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("bias", [True, False])
def test_wide_layers_keep_half_weights_and_give_what_float32_gives(dtype, bias):
    torch.manual_seed(0)
    layer, table = nn.Linear(64, 48, bias=bias).to(dtype), nn.Embedding(10, 64).to(dtype)
    exact_layer, exact_table = copy.deepcopy(layer).float(), copy.deepcopy(table).float()
    layer.__class__, table.__class__ = WideLinear, WideEmbedding
    ids = torch.tensor([[3, 1, 9]])
    assert torch.equal(layer(table(ids)), exact_layer(exact_table(ids)))
    assert layer.weight.dtype == table.weight.dtype == dtype


@pytest.mark.parametrize("native", [True, False])
def test_only_plain_layers_and_only_where_needed(native, monkeypatch):
    class Other(nn.Linear):
        pass

    monkeypatch.setattr(precision, "has_native_bfloat16", lambda device: native)
    model = nn.Sequential(nn.Embedding(4, 4), nn.Linear(4, 4), Other(4, 4), nn.LayerNorm(4)).to(torch.bfloat16)
    state = {k: v.clone() for k, v in model.state_dict().items()}
    compute_in_float32(model)
    kinds = [nn.Embedding, nn.Linear] if native else [WideEmbedding, WideLinear]
    assert [type(m) for m in model] == [*kinds, Other, nn.LayerNorm]
    assert all(torch.equal(state[k].float(), v.float()) for k, v in model.state_dict().items())
    assert computing_dtype(model) == (torch.bfloat16 if native else torch.float32)
    small = torch.bfloat16 if native else torch.float32
    assert [m.weight.dtype for m in model] == [torch.bfloat16, torch.bfloat16, torch.bfloat16, small]


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_listens_almost_as_float32(dtype, native, embedded, monkeypatch):
    monkeypatch.setattr(precision, "has_native_bfloat16", lambda device: native)
    text = "The road ran down to the sea, and the old woman with the goose was asleep. At noon they came to a house."
    half = load_lm(dtype=dtype)
    assert half.model.dtype == getattr(torch, dtype)
    assert isinstance(half.model.lm_head, WideLinear) is not native
    exact, got = listen(text, embedded).tokens, listen(text, half, chunk=9).tokens
    assert got["token_id"].equals(exact["token_id"])
    for name in ("surprisal", "entropy", "bayesian_surprise"):
        off = (got[name] - exact[name]).abs()
        assert off.mean() < (0.1 if dtype == "bfloat16" else 0.02), name
        assert np.isfinite(got[name][:-1]).all()
    # The embedded LM's weights have few digits to begin with: without rounding between the steps nothing is lost.
    assert ((got["surprisal"] - exact["surprisal"]).abs().max() > 1e-3) == native
