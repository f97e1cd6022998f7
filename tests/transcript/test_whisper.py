"""JSON of Whisper, WhisperX and their kin."""

import json

import numpy as np
import pytest


def word(text, start=None, end=None, **more):
    times = {key: value for key, value in (("start", start), ("end", end)) if value is not None}
    return {"word": text, **times, **more}


def test_whisperx_with_speakers_and_words_without_times(read):
    segments = [
        {"start": 0.5, "end": 2, "text": "In 1984 we", "speaker": "SPEAKER_00",
         "words": [word("In", 0.5, 0.75), word("1984"), word("we", 1.5, 2, speaker="SPEAKER_01")]},
        {"start": 2, "end": 4, "text": "ran off", "words": [], "speaker": "SPEAKER_01"},
    ]  # fmt: skip
    words = read(json.dumps({"segments": segments, "word_segments": []}), "s.json").words
    assert words["word"].tolist() == ["In", "1984", "we", "ran", "off"]
    np.testing.assert_array_equal(words["onset_s"], [0.5, np.nan, 1.5, 2, 3])
    assert words["interpolated"].tolist() == [False, False, False, True, True]
    assert words["speaker"].tolist() == ["SPEAKER_00"] * 2 + ["SPEAKER_01"] * 3


def test_whisper_splits_are_joined(read):
    parts = [word(" A", 0, 1), word(" well", 1, 2), word("-known", 2, 3), word(" man", 3, 4)]
    words = read(json.dumps({"text": "", "segments": [{"start": 0, "end": 4, "words": parts}]}), "s.json").words
    assert words["word"].tolist() == ["A", "well-known", "man"]
    assert words["onset_s"].tolist() == [0, 1, 3]
    assert words["offset_s"].tolist() == [1, 3, 4]


def test_words_only_chunks_and_bare_lists(read):
    words = [word("Once", 0, 1), word("upon", 1, 2)]
    assert read(json.dumps({"text": "Once upon", "words": words}), "s.json").text == "Once upon"
    assert read(json.dumps([{"start": 0, "end": 1, "text": "Once upon"}]), "s.json").text == "Once upon"
    chunks = [{"timestamp": [0, 1], "text": " Once"}, {"timestamp": [1, None], "text": " upon a"}]
    found = read(json.dumps({"chunks": chunks}), "s.json").words
    assert found["word"].tolist() == ["Once", "upon", "a"]
    np.testing.assert_array_equal(found["onset_s"], [0, 1, np.nan])
    assert found["interpolated"].tolist() == [False, True, False]


def test_escapes(read):
    content = '{"words": [{"word": "\\ud83d\\ude42"}, {"word": "a\\ud800"}], "x": NaN}'
    assert read(content, "s.json").text == "🙂 a\ufffd"


@pytest.mark.parametrize(
    "found, reason",
    [
        ({"segments": [{"words": [word("a", 1, 2), word("b", 0.5, 2)]}]}, "segment 1, word 2: times run backwards"),
        ({"segments": [{"text": "a", "start": 2, "end": 1}]}, "segment 1: the offset (1 s) is before the onset (2 s)"),
        ({"segments": [{"text": "a", "start": "1"}]}, "segment 1: start is '1'"),
        ({"segments": [{"start": 1}]}, "segment 1: it has no text"),
        ({"segments": ["a"]}, "segment 1: 'a' where an object"),
        ({"segments": [{"text": " "}]}, "no words"),
        ({"words": [word("a", float("inf"))]}, "word 1: an infinite time"),
        ({"words": [word("a", -1)]}, "word 1: a negative time"),
        ({"other": 1}, "it has no segments, words or chunks"),
        (5, "it has no segments, words or chunks"),
    ],
)
def test_errors_name_the_place(fails, found, reason):
    assert reason in fails(json.dumps(found), "s.json")


def test_broken_json(fails):
    assert "line 2: not JSON" in fails('{"segments":\n', "s.json")
    assert "nested too deeply" in fails("[" * 200_000, "s.json")
    assert "nested too deeply, or a number too long" in fails('{"segments": ' + "1" * 9_999 + "}", "s.json")
