"""Does killing emcog at any moment (kill -9) leave anything that the next run does not put right?

    python analyses/kill_tests.py [--moments 200] [--seed 0] [--only COMMAND] [--out FOLDER] [--write]

Each command is run once undisturbed. Then it is started again and again in fresh folders, killed after a random share
of the undisturbed run's time, and run once more to its end. What it leaves must be the undisturbed run's bytes (but for
dates in records), with nothing half-written, nothing hidden and no process left. Moments are drawn by the seed.

Starting Python and importing torch would be most of the time, so this process imports them once and every run is a fork
of it, which shares nothing with the others afterwards. Checkpoints are written every tenth of a second instead of every
minute, so that most moments lie between two of them or in the midst of one. `batch` starts workers of its own, which
import everything anew, and gets a tenth of the moments.

Prints a table and writes it to results/kill_tests/report.csv, and with --write into docs/robustness.md. The exit status
is 1 if any moment was not put right; its folder is kept then, and named.
"""

import argparse
import hashlib
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd

from emcog.pages import docs_page, fill, markdown_table, measured_on
from emcog.paths import data_folder

TIME_LIMIT_S = 600
OFTEN_S = 0.1
DATED = ("created",)
"""Keys of records whose values are dates."""


@dataclass(frozen=True)
class Case:
    """A command to kill.

    Attributes
    ----------
    arguments : of emcog; OUT is the folder of its output. prepare : writes what it reads into a folder.
    set_up : called in the process that runs it, with the folder. timed : files of the output that hold times.
    """

    arguments: tuple[str, ...]
    prepare: Callable[[Path], None]
    set_up: Callable[[Path], None] = lambda folder: None
    timed: tuple[str, ...] = ()


def _demo() -> str:
    return (data_folder("datasets") / "demo" / "late_letter.txt").read_text(encoding="utf-8")


def _story(folder: Path) -> None:
    (folder / "story.txt").write_text(_demo()[:9000], encoding="utf-8")


def _plan(folder: Path) -> None:
    (folder / "in").mkdir()
    for i in range(4):
        (folder / "in" / f"story{i}.txt").write_text(_demo()[1500 * i : 1500 * (i + 1)], encoding="utf-8")
    plan = '[plan]\ntranscripts = "in/*.txt"\nout = "OUT"\n[settings]\ngamma = [1, 2]\n'
    (folder / "plan.toml").write_text(plan, encoding="utf-8")


def _book(folder: Path) -> None:
    (folder / "book.txt").write_text(_demo() * 2, encoding="utf-8")


CONTENT = random.Random(0).randbytes(3_000_000)


