"""Whatever bytes stand in the files of a data set: it is read, or answered with one line."""

import json
import os
import shutil

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from emcog.errors import EmcogError
from emcog.human import read_annotations
from emcog.human.datasets.benchmarks import load_tasks
from emcog.human.datasets.cards import read_card
from emcog.human.readers.kumar import read_kumar_transcript

FUZZ = settings(
    max_examples=int(os.environ.get("EMCOG_FUZZ", "15")), deadline=None, suppress_health_check=list(HealthCheck)
)
FEW = settings(FUZZ, max_examples=min(FUZZ.max_examples // 5, 60))
"""For files that are read in processes of their own."""
LINES = b'{"input": "a", "answer": ["b"], "length": 3}\n{"input": "c", "answer": [], "length": 4}\n'


@st.composite
def spoiled(draw, content):
    """Bytes with a stretch of them replaced, cut out or doubled."""
    start = draw(st.integers(0, len(content)))
    end = draw(st.one_of(st.integers(start, min(len(content), start + 60)), st.just(len(content))))
    odd = [b"", b"\x00", b"null", b"[]", b"-1", b"1e999", b"nan", b"\n", b"\xff\xff", b"9" * 5000]
    return content[:start] + draw(st.one_of(st.binary(max_size=20), st.sampled_from(odd))) + content[end:]


def told(read):
    """Do it; an error must be one of ours, of one line."""
    try:
        return read()
    except EmcogError as error:
        assert str(error).strip() and "\n" not in str(error)
        return None


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_spoiled_tasks(suffix, tmp_path, limited):
    path = tmp_path / f"tasks.{suffix}"
    pd.DataFrame({"input": ["a", "b"], "length": [3, 4]}).to_parquet(tmp_path / "good.parquet")
    good = LINES if suffix == "jsonl" else (tmp_path / "good.parquet").read_bytes()
    (tmp_path / "good.parquet").unlink()
    card = read_card("longbench")

    @FUZZ
    @given(content=st.one_of(spoiled(good), st.binary(max_size=200)))
    @example(content=b"")
    @example(content=b"[" * 100_000)
    @example(content=b'{"a": ' * 50_000)
    @example(content=json.dumps({"a": 1}).encode().replace(b"1", b"9" * 5000))
    def check(content):
        path.write_bytes(content)
        with limited("tasks"):
            told(lambda: load_tasks(tmp_path, card).tables["tasks"])

    path.write_bytes(good)
    assert len(told(lambda: load_tasks(tmp_path, card).tables["tasks"])) == 2
    check()


@pytest.mark.parametrize("story", ["Pieman", "Tunnel"])
def test_spoiled_releases(story, release, tmp_path, limited):
    files = [path.relative_to(release) for path in sorted((release / story).rglob("*")) if path.is_file()]
    place = tmp_path / "spoiled"

    @FEW
    @given(which=st.sampled_from(files), data=st.data())
    def check(which, data):
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(release / story, place / story)
        good = (release / which).read_bytes()
        (place / which).write_bytes(data.draw(st.one_of(spoiled(good), st.binary(max_size=100))))
        with limited("releases"):
            told(lambda: read_annotations(place / story, "kumar"))
            told(lambda: read_kumar_transcript(place / story))

    assert len(read_annotations(release / story, "kumar").marks) and len(read_kumar_transcript(release / story).words)
    check()
