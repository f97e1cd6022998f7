"""segment(): every proposal with every place to land and every signal, on one short text."""

import numpy as np
import pandas as pd
import pytest

from emcog.boundaries import PROPOSALS, sentence_characters, threshold
from emcog.errors import OptionError, TranscriptError
from emcog.lm import listen
from emcog.segmentation import THRESHOLD_DECIDES
from emcog.segmenting import METHODS, segment
from emcog.signals import SIGNALS
from emcog.transcript import Transcript, read_transcript

NEEDS_NUMBER = {"top"}


def check(made, story, snap=None):
    """What every segmentation owes: its events tile the tokens, the words and the text."""
    events, tokens = made.events, made.tokens
    starts = made.boundaries
    assert starts[0] == 0 and (np.diff(starts) > 0).all()
    assert events["end_token"].tolist() == [*starts[1:], len(tokens)]
    assert "".join(events["text"]) == story.text == "".join(tokens["text"])
    assert (events["n_tokens"] == events["end_token"] - events["start_token"]).all()
    assert events["event"].tolist() == list(range(len(events)))
    owner = tokens["word_index"].to_numpy()
    assert events["start_word"].tolist() == owner[starts].tolist()
    first, last = events["start_word"].to_numpy(), events["end_word"].to_numpy()
    assert last[-1] == len(story.words)
    # Without snapping a boundary may cut a word, which is then in both events.
    assert ((last[:-1] == first[1:]) | ((last[:-1] == first[1:] + 1) & (snap is None))).all()
    signal = made.provenance["settings"]["signal"]
    np.testing.assert_array_equal(events["surprise"], tokens[signal].to_numpy()[starts])
    if snap is not None:
        assert set(starts) <= places(made, story, snap)


def places(made, story, snap):
    owner = made.tokens["word_index"].to_numpy()
    words = {0, *(np.flatnonzero(np.diff(owner)) + 1).tolist()}
    if snap == "word":
        return words
    begins = story.words["char_start"].searchsorted(sentence_characters(story.text))
    return {0, *(int(np.flatnonzero(owner == word)[0]) for word in begins)}


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("snap", [None, "word", "sentence"])
@pytest.mark.parametrize("propose", PROPOSALS)
def test_every_proposal(propose, snap, signal, tiny, story):
    options = {"n_events": 5} if propose in NEEDS_NUMBER else {}
    if propose in THRESHOLD_DECIDES:
        options = {"window": 64, "gamma": 0.5}
    if propose == "peaks":
        options["distance"] = 6
    made = segment(story, tiny, signal=signal, propose=propose, snap=snap, **options)
    check(made, story, snap)
    settings = made.provenance["settings"]
    assert (settings["propose"], settings["snap"], settings["signal"]) == (propose, snap, signal)
    assert len(made.events) > 1 or propose in ("lexical", "peaks")


@pytest.mark.parametrize("min_event", [1, 12])
@pytest.mark.parametrize("snap", [None, "word", "sentence"])
@pytest.mark.parametrize("propose", ["threshold", "top", "sentence", "fixed", "random"])
def test_n_events_is_exact(propose, snap, min_event, tiny, story):
    for n_events in (1, 2, 6):
        made = segment(story, tiny, propose=propose, snap=snap, min_event=min_event, n_events=n_events)
        check(made, story, snap)
        assert len(made.events) == n_events
        assert n_events == 1 or made.events["n_tokens"].min() >= min_event
    with pytest.raises(OptionError, match=r"1000 events.* cannot be had"):
        segment(story, tiny, propose=propose, snap=snap, min_event=min_event, n_events=1000)


@pytest.mark.parametrize("snap", [None, "word"])
def test_events_neither_too_short_nor_too_long(snap, tiny, story):
    made = segment(story, tiny, propose="random", gamma=0, window=64, snap=snap, min_event=5, max_event=24)
    check(made, story, snap)
    assert made.events["n_tokens"].between(5, 24).all() and len(made.events) > 5


def test_threshold_is_the_threshold_of_the_signal(tiny, story):
    made = segment(story, tiny, gamma=0.7, window=50, signal="entropy")
    assert made.boundaries.tolist() == threshold(listen(story, tiny)["entropy"].to_numpy(), 0.7, 50).tolist()


def test_snapping_goes_to_the_nearest_place(tiny, story):
    loose, snapped = (segment(story, tiny, gamma=0.5, window=64, snap=snap) for snap in (None, "word"))
    allowed = sorted(places(loose, story, "word"))
    wanted = {min(allowed, key=lambda p: (abs(p - start), p)) for start in loose.boundaries}
    assert snapped.boundaries.tolist() == sorted({0, *wanted})
    assert not set(loose.boundaries) <= set(allowed)  # there was something to move


@pytest.mark.parametrize("snap", [None, "word", "sentence"])
@pytest.mark.parametrize("min_event", [1, 4, 9])
@pytest.mark.parametrize(
    "options", [{"window": 64, "gamma": 0.3}, {"n_events": 7}, {"levels": (2, 7)}, {"window": 64, "max_event": 400}]
)
@pytest.mark.parametrize("proposed", "SFR")
def test_refinement_keeps_the_number_of_events(proposed, options, min_event, snap, tiny, story):
    made = [
        segment(story, tiny, method=method, min_event=min_event, snap=snap, **options)
        for method in (proposed, proposed + "M", proposed + "C")
    ]
    for one in made:
        check(one, story, snap)
        assert len(one.events) == len(made[0].events) > 1
        assert one.events["n_tokens"].min() >= min_event
        assert one.events.columns.str.startswith("level_").any() == ("levels" in options)
    assert any(set(one.boundaries) != set(made[0].boundaries) for one in made[1:]) or snap == "sentence"


