"""Save, kill, load, go on; and what happens when files are damaged, mixed up, or written by two."""

import errno
import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from emcog.errors import ModelError, StorageError
from emcog.lm import load_lm
from emcog.memory import EpisodicLM, read_tables
from emcog.memory.text import TextLog

KINDS = [
    {"segmentation": "S"},
    {"segmentation": "SM", "tier": "file"},
    {"segmentation": "SC", "representative": "mean", "tier": "host"},
    {"segmentation": "F", "representative": "all", "tier": "file"},
    {"segmentation": [5, 40, 77, 130], "storage": "8bit", "tier": "file"},
    {"segmentation": "S", "compat": "reference", "contiguity": 0.3, "storage": "8bit"},
    {"segmentation": "SM", "compat": "reference", "tier": "file"},
]


@pytest.mark.parametrize("settings", KINDS)
def test_a_break_changes_nothing(settings, make_memory, llama, some_ids, tmp_path):
    ids, folder = some_ids(250), tmp_path / "memory"
    same = make_memory(**settings)
    for part in (ids[:120], ids[120:190], ids[190:]):
        same.read(part)
    memory = make_memory(**settings)
    memory.read(ids[:120])
    memory.save(folder)
    memory.read(ids[120:190])
    memory.save(folder)  # only what is new is written
    memory = EpisodicLM.load(folder, llama)
    memory.read(ids[190:])
    memory.save(folder)
    loaded = EpisodicLM.load(folder, llama)
    assert loaded.events.equals(same.events)
    assert loaded.recalls.equals(same.recalls)
    one, other = (m.generate(some_ids(40), max_new_tokens=5, do_sample=False) for m in (loaded, same))
    assert one.tolist() == other.tolist()
    assert (loaded.read(ids[:40])["surprisal"] == same.read(ids[:40])["surprisal"]).all()


@pytest.mark.parametrize("settings", KINDS[:2])
def test_reading_goes_on_from_the_last_whole_chunk(settings, make_memory, llama, some_ids, tmp_path):
    """Saved while reading, killed, loaded: the same numbers as one reading without a break."""
    ids = some_ids(300)
    wanted = make_memory(**settings).read(ids)["surprisal"].to_numpy()

    memory = make_memory(**settings)

    def stop(done, total):
        memory.save(tmp_path / "memory")
        if done >= 160:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        memory.read(ids, progress=stop)
    loaded = EpisodicLM.load(tmp_path / "memory", llama)
    assert loaded.n_tokens == 160
    rest = loaded.read(ids, start=160)
    assert rest["token"].tolist() == list(range(160, 300))
    assert (rest["surprisal"].to_numpy() == wanted[160:]).all()


def test_an_interrupted_chunk_leaves_the_memory_as_it_was(make_memory, llama, some_ids):
    ids = some_ids(200)
    memory, same = make_memory(storage="8bit"), make_memory(storage="8bit")
    for one in (memory, same):
        one.read(ids[:120])
    layer = llama.model.model.layers[1]

    def fail(*_):
        raise KeyboardInterrupt

    hook = layer.mlp.register_forward_hook(fail)
    try:
        with pytest.raises(KeyboardInterrupt):
            memory.read(ids[120:])
    finally:
        hook.remove()
    assert memory.n_tokens == 120
    assert (memory.read(ids[120:])["surprisal"] == same.read(ids[120:])["surprisal"]).all()
    assert memory.recalls.equals(same.recalls)


@pytest.fixture
def saved(make_memory, some_ids, tmp_path):
    memory = make_memory(tier="file")
    memory.read(some_ids(200))
    memory.save(tmp_path / "memory")
    return tmp_path / "memory"


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


@pytest.mark.parametrize("name", ["layer-000.rows", "ids.i8", "index-001.f4", "events.i8", "recalls.bin", "text.utf8"])
def test_a_file_cut_short(name, saved, llama):
    path = saved / name
    if path.stat().st_size == 0:  # ids without a tokenizer have no text
        return
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(StorageError, match=rf"{name} is cut short"):
        EpisodicLM.load(saved, llama)
    if name.startswith(("layer", "index")):
        return
    with pytest.raises(StorageError, match="cut short"):
        read_tables(saved)


def test_any_flipped_byte_is_found(saved, llama):
    for name in names(saved):
        path = saved / name
        data = bytearray(path.read_bytes())
        if not data:
            continue
        at = len(data) // 2
        data[at] ^= 4
        path.write_bytes(data)
        with pytest.raises(StorageError) as caught:
            EpisodicLM.load(saved, llama)
        assert "\n" not in str(caught.value)
        assert name in str(caught.value)
        data[at] ^= 4
        path.write_bytes(data)
    EpisodicLM.load(saved, llama)


def test_what_was_whole_stays_readable(saved, llama, some_ids):
    data = bytearray((saved / "layer-001.rows").read_bytes())
    data[100] ^= 1
    (saved / "layer-001.rows").write_bytes(data)
    with pytest.raises(StorageError, match=r"layer-001.rows is damaged.*bytes 0 to"):
        EpisodicLM.load(saved, llama)
    tables = read_tables(saved)
    assert tables["tokens"]["token_id"].tolist() == some_ids(200).tolist()
    assert len(tables["events"]) and (np.diff(tables["events"]["start_token"]) > 0).all()


def test_the_tables_are_the_memorys_own(saved, llama):
    memory, tables = EpisodicLM.load(saved, llama), read_tables(saved)
    events = memory.events.iloc[: len(tables["events"])]
    for column in ("start_token", "end_token", "text"):
        assert events[column].tolist() == tables["events"][column].tolist()
    np.testing.assert_array_equal(events["surprise"], tables["events"]["surprise"])


