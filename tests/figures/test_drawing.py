"""Figures from made-up reports: all of them are drawn, from the report alone, and the same twice."""

import io
import re

import numpy as np
import pytest

from emcog.reproduce import Setting, load_script, report_table, write_report
from emcog.reproduce.running import draw
from emcog.viz.panels import LOOKS, caption

RNG = np.random.default_rng(0)


def _rows(**fixed):
    value = float(RNG.normal())
    return {"dataset": "demo", "story": "late_letter", "estimate": value, "ci_low": value - 1, "ci_high": value + 1,
            "null_mean": 0.0, "null_sd": 0.5, "z": value / 0.5, "p": 0.5, "n": 12, "seed": 0,
            "note": "n: made up; so"} | fixed  # fmt: skip


def gamma_rows():
    return [_rows(metric=metric, method=method, gamma=g, estimate=abs(float(RNG.normal())) + 1)
            for metric in ("event_length", "n_events", "f1", "modularity")
            for method in ("S", "SM") for g in (1.0, 2.0)]  # fmt: skip


def budget_rows():
    return [_rows(metric=metric, method=method, n_mem=n, length=1000, estimate=0.5, ci_low=0.2, ci_high=0.8)
            for metric in ("correct", "recalled") for method in ("SM", "F") for n in (0.0, 64.0)]  # fmt: skip


def layer_rows():
    return [_rows(metric=metric, method="people", layer=layer, head=head)
            for metric in ("modularity", "conductance") for layer in (0.0, 1.0, None) for head in (None, 0.0, 1.0)
            if layer is not None or head is None]  # fmt: skip


MADE = {"gamma": gamma_rows, "memory_budget": budget_rows, "layers": layer_rows}


def made(name):
    return Setting(quick=True).report(name, MADE[name](), model=False)


@pytest.mark.parametrize("name", MADE)
def test_the_same_report_gives_the_same_bytes(name, tmp_path):
    write_report(tmp_path / "results" / name, made(name))
    first = draw(name, tmp_path / "results", tmp_path / "one")
    second = draw(name, tmp_path / "results", tmp_path / "two")
    assert [p.suffix for p in first] == [".pdf", ".png", ".txt"]
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes()
    assert b"FontFile2" in first[0].read_bytes()  # TrueType outlines are in it
    said = first[2].read_text()
    assert "Error bars:" in said and "\nn: " in said and "quick, seed 0" in said


@pytest.mark.parametrize("name", MADE)
def test_a_figure_has_a_journals_width_and_nothing_hangs_over(name):
    from PIL import Image

    from emcog.viz.style import figure_bytes

    figure, _ = load_script("figures", name).draw(made(name))
    assert round(figure.get_figwidth() * 25.4) in (85, 180)
    image = np.asarray(Image.open(io.BytesIO(figure_bytes(figure))).convert("L"))
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    assert (edge == 255).all()


def test_methods_are_told_apart_without_colour():
    shapes = [(marker, line) for name, (_, marker, line) in LOOKS.items() if name not in ("R", "S, gamma 1")]
    together = [("S", "SM", "SC", "SM+C", "F", "recency", "random", "window", "full attention"),
                ("people", "S", "SM", "SC", "F", "FM", "FC", "sentence", "optimal"),
                ("surprisal", "entropy", "bayesian_surprise")]  # fmt: skip
    for names in together:
        assert len({LOOKS[name][1] for name in names}) == len(names)
    assert shapes


def test_a_caption_names_data_that_were_not_there():
    table = report_table([{"metric": "a", "estimate": 1.0}])
    table.attrs["provenance"] = {"missing": ["sherlock: not here"], "caveats": ["late_letter: the author's scenes"],
                                 "settings": {"quick": False, "seed": 2},
                                 "model": {"name": "m", "weights": "ab" * 32}}  # fmt: skip
    said = caption(table, "About.", "none.", {"words": 3})
    assert re.search(r"Not there: sherlock: not here", said)
    assert "Model: m (weights abababababab)." in said and "words: n = 3" in said and "full, seed 2" in said
