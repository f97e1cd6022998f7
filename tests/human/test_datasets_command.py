import json
import logging

import pytest

from emcog.cli import main


@pytest.fixture
def emcog(capsys):
    def run(*arguments):
        status = main(["datasets", *arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return run


def test_list_says_what_is_here(emcog, tmp_path, monkeypatch):
    (tmp_path / "sherlock").mkdir()
    monkeypatch.setenv("EMCOG_DATA", str(tmp_path))
    status, out, _ = emcog("list", "--json")
    rows = {row["name"]: row for row in json.loads(out)["datasets"]}
    assert status == 0
    assert {name for name, row in rows.items() if row["here"]} == {"demo", "sherlock"}
    assert rows["natural_stories"]["licence"] == "CC-BY-NC-SA-4.0"
    status, out, _ = emcog("list")
    assert status == 0 and all(name in out for name in rows)


def test_info_tells_citation_licence_terms_and_files(emcog):
    status, out, _ = emcog("info", "sherlock")
    flat = " ".join(out.split())
    assert status == 0
    assert all(
        word in flat for word in ("Chen, J., Leong", "MIT", "terms of use", "10.1038/nn.4450", "NN17 transcript.txt")
    )
    card = json.loads(emcog("info", "kumar2023", "--json")[1])
    assert (card["zenodo"], card["here"]) == (10055827, None)


def test_path_and_fetch_of_what_is_here(emcog):
    status, out, err = emcog("path", "demo")
    assert (status, err) == (0, "")
    assert out.strip().endswith("demo")
    assert emcog("fetch", "demo")[1] == out


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_the_command_alone_shows_its_help(emcog, arguments):
    status, out, err = emcog(*arguments)
    assert (status, err) == (0, "")
    assert all(command in out for command in ("list", "info", "fetch", "path"))
    assert "emcog datasets info demo" in out


def test_errors_are_one_line(emcog):
    for arguments, said in [
        (["path", "booksort"], "log in and accept its conditions"),
        (["fetch", "films"], "cannot be downloaded by a program"),
        (["info", "shrelock"], "did you mean 'sherlock'?"),
    ]:
        status, out, err = emcog(*arguments)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert said in err
    assert logging.getLogger("emcog").handlers == []


@pytest.mark.parametrize("command", ["list", "info", "fetch", "path"])
def test_every_help_has_an_example(emcog, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    status, out, _ = emcog(command, "--help")
    assert status == 0
    assert f"emcog datasets {command}" in out.split("Example:")[1]
    assert max(map(len, out.splitlines())) <= 80
