"""Figures from made-up reports: all of them are drawn, from the report alone, and the same twice."""

import ast
import io
import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from PIL import Image

from emcog.errors import DataError
from emcog.paths import data_folder
from emcog.reproduce import FIGURES, load_script, report_table, summary_page, write_report
from emcog.reproduce.claims import CLAIMS
from emcog.reproduce.running import draw
from emcog.viz.key_matrix import word_ticks
from emcog.viz.panels import LOOKS, between, caption, key, letter, page, whose

from .made_up import MADE, made_up
from .texts import overlaps


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_whole_and_the_same_twice(name, tmp_path, monkeypatch):
    report = FIGURES[name].report
    write_report(tmp_path / "results" / report, made_up(report))
    monkeypatch.setattr("emcog.lm.load_lm", None)  # a figure that asks the model fails
    first = draw(name, tmp_path / "results", tmp_path / "one")
    second = draw(name, tmp_path / "results", tmp_path / "two")
    assert [p.name for p in first] == [f"{name}.pdf", f"{name}.png", f"{name}.txt"]
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes()
    pdf = first[0].read_bytes()
    assert b"FontFile2" in pdf  # TrueType outlines are in it
    assert b"CreationDate" not in pdf
    said = first[2].read_text()
    assert "Error bars:" in said and "\nn: " in said and "quick, seed 0" in said
    image = Image.open(io.BytesIO(first[1].read_bytes()))
    assert round(image.width / 300 * 25.4) in (85, 180)
    grey = np.asarray(image.convert("L"))
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    assert (edge == 255).all()  # nothing hangs over


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_lies_on_another(name):
    figure, _ = load_script("figures", name).draw(made_up(FIGURES[name].report))
    assert overlaps(figure) == []


def test_texts_that_lie_on_each_other_are_found():
    figure, axes = page(40)
    axes[0, 0].set_xticks([0.0, 0.01, 1.0, 7.0], ["zero", "near", "far", "beyond the axis"])
    axes[0, 0].set_xlim(0, 2)
    axes[0, 0].set_yticks([])
    assert overlaps(figure) == [("zero", "near")]


def test_another_process_draws_the_same(tmp_path):
    """Where a figure went by the order of a set of names, it would differ with the seed of their hashes."""
    names = ("cohesion", "human_distance", "calibration")
    for name in names:
        write_report(tmp_path / "results" / name, made_up(name))
    code = (
        "import sys; from pathlib import Path; from emcog.reproduce.running import draw\n"
        "for name in sys.argv[3:]: draw(name, Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    for seed in "12":
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "results"), str(tmp_path / seed), *names],
                              env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, text=True)  # fmt: skip
        assert done.returncode == 0, done.stderr
    files = sorted(path.name for path in (tmp_path / "1").iterdir())
    assert len(files) == 3 * len(names)
    assert all((tmp_path / "1" / file).read_bytes() == (tmp_path / "2" / file).read_bytes() for file in files)


ALLOWED = ("collections", "dataclasses", "itertools", "matplotlib", "numpy", "pandas", "scipy", "sys", "emcog.viz")


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_computes_no_statistics(name):
    tree = ast.parse((data_folder("figures") / f"{name}.py").read_text())
    places = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    places += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    known = (*ALLOWED, "emcog.cli.scripts")
    assert [place for place in places if not place.startswith(known)] == []


def test_a_figure_without_its_report_says_how_to_make_it(tmp_path, monkeypatch, capsys):
    from emcog.cli.scripts import figure

    monkeypatch.setattr("sys.argv", ["gamma.py", "--results", str(tmp_path), "--out", str(tmp_path)])
    assert figure("gamma", "doc") == 2
    assert "emcog reproduce gamma" in capsys.readouterr().err


def test_every_claim_is_read_off_its_report(tmp_path):
    for name in MADE:
        write_report(tmp_path / name, made_up(name))
    page = summary_page(tmp_path)
    for claims in CLAIMS.values():
        for claim in claims:
            section = page.split(f"## {claim.text}\n")[1].split("\n## ")[0]
            assert f"({claim.source})" in section and claim.rule in section
            assert "| data | what came out | 95% interval | agrees |" in section, claim.text
            assert re.search(r"\| (yes|no|open|open \([^|]+\)) \|$", section.rstrip()), claim.text


