"""What is wrong with a user's table of words is said in one line that names the column."""

import numpy as np
import pandas as pd
import pytest

from emcog.errors import DataError, EmcogError, OptionError
from emcog.stats import reading_times, regress
from emcog.stats.word_tables import apart, check_stretches, numbers

N = 400
SMALL = {"n_null": 19, "folds": 4}


def made():
    rng = np.random.default_rng(0)
    signal = rng.normal(size=N)
    words = ["ab" * k + ("." if k == 4 else "") for k in rng.integers(1, 5, N)]
    return pd.DataFrame({"story": "a", "word": words, "surprisal": signal, "log_freq": rng.normal(size=N),
                         "boundary": (rng.random(N) < 0.2).astype(int), "rt_ms": 300 + rng.normal(size=N)})  # fmt: skip


def regressed(table, outcome="boundary", predictors=("surprisal",), **options):
    return regress(table, outcome, list(predictors), **{"controls": ["length"]} | SMALL | options)


def read(table, predictors=("surprisal",), **options):
    return reading_times(table, list(predictors), n_boot=9, **SMALL | options)


@pytest.mark.parametrize("call", [regressed, read])
def test_a_table_without_a_story_is_one_story(call):
    whole, without = call(made()), call(made().drop(columns="story"))
    assert set(whole.story) == {"a"} and set(without.story) == {""}
    pd.testing.assert_frame_equal(without.drop(columns="story"), whole.drop(columns="story"))
    halves = made().assign(story=np.repeat(["a", "b"], N // 2))
    pd.testing.assert_frame_equal(call(halves, story=None), without)
    assert not call(halves).drop(columns="story").equals(without.drop(columns="story"))
    with pytest.raises(DataError, match="no column tale"):
        call(made(), story="tale")


@pytest.mark.parametrize("call", [regressed, read])
@pytest.mark.parametrize(
    ("table", "said"),
    [("words.csv", r"DataFrame, got the path 'words.csv': read it first"), (None, "DataFrame, got a NoneType"),
     (made().head(0), "no rows"),
     (made().assign(surprisal="high"), r"predictor surprisal must hold numbers, got 'high' in row 0 \(400 such rows\)"),
     (made().assign(surprisal=pd.Timestamp("2020-01-01")), "predictor surprisal must hold numbers"),
     (made().assign(surprisal=np.inf), "predictor surprisal must hold numbers, got 'inf'"),
     (made().assign(surprisal=2.5), "predictor surprisal has no slope: it is the same in all rows"),
     (made().assign(surprisal=made()["word"].str.count("[ab]") * 3 - 1),
      r"predictor surprisal has no slope: the controls and predictors before it \(length_0.*already hold all it says"),
     (made().assign(story=[None, *["a"] * (N - 1)]), "column story is empty in 1 rows, first row 0"),
     (made().assign(char_start=range(N, 0, -1)), "char_start falls at row 1: sort the table by story"),
     (made().assign(story=["a", "b"] * (N // 2)), "reading order, those of one story together: row 2 goes back"),
     (made().head(90), "2 stretches of 50 words are too few for 4 folds.*151 words a story.*reading order")],
    ids=str,
)  # fmt: skip
def test_what_is_wrong_is_said(call, table, said):
    with pytest.raises(EmcogError, match=said) as caught:
        call(table)
    assert "\n" not in str(caught.value)


def test_an_outcome_of_words_is_named():
    table = made().assign(boundary=np.where(made().boundary == 1, "yes", "no"))
    with pytest.raises(DataError, match=r"outcome boundary must hold numbers, got 'no'.*write it as 0 and 1"):
        regressed(table)
    with pytest.raises(DataError, match="outcome rt_ms must hold numbers, got 'slow' in row 3"):
        read(made().assign(rt_ms=["1", "2", None, "slow"] * (N // 4)))


def test_truth_values_and_gaps_are_numbers():
    plain = regressed(made())
    pd.testing.assert_frame_equal(regressed(made().assign(boundary=made().boundary == 1)), plain)
    gaps = made().astype({"boundary": "Int64"})
    gaps.loc[7, "boundary"] = pd.NA
    assert set(regressed(gaps).n) == {N - 1}
    column = numbers(pd.DataFrame({"x": pd.Categorical(["1", "2.5", None])}), "x", "predictor")
    np.testing.assert_equal(column, [1, 2.5, np.nan])


def test_rows_of_observers_that_do_not_stand_together():
    table = pd.concat([made().assign(observer=name) for name in ("ann", "bob")], ignore_index=True)
    assert len(regressed(table, observer="observer"))
    for other in (table.sample(frac=1, random_state=0), table.sort_index(key=lambda row: row % N)):
        with pytest.raises(DataError, match="reading order, those of one story and observer together"):
            regressed(other.reset_index(drop=True), observer="observer")
    with pytest.raises(DataError, match="observers there were: got 0"):
        regressed(made().assign(people=0), observers="people")


def test_one_stretch_is_singular():
    with pytest.raises(DataError, match=r"^1 stretch of 50 words is too few for 2 folds"):
        check_stretches(np.zeros(50), 2)
    check_stretches(np.zeros(51), 2)


def test_no_predictor_and_one_that_is_a_control():
    with pytest.raises(OptionError, match="needs a predictor"):
        read(made(), [])
    with pytest.raises(DataError, match="log_freq is a control and a predictor"):
        read(made(), ["log_freq"])


def test_what_varies_in_one_fold_only_cannot_be_foretold():
    event = np.arange(N) == 30
    with pytest.raises(DataError, match="surprisal varies in one of 4 folds only: leave it out"):
        read(made().assign(surprisal=event * 1.0))
    with pytest.raises(DataError, match="event varies in one of 4 folds only"):
        read(made().assign(event=event), controls=["event"])
    assert len(read(made().assign(event=np.arange(N) % 60 == 30), controls=["event"]))


def test_names_and_words_that_are_none():
    with pytest.raises(OptionError, match="needs a predictor"):
        regress(made(), "boundary", None)
    with pytest.raises(OptionError, match=r"by name, one at a time: got \['boundary'\]"):
        regressed(made(), ["boundary"])
    with pytest.raises(DataError, match="column word is empty in 1 rows, first row 3: each needs a word"):
        regressed(made().assign(word=[None if i == 3 else "a" * (i % 5) for i in range(N)]))
    pd.testing.assert_frame_equal(regressed(made(), controls="length"), regressed(made()))
    pd.testing.assert_frame_equal(read(made(), controls="length"), read(made(), controls=["length"]))


@pytest.mark.parametrize("kind", ["logistic", "poisson", "linear"])
def test_a_control_that_says_nothing_is_left_out(kind):
    table = made().assign(still=1.0, double=2 * made()["word"].str.count("[ab]"))
    outcome = "rt_ms" if kind == "linear" else "boundary"
    found = regressed(table, outcome, kind=kind, controls=["length", "still", "double"])
    assert found.note.str.contains("left out, the same in all rows or made of other controls: still_0, double_0").all()
    plain = regressed(table, outcome, kind=kind)
    pd.testing.assert_frame_equal(found.drop(columns="note"), plain.drop(columns="note"))
    assert "left out" in read(table, controls=["length", "still"]).note[0]


def test_what_others_leave_of_a_column_is_that_of_a_regression():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 200))
    mixture = 3 * a - b
    assert list(apart({"a_0": a, "b_0": b}, {"c_0": mixture + 1e-3 * rng.normal(size=200)})[0]) == ["a_0", "b_0"]
    with pytest.raises(DataError, match=r"predictor c \(lag 1\) has no slope.*\(a_0, b_0, c_0\)"):
        apart({"a_0": a, "b_0": b}, {"c_0": rng.normal(size=200), "c_1": mixture + 1e-7})
    kept, told = apart({"a_0": a, "m_0": mixture, "b_0": b}, {"c_0": rng.normal(size=200)})
    assert list(kept) == ["a_0", "m_0"] and told.endswith(": b_0")
