"""The short form of analyses/kill_tests.py: a few moments of every command but `batch`, which tests/batch kills."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[2]


def test_what_is_killed_is_put_right_by_the_next_run(tmp_path):
    commands = ["segment", "segment, long", "read", "datasets fetch", "train-lm"]
    done = subprocess.run(
        [sys.executable, str(ROOT / "analyses" / "kill_tests.py"), "--moments", "5", "--out", str(tmp_path),
         *[word for name in commands for word in ("--only", name)]],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=550,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    table = pd.read_csv(tmp_path / "report.csv")
    assert table["command"].tolist() == commands
    assert (table["put_right"] == 1).all() and (table["moments"] == 1).all()


def test_the_harness_sees_what_is_not_put_right(tmp_path):
    """A file that only the killed run leaves is found, hidden or not."""
    code = """
import sys
sys.path.insert(0, "analyses")
import kill_tests
from pathlib import Path
case = kill_tests.Case((), lambda folder: None, timed=("curve.tsv",))
folder, base = Path(sys.argv[1]), Path(sys.argv[1]) / "none"
(folder / "OUT").mkdir()
(folder / "OUT" / "a.json").write_text('{"created": 1, "x": {"b.json": {"bytes": 1, "sha256": "date"}, "y": 2}}')
(folder / "OUT" / "curve.tsv").write_text("1.0 s")
before = kill_tests.contents(folder, case, base)
(folder / "OUT" / "a.json").write_text('{"created": 2, "x": {"b.json": {"bytes": 1, "sha256": "other"}, "y": 2}}')
(folder / "OUT" / "curve.tsv").write_text("2.0 s")
assert kill_tests.contents(folder, case, base) == before  # dates and times alone
for name in (".emcog-left", "tmp1", "b.bin"):
    (folder / "OUT" / name).write_text("x")
    assert kill_tests.contents(folder, case, base) != before, name
    (folder / "OUT" / name).unlink()
(folder / "OUT" / "a.json").write_text('{"created": 2, "x": {"y": 3}}')
assert kill_tests.contents(folder, case, base) != before
(folder / "OUT" / "a.json").write_text('{"created": 2, "x"')  # cut off
assert kill_tests.contents(folder, case, base) != before
(folder / ".emcog-beside").write_text("x")
assert ".emcog-beside" in kill_tests.contents(folder, case, base)
base.mkdir()
(base / ".emcog-beside").write_text("x")  # what was there before is no output
assert ".emcog-beside" not in kill_tests.contents(folder, case, base)
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, env=environment, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
