"""The command that compares with people: what its table looks like, and what is wrong with what it is given."""

import re

import pandas as pd
import pytest


@pytest.fixture
def events(make_segmentation, tmp_path):
    story = make_segmentation("The bell rang twice. Anna ran home in the rain. " * 6, (0, 20, 40), timed=True)
    story.save(tmp_path / "bell", "bell")
    (tmp_path / "p.csv").write_text("observer,word\n" + "".join(f"{who},{w}\n" for who in "abc" for w in (20, 41)))
    return story


def test_numbers_are_rounded_alike(run, events, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    done = run("compare", "bell", "--human", "p.csv", "--n-null", "50", "--out", "out")
    assert done.status == 0, done.err
    head, *rows = [line.split() for line in done.out.split("\n\n")[0].splitlines()]
    assert head[:7] == ["method", "estimate", "people", "chance", "z", "p", "p_bh"]
    numbers = [cell for row in rows for cell in row[1:7] if re.fullmatch(r"[-<]?[\d,]*\.?\d+", cell)]
    assert len(numbers) > 40
    assert not [cell for cell in numbers if not re.fullmatch(r"-?\d\.\d{3}|-?\d\d\.\d|-?[\d,]{3,}|<?\.\d{3}", cell)]
    assert any(cell.startswith(".") for cell in numbers)  # a p
    assert "In the files, people is called ceiling and chance null_mean." in done.out
    assert {"ceiling", "null_mean"} <= set(pd.read_csv("out/comparison.csv").columns)


def test_how_a_number_looks():
    from emcog.cli.compare import _number, _p

    shown = [_number(x) for x in (0.2, 2 / 9, 94.94, -0.00163, 9.9999, 10.04, 131.4, 999.9, 1234.6, float("nan"))]
    assert shown == ["0.200", "0.222", "94.9", "-0.002", "10.0", "10.0", "131", "1,000", "1,235", ""]
    assert [_p(x) for x in (1.0, 0.971, 0.0009, 0.05, float("nan"))] == ["1.000", ".971", "<.001", ".050", ""]


def test_marks_without_grades_are_said_to_have_none(run, events):
    done = run("compare", "bell", "--human", "p.csv", "--grade", "coarse")
    assert done.status == 2
    told = (
        "p.csv: these marks have no grades: leave --grade out, or name the column of grades with --columns grade=NAME"
    )
    assert done.err == f"emcog: error: {told}\n"


def test_options_are_named_as_the_command_names_them(run, events, tmp_path):
    (tmp_path / "ms.csv").write_text("observer,time\n" + "".join(f"{w},{t}\n" for w in "ab" for t in (5000, 21000)))
    done = run("compare", "bell", "--human", "ms.csv")
    assert done.status == 2 and "read them with --time-unit ms if they are" in done.err
    (tmp_path / "what.csv").write_text("observer,when\na,3\n")
    assert "name it with --columns time=NAME or" in run("compare", "bell", "--human", "what.csv").err
    (tmp_path / "odd.csv").write_text("observer,time\n" + "".join(f"a,{20 - 2 * i}\n" for i in range(9)))
    done = run("compare", "bell", "--human", "odd.csv", "--n-null", "9", "--metrics", "f1")  # a warning, and no error
    assert done.status == 0 and "; and 3 more\n" in done.err and "problems" not in done.err


def test_a_file_in_the_place_of_the_folder(run, events, tmp_path):
    (tmp_path / "afile").write_text("mine")
    for out in ("afile", "afile/below"):
        done = run("compare", "bell", "--human", "p.csv", "--out", out)
        assert done.status == 2
        assert re.fullmatch(
            rf"emcog: error: cannot write to {out}: \S*afile is a file; choose another folder\n", done.err
        )
    assert (tmp_path / "afile").read_text() == "mine"


@pytest.mark.parametrize("command", ["compare", "report"])
def test_no_segmentation_of_that_name(run, events, command):
    done = run(command, "nosuch", "--human", "p.csv")
    assert done.status == 2
    assert "there is no segmentation nosuch: check the name, or make one with emcog segment STORY --out" in done.err
