"""The planted-boundary experiment and the graph's benchmark, in their quick forms."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emcog.transcript import Transcript

ROOT = Path(__file__).parents[2]
ANALYSES, DEMO = ROOT / "analyses", ROOT / "datasets" / "demo"


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


def test_no_method_passes_the_optimum_and_refining_brings_nearer():
    words = (DEMO / "late_letter.txt").read_text(encoding="utf-8").split()
    table = load("optimality_gap").run(Transcript.from_text(" ".join(words[:250])), methods=("R", "RM", "S"))
    better = table.set_index("method").query("objective == 'modularity'")
    assert (better.score <= better.optimum + 1e-9).all()
    worse = table.query("objective == 'conductance'")
    assert (worse.score >= worse.optimum - 1e-9).all()
    assert (table.share <= 1 + 1e-9).all()
    assert better.share["RM"] > better.share["R"] + 0.05
    assert abs(better.share["R"]) < 0.3


def test_the_cost_of_refinement_is_measured_and_told():
    module = load("bench_refinement")
    table = module.run(4096, "SM")
    assert table.tokens.iloc[-1] == 4096
    assert (table[["listening_s", "refining_s"]] > 0).all(axis=None)
    assert table.boundaries.is_monotonic_increasing
    told = module.page(table, "SM")
    assert f"{table.refining_s.sum() / table.listening_s.sum():.1%} of the listening" in told
