import json
import math
import os

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from emcog.errors import OptionError, StorageError
from emcog.segmentation import Segmentation, check_destination, event_texts, file_stem

TABLES = ("events", "tokens", "words")
SUFFIXES = (".events.tsv", ".tokens.parquet", ".words.parquet", ".json")

numbers = st.floats(allow_nan=True, allow_infinity=False, width=64)
texts = st.one_of(
    st.sampled_from(
        ["", " ", "\n", "\t", '"', '" he said', "n/a", "NA", "😀", "e\u0301", "\r\n", "\x85", "\u2028", "\x00", "$x$"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
)


@st.composite
def segmentations(draw):
    n = draw(st.integers(0, 12))
    starts = sorted({0, *draw(st.lists(st.integers(0, n - 1), max_size=4))}) if n else []
    start, end = np.array(starts, dtype=int), np.array([*starts[1:], n] if n else [], dtype=int)
    tokens = pd.DataFrame(
        {"text": draw(st.lists(texts, min_size=n, max_size=n)), "surprisal": [draw(numbers) for _ in range(n)]}
    )
    gaps = st.floats(0, 1e6, allow_subnormal=False)
    onset = [draw(st.one_of(st.just(math.nan), gaps)) for _ in starts]
    offset = [draw(st.one_of(st.just(math.nan), gaps.map(lambda gap, on=on: on + gap))) for on in onset]
    words = pd.DataFrame(
        {
            "word": draw(st.lists(texts, min_size=n, max_size=n)),
            "onset_s": [draw(numbers) for _ in range(n)],
            "offset_s": [draw(numbers) for _ in range(n)],
            "speaker": draw(st.lists(texts, min_size=n, max_size=n)),
        }
    )
    events = pd.DataFrame(
        {
            "event": np.arange(len(starts)),
            "onset_s": np.array(onset, dtype=float),
            "offset_s": np.array(offset, dtype=float),
            "start_token": start,
            "end_token": end,
            "start_word": start,
            "end_word": end,
            "n_tokens": end - start,
            "surprise": np.array([draw(numbers) for _ in starts], dtype=float),
            "text": event_texts(tokens, start, end),
        }
    )
    provenance = {"input": {"name": "any"}, "note": draw(texts), "numbers": [1, 2.5, None]}
    return Segmentation(events, tokens, words, provenance)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60, deadline=None)
@given(segmentation=segmentations())
def test_what_is_saved_comes_back_equal(segmentation, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    segmentation.save(folder)
    loaded = Segmentation.load(folder)
    for table in TABLES:
        assert_frame_equal(getattr(loaded, table), getattr(segmentation, table), check_exact=True)
    assert loaded.provenance == segmentation.provenance
    lines = (folder / "any.events.tsv").read_bytes().decode().split("\n")
    assert len(lines) == len(segmentation.events) + 2  # a header, a line an event, and the end of the last line


@settings(max_examples=200)
@given(onset=st.floats(0, 1e7), length=st.floats(0, 1e7))
def test_onset_plus_duration_is_the_offset_exactly(onset, length):
    from emcog.segmentation.storage import _duration

    offset = onset + length
    assert onset + float(repr(_duration(onset, offset))) == offset


def test_the_events_are_a_bids_table(make_segmentation, tmp_path):
    make_segmentation(timed=True).save(tmp_path / "timed")
    make_segmentation(timed=False).save(tmp_path / "untimed")
    rows = (tmp_path / "timed" / "bell.events.tsv").read_text().splitlines()
    header = "onset duration event start_token end_token start_word end_word n_tokens surprise text"
    assert rows[0].split("\t") == header.split()
    assert rows[2].split("\t") == ["2.0", "1.25", "1", "4", "7", "4", "7", "3", "4.0", "Anna ran home."]
    assert (tmp_path / "untimed" / "bell.events.tsv").read_text().splitlines()[2].startswith("n/a\tn/a\t1\t4\t")


def test_pandas_reads_the_events_even_if_a_text_opens_with_a_quote(make_segmentation, tmp_path):
    make_segmentation('"Stay," he\tsaid.\n"Never," she said, and left.', (0, 3)).save(tmp_path)
    table = pd.read_csv(tmp_path / "bell.events.tsv", sep="\t")
    assert table["text"].tolist() == ['"Stay," he said.', '"Never," she said, and left.']


def test_the_same_content_gives_the_same_bytes(make_segmentation, tmp_path):
    first = make_segmentation(timed=True).save(tmp_path / "a", plot=True)
    second = make_segmentation(timed=True).save(tmp_path / "b", plot=True)
    assert [path.name for path in first] == [path.name for path in second]
    assert len(first) == 5
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_saving_over_an_older_run_replaces_it(make_segmentation, tmp_path):
    make_segmentation(starts=(0,)).save(tmp_path)
    make_segmentation(starts=(0, 2)).save(tmp_path)
    assert Segmentation.load(tmp_path).boundaries.tolist() == [0, 2]


@pytest.mark.parametrize("fails_at", ["write_bytes", "fsync"])
def test_a_crash_while_writing_leaves_nothing(make_segmentation, tmp_path, monkeypatch, fails_at):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    owner = {"write_bytes": "pathlib.Path.write_bytes", "fsync": "os.fsync"}[fails_at]
    monkeypatch.setattr(owner, full)
    with pytest.raises(StorageError, match="No space left"):
        make_segmentation().save(tmp_path / "new" / "deep")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("moved", [0, 1, 2, 3])
def test_a_crash_while_moving_never_leaves_a_set_that_loads_as_something_else(
    make_segmentation, tmp_path, monkeypatch, moved
):
    make_segmentation(starts=(0,)).save(tmp_path)
    real, calls = os.replace, []

    def failing(*args):
        calls.append(args)
        if len(calls) > moved:
            raise OSError(5, "Input/output error")
        real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", failing)
        with pytest.raises(StorageError, match="Input/output error"):
            make_segmentation(starts=(0, 2)).save(tmp_path)
    try:
        assert Segmentation.load(tmp_path).boundaries.tolist() == [0]
    except StorageError as error:
        assert "does not belong" in str(error)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".emcog")]


