"""SRT and WebVTT."""

import re

import pytest
import srt
import webvtt


def cue(number, onset, offset, text, mark=","):
    return f"{number}\n00:00:{onset:02}{mark}000 --> 00:00:{offset:02}{mark}000\n{text}\n\n"


def test_time_is_spread_by_characters(read):
    words = read("1\n00:00:10,000 --> 00:00:20,000\nfour a\nsixsix-sixsix... \n", "s.srt").words
    assert words["word"].tolist() == ["four", "a", "sixsix-sixsix..."]
    assert words["onset_s"].round(6).tolist() == [10.0, 11.904762, 12.380952]
    assert words["offset_s"].round(6).tolist() == [11.904762, 12.380952, 20.0]
    assert words["interpolated"].all()


def test_srt_markup_is_left_out(read):
    text = '{\\an8}<i>Hello</i> <font color="#fff">there</font>,\n- I <3 you &amp; {you} < me'
    assert read(cue(1, 1, 2, text), "s.srt").text == "Hello there, - I <3 you &amp; {you} < me"


def test_srt_oddities(read):
    unnumbered = "00:00:01.5 --> 00:00:02,25 X1:1\nOne\n\nstill one\n00:00:03,000 --> 00:00:04,000\n1984\n"
    words = read("\n\n" + unnumbered, "s.srt").words
    assert words["word"].tolist() == ["One", "still", "one", "1984"]
    assert words["onset_s"].iloc[[0, 3]].tolist() == [1.5, 3.0]
    assert words["offset_s"].iloc[2] == 2.25
    assert read(cue(1, 1, 2, "a --> b").rstrip("\n"), "s.srt").text == "a --> b"


def test_overlapping_cues_are_fine(read):
    assert read(cue(1, 1, 9, "One") + cue(2, 1, 3, "two") + cue(3, 2, 4, "three"), "s.srt").text == "One two three"


def test_empty_cues_count_and_have_no_words(read, fails):
    assert read(cue(1, 1, 2, "") + cue(2, 2, 3, "two"), "s.srt").words["onset_s"].tolist() == [2.0]
    assert "no words" in fails(cue(1, 1, 2, "<i></i>"), "s.srt")
    assert "cue 3 (line 10)" in fails(cue(1, 1, 2, "a") + cue(2, 4, 5, "") + cue(3, 3, 6, "c"), "s.srt")


def test_wrong_times_name_the_cue(fails):
    assert "cue 2 (line 6): times run backwards (3 s after 5 s)" in fails(
        cue(1, 5, 6, "a") + cue(2, 3, 9, "b"), "s.srt"
    )
    assert "cue 1 (line 2): the offset (3 s) is before the onset (5 s)" in fails(cue(1, 5, 3, "a"), "s.srt")
    assert "cue 1 (line 1): a negative time (-1 s)" in fails("-00:00:01,000 --> 00:00:02,000\na", "s.srt")
    assert "line 6: '00:00:03,000 -> 00:00:04,000' is not a cue's times" in fails(
        cue(1, 1, 2, "a") + "2\n00:00:03,000 -> 00:00:04,000\nb", "s.srt"
    )
    assert "line 1: 'Subtitles by me'" in fails("Subtitles by me\n\n" + cue(1, 1, 2, "a"), "s.srt")


def test_webvtt_blocks_and_tags(read):
    content = (
        "WEBVTT Kind: captions\nLanguage: en\n\nSTYLE\n::cue { color: red }\n\nREGION\nid:r\n\nNOTE\na note\n\n"
        "intro\n01:00.500 --> 01:02.500 line:0 align:start\n"
        "<v.loud Mary Ann>Hi <i.a>you</i></v> &lt;b&gt;&nbsp;&amp; c\n"
        "NOTE is said\n\n100:00:00.000 --> 100:00:01.000\n<00:01.000><c>I</c> <3 this<v Bob>No.<v Al>Yes.\n"
    )
    words = read(content, "s.vtt").words
    assert words["word"].tolist() == [
        *("Hi", "you", "<b>", "&", "c", "NOTE", "is", "said"),
        *("I", "<3", "this", "No.", "Yes."),
    ]
    assert words["speaker"].tolist() == ["Mary Ann"] * 2 + [""] * 9 + ["Bob", "Al"]
    assert words["onset_s"].iloc[[0, 8]].tolist() == [60.5, 360_000.0]
    assert words["offset_s"].iloc[[7, 12]].tolist() == [62.5, 360_001.0]


def test_webvtt_errors(fails):
    head = "WEBVTT\n\n"
    assert "line 3: '00:01.000 --> soon' is not a cue's times" in fails(head + "00:01.000 --> soon\na\n", "s.vtt")
    assert "cue 2 (line 6)" in fails(head + "00:05.000 --> 00:06.000\na\n\n00:01.000 --> 00:02.000\nb\n", "s.vtt")
    assert "without cues" in fails(head + "NOTE nothing\n", "s.vtt")


