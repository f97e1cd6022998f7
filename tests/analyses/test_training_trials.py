"""Trials of training settings: each made once, scored, and comparable."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

ANALYSES = Path(__file__).parents[2] / "analyses"
WORDS = "the a boat house ran fell over under old grey Anna Tom said went to of and in river hill morning".split()


@pytest.fixture
def trials(monkeypatch):
    spec = importlib.util.spec_from_file_location("training_trials", ANALYSES / "training_trials.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    small = replace(module.CHOSEN, batch_tokens=256, context=128, short_context=64, hidden_size=32,
                    intermediate_size=48, layers=1, heads=1, kv_heads=1)  # fmt: skip
    monkeypatch.setattr(module, "CHOSEN", small)
    monkeypatch.setattr(module, "TRIALS", [{}, {"matrix_lr": 1e-9, "other_lr": 1e-9}])
    return module


def test_trials_are_made_once_and_a_rate_near_zero_learns_nothing(trials, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    book = "\n\n".join(" ".join(rng.choice(WORDS, 60)) + "." for _ in range(60))
    (tmp_path / "a.txt").write_text(book, encoding="utf-8")
    table = trials.run([tmp_path / "a.txt"], tmp_path / "a.txt", tokens=2560, out=tmp_path / "out")
    learnt, not_learnt = table["bits_per_character"]
    assert learnt < not_learnt - 0.2
    assert not_learnt == pytest.approx(13 * len(trials.load_lm().encode(book[:5000])[0]) / 5000, rel=0.05)
    monkeypatch.setattr(trials, "train_lm", None)
    again = trials.run([tmp_path / "a.txt"], tmp_path / "a.txt", tokens=2560, out=tmp_path / "out")
    assert again.to_csv() == table.to_csv()