def test_a_segmentation_of_token_ids_has_no_words_and_no_text(make_segmentation, tmp_path):
    made = make_segmentation()
    events = made.events.assign(start_word=0, end_word=0, text="")
    bare = Segmentation(events, made.tokens.assign(text=""), pd.DataFrame(), made.provenance)
    bare.save(tmp_path, plot=True)
    loaded = Segmentation.load(tmp_path)
    assert len(loaded.words) == 0
    assert_frame_equal(loaded.events, bare.events)
    assert (tmp_path / "bell.events.tsv").read_text().splitlines()[1].endswith("\tn/a")


def test_several_stories_in_a_folder_must_be_told_apart(make_segmentation, tmp_path):
    make_segmentation(name="bell").save(tmp_path)
    make_segmentation(starts=(0,), name="other").save(tmp_path)
    with pytest.raises(StorageError, match="2 segmentations: choose one with stem=, of bell, other"):
        Segmentation.load(tmp_path)
    assert Segmentation.load(tmp_path, "other").boundaries.tolist() == [0]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_missing_file_is_named(make_segmentation, tmp_path, suffix):
    make_segmentation().save(tmp_path)
    (tmp_path / f"bell{suffix}").unlink()
    with pytest.raises(StorageError, match=f"bell{suffix} is missing"):
        Segmentation.load(tmp_path)


