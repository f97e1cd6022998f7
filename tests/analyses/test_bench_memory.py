"""The benchmark of memory runs, compares like with like, and reports what it found."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

SCRIPT = Path(__file__).parents[2] / "analyses" / "bench_memory.py"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench_memory", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_memory"] = module
    spec.loader.exec_module(module)
    return module


def test_both_read_the_same_while_all_fits(bench):
    size = bench.QUICK
    lm = bench.make_lm(size, "cpu", "float32")
    ids = bench.make_ids(size, size.chunk)
    ours = bench.with_memory(lm, size, "S").read(ids)["surprisal"].to_numpy()[1:]
    theirs = bench.Plain(lm, size.n_local).read(ids).numpy()
    np.testing.assert_allclose(ours * np.log(2), theirs, rtol=0, atol=1e-4)


def test_a_quick_run_reports_everything(bench):
    size = bench.QUICK._replace(tokens=768, stretch=1, new=2, full=(512,))
    tables = bench.run(size, "cpu", "float32")
    report = tables["report"].set_index(["subject", "measure"])["value"]
    assert report["memory, S against plain, sliding window", "speed ratio"] > 0
    assert 0 < report["memory, SM", "share of time in products, attention and gathers"] <= 1
    turns = tables["turns"]
    assert (turns.groupby("turn")["reader"].nunique() == 3).all()
    page = bench.markdown(tables["report"], size, "cpu", "float32")
    assert page.count("\n| ") == len(report) + 1


def test_the_report_says_what_held(bench):
    turns = pd.DataFrame(
        [
            {"reader": reader, "turn": turn, "seconds": seconds * turn}
            for reader, seconds in (("plain, sliding window", 3.0), ("memory, S", 3.6), ("memory, SM", 6.0))
            for turn in (1, 2, 3)
        ]
    )
    report = bench.summarize(
        turns, {1000: {"last": 10.0, "mean": 6.0}}, 0.9, {"plain": 0.01, "memory": 0.02}, bench.QUICK
    )
    found = report.set_index(["subject", "measure"])
    ratio = found.loc["memory, S against plain, sliding window", "speed ratio"]
    assert ratio["value"] == pytest.approx(3 / 3.6)
    assert ratio["holds"]
    assert found.loc["memory, SM against plain, sliding window", "speed ratio"]["holds"] == False  # noqa: E712
    # A turn is two chunks: 6 s a chunk at the median turn.
    assert found.loc["memory, SM against full attention, 1,000 tokens", "speed ratio at the end"]["value"] == 10 / 6
    assert found.loc["generation with memory against plain", "time ratio"]["holds"] == False  # noqa: E712
