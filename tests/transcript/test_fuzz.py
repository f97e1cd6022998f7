"""Whatever bytes a reader gets: a transcript with words, or one line that says what is wrong."""

import hashlib
import os

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from emcog.errors import EmcogError
from emcog.transcript import FORMATS

FUZZ = settings(deadline=None, suppress_health_check=list(HealthCheck), **(
    {"max_examples": int(os.environ["EMCOG_FUZZ"])} if "EMCOG_FUZZ" in os.environ else {}
))  # fmt: skip
PARTS = [
    *(
        "\n",
        "\r",
        "\n\n",
        "\u2028",
        "\ufeff",
        "\x1c",
        "\ud7ff",
        "a",
        "é",
        "1",
        "-1",
        " 0 ",
        " 2 ",
        "1e999",
        "nan",
        "inf",
    ),
    *("1\n00:00:01,000 --> 00:00:02,000\n", "00:00:01,000 --> 00:00:02,000", "-->", "{\\an8}", "<i>"),
    *("WEBVTT\n\n", "00:01.000 --> 00:02.000\n", "<v Bob>", "</v>", "<", ">", "&#0;", "&amp;"),
    *('File type = "ooTextFile"\nObject class = "TextGrid"\n', " 0 1 <exists> 1 ", "<exists>", "<absent>"),
    *('"IntervalTier" "words" 0 1 1 ', '0 1 "a"', '"TextTier"', '"words"', '"'),
    *("word,onset,offset\n", "word\tonset_ms\n", "word", "onset", ",", "\t", ";", "a,a,0,1\n", "a,,,\n"),
    *('{"segments": [', '{"words": [', '{"word": "a", "start": 1, "end": 2}', "]}", "}", "null"),
    *('{"text": "\\ud800", "start": 0}', '{"chunks": [{"text": "a", "timestamp": [0, 1]}]}'),
    *("# ", "---\n", "```\n", "[", "](", "<!--", "|a|\n|-|\n"),
]
FRAGMENTS = st.lists(st.sampled_from(PARTS), max_size=25).map(lambda parts: "".join(parts).encode())


def settle(read, limited, content, name, **options):
    try:
        with limited("transcripts"):
            transcript = read(content, name, **options)
    except EmcogError as error:
        assert str(error).strip()
        assert len(str(error).splitlines()) == 1
        str(error).encode()
    else:
        assert len(transcript.words) >= 1
        assert transcript.sha256 == hashlib.sha256(content).hexdigest()
        transcript.text.encode()
        assert "\n" not in repr(transcript)


@pytest.mark.parametrize("name", FORMATS)
@FUZZ
@given(content=st.one_of(st.binary(max_size=200), FRAGMENTS))
@example(content=b"[" * 100_000)
@example(content=b'{"segments":' * 5_000)
@example(content=b'{"segments": [{"text": "a", "start": 1' + b"0" * 5_000 + b"}]}")
@example(content=b"1\n" + b"9" * 5_000 + b":00:00,000 --> 00:00:01,000\na")
@example(content=b'File type = "ooTextFile"\nObject class = "TextGrid"\n0 1 <exists> 9999999999')
@example(content=b'File type = "ooTextFile"\nObject class = "TextGrid"\n0 1 <exists> 1e999')
@example(content=b"\xef\xbb\xbf")
@example(content=b"\xff\xfe\x00")
def test_every_reader_settles(read, limited, name, content):
    if name == "markdown" and content[:1000] == b"[" * 1000:
        content = content[:2000]  # its parser takes quadratic time for open brackets
    settle(read, limited, content, "story.bin", format=name)


@pytest.mark.parametrize("suffix", [".txt", ".srt", ".vtt", ".TextGrid", ".csv", ".tsv", ".json", ".md", ""])
@FUZZ
@given(content=st.one_of(st.binary(max_size=200), FRAGMENTS))
def test_every_name_settles(read, limited, suffix, content):
    settle(read, limited, content, f"fuzz{suffix}")


@pytest.mark.parametrize("encoding", ["utf-7", "utf-16", "latin-1", "utf-8-sig", "idna", "punycode", "hex", "no such"])
@FUZZ
@given(content=st.binary(max_size=60))
@example(content=b"+2AA- a")
def test_every_encoding_settles(read, limited, encoding, content):
    settle(read, limited, content, "fuzz.txt", encoding=encoding)
