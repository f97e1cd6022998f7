"""Whatever bytes stand where people's annotations should: they are read, or answered with one line."""

import io
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from emcog.errors import EmcogError
from emcog.human import read_annotations
from emcog.human.readers.reading import ANNOTATION_FORMATS

FUZZ = settings(
    max_examples=int(os.environ.get("EMCOG_FUZZ", "30")), deadline=None, suppress_health_check=list(HealthCheck)
)

ELAN = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT><TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="1200"/></TIME_ORDER>
<TIER TIER_ID="anna"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts1">
<ANNOTATION_VALUE>x</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER></ANNOTATION_DOCUMENT>
"""
TEXTGRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 10
tiers? <exists>
size = 1
item []:
    item [1]:
        class = "TextTier"
        name = "anna"
        xmin = 0
        xmax = 10
        points: size = 1
        points [1]:
            number = 3.5
            mark = "x"
"""


def _array():
    out = io.BytesIO()
    np.save(out, np.array([[0, 1, 0], [1, 0, 0]]))
    return out.getvalue()


JSPSYCH = (
    '[{"trial_type": "html-keyboard-response", "trial_index": 1, "rt": 4200, "task": "mark", "participant_id": "p1"},'
    ' {"trial_type": "html-keyboard-response", "trial_index": 2, "rt": null, "task": "mark", "participant_id": "p2"}]'
)
GOOD = {
    "long": (b"participant,time,grain\np1,3.5,fine\np2,4.0,coarse\n", {}),
    "matrix": (b"p1,p2\n0,1\n1,0\n0,0\n", {"sampling_hz": 1.0}),
    "array": (_array(), {"sampling_hz": 1.0}),
    "bids": (b"onset\tduration\ttrial_type\n3.5\t0\tboundary\n7.25\t0\tboundary\n", {}),
    "elan": (ELAN.encode(), {}),
    "textgrid": (TEXTGRID.encode(), {}),
    "psychopy": (b"participant,key_resp.keys,key_resp.rt\np1,\"['space', 'space']\",\"[3.5, 7.0]\"\n", {}),
    "jspsych": (JSPSYCH.encode(), {}),
    "list": (b"# consensus\n3.5\n7.25\n", {}),
}
SUFFIX = {"long": "csv", "matrix": "csv", "array": "npy", "bids": "tsv", "elan": "eaf", "textgrid": "TextGrid",
          "psychopy": "csv", "jspsych": "json", "list": "txt"}  # fmt: skip


def test_every_reader_of_a_file_is_fuzzed():
    assert set(GOOD) == set(ANNOTATION_FORMATS) - {"kumar"} == set(SUFFIX)


@pytest.mark.parametrize("name", GOOD)
def test_what_is_spoiled_is_good(name, tmp_path):
    content, options = GOOD[name]
    path = tmp_path / f"marks.{SUFFIX[name]}"
    path.write_bytes(content)
    assert len(read_annotations(path, name, **options).marks) or name == "list"


def spoiled(draw, content):
    """Bytes with a stretch of them replaced, cut out or doubled."""
    start = draw(st.integers(0, len(content)))
    end = draw(st.integers(start, min(len(content), start + 40)))
    odd = [b"", b"\x00", b"null", b"[]", b"{}", b"-1", b"1e999", b"nan", b'"', b",", b"\t", b"\n", b"\xff", b"<",
           b"&x;", "\u00b2".encode(), b"9" * 400]  # fmt: skip
    new = draw(st.one_of(st.binary(max_size=20), st.sampled_from(odd)))
    return content[:start] + new + content[end:]


@pytest.mark.parametrize("recognised", [False, True], ids=["named", "recognised"])
@pytest.mark.parametrize("name", GOOD)
def test_spoiled_annotations(name, recognised, tmp_path_factory, limited):
    good, options = GOOD[name]
    folder = tmp_path_factory.mktemp("marks")
    path = folder / f"marks.{SUFFIX[name]}"

    @FUZZ
    @given(content=st.one_of(st.composite(spoiled)(good), st.binary(max_size=200)))
    @example(content=b"")
    @example(content=b",")
    @example(content=b'"')
    @example(content=b";;\n;;")
    @example(content=b"[" * 100_000)
    @example(content=b"<a>" * 100_000)
    @example(content=b'"' + b"x" * 200_000)
    @example(content=good * 2)
    @example(content=good.replace(b"1", b"x"))
    @example(content=good.replace(b"3", "\u00b3".encode()))
    def check(content):
        path.write_bytes(content)
        with limited("annotations"):
            try:
                read_annotations(path, None if recognised else name, **options)
            except EmcogError as error:
                assert str(error).strip() and "\n" not in str(error)
                str(error).encode()
        assert [p.name for p in folder.iterdir()] == [path.name]  # reading writes nothing

    check()
