"""Bytes and paths: encodings, line ends, binary files, standard input, recognition by name and content."""

import codecs
import hashlib
import io
import os
import sys
import threading
from pathlib import Path

import pytest

from emcog.errors import OptionError, TranscriptError
from emcog.transcript import FORMATS, read_transcript

STORY = "Zoë said “hi” 🙂 cafe\u0301.\nThen\u2028she \u200bleft. שלום"
SRT = "1\n00:00:01,000 --> 00:00:02,000\nOnce upon\n"
VTT = "WEBVTT\n\n00:01.000 --> 00:02.000\nOnce upon\n"
GRID = (
    'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n2\n<exists>\n1\n'
    '"IntervalTier"\n"words"\n0\n2\n1\n0\n2\n"Once upon"\n'
)
CSV = "word,onset\nOnce,1\nupon,1.5\n"
TSV = CSV.replace(",", "\t")
JSON = '{"segments": [{"start": 1, "end": 2, "text": " Once upon"}]}'
GENTLE = "Once,once,1,1.4\nupon,,,\n"
CONTENTS = {"srt": SRT, "webvtt": VTT, "textgrid": GRID, "csv": CSV, "tsv": TSV, "whisper": JSON, "gentle": GENTLE}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks(read, encoding):
    assert read(STORY.encode(encoding)).text == STORY
    assert read(STORY.encode(encoding), encoding=encoding).text == STORY


@pytest.mark.parametrize("mark, encoding", [(codecs.BOM_UTF16_BE, "utf-16-be"), (codecs.BOM_UTF32_BE, "utf-32-be")])
def test_big_endian_byte_order_marks(read, mark, encoding):
    assert read(mark + STORY.encode(encoding)).text == STORY


def test_forced_encoding(read):
    assert read("café".encode("latin-1"), encoding="latin-1").text == "café"
    assert read("“café”".encode("cp1252"), encoding="cp1252").text == "“café”"


@pytest.mark.parametrize("name", ["story.txt", "story.md"])
def test_white_space_at_both_ends_is_no_part_of_the_story(read, name):
    for before, after in (("", "\n"), ("\n\n ", " \n\u2003\n"), ("\ufeff\ufeff\n", ""), ("\ufeff \ufeff", "\t")):
        transcript = read(before + "One\n\ntwo" + after, name)
        assert transcript.text == "One\n\ntwo"
        assert transcript.words["char_end"].tolist() == [3, 8]


def test_long_white_space_is_not_quadratic(read):
    assert read("a" + " " * 300_000 + "b" + " " * 300_000).words["char_start"].tolist() == [0, 300_001]


def test_line_ends_become_line_feeds_and_little_else_changes(read):
    content = b"One \r\n two\rthree\n\n four \x0b\x0c\xc2\xa0five "
    transcript = read(content)
    assert transcript.text == "One \n two\nthree\n\n four \x0b\x0c\xa0five"
    assert transcript.sha256 == hashlib.sha256(content).hexdigest()


def test_a_very_long_line(read):
    assert len(read("word " * 40_000).words) == 40_000
    assert read("x" * 100_000).words["char_end"].tolist() == [100_000]


def test_undecodable_bytes_say_where_and_what_to_try(fails):
    message = fails("Once café".encode("latin-1"))
    assert "byte 0xe9 at offset 8" in message
    assert "--encoding latin-1" in message
    assert "offset 11" in fails(codecs.BOM_UTF8 + "Once café".encode("latin-1"))
    assert "offset 0 is not ascii" in fails("é".encode(), encoding="ascii")
    assert "offset 4" in fails(codecs.BOM_UTF16_LE + b"a\0b")


@pytest.mark.parametrize(
    "content, kind",
    [
        (b"\x89PNG\r\n\x1a\n....", "PNG"),
        (b"PK\x03\x04....", "zip"),
        (b"PAR1....", "Parquet"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"RIFF\0\0\0\0WAVEfmt ", "WAV"),
        (b"\0\0\0\x20ftypisom", "MP4"),
        (b"ooBinaryFile\x08TextGrid", "Praat"),
        (b"\x80\x81\0\x01\x02", "binary file"),
    ],
)
@pytest.mark.parametrize("name", ["story.txt", "story.srt", "story.bin"])
def test_binary_files_are_named(fails, content, kind, name):
    assert kind in fails(content, name, error=TranscriptError)


def test_nul_characters(fails):
    message = fails(b"Once\0upon")
    assert "NUL" in message
    assert "character 4" in message
    assert "--encoding utf-16-le" in fails("Once upon".encode("utf-16-le"))
    assert "NUL" in fails('{"words": [{"word": "a\\u0000b"}]}', "story.json")


