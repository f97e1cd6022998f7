import json
import os
import re

import pytest

import emcog

HEAVY = ("torch", "transformers", "pandas", "numpy", "scipy", "matplotlib", "pyarrow")
COMMANDS = ("segment", "models", "signals")


def test_version(run):
    assert run("--version").out == f"emcog {emcog.__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_the_commands(run, arguments):
    done = run(*arguments)
    assert (done.status, done.err) == (0, "")
    assert all(command in done.out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_an_example_that_fits_80_columns(run, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    lines = run(command, "--help").out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.strip() == "Example:")
    assert any(f"emcog {command}" in line for line in lines[at:])
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("arguments", [["--help"], ["segment", "--help"], ["--version"], ["segment", "--nonsense"]])
def test_nothing_heavy_is_imported_to_show_a_help(shell, arguments):
    done = shell(*arguments, env={"PYTHONPROFILEIMPORTTIME": "1"})
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.decode().splitlines() if "|" in line}
    assert "typer" in imported
    assert not imported & set(HEAVY)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["segmnt"], "segment"),
        (["segment"], "INPUT"),
        (["--nonsense"], "--nonsense"),
        (["segment", "a", "b"], "unexpected extra argument"),
        (["signals", "--json", "yes"], "unexpected extra argument"),
    ],
)
def test_a_wrong_command_line_is_one_line(run, arguments, said):
    done = run(*arguments)
    assert (done.status, done.out) == (2, "")
    assert re.fullmatch(r"emcog: error: [^\n]+; see emcog[a-z ]* --help\n", done.err)
    assert said in done.err


def test_signals_are_listed_with_their_units(run):
    from emcog.signals import SIGNALS

    done = run("signals")
    assert done.status == 0
    assert all(name in done.out for name in SIGNALS)
    listed = json.loads(run("signals", "--json").out)["signals"]
    assert [row["name"] for row in listed] == list(SIGNALS)
    assert all(row["unit"] and row["about"] for row in listed)


def test_models_are_listed(run, monkeypatch):
    rows = [
        {"name": "embedded", "kind": "embedded", "parameters": 9_000_000, "where": "here"},
        {"name": "org/x", "kind": "cached", "parameters": None, "where": "[/x]"},
    ]
    monkeypatch.setattr("emcog.lm.available_models", lambda: rows)
    done = run("models")
    assert done.status == 0
    assert "9,000,000" in done.out
    assert "[/x]" in done.out
    assert json.loads(run("models", "--json").out) == {"models": rows}


@pytest.mark.parametrize("arguments", [["segment", "--help"], ["--version"], ["signals", "--json"]])
def test_a_reader_that_has_left_is_no_reason_to_shout(shell, arguments):
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = shell(*arguments, stdout=write_end)
    os.close(write_end)
    assert (done.returncode, done.stderr) == (1, b"")


def test_settings_of_the_process_are_given_back(run):
    import logging
    import warnings

    shown, handlers = warnings.showwarning, list(logging.getLogger("emcog").handlers)
    run("--version")
    assert warnings.showwarning is shown
    assert logging.getLogger("emcog").handlers == handlers
