"""Half precision: stored in 16 bits, multiplied in 32, and close to what float32 says."""

import numpy as np
import pytest
import torch
from torch import nn

from emcog.lm import listen, load_lm, precision
from emcog.lm.precision import WideLinear, use_wide_products


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("bias", [True, False])
def test_a_wide_linear_is_the_float32_product_rounded_once(dtype, bias):
    torch.manual_seed(0)
    layer = nn.Linear(64, 48, bias=bias).to(dtype)
    x = torch.randn(3, 5, 64, dtype=dtype)
    exact = x.double() @ layer.weight.double().T + (layer.bias.double() if bias else 0)
    layer.__class__ = WideLinear
    got = layer(x)
    assert got.dtype == dtype and layer.weight.dtype == dtype
    # Half a unit in the last place, and a little for the float32 sum.
    step = torch.finfo(dtype).eps / 2
    assert ((got.double() - exact).abs() <= 1.01 * step * exact.abs() + 1e-5).all()


@pytest.mark.parametrize("native", [True, False])
def test_only_plain_linear_layers_and_only_where_needed(native, monkeypatch):
    class Other(nn.Linear):
        pass

    monkeypatch.setattr(precision, "has_native_bfloat16", lambda device: native)
    model = nn.Sequential(nn.Linear(4, 4), Other(4, 4), nn.LayerNorm(4)).to(torch.bfloat16)
    state = {k: v.clone() for k, v in model.state_dict().items()}
    use_wide_products(model)
    assert [type(m) for m in model] == [nn.Linear if native else WideLinear, Other, nn.LayerNorm]
    assert all(torch.equal(state[k], v) for k, v in model.state_dict().items())


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
    assert (got["surprisal"] != exact["surprisal"]).any()  # it was half precision that was read
