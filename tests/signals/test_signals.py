"""Signals against SciPy's entropy and relative entropy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, rel_entr
from scipy.stats import entropy

from emcog.signals import SIGNALS, Predictions


def of(logits, ids, dtype=torch.float64):
    predictions = Predictions(torch.tensor(logits, dtype=dtype).log_softmax(-1), torch.tensor(ids))
    return {name: signal.compute(predictions).numpy() for name, signal in SIGNALS.items()}


@given(seed=st.integers(0, 9999), n=st.integers(1, 6), size=st.integers(2, 40), scale=st.sampled_from([0.1, 3.0, 30.0]))
def test_equal_scipy(seed, n, size, scale):
    rng = np.random.default_rng(seed)
    logits, ids = rng.normal(size=(n + 1, size)) * scale, rng.integers(0, size, n)
    got = of(logits, ids)
    nats = log_softmax(logits, axis=-1)
    p = np.exp(nats)
    np.testing.assert_allclose(got["surprisal"], -nats[np.arange(n), ids] / np.log(2), atol=1e-9)
    np.testing.assert_allclose(got["entropy"], entropy(p[:-1], base=2, axis=-1), atol=1e-9)
    np.testing.assert_allclose(got["bayesian_surprise"], rel_entr(p[1:], p[:-1]).sum(-1) / np.log(2), atol=1e-8)


def test_by_hand():
    """Before: a quarter each; after token 2 came: half, half, nothing, nothing."""
    got = of([[0.0, 0, 0, 0], [0.0, 0, -1e4, -1e4]], [2])
    assert {name: values.tolist() for name, values in got.items()} == {
        "surprisal": [2.0], "entropy": [2.0], "bayesian_surprise": [1.0],
    }  # fmt: skip


def test_certain_predictions_are_finite_and_never_negative():
    logits = np.array([[200.0, 0, 0], [200.0, 0, 0], [0.0, 200, 0]])
    got = of(logits, [0, 0], torch.float32)
    assert all(np.isfinite(values).all() and (values >= 0).all() for values in got.values())
    assert got["bayesian_surprise"][0] == 0
    assert got["bayesian_surprise"][1] == pytest.approx(200 / np.log(2))


def test_the_registry():
    assert list(SIGNALS) == ["surprisal", "entropy", "bayesian_surprise"]
    assert {name: s.over_word for name, s in SIGNALS.items()} == {
        "surprisal": "sum", "entropy": "first", "bayesian_surprise": "sum",
    }  # fmt: skip
    assert all(s.name == name and s.unit == "bits" and s.doc for name, s in SIGNALS.items())
