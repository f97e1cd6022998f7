"""Runs the installed command as users do: a process of its own, in a fresh folder, with nothing stubbed."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import emcog


@pytest.fixture
def environment(tmp_path):
    """Environment in which `emcog` is this checkout's command, offline, with an empty home."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "emcog"
    script.write_text(f"#!{sys.executable}\nfrom emcog.cli import process\nprocess()\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return {
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(Path(emcog.__file__).parents[1]),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2"),
        "COLUMNS": "80",
    }


@pytest.fixture
def shell(environment, tmp_path):
    """Runs a line of shell in the folder `work`."""
    work = tmp_path / "work"
    work.mkdir()

    def go(line, **options):
        return subprocess.run(
            ["bash", "-c", line], cwd=work, env=environment, capture_output=True, timeout=300, **options
        )

    go.folder = work
    return go
