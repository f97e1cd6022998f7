"""Names that figures show."""

import pytest

from emcog.viz.panels import shown


@pytest.mark.parametrize(
    ("name", "story", "wanted"),
    [("people", "pieman", "People"), ("people", "late_letter", "Author"), ("people", "", "People"),
     ("lag_crp", "", "Lag-CRP"), ("S", "late_letter", "S")],
)  # fmt: skip
def test_the_author_of_the_bundled_story_is_not_called_people(name, story, wanted):
    assert shown(name, story) == wanted
