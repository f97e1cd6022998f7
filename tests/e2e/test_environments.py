"""Bad days: no home, a home that cannot be written to, no network, an old locale, a narrow terminal, odd paths.

`make test` runs a few of them together; EMCOG_CAMPAIGN=1 (`make campaign`) runs every command in each by itself.
"""

import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path

import pytest

import emcog
from emcog.paths import data_folder
from emcog.segmentation import Segmentation

CAMPAIGN = bool(os.environ.get("EMCOG_CAMPAIGN"))
STORY = data_folder("datasets") / "demo" / "late_letter.txt"
ODD_PATH = 'it\'s a "día", 日本 $HOME; *'
PLAIN = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": str(Path(emcog.__file__).parents[1]),
    "OMP_NUM_THREADS": "1",
}
COMMANDS = {
    "segment": ["segment", "in/story.txt", "--n-events", "3", "--out", "out"],
    "plot": ["segment", "in/story.txt", "--n-events", "3", "--plot", "--out", "out"],
    "read": ["read", "in/story.txt", "--memory", "out"],
    "batch": ["batch", "plan.toml", "--workers", "1"],
    "train-lm": ["train-lm", "in/story.txt", "--out", "out", "--tokens", "512", "--vocab-size", "300",
                 "--batch-tokens", "256", "--context", "128", "--hidden-size", "64", "--intermediate-size", "64",
                 "--layers", "1", "--heads", "1", "--kv-heads", "1", "--device", "cpu"],
    "models": ["models"],
    "datasets": ["datasets", "list"],
    "datasets fetch": ["datasets", "fetch", "demo"],
    "signals": ["signals"],
    "compare": ["compare", "made/events", "--human", "made/marks.csv", "--out", "out"],
    "report": ["report", "made/events", "--human", "made/marks.csv", "-o", "out.html"],
    "memory": ["memory", "made/memory"],
    "ask": ["ask", "made/memory", "Who wrote the letter?"],
    "recall": ["recall", "made/memory", "the letter"],
    "reproduce": ["reproduce", "story", "--data", "demo"],
}  # fmt: skip
OLD = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""As on a machine without any locale: file names and streams are ASCII to Python."""
NOBODY = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
ENVIRONMENTS = {
    "no home": {},
    "a home that is not there": {"HOME": "/proc/no/such/home"},
    "locale C": {"HOME": "/nowhere", "LC_ALL": "C"},
    "an ASCII locale": {"HOME": "/nowhere", **OLD},
    "no network": {"HOME": "/nowhere", **NOBODY},
    "NO_COLOR": {"HOME": "/nowhere", "NO_COLOR": "1", "FORCE_COLOR": ""},
    "a dumb terminal": {"HOME": "/nowhere", "TERM": "dumb"},
    "40 columns": {"HOME": "/nowhere", "COLUMNS": "40"},
}
TOGETHER = {"no home, ASCII, no network, NO_COLOR, 40 columns": {**OLD, **NOBODY, "NO_COLOR": "1", "COLUMNS": "40"}}
CASES = [
    *[(name, command) for name in ENVIRONMENTS for command in COMMANDS if CAMPAIGN],
    *[(name, which) for name in TOGETHER for which in ("segment", "batch")],
]


def command(*words):
    return [sys.executable, "-c", "from emcog.cli import process; process()", *map(str, words)]


def without_network():
    """Words in front of a command that takes its network away, where that is allowed."""
    words = ["unshare", "--net"]
    if shutil.which(words[0]) and subprocess.run([*words, "true"], capture_output=True).returncode == 0:
        return words
    return []  # the proxy that does not answer must do


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """What other commands read: events, people's marks, a memory."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "marks.csv").write_text("observer,word\na,40\na,120\nb,41\nb,200\n")
    (folder / "story.txt").write_text(STORY.read_text(encoding="utf-8")[:1500], encoding="utf-8")
    for words in (
        ["segment", "story.txt", "--n-events", "3", "--out", "events"],
        ["read", "story.txt", "--memory", "memory"],
    ):
        subprocess.run(command(*words), cwd=folder, env=PLAIN | {"HOME": str(folder)}, check=True, timeout=300)
    return folder


@pytest.fixture
def odd(tmp_path, request):
    """A folder of an odd name, with something to read in it."""
    folder = tmp_path / ODD_PATH
    (folder / "in").mkdir(parents=True)
    text = STORY.read_text(encoding="utf-8")[:1500].strip()
    (folder / "in" / "story.txt").write_text(f"“Día ñ 日本.” {text}", encoding="utf-8")
    (folder / "plan.toml").write_text('[plan]\ntranscripts = "in/*.txt"\nout = "out"\n')
    if CAMPAIGN:
        shutil.copytree(request.getfixturevalue("made"), folder / "made")
    return folder


