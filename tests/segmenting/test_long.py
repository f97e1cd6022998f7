"""A text that is too long to be held: the same bytes as of one that is, however small the stretches."""

import shutil

import numpy as np
import pandas as pd
import pytest

from emcog import columns
from emcog.cli import main
from emcog.lm import encoding, journal
from emcog.segmentation import Segmentation
from emcog.segmenting import long as module
from emcog.segmenting import segment
from emcog.segmenting.long import segment_long
from emcog.transcript import long as long_text
from emcog.transcript import read_transcript


class Stopped(Exception):  # noqa: N818
    """As if the process had ended."""


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """Some 1,900 tokens with paragraphs, odd characters and spans, white space at both ends and Windows' line ends."""
    words = "sea letter cart door fog river stone boy train winter “lamp” road 😀 漢字 e\u0301 —".split()
    rng = np.random.default_rng(0)
    lines = [" ".join(rng.choice(words, 9)).capitalize() + "." for _ in range(130)]
    path = tmp_path_factory.mktemp("book") / "book.txt"
    gaps = rng.choice([" ", "  ", "\r\n", "\r\n\r\n", "\n\n \n\n"], len(lines), p=[0.5, 0.1, 0.2, 0.1, 0.1])
    path.write_bytes(b"\xef\xbb\xbf\n " + "".join(map(str.__add__, lines, gaps)).encode() + b" \r\n")
    return path


@pytest.fixture
def small(monkeypatch):
    """Stretches so small that a short text has many."""
    monkeypatch.setattr(columns, "BLOCK", 50)
    monkeypatch.setattr("emcog.segmentation.storage.BLOCK", 50)
    monkeypatch.setattr(encoding, "PIECE", 700)
    monkeypatch.setattr(encoding, "OVERLAP", 300)
    monkeypatch.setattr(long_text, "_CHARACTERS", 333)
    monkeypatch.setattr(module, "_EVENTS", 7)
    monkeypatch.setattr("emcog.boundaries.units.PARAGRAPHS", 900)


def files(folder):
    """Every file's bytes, but for the date in the record."""
    found = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    return {name: b"\n".join(x for x in content.split(b"\n") if b"created" not in x) for name, content in found.items()}


OPTIONS = [
    {},
    {"snap": "word", "max_event": 40, "min_event": 3},
    {"method": "SM", "snap": "word", "window": 100, "min_event": 3},
    {"method": "SC", "gamma": 0.2, "snap": "sentence", "signal": "entropy"},
    {"method": "SM", "signal": "bayesian_surprise", "max_event": 60},
    {"method": "RM", "n_events": 40},
    {"method": "sentence", "snap": "sentence"},
    {"method": "lexical", "snap": "word"},
    {"propose": "peaks", "snap": "word"},
    {"propose": "top", "n_events": 30, "snap": "sentence"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_same_bytes_as_of_a_text_that_is_held(tiny, book, tmp_path, small, options):
    told = segment_long(book, tiny, tmp_path / "long", "book", **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "PIECE", 2**18)
        patch.setattr(columns, "BLOCK", 2**16)
        patch.setattr("emcog.boundaries.units.PARAGRAPHS", 2**20)
        made = segment(read_transcript(book), tiny, **options)
        made.save(tmp_path / "held", "book")
    assert files(tmp_path / "long") == files(tmp_path / "held")
    assert [path.name for path in told.files] == sorted(files(tmp_path / "held"), key=lambda n: n == "book.json")
    assert (told.n_events, told.n_words, told.n_tokens) == (len(made.events), len(made.words), len(made.tokens))
    assert told.n_tokens > 1000 and told.n_events > 8


@pytest.mark.parametrize("options", [OPTIONS[2], OPTIONS[5]], ids=str)
def test_interrupted_it_goes_on_and_leaves_nothing_but_the_journal(tiny, book, tmp_path, small, monkeypatch, options):
    monkeypatch.setattr(journal, "EVERY_S", 0.0)
    whole = segment_long(book, tiny, tmp_path / "whole", "book", **options)
    read = []

    def stop(done, total):
        read.append(done)
        if len(read) in (2, 3, 5):
            raise Stopped

    for _ in range(3):
        with pytest.raises(Stopped):
            segment_long(book, tiny, tmp_path / "out", "book", progress=stop, checkpoint=tmp_path / "kept", **options)
        assert not (tmp_path / "out").exists()
    found = segment_long(book, tiny, tmp_path / "out", "book", progress=stop, checkpoint=tmp_path / "kept", **options)
    assert len(read) == -(-whole.n_tokens // 512) * (2 if "n_events" in options else 1)  # no chunk was read twice
    assert files(tmp_path / "out") == files(tmp_path / "whole")
    assert found.n_events == whole.n_events


def test_the_command_takes_a_long_text_so(book, tmp_path, small, monkeypatch, capsys):
    given = ["segment", str(book), "--gamma", "2"]
    assert main([*given, "--out", str(tmp_path / "held")]) == 0
    monkeypatch.setattr(long_text, "LONG", 1000)
    monkeypatch.setattr("emcog.transcript.transcript.Transcript.__post_init__", lambda _: pytest.fail("it was held"))
    assert main([*given, "--out", str(tmp_path / "long")]) == 0
    said = capsys.readouterr().out
    assert files(tmp_path / "long") == files(tmp_path / "held")
    n_events = len(Segmentation.load(tmp_path / "long").events)
    assert said.count(f"{n_events:,} events in the ") == 2
    assert list(tmp_path.rglob(".*")) == []


def test_what_needs_all_events_reads_it_whole(book, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(long_text, "LONG", 1000)
    assert main(["segment", str(book), "--json", "--quiet", "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.startswith('{"events": [')


@pytest.mark.parametrize("content", [b"\xff\xfd\xfa" * 700, b"a\0b " * 700, b" \n" * 900, b"ab\xc3 " * 900])
def test_what_is_wrong_is_said_as_ever(content, tmp_path, monkeypatch, capsys):
    (tmp_path / "bad.txt").write_bytes(content)
    shutil.copy(tmp_path / "bad.txt", tmp_path / "same.txt")
    given = ["segment", str(tmp_path / "bad.txt"), "--out", str(tmp_path / "out")]
    assert main(given) == 2
    said = capsys.readouterr().err
    monkeypatch.setattr(long_text, "LONG", 1000)
    assert main(given) == 2
    assert capsys.readouterr().err == said and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


OPTIONS = [["--tier", "words"], ["--word-column", "w"], ["--onset-column", "t"], ["--offset-column", "t"],
           ["--speaker-column", "s"], ["--time-unit", "ms"]]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: options[0])
def test_options_that_texts_do_not_have_are_refused_alike(options, book, tmp_path, monkeypatch, capsys):
    given = ["segment", str(book), *options, "--out", str(tmp_path / "out")]
    assert main(given) == 2
    said = capsys.readouterr().err
    monkeypatch.setattr(long_text, "LONG", 1000)
    assert main(given) == 2
    assert capsys.readouterr().err == said and said.count("\n") == 1 and options[0] in said
    assert not (tmp_path / "out").exists()


def test_the_parts_of_a_table_are_its_rows(tiny, book, tmp_path, small):
    segment_long(book, tiny, tmp_path, "book", method="S")
    import pyarrow.parquet as pq

    file = pq.ParquetFile(tmp_path / "book.tokens.parquet")
    assert file.num_row_groups > 10 and file.metadata.row_group(0).num_rows == 50
    assert len(pd.read_parquet(tmp_path / "book.words.parquet")) == len(read_transcript(book).words)