def test_a_memory_of_another_model(saved, make_model):
    with pytest.raises(ModelError, match="other weights"):
        EpisodicLM.load(saved, make_model("llama", initializer_range=0.2))


def test_no_memory_there(tmp_path, llama):
    with pytest.raises(StorageError, match="holds no memory"):
        EpisodicLM.load(tmp_path, llama)
    (tmp_path / "memory.json").write_text("{}")
    with pytest.raises(StorageError, match="no manifest"):
        EpisodicLM.load(tmp_path, llama)


def test_a_memory_is_not_written_over_another(saved, make_memory, llama, some_ids):
    other = make_memory()
    other.read(some_ids(50))
    with pytest.raises(StorageError, match="another memory"):
        other.save(saved)
    # Two that were loaded from one place: the second to save would undo the first.
    first, second = (EpisodicLM.load(saved, llama) for _ in range(2))
    first.read(some_ids(40))
    first.save(saved)
    second.read(some_ids(50))
    with pytest.raises(StorageError, match="another process has written"):
        second.save(saved)
    assert EpisodicLM.load(saved, llama).n_tokens == 240


def test_two_writers_at_once(saved, llama, some_ids):
    code = f"""
import fcntl, sys
handle = open({str(saved / "memory.lock")!r}, "a")
fcntl.flock(handle, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "locked\n"
        memory = EpisodicLM.load(saved, llama)
        memory.read(some_ids(40))
        with pytest.raises(StorageError, match="another process is writing"):
            memory.save(saved)
    finally:
        other.communicate("")
    memory.save(saved)
    assert EpisodicLM.load(saved, llama).n_tokens == 240


def test_a_full_disk(saved, llama, some_ids, monkeypatch):
    memory = EpisodicLM.load(saved, llama)
    memory.read(some_ids(100))
    before = {name: (saved / name).read_bytes() for name in names(saved)}

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match=r"No space left on device; free some space"):
            memory.save(saved)
    # What was saved before is whole, and so is what is in memory.
    assert EpisodicLM.load(saved, llama).n_tokens == 200
    manifest = json.loads(before["memory.json"])
    assert all((saved / name).read_bytes()[: f["bytes"]] == before[name] for name, f in manifest["files"].items())
    memory.save(saved)
    assert EpisodicLM.load(saved, llama).n_tokens == 300


class Full:
    """A file on a disk without space."""

    def __init__(self, file):
        self.fileno, self.seek = file.fileno, file.seek

    def write(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("what", ["rows", "ids", "surprisal"])
def test_a_full_disk_while_reading(what, make_memory, some_ids, monkeypatch):
    """Whichever file is the first that does not grow: what was read before is whole, and reading goes on later."""
    memory, wanted = make_memory(tier="file"), make_memory(tier="file")
    for one in (memory, wanted):
        one.read(some_ids(300))
    reader = memory.reader
    files = {"rows": reader.log.layers[1].rows._tiers[-1].file, "ids": reader.ids._file,
             "surprisal": reader.surprisal._file}  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr(files[what], "_file", Full(files[what]._file))
        with pytest.raises(StorageError, match=r"cannot write to the temporary folder .*: No space left"):
            memory.read(some_ids(50))
    assert memory.n_tokens == 300 and memory.events.equals(wanted.events)
    one, other = (memory.read(some_ids(60))["surprisal"].to_numpy() for memory in (memory, wanted))
    np.testing.assert_array_equal(one, other)
    assert memory.events.equals(wanted.events) and memory.recalls.equals(wanted.recalls)


@pytest.mark.parametrize("what", ["utf8", "ends"])
def test_a_full_disk_leaves_the_text_whole(what, monkeypatch):
    words = TextLog(in_file=True)
    words.add("one two", np.array([3, 7]))
    file = getattr(words, what)._file
    with monkeypatch.context() as patch:
        patch.setattr(file, "_file", Full(file._file))
        with pytest.raises(StorageError):
            words.add(" thr\u00e9e", np.array([6]))
    words.add(" four", np.array([5]))
    assert words.text == "one two four" and words.of(np.array([0, 1]), np.array([1, 3])) == ["one", " two four"]


def test_another_process_goes_on(saved, llama, some_ids):
    """The folder alone is enough: nothing of the process that wrote it."""
    wanted = EpisodicLM.load(saved, load_lm(llama)).read(some_ids(60))["surprisal"].to_numpy()
    again = EpisodicLM.load(saved, llama)
    assert (again.read(some_ids(60))["surprisal"].to_numpy() == wanted).all()


def test_text_and_events_are_readable_where_representatives_are_damaged(saved):
    wanted = read_tables(saved)
    index = saved / "index-001.f4"
    index.write_bytes(b"\x01" + index.read_bytes()[1:])
    (saved / "index-000.f4").unlink()
    for name in ("tokens", "events"):
        pd.testing.assert_frame_equal(read_tables(saved)[name], wanted[name])


def test_it_is_saved_where_nothing_else_lies(make_memory, some_ids, tmp_path, monkeypatch):
    memory = make_memory()
    memory.read(some_ids(60))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "model.bin").write_text("mine")
    for folder, said in (
        ("", "name of a folder"),
        (tmp_path, "holds other files"),
        (tmp_path / "weights", "holds other files"),
        (tmp_path / "notes.txt", "notes"),
    ):
        with pytest.raises(StorageError, match=said):
            memory.save(folder)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["model.bin", "notes.txt", "weights"]
    with pytest.raises(StorageError, match="is a file"):
        read_tables(tmp_path / "notes.txt")
