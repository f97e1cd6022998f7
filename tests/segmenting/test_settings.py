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
        ({"refine": "modular"}, ["modularity", "conductance", "none"]),
        ({"method": "sm"}, ["did you mean 'SM'?"]),
        ({"snap": "paragraph"}, ["word", "sentence", "none"]),
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
        ({"max_event": 4, "min_event": 3}, "give max_event at least 5"),
        ({"max_event": 40, "n_events": 3}, "cannot both hold"),
        ({"propose": "top"}, "--n-events"),
        ({"max_event": 40, "levels": [2, 5]}, "cannot both hold"),
        ({"penalty": 0.1}, "penalty is for"),
        ({"penalty": 0.1, "propose": "optimal", "levels": [2, 5]}, "penalty is for"),
        ({"levels": [2, 4], "n_events": 3}, "levels"),
        ({"method": "SM", "refine": "conductance"}, "method='SM'"),
        ({"layers": [1]}, "layers has no effect"),
        ({"heads": [1], "method": "lexical"}, "heads has no effect"),
        ({"layers": "4,4", "method": "SM"}, "layers names 4 more than once"),
        ({"distance": 30}, "distance has no effect"),
        ({"distance": 30, "propose": "top", "n_events": 3}, "distance has no effect"),
        ({"gamma": 2.0, "n_events": 3}, "gamma has no effect"),
        ({"gamma": 2.0, "levels": [2, 5], "method": "SM"}, "gamma has no effect"),
        ({"gamma": 2.0, "propose": "sentence"}, "gamma has no effect"),
        ({"gamma": 2.0, "method": "optimal"}, "gamma has no effect"),
        ({"window": 64, "method": "lexical"}, "window has no effect"),
        ({"window": 64, "method": "F", "n_events": 3}, "window has no effect"),
        ({"window": 64, "propose": "peaks", "n_events": 3}, "window has no effect"),
    ],
)
def test_settings_that_do_not_go_together(settings, said):
    with pytest.raises(OptionError, match=said):
        make_settings(**settings)


def test_an_unknown_setting_is_refused():
    with pytest.raises(TypeError, match="gama"):
        segment("He slept.", gama=1)


def test_numbers_of_numpy_become_plain_ones():
    kept = SegmentSettings(gamma=np.float32(0.5), window=np.int64(64), max_event=40.0, seed=2**60 + 1)
    assert (kept.gamma, kept.window, kept.max_event, kept.seed) == (0.5, 64, 40, 2**60 + 1)
    assert [type(v) for v in (kept.gamma, kept.window, kept.max_event, kept.seed)] == [float, int, int, int]


def test_the_limits_themselves_are_allowed():
    SegmentSettings(propose="peaks", window=32, min_event=3, max_event=5, n_events=None, distance=1, seed=0)
    SegmentSettings(n_events=1)
    assert SegmentSettings(layers="0,2", levels=[2, 5]).layers == (0, 2)


@pytest.mark.parametrize(
    "settings",
    [
        {"gamma": 2, "window": 64},
        {"gamma": -1, "window": 64, "method": "F"},
        {"gamma": 2, "window": 64, "method": "RC"},
        {"gamma": 2, "window": 64, "distance": 5, "propose": "peaks"},
        {"distance": 5, "propose": "peaks", "n_events": 3},
        {"window": 64, "n_events": 3},
        {"window": 64, "method": "R", "levels": [2, 3]},
        {"layers": [1], "heads": [0], "method": "FM"},
        {"layers": [1], "propose": "optimal"},
        {"snap": "none", "refine": "none"},
    ],
)
def test_what_has_an_effect_is_taken(settings):
    made = make_settings(**settings)
    assert made.snap is None and (made.refine is None) == (settings.get("method") not in ("FM", "RC"))


@pytest.mark.parametrize("method", METHODS)
def test_the_defaults_of_every_method_are_taken(method):
    make_settings(method)  # nothing is refused
    made = make_settings(method, n_events=3, snap="word", min_event=4, seed=1)
    assert (made.n_events, made.snap, made.min_event, made.seed) == (3, "word", 4, 1)