@pytest.mark.parametrize("content", [b"", b" \r\n\t\xe2\x80\xa8", codecs.BOM_UTF8, codecs.BOM_UTF16_LE])
@pytest.mark.parametrize("name", [f"story{suffix}" for entry in FORMATS.values() for suffix in entry.suffixes[:1]])
def test_files_without_words(fails, content, name):
    message = fails(content, name, error=TranscriptError)
    assert "empty" in message or "no words" in message


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(TranscriptError, match="path is empty: name a file, or give -"):
        read_transcript("")
    for path, reason in [(tmp_path / "none.txt", "no such file"), (tmp_path, "folder"), ("a\0b", "cannot be read")]:
        with pytest.raises(TranscriptError, match=reason) as caught:
            read_transcript(path)
        assert len(str(caught.value).splitlines()) == 1
    (tmp_path / "two\nlines.txt").write_bytes(b"\xff")
    with pytest.raises(TranscriptError, match=r"two\\nlines"):
        read_transcript(tmp_path / "two\nlines.txt")


def test_str_and_path_and_name(tmp_path):
    path = tmp_path / "my.story.txt"
    path.write_text("Once upon")
    assert read_transcript(str(path)).name == read_transcript(Path(path)).name == "my.story"


@pytest.mark.parametrize("name, content", CONTENTS.items())
def test_standard_input_is_told_by_its_content(monkeypatch, name, content):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    transcript = read_transcript("-")
    assert (transcript.name, transcript.format, transcript.text) == ("stdin", name, "Once upon")


def test_errors_name_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"caf\xe9")))
    with pytest.raises(TranscriptError, match=r"^standard input: byte 0xe9 at offset 3"):
        read_transcript("-")


@pytest.mark.parametrize("name, content", CONTENTS.items())
@pytest.mark.parametrize("file", ["story.txt", "story", "story.dat"])
def test_content_decides_where_the_name_does_not(read, name, content, file):
    transcript = read(content, file)
    assert (transcript.format, transcript.text) == (name, "Once upon")


@pytest.mark.parametrize(
    "text",
    ["{ braces } are not JSON", "One, two, three\nfour, five, six", "Text, start\nand then, nothing", "WEBVTTish",
     "1\n\nChapter one", "a,b,c,d", "[1] A note"],
)  # fmt: skip
def test_prose_stays_prose(read, text):
    transcript = read(text)
    assert (transcript.format, transcript.text) == ("text", text)


def test_commas_at_the_end_of_prose_are_no_empty_times(read):
    transcript = read("... !!! ,,,\n", "story.txt")
    assert (transcript.format, transcript.words["word"].tolist()) == ("text", ["...", "!!!", ",,,"])
    assert read("Once,,,\nupon,,,\n", "align.csv").format == "gentle"


def test_a_name_decides_first(read, fails):
    assert read("# One\n\n*two*", "story.MD").format == "markdown"
    assert read(GENTLE, "align.csv").format == "gentle"
    assert read(CSV, "align.csv").format == "csv"
    assert "--from webvtt" in fails(VTT, "story.srt")
    assert "--from srt" in fails(SRT, "story.vtt")
    assert "not SRT" in fails("Once upon a time", "story.srt")
    assert "not JSON" in fails("Once upon a time", "story.json")


@pytest.mark.parametrize("forced", ["srt", "webvtt", "textgrid", "csv", "tsv", "whisper", "gentle"])
@pytest.mark.parametrize("name, content", CONTENTS.items())
def test_a_file_of_another_format_than_forced(read, fails, forced, name, content):
    if forced == name or (forced, name) == ("csv", "tsv"):  # CSV finds its own delimiter
        assert read(content, "x", format=forced).text == "Once upon"
        return
    assert f"--from {name}" in fails(content, "x", error=TranscriptError, format=forced)


def test_forced_formats(read):
    assert read(SRT, "story.vtt", format="srt").text == "Once upon"
    assert read(SRT, format="text").text == SRT.strip()
    assert read(VTT, "x", format="vtt").format == "webvtt"


def test_wrong_options_list_the_right_ones(read):
    with pytest.raises(OptionError, match="text, markdown, srt, webvtt, textgrid, csv, tsv, whisper, gentle"):
        read("a", format="docx")
    with pytest.raises(OptionError, match="choose from s, ms"):
        read(CSV, "a.csv", time_unit="minutes")
    with pytest.raises(OptionError, match="utf-8"):
        read("a", encoding="utf-99")
    with pytest.raises(OptionError, match=r"tier .* is for textgrid"):
        read("a", tier="words")


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="this system has no /dev/zero")
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_device_is_refused_before_anything_is_read(device, tmp_path, limited):
    (tmp_path / "link.txt").symlink_to(device)
    for path in (device, tmp_path / "link.txt"):
        with limited("devices"), pytest.raises(TranscriptError, match="a device, not a file: name a file, or give -"):
            read_transcript(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_is_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(b"Once upon",))
    writer.start()
    assert read_transcript(tmp_path / "pipe").text == "Once upon"
    writer.join()


def test_a_name_that_is_no_text_is_spelt_out(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    try:
        path.write_text("Once upon")
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    assert read_transcript(path).name == "caf\\xe9"
    (tmp_path / "café.txt").write_text("Once upon")
    assert read_transcript(tmp_path / "café.txt").name == "café"
