"""Commands on a disk that fills up: one line, and once there is room the next run ends as if nothing had been."""

import shutil
import subprocess

import pytest

from emcog.cli import main
from emcog.paths import data_folder
from emcog.segmentation import Segmentation

STORY = data_folder("datasets") / "demo" / "late_letter.txt"


@pytest.fixture
def disk(tmp_path):
    """A file system of four megabytes, with a file `filler` that leaves little room."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no small disk can be mounted here")
    (folder / "filler").write_bytes(bytes(4064 * 1024))
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "story.txt"
    path.write_text(STORY.read_text(encoding="utf-8")[:1200], encoding="utf-8")
    return path


COMMANDS = {
    "segment": ["segment", "TEXT", "--n-events", "3", "--out", "OUT", "--quiet"],
    "segment, long": ["segment", "TEXT", "--method", "SM", "--out", "OUT", "--quiet"],
    "read": ["read", "TEXT", "--memory", "OUT", "--n-init", "4", "--n-local", "64", "--chunk", "32", "--quiet"],
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_is_one_line_and_the_next_run_finishes(name, disk, text, capsys, tmp_path, monkeypatch):
    if name == "segment, long":
        monkeypatch.setattr("emcog.transcript.long.LONG", 1000)
    words = [{"TEXT": str(text), "OUT": str(disk / "out")}.get(word, word) for word in COMMANDS[name]]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("emcog: error: ") and said.count("\n") == 1
    assert "No space left on device" in said
    assert str(disk / "out") in said and "/." not in said
    if name != "read":
        assert [path.name for path in disk.iterdir()] == ["filler"]
    (disk / "filler").unlink()
    assert main(words) == 0, capsys.readouterr().err
    elsewhere = [word.replace(str(disk), str(tmp_path)) for word in words]
    assert main(elsewhere) == 0
    for path in (tmp_path / "out").iterdir():
        if path.suffix != ".json":  # records hold dates
            assert (disk / "out" / path.name).read_bytes() == path.read_bytes(), path.name
    if name == "segment":
        assert len(Segmentation.load(disk / "out").events) == 3
