import pandas as pd
import pytest

from emcog.errors import DataError
from emcog.stats import apa, latex, markdown, save, tidy

ROWS = [
    {"story": "tale", "method": "S_M", "metric": "f1", "variant": "v", "unit": "share", "estimate": 0.4123,
     "ci_low": 0.3, "ci_high": 0.5, "ceiling": 0.62, "null_model": "circular_shift", "null_mean": 0.2,
     "null_sd": 0.05, "z": 4.246, "p": 0.0002, "n": 12, "n_null": 10000, "seed": 0, "note": "n: boundaries"},
    {"story": "tale", "method": "F", "metric": "wasserstein", "unit": "words", "estimate": 12.0, "p": 0.04, "n": 12},
]  # fmt: skip


@pytest.fixture
def table():
    return tidy(ROWS)


def test_apa_says_all_that_a_reader_needs(table):
    assert apa(table.iloc[0]) == (
        "f1 (v) of S_M was 0.41, 95% CI [0.30, 0.50] (people against each other: 0.62; chance by circular shift: "
        "M = 0.20, SD = 0.050, 10,000 draws), z = 4.25, p < .001."
    )
    assert apa(table.iloc[1]) == "wasserstein of F was 12.00 words; tested by the distance around a circle, p = .040."
    assert apa(tidy([*ROWS, {"metric": "x", "p": 0.9}]).iloc[1]).endswith("p = .040 (corrected: p = .060).")


def test_stars_only_where_asked(table):
    plain, starred = markdown(table), markdown(table, stars=True)
    assert "*" not in plain
    assert "0.41***" in starred and "12.00*" in starred and "p < .05" in starred
    assert "***" in latex(table, stars=True) and "*" not in latex(table)


def test_empty_columns_are_left_out_and_notes_stand_below(table):
    lines = markdown(table).splitlines()
    assert lines[0] == "| story | method | metric | variant | estimate | ci | ceiling | null_mean | z | p | p_bh | n |"
    assert "ceiling" not in markdown(table.iloc[1:])
    assert "n: boundaries" in lines
    assert "Chance: circular_shift, 10,000 draws, seed 0." in lines


def test_latex_is_escaped(table):
    said = latex(table)
    assert "S\\_M" in said and "$<$ .001" in said
    assert said.count("\\\\\n") == 3
    assert said.startswith("\\begin{tabular}{llllrrrrrrrr}")


def test_files_hold_the_same_table(table, tmp_path):
    paths = save(table, tmp_path / "new", "result")
    assert [path.name for path in paths] == ["result.csv", "result.parquet", "result.md", "result.tex"]
    pd.testing.assert_frame_equal(pd.read_parquet(paths[1]), table)
    again = pd.read_csv(paths[0])
    assert again["estimate"].tolist() == [0.4123, 12.0]
    assert paths[2].read_text() == markdown(table)


def test_another_table_is_refused():
    with pytest.raises(DataError, match="no table of results"):
        markdown(pd.DataFrame({"estimate": [1.0]}))
