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


def test_apa_of_a_regression():
    common = {"metric": "likelihood_ratio", "variant": "logistic", "method": "surprisal", "unit": "chi2"}
    row = {"estimate": 1.9401, "null_model": "chi2(1)", "p": 0.1637}
    assert apa(common | row) == "likelihood ratio (logistic) of surprisal: χ²(1) = 1.94, p = .164."
    assert ": χ²(12) = 1.94" in apa(common | row | {"null_model": "chi2(12)"})
    slope = {"metric": "slope", "variant": "lag 0", "method": "surprisal", "unit": "log odds/unit", "estimate": 0.1234,
             "ci_low": -2.9e-05, "ci_high": 0.2, "z": 1.5, "p": 0.13, "null_model": "circular_shift"}  # fmt: skip
    assert apa(slope) == (
        "slope (lag 0) of surprisal was 0.12 log odds/unit, 95% CI [-0.000029, 0.20], z = 1.50, p = .130."
    )
    gain = {"metric": "delta_log_likelihood", "unit": "nats/row", "estimate": -2.9e-05}
    assert apa(gain) == "delta log likelihood was -0.000029 nats/row."
    assert apa({"metric": "wald", "unit": "z", "estimate": 2.5, "z": 2.5, "p": 0.01}) == "wald: z = 2.50, p = .010."
    assert apa({"metric": "r", "unit": "r", "estimate": 0.5}) == "r was 0.50."


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0.00"), (0.5, "0.50"), (-0.1, "-0.10"), (0.047, "0.047"), (0.00996, "0.0100"), (1e-4, "0.00010"),
     (-2.9e-5, "-0.000029"), (1e-7, "1.0 × 10⁻⁷"), (-4.44e-16, "-4.4 × 10⁻¹⁶"), (123.456, "123.46"),
     (2.5e12, "2.5 × 10¹²"), (float("nan"), "n/a"), (float("inf"), "inf")],
)  # fmt: skip
def test_numbers_are_readable(value, said):
    assert apa({"metric": "x", "estimate": value}) == f"x was {said}."


@pytest.mark.parametrize(
    ("row", "said"),
    [(tidy(ROWS), r"one row, and this is a table of 2: give table.iloc\[0\]"), ({}, "lacks metric and estimate"),
     (pd.Series({"metric": "f1"}), "lacks estimate"), ("comparison.csv", "got str"), (None, "got NoneType")],
    ids=str,
)  # fmt: skip
def test_apa_of_something_else(row, said):
    with pytest.raises(DataError, match=said):
        apa(row)


def test_units_stand_beside_the_metric_where_they_differ(table):
    assert "| S_M | f1 | v | share | 0.41 |" in markdown(table)
    assert " & wasserstein &  & words & 12.00 & " in latex(table)
    alone = markdown(table.iloc[:1])
    assert "unit" not in alone and "\nUnit: share.\n" in alone
    assert "Unit" not in markdown(table) and "Unit" not in markdown(tidy([{"metric": "x", "estimate": 1.0}]))
    ratio = {"metric": "likelihood_ratio", "unit": "chi2", "estimate": 1.0, "null_model": "chi2(3)"}
    assert "| likelihood_ratio |  | χ²(3) | 1.00 |" in markdown(tidy([*ROWS, ratio]))
    assert "$\\chi^2$(3)" in latex(tidy([*ROWS, ratio]))
    assert "-2.9 $\\times$ 10$^{-8}$" in latex(tidy([{"metric": "x", "estimate": -2.9e-8}]))


def test_notes_say_which_rows_they_are_of():
    def notes(*rows):
        return [line for line in markdown(tidy(rows)).splitlines() if "note" in line]

    rows = [{"method": "S", "metric": "f1", "variant": "a", "note": "one note"},
            {"method": "M", "metric": "f1", "variant": "b", "note": "other note"},
            {"method": "S", "metric": "pk", "variant": "b", "note": "one note"}]  # fmt: skip
    assert notes(rows[0], rows[2]) == ["one note"]
    assert notes(*rows) == ["S: one note", "M: other note"]
    assert notes(*rows[:2], rows[2] | {"method": "M"}) == ["Rows 1, 3: one note", "Row 2: other note"]
    assert notes(*[rows[0] | {"method": m} for m in "ABC"], rows[1] | {"method": "A"}) == [
        "a: one note", "b: other note"]  # fmt: skip
    same = [rows[0] | {"note": note} for note in ("note 1", "note 1", "note 1", "note 2", "note 1")]
    assert notes(*same) == ["Rows 1 to 3, 5: note 1", "Row 4: note 2"]


def test_stars_only_where_asked(table):
    plain, starred = markdown(table), markdown(table, stars=True)
    assert "*" not in plain
    assert "0.41***" in starred and "12.00*" in starred and "p < .05" in starred
    assert "***" in latex(table, stars=True) and "*" not in latex(table)


def test_empty_columns_are_left_out_and_notes_stand_below(table):
    lines = markdown(table).splitlines()
    assert (
        lines[0]
        == "| story | method | metric | variant | unit | estimate | ci | ceiling | null_mean | z | p | p_bh | n |"
    )
    assert "ceiling" not in markdown(table.iloc[1:])
    assert "n: boundaries" in lines
    assert "Chance: circular_shift, 10,000 draws, seed 0." in lines


def test_latex_is_escaped(table):
    said = latex(table)
    assert "S\\_M" in said and "$<$ .001" in said
    assert said.count("\\\\\n") == 3
    assert said.startswith("\\begin{tabular}{lllllrrrrrrrr}")


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
