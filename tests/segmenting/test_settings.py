"""Settings: wrong ones are refused before anything heavy happens, in words that name the right ones."""

import numpy as np
import pytest

from emcog.boundaries import PROPOSALS
from emcog.errors import OptionError
from emcog.segmenting import METHODS, SegmentSettings, make_settings, segment
from emcog.signals import SIGNALS


@pytest.mark.parametrize(
    ("settings", "listed"),
    [
        ({"signal": "surprise"}, list(SIGNALS)),
        ({"propose": "treshold"}, [*PROPOSALS, "did you mean 'threshold'?"]),
        ({"refine": "modular"}, ["modularity", "conductance"]),
        ({"snap": "paragraph"}, ["word", "sentence"]),
        ({"method": "SX"}, list(METHODS)),
    ],
)
def test_a_wrong_name_is_answered_with_the_right_ones(settings, listed):
    for call in (make_settings, lambda **s: segment("He slept.", "no/such-model", **s)):
        with pytest.raises(OptionError) as caught:
            call(**settings)
        assert all(name in str(caught.value) for name in listed)
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("gamma", [float("nan"), float("inf"), "high", None]),
        ("window", [31, 0, 64.5, None, "wide"]),
        ("min_event", [0, -1, 1.5, None]),
        ("max_event", [0, 2.5, "long"]),
        ("n_events", [0, -2, 2.5, "few"]),
        ("distance", [0, 0.5]),
        ("seed", [-1, 0.5, None]),
        ("layers", [[], [-1], [0.5], "a,b"]),
        ("heads", [[], [-1]]),
        ("levels", [[], [0, 2], [5, 5], [9, 3], ["x"]]),
    ],
)
def test_a_wrong_number_is_named(name, values):
    for value in values:
        with pytest.raises(OptionError, match=name):
            SegmentSettings(**{name: value})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"max_event": 4, "min_event": 3}, "max_event must be a whole number at least 5"),
        ({"max_event": 40, "n_events": 3}, "cannot both hold"),
        ({"propose": "top"}, "--n-events"),
        ({"max_event": 40, "levels": [2, 5]}, "cannot both hold"),
        ({"penalty": 0.1}, "penalty is for"),
        ({"penalty": 0.1, "propose": "optimal", "levels": [2, 5]}, "penalty is for"),
        ({"levels": [2, 4], "n_events": 3}, "levels"),
        ({"method": "SM", "refine": "conductance"}, "method='SM'"),
    ],
)
def test_settings_that_do_not_go_together(settings, said):
    with pytest.raises(OptionError, match=said):
        make_settings(**settings)


def test_an_unknown_setting_is_refused():
    with pytest.raises(TypeError, match="gama"):
        segment("He slept.", gama=1)


def test_numbers_of_numpy_become_plain_ones():
    kept = SegmentSettings(gamma=np.float32(0.5), window=np.int64(64), n_events=5.0, max_event=None, seed=2**60 + 1)
    assert (kept.gamma, kept.window, kept.n_events, kept.seed) == (0.5, 64, 5, 2**60 + 1)
    assert [type(v) for v in (kept.gamma, kept.window, kept.n_events, kept.seed)] == [float, int, int, int]


def test_the_limits_themselves_are_allowed():
    SegmentSettings(window=32, min_event=3, max_event=5, n_events=None, distance=1, seed=0)
    SegmentSettings(n_events=1, gamma=-1)
    assert SegmentSettings(layers="0,2", levels=[2, 5]).layers == (0, 2)
