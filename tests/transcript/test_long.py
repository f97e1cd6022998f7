"""A plain text that stays on disk: the text and words that `read_transcript` finds, and its errors."""

import errno
import io
import os

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from emcog import columns
from emcog.errors import EmcogError, TranscriptError
from emcog.files import scratch
from emcog.transcript import is_long, long, read_long_text, read_transcript

TEXTS = st.text(st.sampled_from("ab é😀漢.\n\r \t\u2028\u00a0\ufeff\x0b\x1c\x85\u3000\0"), max_size=60)
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1"]


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(long, "_CHARACTERS", 7)
    monkeypatch.setattr(columns, "BLOCK", 5)


def both(content, folder, encoding=None):
    """What the ordinary reader and this one make of a file: (text, words, name, format, hash), or the error."""
    path = folder / "story.txt"
    path.write_bytes(content)
    place = folder / "place"
    place.mkdir()
    found = []
    for read in (lambda: read_transcript(path, "text", encoding), lambda: read_long_text(path, place, encoding)):
        try:
            made = read()
            found.append((made.text[: len(made.text)], made.rows(), made.name, made.format, made.sha256, made))
        except EmcogError as error:
            found.append((type(error), str(error)))
    return found


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.one_of(TEXTS.map(str.encode), st.binary(max_size=40)))
@example(b"\xef\xbb\xbf\r\n  one\r\ntwo \r")
@example(b" \n" * 20)
@example("a b".encode("utf-16"))
@example(b"\x89PNG\r\n\x1a\n")
def test_what_the_ordinary_reader_finds(tmp_path_factory, small, content):
    one, other = both(content, tmp_path_factory.mktemp("long"))
    assert one[:1] + one[2:5] == other[:1] + other[2:5]
    if len(one) == 2:
        assert one == other
        return
    pd.testing.assert_frame_equal(one[1], other[1])
    held, kept = one[5], other[5]
    assert held.n_words == kept.n_words and np.array_equal(held.char_start, kept.char_start)
    for a, b in ((0, 1), (held.n_words - 1, None)):
        pd.testing.assert_frame_equal(held.rows(a, b), kept.rows(a, b))
    edges = np.unique(np.linspace(0, len(held.text), 9).astype(int))
    assert held.word_of_spans(edges[:-1], edges[1:]).tolist() == kept.word_of_spans(edges[:-1], edges[1:]).tolist()
    assert np.isnan(kept.times()).all() and np.shape(kept.times()) == (2, held.n_words)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encodings_that_are_named(tmp_path, small, encoding):
    one, other = both("Une \u00e9t\u00e9.\r\n Deux ".encode(encoding), tmp_path, encoding)
    assert one[0] == other[0] == "Une \u00e9t\u00e9.\n Deux" and one[4] == other[4]


@pytest.mark.parametrize(
    ("content", "format", "name", "long_one"),
    [
        (b"one two " * 40, None, "a.txt", True),
        (b"one two " * 40, "text", "a.dat", True),
        (b"one two " * 40, "txt", "a.dat", True),
        (b"one two " * 40, None, "a.dat", True),
        (b"one two " * 40, None, "a.md", False),
        (b"one two " * 40, "markdown", "a.txt", False),
        (b"one two", None, "a.txt", False),
        (b"{ one two " * 40, None, "a.txt", False),
        (b"WEBVTT\n\n" * 40, None, "a.txt", False),
        (b"word,onset\na,1\n" * 40, None, "a.txt", False),
        (b"\xff\xfd" * 200, None, "a.txt", False),
        (b"PAR1" * 200, None, "a.txt", False),
    ],
)
def test_which_files_are_read_so(tmp_path, monkeypatch, content, format, name, long_one):
    monkeypatch.setattr(long, "LONG", 200)
    (tmp_path / name).write_bytes(content)
    assert is_long(tmp_path / name, format) == long_one
    assert not is_long(tmp_path / "none.txt") and not is_long(tmp_path)
    assert not is_long(tmp_path / name, encoding="no such encoding")


@pytest.mark.parametrize("when", ["opened", "read"])
def test_a_text_that_cannot_be_read_is_no_folder_that_cannot_be_written_to(tmp_path, monkeypatch, when):
    path = tmp_path / "story.txt"
    path.write_text("one two")

    class Failing(io.StringIO):
        def read(self, *_):
            raise OSError(errno.EIO, "Input/output error")

    def opened(*_):
        return Failing() if when == "read" else Failing().read()

    monkeypatch.setattr(long, "_opened", opened)
    with (
        pytest.raises(TranscriptError, match=r"story.txt: cannot be read: Input/output error"),
        scratch(tmp_path / "out") as place,
    ):
        read_long_text(path, place)
    assert not (tmp_path / "out").exists()


def test_a_name_that_is_no_text_is_spelt_out_alike(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    try:
        path.write_text("one two")
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    assert read_long_text(path, tmp_path).name == read_transcript(path).name == "caf\\xe9"