def _packed() -> bytes:
    """CONTENT in pieces, as a zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for start in range(0, len(CONTENT), 100_000):
            archive.writestr(zipfile.ZipInfo(f"parts/{start}.bin"), CONTENT[start : start + 100_000])
    return out.getvalue()


SERVED = {"passkey.jsonl": CONTENT, "data.zip": _packed()}


def _card(folder: Path) -> None:
    (folder / "cards").mkdir()
    text = 'name = "infinitebench"\ntitle = "t"\ncitation = "c"\nlicence = "l"\n'
    for name, content in SERVED.items():
        text += (
            f'[[files]]\npath = "{name}"\nurl = "http://127.0.0.1:{_port[0]}/{name}"\n'
            f'sha256 = "{hashlib.sha256(content).hexdigest()}"\nunpack = {str(name.endswith(".zip")).lower()}\n'
        )
    (folder / "cards" / "infinitebench.toml").write_text(text, encoding="utf-8")


def _own_cards(folder: Path) -> None:
    from emcog.human.datasets import cards, fetching

    cards.data_folder = fetching.data_folder = lambda _: folder / "cards"
    os.environ["EMCOG_CACHE"] = str(folder / "OUT")


def _often(folder: Path) -> None:
    from emcog.lm import journal

    journal.EVERY_S = OFTEN_S


def _often_and_on_disk(folder: Path) -> None:
    from emcog.transcript import long

    _often(folder)
    long.LONG = 1000


_SEGMENT = ("segment", "story.txt", "--method", "SM", "--out", "OUT", "--quiet")
_TRAIN = ("train-lm", "book.txt", "--out", "OUT", "--tokens", "4096", "--vocab-size", "512", "--batch-tokens", "256",
          "--context", "128", "--hidden-size", "64", "--intermediate-size", "64", "--layers", "1", "--heads", "1",
          "--kv-heads", "1", "--save-every", str(OFTEN_S), "--device", "cpu", "--quiet")  # fmt: skip
_READ = ("read", "story.txt", "--memory", "OUT", "--n-init", "4", "--n-local", "256", "--chunk", "64", "--quiet")
CASES = {
    "segment": Case(_SEGMENT, _story, _often),
    "segment, long": Case(_SEGMENT, _story, _often_and_on_disk),  # as a text is that is too long to be held
    "read": Case(_READ, _story),
    "datasets fetch": Case(("datasets", "fetch", "infinitebench", "--quiet"), _card, _own_cards),
    "train-lm": Case(_TRAIN, _book, timed=("curve.tsv",)),
    "batch": Case(("batch", "plan.toml", "--workers", "1", "--quiet"), _plan),
}


class _Slowly(BaseHTTPRequestHandler):
    """Serves each of SERVED over a second or so, and what is still wanted of it."""

    def log_message(self, *told: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        content, start = SERVED[self.path.removeprefix("/")], 0
        if self.headers.get("Range") and self.headers.get("If-Range") == '"one"':
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if start else 200)
        self.send_header("ETag", '"one"')
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        for at in range(start, len(content), 100_000):
            self.wfile.write(content[at : at + 100_000])
            time.sleep(0.02)


_port = [0]


@contextmanager
def server() -> Iterator[None]:
    """A process that serves what `datasets fetch` fetches."""
    http = HTTPServer(("127.0.0.1", 0), _Slowly)
    _port[0] = http.server_port
    pid = os.fork()
    if pid == 0:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  a client that was killed is no news
        http.serve_forever()
    http.server_close()
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def run(case: Case, folder: Path, kill_after: float | None = None) -> tuple[int, float]:
    """Run the command in `folder`, in a fork; gives its exit status (-9 if it was killed) and its seconds."""
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _become(case, folder)
    deadline = started + (TIME_LIMIT_S if kill_after is None else kill_after)
    status = None
    while status is None:
        ended, code = os.waitpid(pid, os.WNOHANG)
        if ended:
            status = os.waitstatus_to_exitcode(code)
        elif time.monotonic() >= deadline:
            os.kill(pid, signal.SIGKILL)  # the command alone: its workers must notice by themselves
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        else:
            time.sleep(0.002)
    _wait_for_session(pid)
    return status, time.monotonic() - started


def _become(case: Case, folder: Path) -> NoReturn:
    """Turn this process into the command."""
    from emcog.cli import main

    status = 70
    try:
        os.setsid()
        os.chdir(folder)
        out = os.open(folder.with_name(f"{folder.name}.said"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for descriptor in (1, 2):
            os.dup2(out, descriptor)
        case.set_up(folder)
        status = main(list(case.arguments))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _wait_for_session(session: int, seconds: float = 60.0) -> None:
    """Wait until the command's own workers are gone; an error if they stay."""
    deadline = time.monotonic() + seconds
    while any(_session(name) == session for name in os.listdir("/proc") if name.isdigit()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"processes of session {session} outlive the command that was killed")
        time.sleep(0.02)


def _session(pid: str) -> int:
    with suppress(OSError):
        # A dead process that nobody has asked about keeps its entry; it is no process any more.
        state, _, _, session = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[:4]
        return -1 if state == "Z" else int(session)
    return -1


