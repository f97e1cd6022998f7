"""Simulated fMRI: what is simulated, how finding it is scored, and the quick form of the experiment."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ANALYSES = Path(__file__).parents[2] / "analyses"


def load(name):
    spec = importlib.util.spec_from_file_location(name, ANALYSES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # inspect looks a function's source up here
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def fmri():
    return load("simulated_fmri")


@pytest.fixture(scope="module")
def table(fmri):
    return fmri.run(seed=0, quick=True)


def test_events_are_found_where_noise_is_low_and_better_than_by_chance(table):
    low = table[table.noise == "low"].set_index("method")
    assert low.f1[["SM", "SC", "optimal_k"]].min() > 0.9
    assert (low.f1.drop("F") > low.random_f1.drop("F") + 0.3).all()
    smallest = 2 / (1 + low.n_null.iloc[0])
    assert low.p["SM"] == pytest.approx(smallest)
    assert low.p["F"] > 0.2


def test_the_table_is_whole(table):
    assert len(table) == 3 * 7
    assert table.notna().all().all()
    assert table[["f1", "precision", "recall", "random_f1", "p"]].stack().between(0, 1).all()
    assert (table.gap > -1e-9).all()
    assert (table.gap[table.method.str.startswith("optimal")] < 1e-9).all()
    told = table[table.told]
    assert (told.n_found == told.n_boundaries).all()


def test_a_seed_gives_one_subject_and_another_another(fmri):
    one, same, other = (fmri.simulate(seed, 1.0, 5) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one[0], same[0])
    assert one[0].shape != other[0].shape or not np.allclose(one[0], other[0])
    rows, onsets = one
    assert onsets[0] == 0
    assert (np.diff(onsets) >= fmri.SHORTEST).all()
    np.testing.assert_allclose(rows.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(rows.std(0), 1)


def test_the_response_peaks_near_five_seconds_and_keeps_the_sum(fmri):
    shape = fmri.response(0.1)
    assert 4.5 < np.argmax(shape) * 0.1 < 5.5
    assert shape.sum() == pytest.approx(1)
    assert shape.min() < 0


def test_f1_by_hand(fmri):
    assert fmri.f1(np.array([10.0, 11]), np.array([10.0]), 4.5) == pytest.approx((2 / 3, 0.5, 1))
    assert fmri.f1(np.array([]), np.array([3.0]), 4.5) == (0, 0, 0)
    starts = np.array([0, 23])  # volume 23 is 34.5 s, its cause 30 s
    assert fmri.compare(starts, 50, np.array([0, 34.5])) == (1, 1, 1)
    assert fmri.compare(starts, 50, np.array([0, 34.6])) == (0, 0, 0)


def test_the_script_fills_its_page(fmri, tmp_path, monkeypatch, capsys):
    page = tmp_path / "page.md"
    page.write_text("\n".join(f"<!-- begin {name}: here -->\n<!-- end {name} -->" for name in ("example", "fmri")))
    monkeypatch.setattr(fmri, "docs_page", lambda name: page)
    out = tmp_path / "deep" / "table.csv"
    monkeypatch.setattr(sys, "argv", ["simulated_fmri", "--quick", "--write", "--out", str(out)])
    fmri.main()
    text = page.read_text()
    assert text.count("Measured on") == 1
    assert len(pd.read_csv(out)) == text.count("\n| ") - 2 == 21
    assert "found = segment_features(rows, seconds" in text
    assert "true onsets: [" in text
