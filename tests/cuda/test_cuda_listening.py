"""Listening and refinement on a CUDA device: in float32 the CPU's numbers."""

import numpy as np
import torch

import emcog
from emcog.lm import attention, listen
from emcog.lm.attention import _fused, _fused_is_right, _plain

NATS = 1 / 1.4426950408889634


def test_float32_is_whole():
    """No products in TF32, whose error is a thousand times larger."""
    assert torch.get_float32_matmul_precision() == "highest"
    assert not torch.backends.cuda.matmul.allow_tf32


def test_log_probabilities_are_the_cpu_s(embedded, story):
    ours, theirs = (listen(story[:12_000], embedded(device), n_local=256) for device in ("cuda", "cpu"))
    gap = np.abs(ours["surprisal"] - theirs["surprisal"]) * NATS
    print(f"largest difference in log-probability: {gap.max():.2e} over {len(gap)} tokens")
    assert gap.max() < 1e-3
    for name in ("entropy", "bayesian_surprise"):
        assert np.nanmax(np.abs(ours[name] - theirs[name])) < 5e-3


def test_boundaries_are_the_cpu_s(embedded, story):
    for refine in (None, "modularity", "conductance"):
        starts = [
            emcog.segment(story[:12_000], embedded(device), refine=refine).events["start_token"].tolist()
            for device in ("cuda", "cpu")
        ]
        assert starts[0] == starts[1] and len(starts[0]) > 10


def test_the_fused_kernel_follows_our_rules():
    """Outcome by outcome, so that a failure says which."""
    for dtype, width in ((torch.bfloat16, 64), (torch.bfloat16, 128), (torch.float16, 64)):
        for n, m, rule in (
            (130, 700, {"causal": True, "window": 300}), (64, 33, {"causal": True}), (33, 700, {"causal": False}),
            (130, 700, {"causal": True, "among": (77, 700)}), (130, 700, {"causal": False, "among": (77, 700)}),
            (1, 700, {"causal": True, "window": 700}), (1, 700, {"causal": False, "among": (77, 700)}),
            (1, 700, {"causal": False, "among": (130, 517)}), (1, 700, {"causal": False, "among": (700, 700)}),
        ):  # fmt: skip
            given = {"causal": False, "window": None, "among": None} | rule
            if given["among"]:
                given["among"] = torch.tensor(given["among"], device="cuda")
            q, k, v = (
                torch.randn(1, heads, size, width, device="cuda", dtype=dtype)
                for heads, size in ((8, n), (2, m), (2, m))
            )
            wanted, wanted_lse = _plain(q.double(), k.double(), v.double(), width**-0.5, None, **given)
            out, lse = _fused(q, k, v, width**-0.5, **given)
            where = f"{dtype} {width} {n} {m} {rule}"
            known = wanted_lse > -torch.inf
            assert bool((known == (lse > -torch.inf)).all()), where
            assert float((out - wanted).abs().max()) < 0.02, where
            assert float(torch.where(known, (lse - wanted_lse).abs(), 0).max()) < 0.01, where
        assert _fused_is_right(torch.cuda.current_device(), dtype, width)


def test_half_precision_with_and_without_the_fused_kernel(embedded, story, monkeypatch):
    lm = embedded("cuda", "bfloat16")
    fused = listen(story[:6000], lm, n_local=256)["surprisal"]
    monkeypatch.setattr(attention, "_fused_is_right", lambda *_: False)
    plain = listen(story[:6000], lm, n_local=256)["surprisal"]
    whole = listen(story[:6000], embedded("cuda"), n_local=256)["surprisal"]
    # Rounding to bfloat16 moves both from float32 by the same amount.
    off_fused, off_plain = np.abs(fused - whole).mean(), np.abs(plain - whole).mean()
    print(f"mean difference from float32, bits: fused {off_fused:.4f}, plain {off_plain:.4f}")
    assert off_fused < 1.5 * off_plain + 0.005
