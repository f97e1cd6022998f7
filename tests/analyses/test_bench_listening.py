"""The benchmark of listening compares like with like, and reports what it found."""

import importlib.util
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

from emcog.lm import load_lm
from emcog.paths import data_folder

SCRIPT = Path(__file__).parents[2] / "analyses" / "bench_listening.py"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench_listening", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_listening"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def ids():
    story = data_folder("datasets") / "demo" / "late_letter.txt"
    return load_lm(device="cpu").encode(story.read_text("utf-8"))[0][:2200]


def test_plain_transformers_computes_what_listening_computes(bench, ids):
    # Beyond the window of 1,024 tokens, and with a last chunk that is not whole.
    within, beyond = bench.difference_in_bits(ids)
    assert 0 < within < 1e-4
    # Beyond it the plain pass rotates at ever higher positions, whose angles float32 rounds more; listening does not.
    assert 0 < beyond < 5e-3


def test_a_plain_pass_with_another_window_does_not(bench, ids, monkeypatch):
    lm, given = load_lm(device="cpu", dtype="float32"), torch.from_numpy(ids)
    right = torch.cat(bench.Plain(lm.model, "mask", "surprisal").read(given), dim=1)
    monkeypatch.setattr(bench, "WINDOW", 1000)
    other = torch.cat(bench.Plain(lm.model, "mask", "surprisal").read(given), dim=1)
    assert (right - other)[0, :999].abs().max() < 1e-3
    assert (right - other)[0, 1024:].abs().max() > 1e-2


def test_listening_and_plain_passes_take_turns(bench, ids):
    size = bench.Size(tokens=4 * bench.CHUNK, stretch=bench.CHUNK, plain_every=1, processes=1)
    turns = bench.run_in_turns(ids[: size.tokens], "float32", "cpu", size)
    assert sorted(turns["turn"].unique()) == [1, 2, 3]
    for _, table in turns.groupby("turn"):
        assert table["reader"].iloc[0] == "listen"
        assert table["reader"].nunique() == len(table) == 5
    assert (turns["seconds"] > 0).all()


def test_processes_are_timed_one_by_one(bench):
    rows = bench.run_processes("He slept. Years on, a ship came. " * 20, repeats=1).set_index("process")
    assert list(rows.index) == ["imports", "segment", "help"]
    assert rows["seconds"]["help"] < rows["seconds"]["segment"]
    # This process holds torch; what it holds is not counted as theirs.
    assert rows["peak_mb"]["help"] < 150 < rows["peak_mb"]["segment"]


@pytest.fixture
def tables():
    turns = pd.DataFrame(
        [
            {"dtype": "float32", "reader": reader, "turn": turn, "seconds": seconds * turn}
            for reader, seconds in (("listen", 2.0), ("plain, all signals", 3.0), ("plain, logits alone", 1.0))
            for turn in (1, 2, 3)
        ]
    )
    alone = pd.DataFrame(
        {"dtype": "bfloat16", "tokens": [100, 200, 300], "seconds": [9.0, 0.05, 0.05], "resident_mb": [1.0, 50.0, 70.0]}
    )
    processes = pd.DataFrame(
        [
            {"process": name, "turn": 1, "seconds": seconds, "peak_mb": peak}
            for name, seconds, peak in (("imports", 4.0, 300.0), ("segment", 7.5, 900.0), ("help", 0.25, 30.0))
        ]
    )
    return processes, alone, turns


def test_the_report_has_the_ratios_and_says_what_held(bench, tables):
    report = bench.summarize(*tables, worst=(1e-5, 1e-3), stretch=100).set_index(["subject", "measure"])
    ratio = report.loc["listen against plain, all signals, float32", "speed ratio"]
    assert (ratio["value"], ratio["n"], ratio["holds"]) == (1.5, 3, True)
    # Less work may be faster: nothing is promised.
    less = report.loc["listen against plain, logits alone, float32", "speed ratio"]
    assert less["value"] == 0.5
    assert less["bound"] == ""
    # The stretch in which the window fills does not count: 100 tokens in 0.05 s.
    alone = report.loc["listen by itself, bfloat16"]
    assert (alone["value"]["speed"], alone["holds"]["speed"]) == (2000, False)
    assert (alone["value"].iloc[1], alone["holds"].iloc[1]) == (20, False)
    story = report.loc["emcog segment, 1,000 words"]
    assert story["value"].tolist() == [7.5, 3.5, 900]
    assert story["holds"].tolist() == [True, False, True]


def test_the_page_shows_every_row_and_what_was_not_kept(bench, tables):
    report = bench.summarize(*tables, worst=(1e-5, 1e-3), stretch=100)
    lines = bench.markdown(report, bench.QUICK).splitlines()
    rows = [line for line in lines if line.startswith("| ")][2:]
    assert len(rows) == len(report)
    assert sum("NOT kept" in row for row in rows) == (report["holds"] == False).sum() == 3  # noqa: E712
    assert "| listen against plain, all signals, float32 | speed ratio | 1.5 | 1.5 to 1.5 | 3 | >= 1, kept |" in rows
    assert "Measured on 20" in lines[-1]
