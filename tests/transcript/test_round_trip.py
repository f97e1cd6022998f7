"""Every reader: words and times that are written in its format are read back."""

import csv
import html
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from praatio.utilities.textgrid_io import getTextgridAsStr

SILENT = {"sp", "sil", "<sp>", "<sil>", "<SIL>", "<eps>", "<p:>", "{SL}"}


def words_without(banned=""):
    """Any words: no white space, no surrogates, no NUL, no `banned` characters."""
    letters = st.characters(exclude_categories=("Cs",), exclude_characters="\0\ufeff" + banned)
    return st.text(letters, min_size=1, max_size=8).filter(lambda word: not any(c.isspace() for c in word))


def pieces(word, min_words=1, max_words=4):
    """Lists of (words, onset, offset), in ms: onsets in order, pieces that may overlap."""
    steps = st.tuples(
        st.lists(word, min_size=min_words, max_size=max_words), st.integers(0, 9000), st.integers(0, 5000)
    )

    def in_order(drawn):
        onset, out = 0, []
        for words, step, length in drawn:
            onset += step
            out.append((words, onset, onset + length))
        return out

    return st.lists(steps, min_size=1, max_size=6).map(in_order)


def expected(drawn):
    """Rows (word, onset, offset) by the definition: a piece's time in proportion to characters."""
    rows = []
    for words, onset, offset in drawn:
        total, before = sum(map(len, words)), 0
        for word in words:
            start, end = (onset + (offset - onset) * count / total for count in (before, before + len(word)))
            rows.append((word, start / 1000, end / 1000))
            before += len(word)
    return rows


def check(transcript, drawn, interpolated=None):
    rows = expected(drawn)
    words = transcript.words
    assert words["word"].tolist() == [word for word, _, _ in rows]
    assert transcript.text == " ".join(word for word, _, _ in rows)
    np.testing.assert_allclose(words["onset_s"], [onset for _, onset, _ in rows], atol=1e-9)
    np.testing.assert_allclose(words["offset_s"], [offset for _, _, offset in rows], atol=1e-9)
    assert (words["offset_s"] >= words["onset_s"]).all()
    shared = [len(piece) > 1 if interpolated is None else interpolated for piece, _, _ in drawn for _ in piece]
    assert words["interpolated"].tolist() == shared
    assert transcript.has_times
    assert transcript.duration_s == pytest.approx(max(offset for _, _, offset in drawn) / 1000)


def unlike(drawn):
    """Pieces whose words tell them apart, so that none goes on showing what the one before shows."""
    return [([f"{i}{word}" for word in words], onset, offset) for i, (words, onset, offset) in enumerate(drawn)]


def stamp(ms, mark):
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{mark}{ms % 1000:03}"


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r\ufeff")))
def test_text(read, text):
    if not text.split():
        return
    transcript = read(text, format="text")
    assert transcript.text == text.strip()
    assert transcript.words["word"].tolist() == text.split()
    assert transcript.words["onset_s"].isna().all()


