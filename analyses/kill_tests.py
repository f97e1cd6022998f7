"""Does killing emcog at any moment (kill -9) leave anything that the next run does not put right?

Each command is run once undisturbed. Then it is started again and again in fresh folders, killed after a random share
of the undisturbed run's time, and run once more to its end. What it leaves must be the undisturbed run's bytes (but for
the date in a record), with nothing half-written, nothing hidden and no process left. Moments are drawn by a seed.

    python analyses/kill_tests.py                          # 200 moments of every command
    python analyses/kill_tests.py --moments 20 --only batch

Prints a table and writes it to results/kill_tests.csv. The exit status is 1 if any moment was not put right.
"""

import argparse
import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import emcog
from emcog.paths import data_folder

TIME_LIMIT_S = 600
COLUMNS = ("command", "moments", "killed_before_end", "output_there", "put_right", "undisturbed_s", "seed")


@dataclass(frozen=True)
class Case:
    """A command to kill.

    Attributes
    ----------
    arguments : of emcog; OUT stands for the folder of its output. prepare : writes what it reads into a folder.
    temporary : names of files in the output that only tell of the run's time.
    """

    arguments: tuple[str, ...]
    prepare: Callable[[Path], None]
    temporary: tuple[str, ...] = ()


def _story(folder: Path, n: int = 3000) -> None:
    text = (data_folder("datasets") / "demo" / "late_letter.txt").read_text(encoding="utf-8")
    (folder / "story.txt").write_text(text[:n], encoding="utf-8")


def _plan(folder: Path) -> None:
    text = (data_folder("datasets") / "demo" / "late_letter.txt").read_text(encoding="utf-8")
    (folder / "in").mkdir()
    for i in range(6):
        (folder / "in" / f"story{i}.txt").write_text(text[1000 * i : 1000 * i + 1500], encoding="utf-8")
    plan = '[plan]\ntranscripts = "in/*.txt"\nout = "OUT"\n[settings]\ngamma = [1, 2]\n'
    (folder / "plan.toml").write_text(plan, encoding="utf-8")


def _book(folder: Path) -> None:
    text = (data_folder("datasets") / "demo" / "late_letter.txt").read_text(encoding="utf-8")
    (folder / "book.txt").write_text(text * 4, encoding="utf-8")


_TRAIN = ("train-lm", "book.txt", "--out", "OUT", "--tokens", "4096", "--vocab-size", "512", "--batch-tokens", "256",
          "--context", "128", "--hidden-size", "64", "--intermediate-size", "64", "--layers", "1", "--heads", "1",
          "--kv-heads", "1", "--save-every", "0", "--device", "cpu", "--quiet")  # fmt: skip
CASES = {
    "segment": Case(("segment", "story.txt", "--out", "OUT", "--quiet"), _story),
    "batch": Case(("batch", "plan.toml", "--workers", "1", "--quiet"), _plan),
    # The curve holds seconds; what was learnt is in the model.
    "train-lm": Case(_TRAIN, _book, ("curve.tsv", "run.json")),
}


def run(case: Case, folder: Path, kill_after: float | None = None) -> tuple[int, float]:
    """Run the command in `folder`; gives its exit status and its seconds."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": str(Path(emcog.__file__).parents[1])}
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "emcog", *case.arguments], cwd=folder, env=environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        process.wait(TIME_LIMIT_S if kill_after is None else kill_after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)  # the command alone: its workers must notice by themselves
        process.wait()
        _wait_for_session(process.pid)
    return process.returncode, time.monotonic() - started


def _wait_for_session(session: int, seconds: float = 60.0) -> None:
    """Wait until the killed command's own workers are gone; an error if they stay."""
    deadline = time.monotonic() + seconds
    while subprocess.run(["pgrep", "-s", str(session)], stdout=subprocess.DEVNULL).returncode == 0:
        if time.monotonic() > deadline:
            raise RuntimeError(f"processes of session {session} outlive the command that was killed")
        time.sleep(0.05)


def contents(folder: Path, case: Case) -> dict[str, object]:
    """Every file under the output, hidden ones too; of a record all but its date."""
    found: dict[str, object] = {}
    for path in sorted((folder / "OUT").rglob("*")):
        if path.is_dir() or path.name in case.temporary:
            found[str(path.relative_to(folder))] = None
        elif path.suffix == ".json":
            found[str(path.relative_to(folder))] = _undated(json.loads(path.read_text(encoding="utf-8")))
        else:
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def _undated(record: object) -> object:
    # The files of a job's record hold the hash of such a dated record.
    if isinstance(record, dict):
        kept = {k: _undated(v) for k, v in record.items() if k != "created"}
        return {k: v for k, v in kept.items() if not (isinstance(v, dict) and "bytes" in v and k.endswith(".json"))}
    return [_undated(item) for item in record] if isinstance(record, list) else record


def kill(name: str, moments: int, seed: int) -> dict[str, object]:
    """Kill a command at so many moments; one row of the table."""
    case, rng = CASES[name], random.Random(f"{name} {seed}")
    with tempfile.TemporaryDirectory(prefix="emcog-kill-") as place:
        base = Path(place) / "input"
        base.mkdir()
        case.prepare(base)
        calm = Path(shutil.copytree(base, Path(place) / "calm"))
        status, seconds = run(case, calm)
        if status != 0:
            raise RuntimeError(f"emcog {name} fails undisturbed, with status {status}")
        expected = contents(calm, case)
        row = dict.fromkeys(COLUMNS[2:5], 0)
        for i in range(moments):
            folder = Path(shutil.copytree(base, Path(place) / f"moment{i}"))
            status, _ = run(case, folder, rng.uniform(0, seconds * 1.05))
            row["killed_before_end"] += status == -signal.SIGKILL
            row["output_there"] += (folder / "OUT").exists()
            status, _ = run(case, folder)
            right = status == 0 and contents(folder, case) == expected
            row["put_right"] += right
            if right:
                shutil.rmtree(folder)
            else:
                kept = Path(tempfile.mkdtemp(prefix=f"emcog-kill-{name}-{i}-"))
                shutil.move(folder, kept)
                print(f"{name}, moment {i}: not put right (status {status}); see {kept}", file=sys.stderr)
    return {"command": name, "moments": moments, **row, "undisturbed_s": round(seconds, 1), "seed": seed}


def main() -> int:
    """Kill, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=list(CASES), action="append")
    parser.add_argument("--out", type=Path, default=Path("results"))
    given = parser.parse_args()
    rows = []
    print("  ".join(f"{c:>17}" for c in COLUMNS))
    for name in given.only or CASES:
        rows.append(kill(name, given.moments, given.seed))
        print("  ".join(f"{rows[-1][c]!s:>17}" for c in COLUMNS), flush=True)
    given.out.mkdir(parents=True, exist_ok=True)
    with (given.out / "kill_tests.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return 0 if all(row["put_right"] == row["moments"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