def contents(folder: Path, case: Case, base: Path) -> dict[str, object]:
    """Every file that `base` does not have, hidden ones and those beside the output too; of a record all but dates."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if (base / place).exists():
            continue
        if path.is_dir() or path.name in case.timed:
            found[str(place)] = None
            continue
        data = path.read_bytes()
        found[str(place)] = hashlib.sha256(data).hexdigest()
        if path.suffix == ".json":
            with suppress(ValueError):  # one that was cut off stays a hash
                found[str(place)] = _undated(json.loads(data))
    return found


def _undated(record: Any) -> Any:
    # The files of a job's record hold the hash of such a dated record.
    if isinstance(record, dict):
        kept = {k: _undated(v) for k, v in record.items() if k not in DATED}
        return {k: v for k, v in kept.items() if not (isinstance(v, dict) and "bytes" in v and k.endswith(".json"))}
    return [_undated(item) for item in record] if isinstance(record, list) else record


def kill(name: str, moments: int, seed: int) -> dict[str, object]:
    """Kill a command at so many moments.

    Returns
    -------
    dict: command; undisturbed_s; moments; begun (something of the output was there by then); put_right (by the next
    run); seed.
    """
    case, rng = CASES[name], random.Random(f"{name} {seed}")
    counts = dict.fromkeys(("begun", "put_right"), 0)
    with tempfile.TemporaryDirectory(prefix="emcog-kill-") as place:
        base = Path(place, "input")
        base.mkdir()
        case.prepare(base)
        calm = Path(shutil.copytree(base, Path(place, "calm")))
        status, seconds = run(case, calm)
        if status != 0:
            raise RuntimeError(f"emcog {name} fails undisturbed, with status {status}: {said(calm)}")
        expected = contents(calm, case, base)
        for i in range(moments):
            # The folder's path is the same in all runs, since records may name it.
            shutil.move(calm, Path(place, "before"))
            folder = _killed(case, base, calm, lambda: rng.uniform(0, seconds))
            counts["begun"] += (folder / "OUT").exists()
            status, _ = run(case, folder)
            right = status == 0 and contents(folder, case, base) == expected
            counts["put_right"] += right
            if not right:
                kept = Path(tempfile.mkdtemp(prefix=f"emcog-kill-{name.replace(' ', '-')}-{i}-"))
                shutil.copytree(folder, kept / "found")
                shutil.copytree(Path(place, "before"), kept / "expected")
                told = f"status {status}; {said(folder)}"
                print(f"{name}, moment {i}: not put right ({told}); see {kept}", file=sys.stderr)
                shutil.rmtree(folder)
                shutil.move(Path(place, "before"), calm)
            else:
                shutil.rmtree(Path(place, "before"))
    return {"command": name, "undisturbed_s": seconds, "moments": moments, **counts, "seed": seed}


def _killed(case: Case, base: Path, folder: Path, moment: Callable[[], float]) -> Path:
    """A copy of `base` in which the command was killed; a moment that comes after its end is drawn again."""
    for _ in range(100):
        shutil.copytree(base, folder)
        status, _ = run(case, folder, moment())
        if status == -signal.SIGKILL:
            return folder
        shutil.rmtree(folder)
    raise RuntimeError("the command ends before every moment that is drawn: it takes far less time than undisturbed")


def said(folder: Path) -> str:
    """The last line that the command in `folder` said."""
    lines = folder.with_name(f"{folder.name}.said").read_text(errors="replace").splitlines()
    return lines[-1] if lines else "it said nothing"


def spread(moments: int, names: list[str]) -> dict[str, int]:
    """Moments of each command: a tenth for `batch`, the others evenly."""
    slow = {"batch": max(1, moments // 10)} if "batch" in names and len(names) > 1 else {}
    rest, others = moments - sum(slow.values()), [name for name in names if name not in slow]
    return {name: rest // len(others) + (i < rest % len(others)) for i, name in enumerate(others)} | slow


def page(table: pd.DataFrame) -> str:
    """The table for the documentation."""
    whole = f"{table['put_right'].sum():,} of {table['moments'].sum():,} moments were put right by the next run."
    return f"{markdown_table(table, 1)}\n\n{whole}\n\n{measured_on()}"


def main() -> int:
    """Kill, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=200, help="in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=list(CASES), action="append")
    parser.add_argument("--out", type=Path, default=Path("results/kill_tests"))
    parser.add_argument("--write", action="store_true", help="put the table into docs/robustness.md")
    given = parser.parse_args()
    os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    import torch
    import transformers.models.llama.modeling_llama  # noqa: F401

    import emcog.lm.training.command
    import emcog.segmenting.straight  # noqa: F401

    torch.set_num_threads(1)  # a fork has none of its parent's threads
    names = given.only or list(CASES)
    rows = []
    with server():
        for i, (name, moments) in enumerate(spread(given.moments, names).items()):
            rows.append(kill(name, moments, given.seed))
            print(pd.DataFrame(rows[-1:]).round(1).to_string(index=False, header=i == 0), flush=True)
    table = pd.DataFrame(rows)
    given.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.out / "report.csv", index=False)
    if given.write:
        fill(docs_page("robustness.md"), "kills", page(table))
    return 0 if (table["put_right"] == table["moments"]).all() else 1


if __name__ == "__main__":
    sys.exit(main())
