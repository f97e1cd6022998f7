import numpy as np
import pytest

from emcog import EmcogError
from emcog.errors import DataError
from emcog.segmentation import Segmentation


def test_boundaries_are_the_first_tokens_of_the_events(make_segmentation):
    boundaries = make_segmentation(starts=(0, 4, 7)).boundaries
    assert boundaries.tolist() == [0, 4, 7]
    assert boundaries.dtype == np.int64


def test_boundaries_are_a_copy(make_segmentation):
    segmentation = make_segmentation()
    segmentation.boundaries[0] = 5
    assert segmentation.boundaries[0] == 0


def test_the_events_texts_tile_the_story(make_segmentation):
    text = "  One two.\n\nThree\tfour  five \n"
    assert "".join(make_segmentation(text, (0, 2)).events["text"]) == text


@pytest.mark.parametrize(
    ("column", "values", "complaint"),
    [
        ("start_token", [0, 5, 7], "tile"),
        ("start_token", [1, 4, 7], "tile"),
        ("end_token", [4, 7, 14], "tile"),
        ("end_token", [4, 7, 8], "tile"),
        ("start_word", [-1, 4, 7], "words"),
        ("end_word", [4, 7, 99], "words"),
        ("event", [1, 2, 3], "counted from 0"),
        ("n_tokens", [4, 3, 1], "n_tokens"),
        ("text", ["The", "bell", "rang"], "text"),
        ("surprise", ["high", "low", "?"], "wrong kind"),
    ],
)
def test_tables_that_contradict_each_other_are_refused(make_segmentation, column, values, complaint):
    good = make_segmentation()
    events = good.events.astype({column: object})
    events[column] = values
    with pytest.raises(DataError, match=complaint):
        Segmentation(events, good.tokens, good.words, good.provenance)


def test_a_missing_column_is_named(make_segmentation):
    good = make_segmentation()
    with pytest.raises(DataError, match="events lacks the columns event, surprise"):
        Segmentation(good.events.drop(columns=["event", "surprise"]), good.tokens, good.words, good.provenance)


@pytest.mark.parametrize("bad", [{"when": object()}, {"x": float("nan")}, {"x": {1, 2}}])
def test_provenance_that_json_cannot_hold_is_refused(make_segmentation, bad):
    good = make_segmentation()
    with pytest.raises(EmcogError, match="provenance"):
        Segmentation(good.events, good.tokens, good.words, bad)


def test_repr_says_how_much_there_is_and_how_events_begin(make_segmentation):
    shown = repr(make_segmentation())
    assert "'bell': 3 events, 13 words, 13 tokens" in shown
    assert "Anna ran home." in shown
    assert "1 event," in repr(make_segmentation(starts=(0,)))


def test_html_is_escaped(make_segmentation):
    shown = make_segmentation("<script>alert(1)</script> & more", (0,), name="<b>x</b>")._repr_html_()
    assert "<script>" not in shown
    assert "<b>x</b>" not in shown
    assert "&lt;script&gt;" in shown
