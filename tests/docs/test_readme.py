"""What the README shows works when it is pasted, and what it points at exists."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("emcog ")]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A folder with the beginning of the demo story where the README says that it is."""
    place = tmp_path / "datasets" / "demo"
    place.mkdir(parents=True)
    story = (ROOT / "datasets" / "demo" / "late_letter.txt").read_text(encoding="utf-8")
    (place / "late_letter.txt").write_text(story[:4000], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(links) >= 4
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_the_python_runs(checkout, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})
    assert "The carpenter found" in capsys.readouterr().out
    assert (checkout / "demo-output" / "late_letter.events.tsv").exists()
    assert (checkout / "demo-output" / "late_letter.png").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_run(command, checkout):
    code = "import sys; from emcog.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run([sys.executable, "-c", code, *shlex.split(command)[1:]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (checkout / "demo-output" / "late_letter.events.tsv").exists()


def test_make_demo_does_what_the_first_command_does():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (recipe,) = re.findall(r"emcog segment \$\(STORY\) (.*)", makefile)
    assert sorted(shlex.split(recipe)) == sorted(shlex.split(COMMANDS[0])[3:])
