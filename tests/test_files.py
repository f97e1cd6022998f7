"""Sets of files that are written whole or not at all."""

import hashlib
import os
import stat

import pytest

from emcog.errors import StorageError
from emcog.files import is_device, scratch, sha256_file, write_files


def contents(folder):
    return {path.name: path.read_bytes() if path.is_file() else None for path in folder.iterdir()}


def test_all_are_written_in_order_and_nothing_else(tmp_path):
    folder = tmp_path / "a" / "b"
    written = write_files(folder, {"x": b"1", "y": lambda path: path.write_text("2")})
    assert written == [folder / "x", folder / "y"]
    assert contents(folder) == {"x": b"1", "y": b"2"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o644 for path in written)


def test_files_are_replaced_and_others_left(tmp_path):
    (tmp_path / "x").write_text("old")
    (tmp_path / "other").write_text("mine")
    write_files(str(tmp_path), {"x": b"new"})
    assert contents(tmp_path) == {"x": b"new", "other": b"mine"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_writer_that_fails_leaves_all_as_it_was(error, tmp_path):
    (tmp_path / "x").write_text("old")

    def fail(path):
        path.write_text("half")
        raise error

    with pytest.raises(error):
        write_files(tmp_path, {"x": b"new", "y": fail})
    assert contents(tmp_path) == {"x": b"old"}


def test_a_folder_made_for_a_writing_that_fails_is_removed(tmp_path):
    with pytest.raises(ZeroDivisionError):
        write_files(tmp_path / "a" / "b", {"x": lambda path: 1 / 0})
    assert contents(tmp_path) == {}


def test_a_full_disk_is_a_storage_error_on_one_line(tmp_path):
    def full(path):
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="No space left on device") as caught:
        write_files(tmp_path / "new", {"x": b"1", "y": full})
    assert len(str(caught.value).splitlines()) == 1 and str(tmp_path) in str(caught.value)
    assert contents(tmp_path) == {}


def test_a_file_that_cannot_be_moved_takes_the_others_back(tmp_path):
    (tmp_path / "x").write_text("old")
    (tmp_path / "z").mkdir()  # in the way
    with pytest.raises(StorageError):
        write_files(tmp_path, {"x": b"new", "y": b"new", "z": b"new"})
    assert contents(tmp_path) == {"x": b"old", "z": None}


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "taken").write_text("mine")
    for folder in ("taken", "taken/below"):
        with pytest.raises(StorageError, match="taken"):
            write_files(tmp_path / folder, {"x": b"1"})
    assert contents(tmp_path) == {"taken": b"mine"}


def test_readers_see_the_old_file_until_the_new_one_is_whole(tmp_path):
    place = tmp_path / "x"
    place.write_text("old")

    def look(path):
        path.write_text("new")
        assert place.read_text() == "old" and not (tmp_path / "y").exists()

    write_files(tmp_path, {"x": look, "y": look})
    assert place.read_text() == "new"


def test_sha256(tmp_path):
    data = os.urandom(300_000)
    (tmp_path / "x").write_bytes(data)
    assert sha256_file(tmp_path / "x") == hashlib.sha256(data).hexdigest()


def test_a_scratch_place_goes_and_its_folder_stays_if_it_was_used(tmp_path):
    with scratch(tmp_path / "a" / "b") as place:
        (place / "x").write_text("1")
        assert place.parent == tmp_path / "a" / "b"
    assert contents(tmp_path) == {}
    with scratch(tmp_path / "a" / "b") as place:
        write_files(tmp_path / "a", {"x": b"1"})
    assert contents(tmp_path / "a") == {"x": b"1"}


def test_a_scratch_place_that_cannot_be_made_is_a_storage_error(tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(StorageError, match=r"cannot write to .*taken"), scratch(tmp_path / "taken" / "x"):
        pytest.fail("there is no such place")
    assert contents(tmp_path) == {"taken": b"mine"}


def test_what_goes_wrong_in_a_scratch_place_is_said_as_it_is(tmp_path):
    with pytest.raises(OSError, match="could not be read") as caught, scratch(tmp_path / "new"):
        raise OSError(5, "could not be read")
    assert type(caught.value) is OSError
    assert contents(tmp_path) == {}


def test_devices(tmp_path):
    (tmp_path / "x").write_text("1")
    assert is_device(os.devnull)
    for path in (tmp_path, tmp_path / "x", tmp_path / "none", "a\0b"):
        assert not is_device(path)