@pytest.mark.parametrize("name", ["cohesion", "human_distance", "peri_boundary", "predictors", "gamma", "granularity",
                                  "layers"])  # fmt: skip
def test_many_stories_have_a_panel_each(name):
    one = made_up(name)
    own = one["story"] == "late_letter"
    report = pd.concat([one[own].assign(story=f"story {k}") for k in range(7)] + [one[~own]])
    report.attrs = one.attrs
    figure, said = load_script("figures", name).draw(report)
    letters = [ax.get_title(loc="left") for ax in figure.axes]
    assert letters == [letter(k) for k in range(len(letters))] and len(letters) >= 14
    assert overlaps(figure) == []
    assert "Story 6" in said


def test_captions_say_what_is_so_by_construction_and_in_which_graph():
    said = load_script("figures", "recall_curves").draw(made_up("recall_curves"))[1]
    assert "The buffer's own neighbours, from their event: beside similarity 0.50 at a lag of 1 and 0.50 at -1." in said
    for name in ("cohesion", "human_distance"):
        said = load_script("figures", name).draw(made_up(name))[1]
        assert "graph of all layers" in said and "upper half" not in said


@pytest.mark.parametrize("name", ["overview", "key_graph"])
def test_without_keys_there_is_no_graph_to_draw(name):
    report = made_up("story")
    with pytest.raises(DataError, match="rotary positions"):
        load_script("figures", name).draw(report[~report["metric"].isin(["similarity", "block"])])


def test_methods_are_told_apart_without_colour():
    together = [("S", "SM", "SC", "SM+C", "F", "recency", "random", "window", "full attention"),
                ("people", "S", "SM", "SC", "F", "FM", "FC", "sentence", "optimal", "lexical", "R"),
                ("surprisal", "entropy", "bayesian_surprise")]  # fmt: skip
    for names in together:
        assert len({LOOKS[name][1] for name in names}) == len(names)


def test_a_legends_line_is_long_enough_for_its_dashes():
    figure, axes = page(40)
    for name, (colour, _, line) in LOOKS.items():
        axes[0, 0].plot([0, 1], [0, 1], color=colour, ls=line, lw=1.0, label=name)
    key(figure, axes[0], columns=4)
    longest = max(sum(line[1]) for _, _, line in LOOKS.values() if isinstance(line, tuple))  # in points at width 1
    (legend,) = figure.legends
    assert legend.handlelength * legend._fontsize > 2 * longest


def test_letters_go_on_after_z():
    assert [letter(k) for k in (0, 25, 26, 51, 52, 702)] == ["A", "Z", "AA", "AZ", "BA", "AAA"]


def test_captions_say_whose_boundaries_they_are():
    assert whose(["pieman", "sherlock"]) == "people's"
    assert whose(["late_letter"]) == "the author's"
    assert whose(["late_letter", "pieman"]) == "people's (Late letter: the author's)"


@pytest.mark.parametrize("name", ["cohesion", "human_distance", "peri_boundary", "predictors", "gamma", "granularity",
                                  "layers", "segmentation", "key_graph", "overview"])  # fmt: skip
def test_the_bundled_storys_scenes_are_not_called_peoples(name):
    report = made_up(FIGURES[name].report)
    own = report[report["story"].isin(["late_letter", "natural_stories"])]
    own.attrs = report.attrs
    figure, said = load_script("figures", name).draw(own)
    about, _, n = said.partition("\nError bars:")
    assert "the author's" in about
    assert re.search("people", about.replace("as people do", ""), re.IGNORECASE) is None
    texts = [text.get_text() for text in figure.findobj(Text)]
    assert [text for text in texts if "people" in text.lower()] == []
    assert "eople: n" not in n


def test_cohesion_turns_conductance_round():
    report = made_up("cohesion")
    figure, _ = load_script("figures", "cohesion").draw(report)
    pooled = report[report["layer"].isna() & (report["story"] == "late_letter")].set_index(["metric", "method"])["z"]
    # People's mark, the first row of the first story, stands on the line of chance.
    drawn = [next(line for line in ax.lines if line.get_marker() == "o").get_xdata()[0] for ax in figure.axes[:3]]
    expected = [pooled["modularity", "people"], -pooled["conductance", "people"], pooled["intra_inter", "people"]]
    assert drawn == pytest.approx(expected)