@pytest.mark.parametrize("method", ["S", "SM", "RC", "F"])
def test_twice_the_same(method, tiny, story):
    one, other = (segment(story, tiny, method=method, window=64, gamma=0.5, seed=3) for _ in range(2))
    for table in ("events", "tokens", "words"):
        pd.testing.assert_frame_equal(getattr(one, table), getattr(other, table), check_exact=True)
    provenances = [dict(made.provenance) for made in (one, other)]
    for provenance in provenances:
        del provenance["created"]
    assert provenances[0] == provenances[1]


def test_the_seed_is_of_what_is_random_alone(tiny, story):
    def starts(propose, seed):
        return segment(story, tiny, propose=propose, window=64, gamma=0.3, seed=seed).boundaries.tolist()

    assert len({tuple(starts("random", seed)) for seed in range(4)}) > 1
    assert starts("threshold", 0) == starts("threshold", 1)


def test_methods_are_names_for_proposals(tiny, story):
    by_name = segment(story, tiny, method="sentence")
    assert by_name.boundaries.tolist() == segment(story, tiny, propose="sentence").boundaries.tolist()
    assert set(METHODS) == {"S", "SM", "SC", "F", "FM", "FC", "R", "RM", "RC", "sentence", "lexical", "optimal"}


def test_a_text_a_path_and_a_transcript_are_the_same_story(tiny, story, tmp_path):
    path = tmp_path / "letter.txt"
    path.write_text(story.text, encoding="utf-8", newline="")
    bare = story.text.strip()  # the last line feed of a file is no part of the story
    made = [segment(what, tiny, n_events=4) for what in (Transcript.from_text(bare), bare, path, read_transcript(path))]
    for other in made[1:]:
        pd.testing.assert_frame_equal(made[0].events, other.events)
    assert made[2].name == "letter"


def test_onsets_and_offsets_come_from_the_words(tiny, tmp_path):
    rows = [
        (word, i, i + 0.5) for i, word in enumerate("They went home . A year later , in Rome , it rained .".split())
    ]
    path = tmp_path / "timed.csv"
    path.write_text("word,onset,offset\n" + "".join(f'"{w}",{a},{b}\n' for w, a, b in rows))
    timed = read_transcript(path)
    made = segment(timed, tiny, propose="fixed", n_events=4, snap="word")
    check(made, timed, "word")
    assert made.events["onset_s"].tolist() == made.events["start_word"].tolist()
    assert made.events["offset_s"].tolist() == (made.events["end_word"] - 0.5).tolist()
    untimed = segment(Transcript.from_text(timed.text), tiny, n_events=2)
    assert untimed.events[["onset_s", "offset_s"]].isna().all(axis=None)


@pytest.mark.parametrize("text", ["Word", "Two words.", "😀", "a " * 40])
def test_the_shortest_stories(text, tiny):
    for propose in PROPOSALS:
        n_events = 1 if propose in NEEDS_NUMBER else None
        check(
            segment(text, tiny, propose=propose, snap="sentence", n_events=n_events), Transcript.from_text(text), "word"
        )


def test_progress_is_told(tiny, story):
    told = []
    made = segment(story, tiny, n_events=3, progress=lambda *x: told.append(x))
    assert told[-1] == (len(made.tokens), len(made.tokens))


def test_provenance_is_enough_to_repeat_the_run(tiny, story):
    made = segment(story, tiny, gamma=np.float32(0.5), window=np.int64(64), min_event=np.int32(4), snap="word", seed=7)
    told = made.provenance
    again = segment(story, tiny, **told["settings"])
    pd.testing.assert_frame_equal(made.events, again.events)
    assert told["input"] == {"name": "letter", "format": "text", "sha256": story.sha256}
    assert told["model"]["weights"] == tiny.weight_hash and told["seed"] == 7


@pytest.mark.parametrize("given", ["nowhere.srt", "letter.TXT", "here.story"])
def test_the_name_of_a_file_is_no_story(given, tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.story").write_text("He slept.")
    for call in (segment, listen):
        with pytest.raises(TranscriptError, match=r"give Path\('.*'\) or read_transcript\('.*'\)"):
            call(given, tiny)
    assert len(segment("He read here.txt\n", tiny).events) == 1


@pytest.mark.parametrize("given", [None, ["a", "b"], 3, b"He slept."])
def test_what_is_no_transcript_is_told_so(given, tiny):
    with pytest.raises(TranscriptError, match="a transcript must be"):
        segment(given, tiny)


def test_a_text_too_short_for_the_threshold_is_logged(tiny, caplog):
    caplog.set_level("INFO", logger="emcog")
    short = "one two three four five six"
    segment(short, tiny, n_events=2)
    assert "threshold" not in caplog.text
    assert len(segment(short, tiny, "surprisal").events) == 1
    assert "no threshold could be formed: it needs 32 values of the signal before a boundary" in caplog.text


def test_too_many_events_name_what_asked_for_them(tiny, story):
    with pytest.raises(OptionError, match=r"^levels=2,400: 400 events cannot be had: .* only \d+ fit the \d+ tokens"):
        segment(story, tiny, levels="2,400")
    with pytest.raises(OptionError, match=r"^9 events of at least 20 tokens \(min_event\) cannot be had"):
        segment(story, tiny, n_events=9, min_event=20)