@pytest.mark.parametrize(("name", "which"), CASES)
def test_a_command_works_in_a_bad_environment(odd, name, which):
    environment = PLAIN | (ENVIRONMENTS | TOGETHER)[name]
    prefix = without_network() if "no network" in name and which != "batch" else []  # workers talk over a socket
    done = subprocess.run(
        prefix + command(*COMMANDS[which]), cwd=odd, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
        timeout=300, start_new_session=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert b"Traceback" not in done.stderr and b"\x1b" not in done.stdout + done.stderr
    if which == "segment":
        made = Segmentation.load(odd / "out")
        assert "".join(made.events["text"]) == (odd / "in" / "story.txt").read_text(encoding="utf-8")
    assert not list(odd.rglob(".emcog*"))


@contextmanager
def read_only_home(folder):
    """A home that cannot be written to, not even by root."""
    folder.mkdir()
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if root:
        mount = ["mount", "-t", "tmpfs", "-o", "ro,size=16k", "tmpfs", str(folder)]
        if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("no read-only file system can be mounted here, and root may write everywhere else")
    else:
        folder.chmod(0o555)
    try:
        yield folder
    finally:
        if root:
            subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("which", COMMANDS if CAMPAIGN else ["plot"])
def test_a_home_that_cannot_be_written_to(odd, tmp_path, which):
    with read_only_home(tmp_path / "home") as home:
        done = subprocess.run(
            command(*COMMANDS[which]), cwd=odd, env=PLAIN | {"HOME": str(home)}, capture_output=True, timeout=300
        )
        assert done.returncode == 0, done.stderr.decode()
        assert b"Traceback" not in done.stderr
        assert list(home.iterdir()) == []


def on_a_terminal(words, columns, environment, folder, seconds=120):
    """What a command shows on a terminal of so many columns, and its exit status."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execvpe(words[0], words, environment)
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    shown, deadline = b"", time.monotonic() + seconds
    while time.monotonic() < deadline:
        ready, _, _ = select.select([terminal], [], [], 1)
        try:
            piece = os.read(terminal, 65536) if ready else b""
        except OSError:  # how Linux tells that the other end has closed
            break
        shown += piece
    else:
        os.kill(pid, signal.SIGKILL)
    return shown.decode(errors="replace"), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("words", [["signals"], ["--help"], ["segment", "--help"], ["datasets", "list"]])
@pytest.mark.parametrize("no_color", [False, True])
def test_a_terminal_of_40_columns(tmp_path, words, no_color):
    environment = PLAIN | {"TERM": "xterm-256color", "HOME": str(tmp_path)} | ({"NO_COLOR": "1"} if no_color else {})
    shown, status = on_a_terminal(command(*words), 40, environment, tmp_path)
    assert status == 0, shown
    if no_color:  # bold and dim are no colours
        assert set(re.findall(r"\d+", "".join(COLOURS.findall(shown)))) <= {"0", "1", "2", "3", "4", "22", "23", "24"}
    lines = [COLOURS.sub("", line).rstrip() for line in shown.replace("\r\n", "\n").split("\n")]
    assert max(map(len, lines)) <= 40, max(lines, key=len)
    assert len(lines) > 3


@pytest.mark.parametrize("words", [["signals"], ["models", "--json"], ["--version"], ["datasets", "list"]])
def test_standard_output_that_is_full(tmp_path, words):
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            command(*words), cwd=tmp_path, env=PLAIN | {"HOME": str(tmp_path)}, stdout=full, stderr=subprocess.PIPE,
            timeout=120,
        )  # fmt: skip
    assert done.returncode != 0
    assert re.fullmatch(r"emcog: error: cannot write to standard output: [^\n]+\n", done.stderr.decode())


def test_two_processes_on_one_output_folder(odd):
    """Both end well, and what lies there is of one of them, whole."""
    settings = [["--n-events", "3"], ["--n-events", "4"]]
    started = [
        subprocess.Popen(
            command("segment", "in/story.txt", "--out", "out", "--quiet", *words), cwd=odd,
            env=PLAIN | {"HOME": str(odd)}, stderr=subprocess.PIPE,
        )
        for words in settings
    ]  # fmt: skip
    for process in started:
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said.decode()
    assert len(Segmentation.load(odd / "out").events) in (3, 4)
    names = sorted(path.name for path in (odd / "out").iterdir())
    assert names == [f"story.{end}" for end in ("events.tsv", "json", "tokens.parquet", "words.parquet")]
    record = json.loads((odd / "out" / "story.json").read_text(encoding="utf-8"))
    assert record["provenance"]["settings"]["n_events"] in (3, 4)
