"""Commands on a disk that fills up: one line, and once there is room the next run ends as if nothing had been."""

import hashlib
import os
import shutil
import subprocess
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from emcog.cli import main
from emcog.human.datasets import cards, fetching
from emcog.paths import data_folder
from emcog.segmentation import Segmentation

SIZE = 4 * 2**20
PAGE = 4096
STORY = data_folder("datasets") / "demo" / "late_letter.txt"


def leave(disk, n_bytes):
    """Have the file `filler` leave so much room, or a page less."""
    with open(disk / "filler", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, SIZE - n_bytes // PAGE * PAGE)


@pytest.fixture
def disk(tmp_path):
    """A file system of four megabytes, with a file `filler` that leaves little room."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no small disk can be mounted here")
    leave(folder, 32 * 1024)
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


def refused(words, place, capsys):
    """Run a command on the full disk; its one line names the place."""
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"emcog: error: cannot write to {place}") and said.count("\n") == 1
    assert "No space left on device" in said and "/." not in said
    assert not [path for path in place.rglob("*") if path.name.startswith((".emcog", "tmp"))]


def size(folder):
    """Bytes of a folder's files, each in whole pages."""
    return sum(-(-path.stat().st_size // PAGE) * PAGE for path in folder.rglob("*") if path.is_file())


def test_training_on_a_full_disk(disk, text, capsys, tmp_path):
    words = ["train-lm", str(text), "--tokens", "512", "--vocab-size", "300", "--batch-tokens", "256",
             "--context", "64", "--hidden-size", "32", "--intermediate-size", "32", "--layers", "1", "--heads", "1",
             "--kv-heads", "1", "--device", "cpu", "--quiet", "--out"]  # fmt: skip
    calm, out = tmp_path / "calm", disk / "out"
    assert main([*words, str(calm)]) == 0
    vocabulary, rest = size(calm / "tokenizer"), size(calm / "tokens") + PAGE  # of the curve
    checkpoint, model = size(calm) - size(calm / "model") - vocabulary - rest, size(calm / "model")
    rooms = {
        "tokenizer": vocabulary // 2, "tokens": vocabulary + PAGE // 2, "curve.tsv": vocabulary + rest - PAGE,
        "checkpoint.safetensors": vocabulary + rest + checkpoint // 2,
        "model": vocabulary + rest + checkpoint + model // 2,
    }  # fmt: skip
    for i, (name, room) in enumerate(rooms.items()):
        leave(disk, room)
        refused([*words, str(out)], out, capsys)
        assert [part for part in rooms if (out / part).exists()] == list(rooms)[:i], name
        if name in ("tokens", "checkpoint.safetensors"):  # the others go on from what that left
            shutil.rmtree(out)
    (disk / "filler").unlink()
    assert main([*words, str(out)]) == 0, capsys.readouterr().err
    found = {str(path.relative_to(calm)) for path in calm.rglob("*")}
    assert {str(path.relative_to(out)) for path in out.rglob("*")} == found
    for path in calm.rglob("*.safetensors"):
        assert (out / path.relative_to(calm)).read_bytes() == path.read_bytes(), path.name


@pytest.fixture
def served(tmp_path, monkeypatch):
    """An archive of 100 KB, served on this machine; its card is infinitebench's."""
    place = tmp_path / "served"
    (place / "cards").mkdir(parents=True)
    with zipfile.ZipFile(place / "data.zip", "w") as archive:
        for i in range(4):
            archive.writestr(f"part{i}", bytes(25_000))
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(place)))
    threading.Thread(target=http.serve_forever, daemon=True).start()
    (place / "cards" / "infinitebench.toml").write_text(
        'name = "infinitebench"\ntitle = "t"\ncitation = "c"\nlicence = "l"\n[[files]]\npath = "data.zip"\n'
        f'url = "http://127.0.0.1:{http.server_port}/data.zip"\nunpack = true\n'
        f'sha256 = "{hashlib.sha256((place / "data.zip").read_bytes()).hexdigest()}"\n'
    )
    for module in (cards, fetching):
        monkeypatch.setattr(module, "data_folder", lambda _: place / "cards")
    yield place
    http.shutdown()
    http.server_close()


def test_fetching_onto_a_full_disk(disk, served, capsys, monkeypatch):
    monkeypatch.setenv("EMCOG_CACHE", str(disk / "cache"))
    monkeypatch.delenv("EMCOG_DATA", raising=False)
    words, folder = ["datasets", "fetch", "infinitebench", "--quiet"], disk / "cache" / "infinitebench"
    whole = (served / "data.zip").stat().st_size
    for room, there in ((whole // 2, []), (whole + 50_000, ["data.zip"])):
        leave(disk, room)
        refused(words, folder, capsys)
        assert [path.name for path in folder.glob("[!.]*")] == there
    (disk / "filler").unlink()
    assert main(words) == 0, capsys.readouterr().err
    names = ["data.zip", "emcog-fetched.json", *[f"part{i}" for i in range(4)]]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert (folder / "data.zip").read_bytes() == (served / "data.zip").read_bytes()
    assert all((folder / name).read_bytes() == bytes(25_000) for name in names[2:])
