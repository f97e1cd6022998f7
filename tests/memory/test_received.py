"""Attention that keys received, by both ways, against the formula in float64."""

import pytest
import torch

from emcog.memory.received import WIDE, received, received_in_bfloat16


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


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 9), (5, 16), (12, 70)])
@pytest.mark.parametrize("span", [1, 5, 100])
def test_in_bfloat16(n, m, span):
    query, key, lse, seen, wanted = make(n, m, torch.bfloat16)
    width = -(-m // WIDE) * WIDE
    mask = torch.full((n, width), -torch.inf, dtype=torch.bfloat16)
    mask[:, :m] = mask[:, :m].masked_fill(seen, 0)
    spans = []
    for start in range(0, n, span):
        columns = torch.nonzero(seen[start : start + span].any(0))[:, 0]
        low, high = int(columns.min()) // WIDE * WIDE, (int(columns.max()) // WIDE + 1) * WIDE
        spans.append((slice(start, start + span), slice(low, high)))
    found = received_in_bfloat16(query, key, lse, mask, 0.3, spans)
    assert found.shape == wanted.shape and found.dtype == torch.float32
    # A probability is off by a rounding of its exponent, and so is their sum.
    assert bool(((found - wanted).abs() <= 0.02 * (wanted + 0.05)).all())


def test_scores_may_be_far_larger_than_what_is_seen():
    query, key, lse, _, _ = make(3, 5, torch.bfloat16)
    key[:, :, 4] = 1e30 * query[:, ::2, 0].sign()
    scores = 0.3 * query.double() @ key.double().repeat_interleave(2, 1).mT
    lse = scores[..., :4].logsumexp(-1)[0].float()
    mask = torch.tensor([[0.0] * 4 + [-torch.inf] * 4], dtype=torch.bfloat16)
    found = received_in_bfloat16(query, key, lse, mask, 0.3, [(slice(None), slice(None))])
    assert bool(found.isfinite().all()) and bool((found[:, 4] == 0).all())
