"""Files that are written while processes are killed, disks are full and others write in the same place."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from emcog.errors import StorageError
from emcog.files import write_files, write_folder

ROOT = Path(__file__).parents[2]
WRITER = """
import os, signal, sys
from pathlib import Path
from emcog.files import write_files, write_folder
def die(path):
    path.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[1] == "files":
    write_files(sys.argv[2], {"a": b"new", "b": die})
else:
    write_folder(sys.argv[2], lambda place: die(place / "a"))
"""


def killed_writer(kind, folder):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", WRITER, kind, str(folder)], env=environment, timeout=60)
    assert done.returncode == -signal.SIGKILL


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_writer_leaves_is_hidden_and_goes_with_the_next(tmp_path):
    write_files(tmp_path, {"a": b"old", "b": b"old"})
    killed_writer("files", tmp_path)
    killed_writer("folder", tmp_path / "job")
    assert [name for name in names(tmp_path) if not name.startswith(".emcog-")] == ["a", "b"]
    assert len(names(tmp_path)) == 3  # the second cleared away what the first had left
    assert (tmp_path / "a").read_bytes() == b"old"
    assert write_folder(tmp_path / "job", lambda place: (place / "a").write_bytes(b"whole"))
    assert names(tmp_path) == ["a", "b", "job"]


def test_what_a_living_writer_has_begun_is_left_alone(tmp_path):
    def slow(path):
        write_files(tmp_path, {"b": b"in between"})
        path.write_bytes(b"whole")

    write_files(tmp_path, {"a": slow})
    assert names(tmp_path) == ["a", "b"]
    assert (tmp_path / "a").read_bytes() == b"whole"


def test_of_two_writers_of_a_folder_the_first_stays(tmp_path):
    def fill(place):
        assert write_folder(tmp_path / "job", lambda other: (other / "a").write_bytes(b"first"))
        (place / "a").write_bytes(b"second")

    assert write_folder(tmp_path / "job", fill) is False
    assert (tmp_path / "job" / "a").read_bytes() == b"first"
    assert names(tmp_path) == ["job"]


def test_files_of_two_writers_are_never_mixed(tmp_path):
    def write(who):
        for _ in range(20):
            write_files(tmp_path, dict.fromkeys("abcdef", who))

    threads = [threading.Thread(target=write, args=(bytes([i]),)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({(tmp_path / name).read_bytes() for name in "abcdef"}) == 1
    assert names(tmp_path) == list("abcdef")


def test_a_folder_is_not_left_when_filling_it_fails(tmp_path):
    def fill(place):
        (place / "a").write_bytes(b"x")
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="No space left on device; choose another folder or free some space"):
        write_folder(tmp_path / "new" / "job", fill)
    assert names(tmp_path) == []


@contextmanager
def small_disk(folder, size):
    """A file system of so many bytes; the test is skipped where none may be mounted."""
    if shutil.which("mount") is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_one_line_and_nothing_half_written(tmp_path, make_segmentation):
    with small_disk(tmp_path / "disk", 256 * 1024) as disk:
        filler = disk / "filler"
        filler.write_bytes(bytes(180 * 1024))
        long = make_segmentation("word " * 8_000)
        with pytest.raises(StorageError) as caught:
            long.save(disk / "out")
        assert "No space left on device" in str(caught.value)
        assert "\n" not in str(caught.value)
        assert names(disk) == ["filler"]
        filler.unlink()
        assert len(make_segmentation().save(disk / "out")) == 4


def test_a_disk_that_fills_up_fails_jobs_that_the_next_run_does(tmp_path, monkeypatch):
    import pandas as pd

    from emcog.batch import read_plan
    from emcog.batch.compute import Compute, Made
    from emcog.batch.computes import COMPUTES
    from emcog.batch.jobs import units
    from emcog.batch.store import Store
    from emcog.batch.worker import run_unit

    def big(work):
        rows = pd.DataFrame({"text": [work.transcript().text]})
        return Made(lambda folder: write_files(folder, {"big": bytes(100 * 1024)}), rows, 1)

    monkeypatch.setitem(COMPUTES, "segment", Compute("a stand-in", big))
    with small_disk(tmp_path / "disk", 256 * 1024) as disk:
        (tmp_path / "in").mkdir()
        for i in range(3):
            (tmp_path / "in" / f"{i}.txt").write_text(f"Story {i}.")
        plan = tmp_path / "plan.toml"
        plan.write_text('[plan]\ntranscripts = "in/*.txt"\nout = "disk/out"\n')
        work = units(read_plan(plan))
        errors = [outcome.error for unit in work for outcome in run_unit(unit)]
        assert errors[:2] == [None, None]
        assert "No space left on device" in errors[2]
        store = Store(disk / "out")
        assert [store.record(unit.jobs[0]) is not None for unit in work] == [True, True, False]
        assert len(list((disk / "out" / "jobs").iterdir())) == 2
        shutil.rmtree(store.folder(work[0].jobs[0]))
        (outcome,) = run_unit(work[2])
        assert outcome.error is None
        assert store.error(work[2].jobs[0]) is None
