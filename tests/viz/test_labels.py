import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcog.excerpts import escaped, first_words, one_line
from emcog.viz.labels import MAX_LANES, fit_text, lay_flags, text_width


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("Anna ran home", 20, "Anna ran home"),
        ("Anna ran home", 13, "Anna ran home"),
        ("Anna ran home", 12, "Anna ran…"),
        ("Anna ran. Home", 12, "Anna ran…"),
        ("  Anna\n\tran  ", 20, "Anna ran"),
        ("Donaudampfschiff", 6, "Donau…"),
        ("", 5, ""),
    ],
)
def test_first_words(text, width, shown):
    assert first_words(text, width) == shown


@given(st.text(), st.integers(1, 40))
def test_first_words_fit_and_hold_no_control_characters(text, width):
    shown = first_words(text, width)
    assert len(shown) <= width
    assert not set(shown) & set("\x1b\x07\n\r\t\x00\x9b")


def test_escape_codes_are_left_out():
    assert one_line("\x1b[31mred\x1b[0m\nand \U0001f468\u200d\U0001f469") == "[31mred[0m and \U0001f468\u200d\U0001f469"


@given(
    st.lists(st.floats(0, 160), max_size=25).map(sorted),
    st.floats(1, 80),
)
def test_flags_never_meet_a_pole_or_each_other(poles, width):
    x = np.array(poles)
    flags = lay_flags(x, np.full(len(x), width), end=165.0)
    assert [flag.index for flag in flags] == list(range(len(x)))
    assert all(0 <= flag.lane < MAX_LANES for flag in flags)
    for flag in flags:
        reach = flag.x + flag.room
        assert flag.room == 0 or reach <= 165.0
        for later in flags[flag.index + 1 :]:
            # A later pole that stands under this flag must be lower than it, and so carry a lower flag.
            assert later.x >= reach or flag.room == 0 or later.lane < flag.lane


def test_flags_that_have_room_share_one_lane():
    flags = lay_flags(np.array([0.0, 50.0, 100.0]), np.full(3, 40.0), end=165.0)
    assert [flag.lane for flag in flags] == [0, 0, 0]


def test_flags_that_are_crowded_come_down_in_steps_to_a_wide_gap():
    flags = lay_flags(np.array([0.0, 4.0, 8.0, 60.0]), np.full(4, 40.0), end=165.0)
    assert [flag.lane for flag in flags] == [2, 1, 0, 0]
    assert min(flag.room for flag in flags) > 40


@given(st.text(max_size=60), st.floats(0, 60))
def test_fitted_text_fits(text, room):
    assert text_width(fit_text(text, room, 6), 6) <= room


def test_text_width_is_that_of_the_drawn_text():
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    text = "The carpenter found the letter on a Tuesday"
    renderer = RendererAgg(2000, 200, 300)
    drawn, *_ = renderer.get_text_width_height_descent(text, FontProperties(family="DejaVu Sans", size=8), False)
    assert text_width(text, 8) == pytest.approx(drawn / 300 * 25.4, rel=0.03)


def test_what_cannot_be_seen_is_spelt_out():
    assert escaped("a\x1b[31m\nb\u2028\ud800") == "a\\x1b[31m\\nb\\u2028\\ud800"
    assert escaped("abcdef", limit=4) == "abc…"
