"""Praat TextGrids."""

import pytest

from emcog.errors import TranscriptError

HEAD = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n9\n<exists>\n'


def tier(name, *labels, kind="IntervalTier"):
    """A tier in the short form: one label a second."""
    times = (lambda i: f"{i}\n{i + 1}") if kind == "IntervalTier" else str
    rows = "".join(f'{times(i)}\n"{label}"\n' for i, label in enumerate(labels))
    return f'"{kind}"\n"{name}"\n0\n9\n{len(labels)}\n{rows}'


def grid(*tiers):
    return f"{HEAD}{len(tiers)}\n{''.join(tiers)}"


def test_silences_are_no_words(read):
    words = read(grid(tier("w", "", "One", " ", "sp", "<sil>", "two three", "SP")), "s.TextGrid").words
    assert words["word"].tolist() == ["One", "two", "three", "SP"]
    assert words["onset_s"].tolist() == [1.0, 5.0, 5.375, 6.0]
    assert words["interpolated"].tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    "tiers, chosen",
    [
        ([tier("phones", "f"), tier("words", "word")], "word"),
        ([tier("Speaker 1 - phones", "f"), tier("Speaker 1 - words", "word")], "word"),
        ([tier("notes", "note"), tier("ORT-MAU", "word")], "word"),
        ([tier("words", "", ""), tier("MAU", "f"), tier("other", "other")], "other"),
        ([tier("marks", "x", kind="TextTier"), tier("segments", "f")], "f"),
    ],
)
def test_the_likeliest_tier(read, tiers, chosen):
    assert read(grid(*tiers), "s.TextGrid").text == chosen


def test_a_tier_by_name(read, fails):
    content = grid(tier("words", "word"), tier('my "t"'.replace('"', '""'), "mine"), tier("p", "x", kind="TextTier"))
    assert read(content, "s.TextGrid", tier='my "t"').text == "mine"
    assert read(content, "s.TextGrid", tier="WORDS").text == "word"
    for name in ("none", "p"):
        message = fails(content, "s.TextGrid", tier=name)
        assert f"no interval tier '{name}': its tiers are 'words', 'my \"t\"', 'p' (points)" in message


def test_wrong_times_name_tier_and_interval(fails):
    backwards = tier("words", "a", "b", "c").replace('2\n3\n"c"', '0.5\n3\n"c"')
    assert "tier 'words', interval 3: times run backwards" in fails(grid(backwards), "s.TextGrid")
    swapped = tier("words", "a", "b").replace('1\n2\n"b"', '1\n0.5\n"b"')
    assert "tier 'words', interval 2: the offset (0.5 s) is before the onset (1 s)" in fails(
        grid(swapped), "s.TextGrid"
    )
    negative = tier("words", "a").replace('0\n1\n"a"', '-1\n1\n"a"')
    assert "a negative time (-1 s)" in fails(grid(negative), "s.TextGrid")


@pytest.mark.parametrize(
    "content, reason",
    [
        (grid(tier("words", "a"))[:-10], "the file ends where"),
        (grid(tier("words", "a").replace("\n1\n0\n", "\nfew\n0\n")), "damaged TextGrid"),
        (grid(tier("words", "a").replace("IntervalTier", "OtherTier")), "class 'OtherTier'"),
        (grid(), "it has none"),
        (HEAD.replace("<exists>", "<absent>"), "it has none"),
        (grid(tier("words", "", "")), "no interval tier has a label"),
        (grid(tier("words", "sp", "<sil>")), "no words"),
        ('"Praat chronological TextGrid text file"\n0 1\n', "not a Praat TextGrid"),
    ],
)
def test_damaged_and_empty_files(fails, content, reason):
    assert reason in fails(content, "s.TextGrid", error=TranscriptError)


def test_comments_and_spacing_do_not_matter(read):
    content = grid(tier("words", "One", "two three")).replace("\n", '   ! a comment with "quotes" 12\n  ')
    assert read(content, "s.TextGrid").text == "One two three"
