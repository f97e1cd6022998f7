"""Names that figures show."""

import pytest

from emcog.viz.panels import shown, thousands


@pytest.mark.parametrize(
    ("name", "story", "wanted"),
    [("people", "pieman", "People"), ("people", "late_letter", "Author"), ("people", "", "People"),
     ("lag_crp", "", "Lag-CRP"), ("S", "late_letter", "S")],
)  # fmt: skip
def test_the_author_of_the_bundled_story_is_not_called_people(name, story, wanted):
    assert shown(name, story) == wanted


def test_ticks_in_thousands_round_nothing():
    from matplotlib.figure import Figure

    axis = Figure().subplots().yaxis
    thousands(axis)
    told = [axis.get_major_formatter()(value, 0) for value in (0, 2.5, 17.5, 900, 12_000)]
    assert told == ["0", "2.5", "17.5", "900", "12,000"]
