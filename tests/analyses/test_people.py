"""The tables on people's data in their quick form, where the data are present."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emcog.stats import COLUMNS

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "human"

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/human is not here")


@pytest.fixture(scope="module")
def people():
    spec = importlib.util.spec_from_file_location("people", ROOT / "analyses" / "people.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("part", ["reading", "sherlock", "cohesion", "recall", "films", "pieman"])
def test_a_part_is_a_table_of_results(people, part, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("EMCOG_DATA", str(SHARED))
    monkeypatch.setattr(sys, "argv", ["people.py", "--quick", "--only", part, "--out", str(tmp_path)])
    people.main()
    table = pd.read_parquet(tmp_path / f"{part}.parquet")
    assert list(table.columns) == list(COLUMNS) and len(table)
    assert table.estimate.notna().any()
    if part == "pieman":
        assert table.note.str.contains("APPROXIMATE").all()
    if part == "reading":
        assert set(table.method) >= {"gpt3", "embedded"} and table.n.max() > 1500  # words of two stories
        assert table[table.metric.str.startswith("delta_log_likelihood")].estimate.notna().all()
    if part == "sherlock":
        assert set(table.method) == {"S, 6 events", "S, gamma 1"} and set(table.metric) >= {"f1", "wasserstein"}
        assert table.note.str.contains("5 boundaries of one list").all()
        assert (table[table.method == "S, 6 events"].n == 5).all()
    if part == "cohesion":
        assert set(table.method) == {"people", "random", "S"} and set(table.metric) >= {"modularity", "conductance"}
        assert np.isfinite(table.estimate).all()
    if part == "films":
        assert set(table.story) == {"defeat", "iteration"} and set(table.n) == {40}
        assert (table[table.metric == "point_biserial"].z > 5).all()  # people agree
    assert part in capsys.readouterr().out
    assert people.page_block(part, table).startswith("|")
