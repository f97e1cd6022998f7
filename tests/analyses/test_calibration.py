"""The calibration in its quick form: what it simulates, what it counts, what it says."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emcog.reproduce import Setting, load_script

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def calibration():
    spec = importlib.util.spec_from_file_location("calibration", ROOT / "analyses" / "calibration.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def simulations():
    return load_script("analyses", "calibration_simulations")


def test_the_three_kinds_of_boundaries_differ_as_said(simulations):
    rng = np.random.default_rng(0)
    made = {kind: [simulations.boundaries(rng, kind) for _ in range(60)] for kind in simulations.KINDS}
    spread, runs = {}, {}
    for kind, stories in made.items():
        assert 20 < np.mean([len(one) for one in stories]) < 40
        assert all((np.diff(one) > 0).all() and one[0] > 0 and one[-1] < simulations.N_WORDS for one in stories)
        gaps = [np.diff(one) for one in stories if len(one) > 4]
        spread[kind] = np.mean([g.std() / g.mean() for g in gaps])
        runs[kind] = np.mean([np.corrcoef(g[:-1], g[1:])[0, 1] for g in gaps])
    assert spread["regular"] < 0.7 < spread["independent"] < spread["clustered"]
    assert runs["clustered"] > 0.1 > runs["independent"]


def test_a_wandering_series_is_stationary_and_slow(simulations):
    series = np.array([simulations.wandering(np.random.default_rng(i), 400, 20) for i in range(200)])
    np.testing.assert_allclose(series.std(0)[[0, 200, -1]], 1, atol=0.15)
    lagged = np.mean(series[:, 20:] * series[:, :-20]) / np.mean(series**2)
    assert lagged == pytest.approx(np.exp(-1), abs=0.08)


@pytest.mark.parametrize(
    "part",
    [
        "agreement",
        "peri",
        "coverage",
        "recall",
        "cohesion",
        "regression",
        "effects",
        "fixed",
        "together",
        "mixed",
        "stretches",
    ],
)
def test_a_part_gives_rates(calibration, simulations, part):
    table = calibration.run(part, seed=0, runs=2, n_null=19)
    assert {"test", "kind", "metric", "variant", "null_model", "rate", "se", "n_runs", "n_null", "seed"} == set(table)
    assert table.rate.between(0, 1).all() and set(table.n_null) == {19}
    if part == "agreement":
        assert set(table.null_model) == {"shuffled_lengths", "circular_shift", "uniform"}
        assert set(table.kind) == set(simulations.KINDS)


def test_failing_names_what_fails(calibration):
    rows = [("agreement", "clustered", "wasserstein", "units", "shuffled_lengths", 0.17),
            ("agreement", "clustered", "wasserstein", "units", "circular_shift", 0.05),
            ("agreement", "regular", "f1", "v", "circular_shift", 0.07),
            ("agreement", "regular", "matched", "v", "shuffled_lengths", 0.08),  # its own null model
            ("reading", "reading_times", "slope", "lag 0", "t, stretches", 0.09),
            ("reading", "reading_times", "wald", "lag 0", "Wald", 0.2),
            ("agreement", "regular", "boundary_density", "v", "circular_shift", 0.02),
            ("regression", "logistic, GEE", "slope", "lag 0", "circular_shift", 0.022),
            ("cohesion", "regular", "conductance", "", "circular_shift", 0.03),
            ("cohesion", "regular", "conductance", "", "uniform", 0.01),  # not its default
            ("coverage", "agreement", "f1", "v", "interval", 0.9),
            ("coverage", "agreement", "pk", "v", "interval", 0.95),
            ("coverage", "agreement", "recall", "v", "interval", 0.99),
            ("coverage", "agreement", "hamming", "v", "interval", 0.985),
            ("coverage", "random order", "lag_crp", "lag +1", "interval", 0.95),
            ("power", "regular", "f1", "v", "circular_shift", 0.9)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["test", "kind", "metric", "variant", "null_model", "rate"]).assign(se=0.005)
    ours, others, careful, narrow, wide, why = calibration.failing(table).split("\n\n")
    for said in ("f1 (v) with regular (circular_shift, 7.0% ± 0.5%)", "matched (v) with", "slope (lag 0) with"):
        assert said in ours
    assert "wasserstein" not in ours and "wald" not in ours and ours.count(";") == 2
    assert "wasserstein (units) with clustered (shuffled_lengths, 17.0%" in others and "wald" in others
    assert "boundary_density (v) with regular (circular_shift, 2.0%" in careful
    assert "slope (lag 0) with logistic, GEE (circular_shift, 2.2%" in careful
    assert "conductance with regular (circular_shift, 3.0%" in careful and careful.count(";") == 2
    reasons = why.splitlines()  # of what is outside, and where there is one
    assert [line.split(":")[0] for line in reasons] == ["- recall", "- hamming"]
    assert reasons[1].startswith("- hamming: goes by single boundaries")
    assert "f1" in narrow and "recall" in wide and "pk" not in narrow + wide


def test_the_script_goes_on_where_it_was_and_counts_the_same_in_two_processes(
    calibration, tmp_path, monkeypatch, capsys
):
    line = ["calibration.py", "--campaign", "--quick", "--only", "recall", "--out", str(tmp_path / "runs")]
    monkeypatch.setattr(sys, "argv", line)
    monkeypatch.setattr(calibration, "CHUNK", 4)
    calibration.main()
    assert "3 of 3" in capsys.readouterr().out
    kept = pd.read_csv(tmp_path / "rates.csv")
    assert set(kept.n_runs) == {10}
    assert "**recall**: % of 10 runs with p < .05" in calibration.page_block(kept.fillna({"variant": ""}))
    (tmp_path / "runs" / "recall-seed0-null99-4-8.parquet").unlink()
    monkeypatch.setattr(sys, "argv", [*line, "--so-far"])
    calibration.main()
    assert set(pd.read_csv(tmp_path / "rates.csv").n_runs) == {6}
    monkeypatch.setattr(sys, "argv", line)
    calibration.main()
    said = capsys.readouterr().out
    assert "4-8: 1 of 1" in said and "Under the default null models" in said
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "rates.csv"), kept)
    again = [sys.executable, ROOT / "analyses" / line[0], *line[1:-1], tmp_path / "again" / "runs", "--processes", "2"]
    subprocess.run(again, check=True, capture_output=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "again" / "rates.csv"), kept)


def test_the_report_counts_what_a_campaign_left_and_makes_what_is_missing(calibration, tmp_path, monkeypatch):
    recall = {"recall": (lambda seed, run, n_null: [dict.fromkeys(calibration.CELL, "x") | {"p": run / 10}], 1.0)}
    for name, value in (("PARTS", recall), ("CHUNK", 4), ("N_NULL", 19), ("FULL_RUNS", 8)):
        monkeypatch.setattr(calibration, name, value)
    setting = Setting(cache=tmp_path / "heard")
    (row,) = calibration.rows(setting)
    assert (row["n"], row["estimate"], setting.missing) == (8, 1 / 8, [])
    assert len(list((tmp_path / "calibration" / "runs").iterdir())) == 2
    calibration.finish(["recall"], 0, 12, 19, tmp_path / "calibration" / "runs", 1)
    monkeypatch.setattr(calibration, "simulate", None)  # a run that is simulated again fails
    (row,) = calibration.rows(setting)
    assert (row["n"], row["estimate"]) == (12, 1 / 12)
    (row,) = calibration.rows(Setting(cache=tmp_path / "heard", quick=True))
    assert row["n"] == 12


def test_an_interval_is_counted_against_the_mean_of_its_story(calibration):
    rows = pd.DataFrame({"test": "coverage", "kind": "a", "metric": "m", "variant": "", "null_model": "over observers",
                         "story": [0, 0, 1, 1], "value": [1.0, 3.0, 10.0, np.nan],
                         "low": [0.5, 2.5, 9.0, np.nan], "high": [1.5, 3.5, 11.0, np.nan]})  # fmt: skip
    found = calibration.count(rows)  # story 0: the mean is 2, in neither; story 1: 10, in the one that there is
    assert (found.rate[0], found.n_runs[0]) == (pytest.approx(1 / 3), 3)


def test_a_page_is_written_from_all_parts_only(calibration, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["calibration.py", "--campaign", "--only", "recall", "--write"])
    with pytest.raises(SystemExit):
        calibration.main()
    assert "leave --only out" in capsys.readouterr().err
