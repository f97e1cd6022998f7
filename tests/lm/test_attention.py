"""Parts of an attention: by the rules that fused kernels know, and joined into one softmax."""

import pytest
import torch

from emcog.lm import attention
from emcog.lm.attention import attend_part, merge_parts


def make(n, m, heads=4, kv_heads=2, width=8):
    random = torch.Generator().manual_seed(n * 100 + m)
    return [torch.randn(1, h, k, width, generator=random) for h, k in ((heads, n), (kv_heads, m), (kv_heads, m))]


def softmax(query, key, value, seen, scaling, softcap=None):
    """Directly, in float64: seen (n, m) bool."""
    key, value = (x.double().repeat_interleave(2, 1) for x in (key, value))
    scores = query.double() @ key.mT * scaling
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    scores = scores.masked_fill(~seen, -torch.inf)
    return torch.nan_to_num(scores.softmax(-1)) @ value, scores.logsumexp(-1)


@pytest.mark.parametrize("softcap", [None, 2.0])
@pytest.mark.parametrize("rule", [
    {}, {"causal": True}, {"causal": True, "window": 5}, {"causal": True, "window": 30}, {"among": (3, None)},
    {"causal": True, "among": (4, None)}, {"among": (2, 3)}, {"among": (1, 1)},
])  # fmt: skip
@pytest.mark.parametrize(("n", "m"), [(6, 11), (1, 11), (9, 4), (6, 6)])
def test_a_part_follows_its_rule(n, m, rule, softcap, monkeypatch):
    query, key, value = make(n, m)
    row, column = torch.arange(n)[:, None] + m - n, torch.arange(m)[None]
    seen = torch.ones(n, m, dtype=torch.bool)
    if rule.get("causal"):
        seen &= column <= row
    if "window" in rule:
        seen &= column > row - rule["window"]
    if "among" in rule:
        first, stop = rule["among"]
        rule = rule | {"among": torch.tensor([first, m if stop is None else stop])}
        seen &= (column >= first) & (column < rule["among"][1])
    wanted, wanted_lse = softmax(query, key, value, seen, 0.3, softcap)
    for largest in (attention.LARGEST, 4 * m * 2):  # at once, and in blocks of two queries
        monkeypatch.setattr(attention, "LARGEST", largest)
        out, lse = attend_part(query, key, value, 0.3, softcap, **rule)
        torch.testing.assert_close(out.double(), wanted, atol=1e-6, rtol=0)
        torch.testing.assert_close(lse.double(), wanted_lse, atol=1e-6, rtol=0)


def test_parts_join_into_one_softmax():
    query, key, value = make(5, 20)
    seen = torch.ones(5, 20, dtype=torch.bool)
    wanted, wanted_lse = softmax(query, key, value, seen, 0.3)
    parts = [attend_part(query, key[:, :, piece], value[:, :, piece], 0.3) for piece in (slice(7), slice(7, None))]
    nothing = attend_part(query, key[:, :, :1], value[:, :, :1], 0.3, among=torch.tensor([1, 1]))
    out, lse = merge_parts(*merge_parts(*parts[0], *parts[1]), *nothing)
    torch.testing.assert_close(out.double(), wanted, atol=1e-6, rtol=0)
    torch.testing.assert_close(lse.double(), wanted_lse, atol=1e-6, rtol=0)
