"""The planted-boundary experiment and the graph's benchmark, in their quick forms."""

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
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def planted():
    return load("planted_boundaries")


@pytest.fixture(scope="module")
def table(planted):
    return planted.run(seed=0, quick=True)


def test_refined_boundaries_beat_the_proposals_and_a_fixed_grid(table):
    for (noise, _), group in table[table.noise.isin(["easy", "middle"])].groupby(["noise", "jitter"]):
        f1 = group.set_index("method").f1
        assert f1[["SM", "SC"]].min() > f1[["F", "S"]].max() + 0.2, noise
    hard = table[table.noise == "hard"].set_index(["jitter", "method"]).f1
    assert hard["late", "SM"] > hard["late", "S"] + 0.2


def test_the_optimum_finds_the_easy_boundaries(table):
    easy = table[(table.noise == "easy") & table.method.str.startswith("optimal")]
    assert len(easy) == 4
    assert (easy.recall >= 0.95).all()


def test_late_proposals_are_all_mended_in_the_easy_case(table):
    late = table[(table.noise == "easy") & (table.jitter == "late")].set_index("method")
    assert late.recall[["SM", "SC"]].min() >= 0.95


def test_a_seed_gives_one_table_and_another_another(planted, table):
    pd.testing.assert_frame_equal(planted.run(seed=0, quick=True), table)
    assert not planted.run(seed=1, quick=True).f1.equals(table.f1)


def test_f1_counts_each_boundary_once_and_never_0(planted):
    assert planted.f1(np.array([0, 10, 11]), np.array([0, 10])) == pytest.approx((2 / 3, 0.5, 1))
    assert planted.f1(np.array([0, 12, 30]), np.array([0, 10, 33])) == (0.5, 0.5, 0.5)
    assert planted.f1(np.array([0]), np.array([0])) == (0, 0, 0)


@pytest.mark.parametrize("name", ["planted_boundaries", "bench_graph"])
def test_the_scripts_write_their_tables(name, tmp_path, monkeypatch, capsys):
    out, page = tmp_path / "deep" / "table.csv", tmp_path / "page.md"
    block = {"planted_boundaries": "planted", "bench_graph": "bench"}[name]
    page.write_text(f"<!-- begin {block}: here -->\n<!-- end {block} -->")
    monkeypatch.setattr(sys, "argv", [name, "--quick", "--write", "--out", str(out)])
    module = load(name)
    monkeypatch.setattr(module, "docs_page", lambda name: page)
    module.main()
    assert page.read_text().count("\n| ") > 8
    assert "Measured on" in page.read_text()
    written = pd.read_csv(out)
    assert len(written) > 10
    assert len(capsys.readouterr().out.splitlines()) > 8
    if name == "bench_graph":
        assert written.seconds.gt(0).all()
        assert {"ratio", "against", "limit", "holds", "carried_tokens"} <= set(written.columns)
