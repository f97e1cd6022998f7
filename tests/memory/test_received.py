"""Attention that keys received, by both ways, against the formula in float64."""

import pytest
import torch

from emcog.memory.received import WIDE, received, received_in_half


def make(n, m, dtype, heads=4, kv_heads=2, size=16):
    random = torch.Generator().manual_seed(n * m)
    query = torch.randn(1, heads, n, size, generator=random).to(dtype)
    key = (2 * torch.randn(1, kv_heads, m, size, generator=random)).to(dtype)
    seen = torch.rand(n, m, generator=random) < 0.6
    seen[:, 0] = True
    scores = 0.3 * query.double() @ key.double().repeat_interleave(heads // kv_heads, 1).mT
    hidden = scores.masked_fill(~seen, -torch.inf)
    wanted = hidden.softmax(-1).sum(2)[0]
    return query, key, hidden.logsumexp(-1)[0].float(), seen, wanted


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 9), (5, 16), (12, 70)])
def test_exactly(n, m):
    query, key, lse, seen, wanted = make(n, m, torch.float32)
    mask = torch.zeros(n, m).masked_fill(~seen, -torch.inf)
    torch.testing.assert_close(received(query, key, lse, mask, 0.3, None).double(), wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("dtype", "off"), [(torch.bfloat16, 0.02), (torch.float16, 0.003)])
@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 9), (5, 16), (12, 70)])
def test_in_half_precision(n, m, dtype, off):
    query, key, lse, seen, wanted = make(n, m, dtype)
    width = -(-m // WIDE) * WIDE
    hidden = torch.ones(n, width, dtype=torch.bool)
    hidden[:, :m] = ~seen
    found = received_in_half(query, key, lse, hidden, 0.3)
    assert found.shape == wanted.shape and found.dtype == torch.float32
    # A probability is off by a rounding of its exponent, and so is their sum.
    assert bool(((found - wanted).abs() <= off * (wanted + 0.05)).all())


def test_scores_may_be_far_larger_than_what_is_seen():
    """A key that a query does not see may have a score beyond all numbers of the type."""
    query, key, lse, _, _ = make(3, 5, torch.float16)
    key[:, :, 4] = 30_000 * query[:, ::2, 0].sign()
    assert bool((query @ key.mT.repeat_interleave(2, 1)).isinf().any())
    scores = 0.3 * query.double() @ key.double().repeat_interleave(2, 1).mT
    lse = scores[..., :4].logsumexp(-1)[0].float()
    found = received_in_half(query, key, lse, torch.arange(WIDE)[None] >= 4, 0.3)
    assert bool(found.isfinite().all()) and bool((found[:, 4] == 0).all())