@pytest.mark.parametrize("suffix", SUFFIXES[:3])
def test_a_file_of_another_run_is_noticed(make_segmentation, tmp_path, suffix):
    make_segmentation().save(tmp_path)
    make_segmentation(starts=(0, 2), text="Quite another story altogether.").save(tmp_path / "other")
    os.replace(tmp_path / "other" / f"bell{suffix}", tmp_path / f"bell{suffix}")
    with pytest.raises(StorageError, match=f"bell{suffix} does not belong to bell.json"):
        Segmentation.load(tmp_path)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "damaged"),
        ("[]", "not the record"),
        ('{"format": "other"}', "not the record"),
        ('{"format": "emcog segmentation", "format_version": 99}', "has format 99"),
        ('{"format": "emcog segmentation", "format_version": 1}', "damaged"),
        ("\xff", "damaged"),
    ],
)
def test_a_damaged_record_is_one_line(make_segmentation, tmp_path, content, complaint):
    make_segmentation().save(tmp_path)
    (tmp_path / "bell.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(StorageError, match=complaint) as caught:
        Segmentation.load(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["events", "tokens", "words"])
def test_damage_that_the_hashes_vouch_for_is_still_one_line(make_segmentation, tmp_path, kind):
    import hashlib

    make_segmentation().save(tmp_path)
    damaged = next(tmp_path.glob(f"*.{kind}.*"))
    damaged.write_bytes(damaged.read_bytes()[:40])
    record = json.loads((tmp_path / "bell.json").read_text())
    record["sha256"][kind] = hashlib.sha256(damaged.read_bytes()).hexdigest()
    (tmp_path / "bell.json").write_text(json.dumps(record))
    with pytest.raises(StorageError, match="cannot read the files") as caught:
        Segmentation.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_nothing_to_load(tmp_path):
    with pytest.raises(StorageError, match="no segmentation in"):
        Segmentation.load(tmp_path)
    with pytest.raises(StorageError, match="is not a folder"):
        Segmentation.load(tmp_path / "nowhere")


def test_somebody_elses_json_is_not_overwritten(make_segmentation, tmp_path):
    (tmp_path / "bell.json").write_text('{"text": "a transcript of WhisperX"}')
    with pytest.raises(StorageError, match=r"bell\.json is there already and is not emcog's"):
        make_segmentation().save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["bell.json"]
    assert "WhisperX" in (tmp_path / "bell.json").read_text()


def test_the_input_is_never_overwritten(tmp_path):
    for suffix in SUFFIXES:
        source = tmp_path / f"bell{suffix}"
        source.write_text("onset\tword\n")
        with pytest.raises(StorageError, match="would overwrite the input"):
            check_destination(tmp_path, "bell", source=source)
        source.unlink()


def test_a_destination_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(StorageError, match=r"file; choose another folder|Not a directory"):
            check_destination(folder, "bell")


def test_checking_a_destination_makes_nothing(tmp_path):
    check_destination(tmp_path / "a" / "b", "bell")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stem", ["", "a/b", "../up", "a\x00b", ".hidden", "x" * 300])
def test_a_stem_that_is_no_file_name_is_refused(make_segmentation, tmp_path, stem):
    with pytest.raises(OptionError, match="stem"):
        make_segmentation().save(tmp_path, stem=stem)
    assert list(tmp_path.iterdir()) == []


@given(st.text())
def test_every_name_becomes_a_file_name(name):
    stem = file_stem(name)
    assert stem == file_stem(stem)
    assert 0 < len(stem.encode()) <= 200
    assert not set(stem) & set("/\\:\0\n")
    assert not stem.startswith(".")


def test_a_story_name_with_folders_in_it_stays_in_its_folder(make_segmentation, tmp_path):
    paths = make_segmentation(name="../../etc/passwd").save(tmp_path / "out")
    assert {path.parent for path in paths} == {tmp_path / "out"}


def test_names_that_are_no_text_come_back(make_segmentation, tmp_path):
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    folder = tmp_path / name
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    segmentation = make_segmentation(name=name)
    written = segmentation.save(folder)
    assert [path.name for path in written][-1] == "caf_.json"
    assert Segmentation.load(folder).name == name
