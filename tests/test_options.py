"""The two checkers of option values, and the words they answer in."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcog.errors import EmcogError, OptionError
from emcog.options import check_choice, check_number


def test_a_right_choice_is_given_back():
    assert check_choice("snap", "word", ["word", "sentence"]) == "word"
    assert check_choice("snap", "word", iter(["word"])) == "word"


@pytest.mark.parametrize("value", ["wrod", "", "Word", None, 3, ["word"]])
def test_a_wrong_choice_is_answered_with_the_right_ones(value):
    with pytest.raises(OptionError) as caught:
        check_choice("snap", value, ["word", "sentence"])
    said = str(caught.value)
    assert said.startswith(f"unknown snap {value!r}") and said.endswith("choose from word, sentence")
    assert ("did you mean 'word'?" in said) == (value in ("wrod", "Word", ["word"]))


def test_a_choice_in_other_letters_is_suggested():
    for value, meant in (("sm", "SM"), ("Sc", "SC"), ("Sentence", "sentence")):
        with pytest.raises(OptionError, match=f"did you mean '{meant}'"):
            check_choice("method", value, ["S", "SM", "SC", "sentence"])


def test_option_errors_are_value_errors_of_the_family():
    assert issubclass(OptionError, ValueError) and issubclass(OptionError, EmcogError)


@pytest.mark.parametrize(
    ("value", "limits", "wanted"),
    [
        (3, {"integer": True, "low": 3, "high": 3}, 3),
        (3.0, {"integer": True}, 3),
        ("12", {"integer": True}, 12),
        (np.int64(7), {"integer": True}, 7),
        (2**60 + 1, {"integer": True}, 2**60 + 1),
        (np.float32(0.5), {}, 0.5),
        (0.1, {"above": 0}, 0.1),
        (-1, {"low": -1}, -1.0),
    ],
)
def test_a_right_number_is_given_back(value, limits, wanted):
    got = check_number("gamma", value, **limits)
    assert got == wanted and type(got) is (int if limits.get("integer") else float)


@pytest.mark.parametrize(
    ("value", "limits", "wanted"),
    [
        (2.5, {"integer": True}, "a whole number"),
        (0, {"low": 1, "integer": True}, "a whole number at least 1"),
        (5, {"low": 1, "high": 4}, "a number at least 1 and at most 4"),
        (0, {"above": 0}, "a number above 0"),
        (math.nan, {}, "a number"),
        (math.inf, {}, "a number"),
        (-math.inf, {"integer": True}, "a whole number"),
        (10**400, {"integer": True}, "a whole number"),
        ("many", {}, "a number"),
        (None, {}, "a number"),
        (True, {}, "a number"),
        (np.True_, {"integer": True}, "a whole number"),
        ([1], {}, "a number"),
        (1j, {}, "a number"),
    ],
)
def test_a_wrong_number_is_answered_with_what_is_wanted(value, limits, wanted):
    with pytest.raises(OptionError) as caught:
        check_number("gamma", value, **limits)
    assert str(caught.value) == f"gamma must be {wanted}, got {value!r}"


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4)), st.booleans())
def test_either_a_number_within_limits_or_an_option_error(value, integer):
    try:
        got = check_number("x", value, low=-5, high=5, integer=integer)
    except OptionError as error:
        assert len(str(error).splitlines()) == 1 or isinstance(value, str)
    else:
        assert -5 <= got <= 5 and got == float(value) and isinstance(got, int) is integer