def test_a_fall_is_marked_below_and_a_rise_above():
    report = made_up("peri_boundary")
    report.loc[report["metric"] == "cluster", "estimate"] = [4.0, -4.0, 4.0]
    figure, _ = load_script("figures", "peri_boundary").draw(report)
    heights = [ax.lines[-1].get_ydata()[0] for ax in figure.axes]
    assert [height > 0.5 for height in heights] == [True, False, True]


def test_marks_at_nothing_and_bands_of_chance_are_whole():
    report = made_up("gamma")
    low = (report["metric"] == "f1") & (report["gamma"] == 2.0)
    report.loc[low, ["estimate", "ci_low", "ci_high", "null_mean", "null_sd"]] = [0.0, 0.0, 0.3, 0.1, 0.2]
    figure, _ = load_script("figures", "gamma").draw(report)
    f1 = figure.axes[1]
    (corner,) = f1.transData.inverted().transform([(0, f1.bbox.y0)])
    top = f1.get_ylim()[1]
    assert corner[1] <= -0.029 * top
    bands = f1.collections[0].get_paths()[0].vertices[:, 1]
    assert bands.min() == 0


def test_marks_that_are_close_stand_at_two_heights():
    foot, head = load_script("figures", "segmentation")._heights(np.array([10, 100, 102, 107, 300]))
    assert foot.tolist() == [0, 0.5, 0, 0.5, 0]
    assert head.tolist() == [1, 1, 0.5, 1, 1]


def test_the_story_that_observers_marked_is_segmented_and_the_first_one_gives_the_graph():
    first = made_up("story")
    second = first[first["metric"].isin(["surprisal", "boundary"])].assign(story="pieman")
    density = second[second["metric"] == "surprisal"].assign(metric="density", n=17)
    report = pd.concat([first, second, density])
    report.attrs = first.attrs
    said = {name: load_script("figures", name).draw(report)[1] for name in ("segmentation", "key_graph", "overview")}
    assert said["segmentation"].startswith("Pie Man. ")
    assert "17 observers' marks" in said["segmentation"]
    assert "Late letter" in said["key_graph"] and "Late letter" in said["overview"]
    assert "Pie Man" not in said["key_graph"] + said["overview"]


def test_cohesion_counts_events_method_by_method():
    report = made_up("cohesion")
    report.loc[(report["method"] == "sentence") & (report["story"] == "book"), "n"] = 5
    _, said = load_script("figures", "cohesion").draw(report)
    assert "Late letter (events): n = 12; Book (events): n = 12 (Sentence 5)" in said


def test_a_caption_names_data_that_were_not_there():
    table = report_table([{"metric": "a", "estimate": 1.0}])
    table.attrs["provenance"] = {"missing": ["sherlock: not here"], "caveats": ["late_letter: the author's scenes"],
                                 "settings": {"quick": False, "seed": 2},
                                 "model": {"name": "m", "weights": "ab" * 32}}  # fmt: skip
    said = caption(table, "About.", "none.", {"words": 3})
    assert re.search(r"Not there: sherlock: not here", said)
    assert "Model: m (weights abababababab)." in said and "words: n = 3" in said and "full, seed 2" in said


def test_counts_are_one_number_or_a_range():
    counts = report_table([{"n": 3}, {"n": 1200}, {"n": None}])["n"]
    assert between(counts) == "3 to 1,200"
    assert (between(counts[:1]), between(counts[2:])) == ("3", "none")


def test_ticks_stand_at_round_words():
    _, axes = page(40)
    words = np.array([0.0, 40.0, 100.0, 260.0, 400.0])
    word_ticks(axes[0, 0], words, "x")
    labels = [tick.get_text() for tick in axes[0, 0].get_xticklabels()]
    assert labels == ["0", "100", "200", "300", "400"]
    assert axes[0, 0].get_xticks().tolist() == pytest.approx([0, 2, 2.625, 3 + 40 / 140, 4])
