"""The command with processes of its own, as users run it; the stand-ins come in through Dask's preload."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import emcog
from emcog.batch import read_plan
from emcog.batch.jobs import units

FAKE = Path(__file__).parent / "fake_worker.py"


@pytest.fixture
def environment(tmp_path):
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(Path(emcog.__file__).parents[1]),
        "DASK_DISTRIBUTED__WORKER__PRELOAD": f"[{str(FAKE)!r}]",
        "COLUMNS": "80",
    }


@pytest.fixture
def start(environment, tmp_path):
    """Starts `emcog batch` in the folder of the plan."""

    started = []

    def go(*arguments, **extra):
        command = [sys.executable, "-m", "emcog", "batch", "plan.toml", *map(str, arguments)]
        started.append(
            subprocess.Popen(
                command,
                cwd=tmp_path,
                env=environment | extra,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                # A background shell's children ignore interruptions.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        )
        return started[-1]

    yield go
    for process in started:
        process.kill()
        process.wait()


def done(process, timeout=300):
    out, err = process.communicate(timeout=timeout)
    assert all(line.startswith("emcog: ") for line in err.splitlines()), err  # progress, on a slow machine
    return process.returncode, out, err


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def children(pid):
    """Worker processes of a running batch."""
    import psutil

    found = psutil.Process(pid).children(recursive=True)
    return [p for p in found if "spawn_main" in " ".join(p.cmdline())]


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def test_a_killed_worker_loses_no_job(start, write_plan, tmp_path):
    write_plan({f"{i:02}.txt": f"Story {i}. sleep 0.1 ." for i in range(20)})
    process = start("--workers", 2)
    wait_for(lambda: len(list((tmp_path / "out").glob("jobs/*/job.json"))) >= 4)
    os.kill(children(process.pid)[0].pid, signal.SIGKILL)
    status, out, err = done(process)
    assert status == 0, err
    assert out.splitlines()[1].split() == ["20", "0", "0", "100", "segment", "embedded"]
    assert len(pd.read_parquet(tmp_path / "out" / "results")) == 40


def test_a_story_that_kills_its_worker_fails_alone(start, write_plan, tmp_path):
    write_plan({"a.txt": "One.", "kill.txt": "KILL.", "z.txt": "Two."})
    # The first death counts: three restarts more would only take their time.
    status, out, _ = done(start("--workers", 1, "--json", DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0"))
    assert status == 1
    jobs = json.loads(out)["jobs"]
    assert [job["state"] for job in jobs] == ["done", "failed", "done"]
    assert "its worker died again and again" in jobs[1]["error"]


def test_status_failures_and_exit_status(start, write_plan, tmp_path):
    write_plan({"a.txt": "One.", "odd.txt": "ODD."})
    status, out, _ = done(start("--status"))
    assert status == 1
    assert out.splitlines()[1].split()[:3] == ["0", "0", "2"]
    status, out, _ = done(start("--workers", 1))
    assert status == 1
    assert "an odd story (embedded)" in out
    assert f"pandas.read_parquet({str(tmp_path / 'out' / 'results')!r})" in out
    (tmp_path / "in" / "odd.txt").write_text("Even.")
    assert done(start("--workers", 1, "--quiet"))[:2] == (0, "")
    assert done(start("--status"))[0] == 0


def test_a_scheduler_that_is_not_there(start, write_plan):
    write_plan({"a.txt": "One."})
    status, out, err = done(start("--scheduler", "tcp://127.0.0.1:1", DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="1s"))
    assert (status, out) == (2, "")
    assert err.startswith("emcog: error: no Dask scheduler answers at 'tcp://127.0.0.1:1'")
    assert err.count("\n") == 1


def test_ctrl_c_keeps_what_is_finished(start, write_plan, tmp_path):
    write_plan({f"{i:02}.txt": f"Story {i}. sleep 0.2 ." for i in range(30)})
    process = start("--workers", 1)
    wait_for(lambda: len(list((tmp_path / "out").glob("jobs/*/job.json"))) >= 2)
    process.send_signal(signal.SIGINT)
    status, out, err = done(process)
    assert (status, out, err.splitlines()[-1]) == (130, "", "emcog: interrupted")
    assert len(list((tmp_path / "out").glob("jobs/*/job.json"))) < 30
    assert done(start("--workers", 2, "--quiet"))[0] == 0


def test_killed_at_any_moment_the_next_run_gives_the_same_bytes(start, write_plan, tmp_path):
    path = write_plan({f"{i:02}.txt": f"Story {i}. sleep 0.05 ." for i in range(12)})
    assert done(start("--workers", 1, "--quiet"))[0] == 0
    undisturbed = tree(tmp_path / "out")
    os.rename(tmp_path / "out", tmp_path / "undisturbed")
    n_jobs = len(units(read_plan(path)))
    rng = random.Random(20)
    for _ in range(3):
        process = start("--workers", 1, "--quiet")
        seen = len(list((tmp_path / "out").glob("jobs/*/job.json")))
        wait_for(lambda seen=seen: len(list((tmp_path / "out").glob("jobs/*/job.json"))) > min(seen, n_jobs - 1))
        time.sleep(rng.uniform(0, 0.2))
        workers = children(process.pid) if process.poll() is None else []
        process.kill()
        process.communicate()
        wait_for(lambda workers=workers: not any(w.is_running() and w.status() != "zombie" for w in workers))
    assert done(start("--workers", 1, "--quiet"))[0] == 0
    assert tree(tmp_path / "out") == undisturbed
