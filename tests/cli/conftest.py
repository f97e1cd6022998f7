"""The command line with a stand-in for the language model: quick, and with known numbers."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import emcog
import emcog.lm
import emcog.segmenting.straight  # before its load_lm is replaced, or it would keep the stand-in
from emcog.cli import main

ENTRY = "from emcog.cli import process; process()"  # what an installed `emcog` script says


@pytest.fixture
def lm_calls(monkeypatch, make_segmentation):
    """Puts a made-up segmentation in the place of the language model's, and notes what was asked for."""
    calls = SimpleNamespace(load=[], segment=[])

    def load_lm(name=None, **options):
        calls.load.append((name, options))
        return "an LM"

    def segment(transcript, lm=None, *, progress=None, checkpoint=None, **settings):
        calls.segment.append((lm, settings))
        if progress is not None:
            progress(1, 2)
        n_words = len(transcript.words)
        made = make_segmentation(
            transcript.text, tuple(range(0, n_words, 4)), timed=transcript.has_times, name=transcript.name
        )
        made.provenance["settings"] = {name: value for name, value in settings.items() if name != "match"}
        return made

    monkeypatch.setattr(emcog.lm, "load_lm", load_lm)
    monkeypatch.setattr(emcog.segmenting, "segment", segment)
    return calls


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Runs a command line in a fresh folder; gives its status, what it printed and what it complained."""
    monkeypatch.chdir(tmp_path)

    def go(*arguments):
        status = main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return SimpleNamespace(status=status, out=out, err=err)

    return go


@pytest.fixture
def shell(tmp_path):
    """Runs emcog as a process of its own, as the installed command does."""

    def go(*arguments, **options):
        here = str(Path(emcog.__file__).parents[1])
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": here, **options.pop("env", {})}
        command = [sys.executable, "-c", ENTRY, *map(str, arguments)]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 120} | options
        return subprocess.run(command, env=environment, cwd=tmp_path, **options)

    return go