@given(pieces(words_without("<>{}")).map(unlike), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_srt(read, drawn, end, numbered):
    cues = []
    for index, (words, onset, offset) in enumerate(drawn, 1):
        number = f"{index}{end}" if numbered else ""
        cues.append(f"{number}{stamp(onset, ',')} --> {stamp(offset, ',')}{end}<i>{' '.join(words)}</i>{end}{end}")
    check(read("".join(cues).encode(), "story.srt"), drawn, interpolated=True)


@given(
    pieces(words_without()).map(unlike),
    st.sampled_from(["\n", "\r\n"]),
    st.lists(st.sampled_from(["", "Mary A", "Bob"])),
)
def test_webvtt(read, drawn, end, named):
    named = (named + [""] * len(drawn))[: len(drawn)]
    cues = [f"WEBVTT - a story{end}{end}NOTE nothing{end}{end}"]
    for (words, onset, offset), speaker in zip(drawn, named, strict=True):
        payload = html.escape(end.join(words), quote=False)
        payload = f"<v {speaker}>{payload}</v>" if speaker else f"<c.loud>{payload}</c>"
        cues.append(f"{stamp(onset, '.')} --> {stamp(offset, '.')} align:start{end}{payload}{end}{end}")
    transcript = read("".join(cues), "story.vtt")
    check(transcript, drawn, interpolated=True)
    assert transcript.words["speaker"].tolist() == [
        speaker for (words, _, _), speaker in zip(drawn, named, strict=True) for _ in words
    ]


LABEL = words_without().filter(lambda word: word not in SILENT)


def textgrid(drawn, long):
    def value(name, shown):
        return f"        {name} = {shown} \n" if long else f"{shown}\n"

    end = drawn[-1][2] / 1000
    out = ['File type = "ooTextFile"\nObject class = "TextGrid"\n\n', value("xmin", 0), value("xmax", end)]
    out.append("tiers? <exists> \nsize = 2 \nitem []: \n" if long else "<exists>\n2\n")
    phones = [(["f"], 0, 1)]
    for name, tier in (("phones", phones), ('the "words"', drawn)):
        out += ["    item [1]:\n" if long else "", value("class", '"IntervalTier"')]
        out += [value("name", '"' + name.replace('"', '""') + '"'), value("xmin", 0), value("xmax", end)]
        out.append(f"        intervals: size = {len(tier)} \n" if long else f"{len(tier)}\n")
        for index, (words, onset, offset) in enumerate(tier, 1):
            label = '"' + " ".join(words).replace('"', '""') + '"'
            out.append(f"        intervals [{index}]:\n" if long else "")
            out += [value("xmin", onset / 1000), value("xmax", offset / 1000), value("text", label)]
    return "".join(out)


@given(
    pieces(LABEL, min_words=0).filter(lambda drawn: any(words for words, _, _ in drawn)),
    st.booleans(),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_textgrid(read, drawn, long, encoding):
    transcript = read(textgrid(drawn, long).encode(encoding), "story.TextGrid")
    spoken = [piece for piece in drawn if piece[0]]
    # One label such as "sp sp" is words, but a single mark of silence is none: the strategy leaves those out.
    check(transcript, spoken)


@pytest.mark.parametrize("form", ["long_textgrid", "short_textgrid"])
@pytest.mark.parametrize(
    "label", ["plain", 'say "hi"', "intervals [2]:", "item [3]:", 'class = "IntervalTier"', "-1.5"]
)
def test_textgrid_written_by_praatio(read, form, label):
    tier = {"class": "IntervalTier", "name": "words", "xmin": 0, "xmax": 2, "entries": [(0.25, 1, label), (1, 2, "b")]}
    written = getTextgridAsStr({"xmin": 0, "xmax": 2, "tiers": [tier]}, form, True)
    transcript = read(written, "story.TextGrid")
    assert transcript.text == f"{label} b"
    assert transcript.words["onset_s"].iloc[[0, -1]].tolist() == [0.25, 1.0]


def table(drawn, delimiter, unit, named):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(["speaker", f"Onset ({unit})", f"offset_{unit}", "word"])
    scale = 1 if unit == "ms" else 1000
    for (words, onset, offset), speaker in zip(drawn, named, strict=True):
        writer.writerow([speaker, onset / scale, offset / scale, " ".join(words)])
    return out.getvalue()


@given(pieces(words_without()), st.sampled_from([",", ";", "\t"]), st.sampled_from(["s", "ms"]), st.data())
def test_csv_and_tsv(read, drawn, delimiter, unit, data):
    named = data.draw(st.lists(st.sampled_from(["", "Anna", "B, C"]), min_size=len(drawn), max_size=len(drawn)))
    name = data.draw(st.sampled_from(["story.csv", "story.tsv"])) if delimiter == "\t" else "story.csv"
    transcript = read(table(drawn, delimiter, unit, named), name, format=name[-3:])
    check(transcript, drawn)
    assert transcript.words["speaker"].tolist() == [
        speaker for (words, _, _), speaker in zip(drawn, named, strict=True) for _ in words
    ]


@given(pieces(words_without(), max_words=1), st.data())
def test_gentle(read, drawn, data):
    found = data.draw(st.lists(st.booleans(), min_size=len(drawn), max_size=len(drawn)))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for ([word], onset, offset), aligned in zip(drawn, found, strict=True):
        writer.writerow([word, word.lower(), onset / 1000, offset / 1000] if aligned else [word, "", "", ""])
    words = read(out.getvalue(), "align.csv", format="gentle").words
    assert words["word"].tolist() == [word for [word], _, _ in drawn]
    times = [(onset / 1000, offset / 1000) if aligned else (np.nan, np.nan) for (_, onset, offset), aligned in
             zip(drawn, found, strict=True)]  # fmt: skip
    np.testing.assert_array_equal(words[["onset_s", "offset_s"]].to_numpy(), times)
    assert not words["interpolated"].any()


@given(pieces(words_without()), st.booleans(), st.booleans())
def test_whisper_segments(read, drawn, timed, leading):
    # Words may not run backwards from one segment to the next, so these segments do not overlap.
    following = [onset for _, onset, _ in drawn[1:]] + [10**9]
    drawn = [(words, onset, min(offset, after)) for (words, onset, offset), after in zip(drawn, following, strict=True)]
    segments = []
    for index, (words, onset, offset) in enumerate(drawn):
        segment = {"start": onset / 1000, "end": offset / 1000, "text": " " + " ".join(words), "speaker": f"S{index}"}
        if timed:
            parts = expected([(words, onset, offset)])
            segment["words"] = [{"word": " " * leading + w, "start": a, "end": b, "score": 0.9} for w, a, b in parts]
        segments.append(segment)
    transcript = read(json.dumps({"segments": segments}), "story.json")
    check(transcript, drawn, interpolated=not timed)
    assert transcript.words["speaker"].tolist() == [f"S{i}" for i, (words, _, _) in enumerate(drawn) for _ in words]


PLAIN = st.text(st.characters(categories=("Lu", "Ll", "Lo", "Mn")), min_size=1, max_size=8)
MARKS = st.sampled_from(["{}", "**{}**", "*{}*", "[{}](http://a.b/c_d)", "`{}`", "~~{}~~", "<b>{}</b>"])
OPENINGS = st.sampled_from(["", "# ", "### ", "> ", "- ", "1. ", "    "])


@given(st.lists(st.tuples(OPENINGS, st.lists(st.tuples(MARKS, PLAIN), min_size=1)), min_size=1))
def test_markdown(read, blocks):
    lines = [opening + " ".join(mark.format(word) for mark, word in marked) for opening, marked in blocks]
    transcript = read("---\ntitle: none\n---\n" + "\n\n".join(lines), "story.md")
    assert transcript.words["word"].tolist() == [word for _, marked in blocks for _, word in marked]
