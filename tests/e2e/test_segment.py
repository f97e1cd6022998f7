import json
import os
import re

import pytest

from emcog import read_transcript
from emcog.paths import data_folder
from emcog.segmentation import Segmentation

STORY = data_folder("datasets") / "demo" / "late_letter.txt"
SRT = b"1\n00:00:05,000 --> 00:00:06,000\nlate words\n\n2\n00:00:01,000 --> 00:00:02,000\nearly words\n"


def test_the_story_becomes_events(shell):
    done = shell(f"emcog segment '{STORY}' --out out --plot")
    assert done.returncode == 0, done.stderr.decode()
    names = sorted(path.name for path in (shell.folder / "out").iterdir())
    assert names == [f"late_letter.{s}" for s in ("events.tsv", "json", "png", "tokens.parquet", "words.parquet")]
    segmentation, story = Segmentation.load(shell.folder / "out"), read_transcript(STORY)
    assert "".join(segmentation.events["text"]) == story.text
    assert segmentation.words["word"].tolist() == story.words["word"].tolist()
    assert 5 < len(segmentation.events) < len(segmentation.words) / 4
    # --snap word is the command line's default: every boundary is the first token of its word.
    first_of_word = segmentation.tokens["word_index"].diff().fillna(1) > 0
    assert first_of_word[segmentation.boundaries].all()
    assert done.stdout.decode().splitlines()[1].split()[:2] == ["0", "0-" + str(segmentation.events["end_word"][0] - 1)]
    assert b"\x1b" not in done.stdout + done.stderr


def test_two_runs_differ_in_nothing_but_their_date(shell):
    for folder in ("a", "b"):
        assert shell(f"head -c 3000 '{STORY}' | emcog segment - --out {folder} --plot --quiet").returncode == 0
    for path in (shell.folder / "a").iterdir():
        one, other = path.read_bytes(), (shell.folder / "b" / path.name).read_bytes()
        if path.suffix == ".json":
            one, other = json.loads(one), json.loads(other)
            assert one["provenance"].pop("created") and other["provenance"].pop("created")
        assert one == other, path.name


def test_json_on_standard_output_only(shell):
    done = shell(f"head -c 1500 '{STORY}' | emcog segment - --json --n-events 4")
    record = json.loads(done.stdout)
    assert len(record["events"]) == 4
    assert record["provenance"]["input"]["name"] == "stdin"
    assert done.stderr == b""


@pytest.mark.parametrize("command", ["segment", "models", "signals"])
def test_the_example_in_the_help_works_when_pasted(shell, command):
    lines = [line.strip() for line in shell(f"emcog {command} --help").stdout.decode().splitlines()]
    example = next(line for line in lines[lines.index("Example:") + 1 :] if line)
    done = shell(example)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout


@pytest.mark.parametrize(
    ("name", "content", "options", "said"),
    [
        ("missing.txt", None, "", "missing.txt"),
        ("empty.txt", b"", "", "empty"),
        ("latin.txt", b"caf\xe9", "", "--encoding"),
        ("nul.txt", b"a\x00b", "", "NUL"),
        ("picture.txt", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff\xfe", "", "picture.txt"),
        ("back.srt", SRT, "", "back.srt"),
        ("words.csv", b"onset,offset\n1,2\n", "", "words.csv"),
        ("prose.txt", b"Just prose.", "--from textgrid", "prose.txt"),
        ("prose.txt", b"Just prose.", "--signal surprise", "choose from"),
        ("prose.txt", b"Just prose.", "--out prose.txt/deeper", "choose another folder"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_and_nothing_is_written(shell, name, content, options, said):
    if content is not None:
        (shell.folder / name).write_bytes(content)
    before = sorted(shell.folder.rglob("*"))
    done = shell(f"emcog segment {name} {options}")
    assert done.returncode == 2
    assert done.stdout == b""
    assert re.fullmatch(r"emcog: error: [^\n]+\n", done.stderr.decode())
    assert said in done.stderr.decode()
    assert sorted(shell.folder.rglob("*")) == before


def test_names_that_are_no_utf8(shell):
    story, out = shell.folder / os.fsdecode(b"caf\xe9.txt"), shell.folder / os.fsdecode(b"d\xe9")
    try:
        story.write_bytes(b"He slept. Years on, a ship came.")
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    done = shell("emcog segment caf*.txt --n-events 2 --out $'d\\xe9'")
    assert done.returncode == 0, done.stderr.decode()
    names = [f"caf_xe9.{suffix}" for suffix in ("events.tsv", "json", "tokens.parquet", "words.parquet")]
    assert sorted(path.name for path in out.iterdir()) == names
    segmentation = Segmentation.load(out)
    assert segmentation.name == "caf\\xe9" and len(segmentation.events) == 2
    done = shell("emcog report d* --out page.html --quiet")
    assert done.returncode == 0, done.stderr.decode()
    assert "caf\\xe9" in (shell.folder / "page.html").read_text(encoding="utf-8")


def test_a_device_is_refused_and_a_pipe_is_read(shell):
    done = shell("timeout 100 emcog segment /dev/zero")
    said = "emcog: error: /dev/zero: a device, not a file: name a file, or give - for standard input\n"
    assert (done.returncode, done.stderr.decode()) == (2, said)
    done = shell("emcog segment <(echo 'He slept. Years on, a ship came.') --n-events 2 --out out --json")
    assert done.returncode == 0, done.stderr.decode()
    assert len(json.loads(done.stdout)["events"]) == 2


def test_ctrl_c_is_one_line_and_nothing_is_written(environment, tmp_path):
    import signal
    import subprocess
    import time

    long = tmp_path / "long.txt"
    long.write_text(STORY.read_text() * 200)
    process = subprocess.Popen(
        ["emcog", "segment", str(long), "--out", "out"], cwd=tmp_path, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background shell's children ignore it
    )  # fmt: skip
    time.sleep(15)  # well into the listening, and far from its end
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert out == b""
    assert err.decode().splitlines()[-1].startswith("emcog: interrupted")
    assert b"Traceback" not in err
    assert not (tmp_path / "out").exists()