def test_what_other_libraries_write_and_read(read):
    """The same cues as the libraries `srt` and `webvtt-py` find, in a file with their usual oddities."""
    content = "".join(cue(i, 2 * i, 2 * i + 1, f"line {i}\n<i>and</i> more, {i}") for i in range(1, 20))
    found = [(s.start.total_seconds(), s.end.total_seconds()) for s in srt.parse(content)]
    words = read(content, "s.srt").words
    groups = words.groupby(words.index // 5)
    assert list(zip(groups["onset_s"].min(), groups["offset_s"].max(), strict=True)) == found

    captions = webvtt.from_string("WEBVTT\n\n" + content.replace(",000", ".000")).captions
    transcript = read("WEBVTT\n\n" + content.replace(",000", ".000"), "s.vtt")
    assert transcript.text == " ".join(" ".join(caption.text.split()) for caption in captions)


YOUTUBE = """WEBVTT
Kind: captions

00:00:00.160 --> 00:00:02.310 align:start position:0%
~
so<00:00:00.480><c> this</c><00:00:01.000><c> is</c>

00:00:02.310 --> 00:00:02.320 align:start position:0%
so this is
~

00:00:02.320 --> 00:00:04.310 align:start position:0%
so this is
the<00:00:02.900><c> story</c>

00:00:04.310 --> 00:00:04.320 align:start position:0%
the story
~

00:00:04.320 --> 00:00:06.000 align:start position:0%
the story
the<00:00:05.000><c> story</c><00:00:05.500><c> of</c>
""".replace("~", " ")


def test_rolling_captions_are_read_once(read, caplog):
    """The third line begins as the second does: only what the cue before shows, line by line, is a repetition."""
    caplog.set_level("INFO", logger="emcog")
    words = read(YOUTUBE, "rolling.vtt").words
    assert words["word"].tolist() == "so this is the story the story of".split()
    assert words["onset_s"].iloc[[0, 3, 5]].tolist() == [0.16, 2.32, 4.32]
    assert len(caplog.records) == 1
    assert re.search(r"rolling\.vtt: .* 4 cues begin .* these 10 words are left out", caplog.text)
    two_lines = cue(1, 1, 2, "one two") + cue(2, 2, 3, "one two\nthree") + cue(3, 3, 5, "one two\nthree\nfour")
    assert read(two_lines, "s.srt").text == "one two three four"
    growing = (
        cue(1, 1, 2, "one") + cue(2, 2, 3, "<i>one</i> two") + cue(3, 3, 5, "one two three") + cue(4, 5, 6, "four")
    )
    assert read(growing, "s.srt").text == "one two three four"


def test_rolling_captions_keep_their_speakers(read):
    content = (
        "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Bob>one two\n\n"
        "00:02.000 --> 00:03.000\n<v Bob>one two</v>\n<v Al>three\n\n00:03.000 --> 00:04.000\n<v Al>three\nfour\n"
    )
    words = read(content, "s.vtt").words
    assert words["word"].tolist() == ["one", "two", "three", "four"]
    assert words["speaker"].tolist() == ["Bob", "Bob", "Al", "Al"]


def test_what_is_said_twice_is_kept(read, caplog):
    caplog.set_level("INFO", logger="emcog")
    apart = cue(1, 1, 2, "No. No.") + cue(2, 4, 5, "No. No.") + cue(3, 7, 8, "No. No.\nNever.")
    assert read(apart, "s.srt").text == "No. No. No. No. No. No. Never."
    once = "".join(cue(i, i, i + 1, text) for i, text in enumerate(["No.", "No.", "Why", "not?", "Well,"]))
    assert read(once, "s.srt").text == "No. No. Why not? Well,"
    parts = cue(1, 1, 2, "one two three") + cue(2, 2, 3, "two three four")
    assert read(parts, "s.srt").text == "one two three two three four"
    assert not caplog.records


@pytest.mark.parametrize("stamp", ["00:60:00{}000", "00:00:75{}000", "00:99:99{}5"])
def test_minutes_and_seconds_end_at_59(fails, stamp):
    for name, head, mark in (("s.srt", "1\n", ","), ("s.vtt", "WEBVTT\n\n", ".")):
        said = fails(f"{head}{stamp.format(mark)} --> 02:00:00{mark}000\na\n", name)
        assert "is not a cue's times" in said and "minutes and seconds up to 59" in said
        assert "is not a cue's times" in fails(f"{head}00:00:01{mark}000 --> {stamp.format(mark)}\na\n", name)


def test_an_srt_cue_without_times_is_named(read, fails):
    good = cue(1, 1, 2, "one")
    assert "line 1: cue 1 has no times" in fails("1\nzero\n\n" + cue(2, 1, 2, "one"), "s.srt")
    assert "line 5: cue 2 has no times" in fails(good + "2\nlost\n\n" + cue(3, 3, 4, "three"), "s.srt")
    assert "line 5: cue 2 has no times" in fails(good + "2\nlost\n", "s.srt")
    assert read(cue(1, 1, 2, "one\n\n2\nthings") + cue(2, 3, 4, "two"), "s.srt").text == "one 2 things two"
    assert read(cue(1, 1, 2, "one\n\n1984\ncame") + cue(2, 3, 4, "two"), "s.srt").text == "one 1984 came two"
