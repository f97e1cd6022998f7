"""read, ask, recall and memory, with a tiny random model in a folder and no stand-ins."""

import json
import multiprocessing
import os
import re
import signal
import threading
import time

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils.logging import disable_progress_bar

from emcog.cli import main
from emcog.lm import load_lm
from emcog.lm.load import EMBEDDED
from emcog.memory import EpisodicLM, MemoryConfig, read_manifest, read_tables
from emcog.paths import data_folder

STORY = (data_folder("datasets") / "demo" / "late_letter.txt").read_text(encoding="utf-8")[:5000].rstrip()
SMALL = "--n-init 4 --n-local 64 --n-mem 48 --chunk 8 --min-event 2 --max-event 16".split()


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A folder with a tiny random model that has the embedded LM's tokens."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(0)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(EMBEDDED, local_files_only=True)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, initializer_range=0.3, bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def story(tmp_path_factory):
    path = tmp_path_factory.mktemp("books") / "letter.txt"
    path.write_text(STORY, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def read_once(model, story, tmp_path_factory):
    """A memory that was read without a break; not to be written to."""
    folder = tmp_path_factory.mktemp("read") / "memory"
    assert main(["read", str(story), "--memory", str(folder), "--model", str(model), *SMALL, "--quiet"]) == 0
    return folder


@pytest.fixture(autouse=True)
def no_bars():
    """As in a process of its own, where the command sees to it before transformers is imported."""
    disable_progress_bar()


@pytest.fixture
def command(model, story, tmp_path):
    """The command line that reads the story into `memory`, with more options."""
    return lambda *more: ["read", story, "--memory", tmp_path / "memory", "--model", model, *more]


def assert_same(folder, other, lm):
    """Two saved memories hold the same, and go on in the same way."""
    one, two = EpisodicLM.load(folder, lm), EpisodicLM.load(other, lm)
    assert one.text == two.text == STORY
    pd.testing.assert_frame_equal(one.events, two.events)
    pd.testing.assert_frame_equal(one.recalls, two.recalls, rtol=1e-4)
    tables = [read_tables(place)["tokens"] for place in (folder, other)]
    pd.testing.assert_frame_equal(*tables, rtol=1e-4)
    scores = [memory.score(" He went to the mill, and there was the letter.")["surprisal"] for memory in (one, two)]
    np.testing.assert_allclose(*scores, rtol=1e-4)


@pytest.fixture(scope="session")
def lm(model):
    return load_lm(str(model))


@pytest.fixture(scope="session")
def processes():
    """Starts `emcog` in processes of their own, which share the time that importing takes."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["emcog.cli.read", "emcog.memory", "transformers.models.llama.modeling_llama"])

    def start(arguments):
        process = context.Process(target=main, args=([*map(str, arguments), "--quiet"],))
        process.start()
        return process

    return start


def wait_for(condition, process, seconds=500):
    end = time.monotonic() + seconds
    while not condition():
        assert process.is_alive(), "it ended too early"
        assert time.monotonic() < end
        time.sleep(0.002)


def saved_tokens(folder):
    try:
        return read_manifest(folder)["n_tokens"]
    except Exception:
        return 0


def test_killed_again_and_again_it_goes_on_and_ends_up_the_same(run, command, processes, read_once, lm, tmp_path):
    folder = tmp_path / "memory"
    moments = [
        lambda before: (folder / "books.json").exists(),  # before anything was saved
        lambda before: any(folder.glob("layer-*")),  # in the first saving
        *[lambda before: saved_tokens(folder) > before] * 2,  # after a saving
    ]
    saved = [0]
    for moment in moments:
        process = processes(command(*SMALL))
        wait_for(lambda moment=moment: moment(saved[-1]), process)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL
        saved.append(saved_tokens(folder))
        if saved[-1] == len(read_tables(read_once)["tokens"]):
            break
    before = saved[-1]
    assert 0 < saved[-2] < len(read_tables(read_once)["tokens"]), "no kill came in its midst"
    done = run(*command(*SMALL, "--json"))
    assert done.status == 0, done.err
    told = json.loads(done.out)
    assert told["read_before"] == before
    assert told["read_now"] == told["tokens"] - before
    assert_same(folder, read_once, lm)


@pytest.fixture
def interruptible():
    """What started from a background shell would ignore interruptions."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_saves_what_was_read_and_the_command_goes_on(run, command, read_once, lm, tmp_path, monkeypatch):
    chunks = []
    real = EpisodicLM.read

    def read(self, source, start=0, progress=None):
        def after(done, total):
            chunks.append(done)
            if len(chunks) == 5:
                signal.raise_signal(signal.SIGINT)
            progress(done, total)

        return real(self, source, start, after)

    usual = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(EpisodicLM, "read", read)
    done = run(*command(*SMALL))
    assert (done.status, done.out) == (130, "")
    assert done.err.splitlines()[-1].startswith("emcog: interrupted")
    assert read_manifest(tmp_path / "memory")["n_tokens"] == chunks[4]
    assert signal.getsignal(signal.SIGINT) is usual
    monkeypatch.undo()
    assert main(list(map(str, command("--quiet")))) == 0
    assert_same(tmp_path / "memory", read_once, lm)


def test_what_was_read_is_not_read_again_and_other_books_follow(run, command, lm, model, tmp_path):
    folder = tmp_path / "memory"
    (tmp_path / "a.txt").write_text(STORY[:300])
    (tmp_path / "b.txt").write_text(STORY[300:500])
    read = lambda name: run("read", name, "--memory", folder, "--model", model)  # noqa: E731
    first, again = read("a.txt"), read("a.txt")
    assert re.fullmatch(r"a: \d+ tokens read in [\d,]+ s \([\d,]+ tokens/s\)\.", first.out.splitlines()[0])
    assert "had been read to its end before" in again.out
    assert read("b.txt").status == 0
    assert EpisodicLM.load(folder, lm).text == STORY[:500]
    books = json.loads(run("memory", folder, "--json").out)["books"]
    assert [book["name"] for book in books] == ["a", "b"]
    assert sum(book["tokens"] for book in books) == len(lm.encode(STORY[:300])[0]) + len(lm.encode(STORY[300:500])[0])


def test_settings_are_given_once_and_kept(run, command, read_once, tmp_path):
    assert (
        run(*command("--gamma", "0.5", "--segmentation", "F", "--budget", "file=1G", "--refine-layers", "1")).status
        == 0
    )
    config = read_manifest(tmp_path / "memory")["config"]
    assert (config["gamma"], config["segmentation"], config["tier"]) == (0.5, "F", "file")
    assert (config["budget"], config["refine_layers"]) == ({"file": 2**30}, 1)
    assert run(*command()).status == 0
    assert run(*command("--gamma", "0.5")).status == 0
    done = run(*command("--gamma", "2"))
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert "gamma=0.5" in done.err


def test_progress_tells_the_speed_and_the_time_left(run, command, monkeypatch):
    monkeypatch.setattr("emcog.cli.console._SECONDS_BETWEEN_LINES", 0.0)
    said = run(*command(*SMALL)).err.splitlines()
    assert re.fullmatch(r"emcog: read \d+ of [\d,]+ tokens", said[0])
    assert re.fullmatch(r"emcog: read [\d,]+ of [\d,]+ tokens: [\d,]+ tokens/s, [\d.]+ (s|min|h) left", said[5])


def test_answers_are_those_of_the_memory_and_leave_it_as_it_is(run, read_once, lm):
    before = read_manifest(read_once)
    question = "Who found the letter?"
    # Every token is looked at when asked.
    wanted = EpisodicLM.load(read_once, lm).fork(representative="all").ask(f"\n\n{question}", max_new_tokens=6)
    done = run("ask", read_once, question, "--tokens", "6", "--json")
    assert done.status == 0, done.err
    assert json.loads(done.out) == {"question": question, "answer": wanted.strip().partition("\n")[0]}
    assert run("ask", read_once, question, "--tokens", "6").out.strip() == wanted.strip().partition("\n")[0].strip()
    assert read_manifest(read_once) == before


def test_an_answer_of_nothing_says_what_to_do(run, read_once, monkeypatch):
    monkeypatch.setattr(EpisodicLM, "ask", lambda *_, **__: "\n")
    done = run("ask", read_once, "Who found the letter?")
    assert (done.status, done.out) == (0, "")
    assert "lead into the answer" in done.err and done.err.count("\n") == 1


def test_recalled_events_are_those_of_the_memory(run, read_once, lm, monkeypatch):
    memory = EpisodicLM.load(read_once, lm).fork(representative="all")  # every token is looked at when asked
    wanted = memory.recall("\n\nthe wheel of the mill")
    done = json.loads(run("recall", read_once, "the wheel of the mill", "--events", "3", "--json").out)
    assert [event["event"] for event in done["events"]] == wanted["event"].head(3).tolist()
    assert [event["text"] for event in done["events"]] == wanted["text"].head(3).tolist()
    monkeypatch.setenv("COLUMNS", "100")
    lines = run("recall", read_once, "the wheel of the mill").out.splitlines()
    assert lines[0].split() == ["event", "tokens", "layers", "rank", "text"]
    assert [line.split()[0] for line in lines[1:]] == [str(event) for event in wanted["event"].head(20)]


def test_nothing_comes_to_mind_where_all_is_in_the_window(run, command, tmp_path):
    (tmp_path / "short.txt").write_text("Anna hid the key.")
    done = run("read", "short.txt", "--memory", "m", *command()[4:])
    assert done.status == 0 and "still in the window of" in done.out
    assert "Nothing comes to mind" in run("recall", "m", "the key").out


def test_what_is_in_a_memory_is_told_without_its_model(run, read_once, story, monkeypatch):
    monkeypatch.setattr("emcog.lm.load_lm", None)
    done = run("memory", read_once)
    assert done.status == 0, done.err
    tables = read_tables(read_once)
    assert f"letter ({len(tables['tokens']):,} tokens)" in done.out
    assert f"{len(tables['events']):,} behind the sliding window" in done.out
    assert done.out.splitlines()[-1].split()[0] == str(len(tables["events"]) - 1)
    told = json.loads(run("memory", read_once, "--json").out)
    assert len(told["events"]) == len(tables["events"])
    assert told["settings"]["n_local"] == 64


@pytest.mark.parametrize("command", ["read", "ask", "recall", "memory"])
def test_every_help_has_an_example_that_fits_80_columns(run, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    done = run(command, "--help")
    lines = done.out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.strip().startswith("Example"))
    assert any(f"emcog {command}" in line for line in lines[at:])
    assert max(map(len, lines)) <= 80
    # Brackets are markup to the library that shows the help: what stands in them is lost.
    assert (done.out.count("default") > 10) == (command == "read")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("read book.txt", "--memory"),
        ("read missing.txt --memory m", "missing.txt"),
        ("read book.txt --memory book.txt", "book.txt"),
        ("read book.txt --memory .", "holds other files: name a new folder"),
        ("read book.txt --memory m --segmentation SX", "choose from S, SM"),
        ("read book.txt --memory m --n-local 4", "n_local must be"),
        ("read book.txt --memory m --budget lots", "accelerator=2G"),
        ("read book.txt --memory m --budget file=2X", "accelerator=2G"),
        ("read book.txt --memory m --refine-layers upper", "whole numbers"),
        ("read book.txt --memory m --refine-layers 7", "layers 0 to 1"),
        ("read book.txt --memory m --model book.txt", "cannot load"),
        ("ask nowhere what?", "holds no memory"),
        ("ask nowhere", "QUESTION"),
        ("recall nowhere what", "holds no memory"),
        ("memory nowhere", "holds no memory"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_left(run, model, tmp_path, monkeypatch, line, said):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "book.txt").write_text(STORY[:200])
    arguments = line.split()
    if arguments[0] == "read" and "--model" not in arguments:
        arguments += ["--model", model]
    done = run(*arguments)
    assert (done.status, done.out) == (2, "")
    assert re.fullmatch(r"emcog: error: [^\n]+\n", done.err)
    assert said in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["book.txt"]


def test_an_empty_question_or_cue_is_refused(run, read_once):
    for arguments in (["ask", read_once, " "], ["recall", read_once, ""], ["ask", read_once, "Who?", "--tokens", "0"]):
        done = run(*arguments)
        assert (done.status, done.err.count("\n")) == (2, 1)


def test_another_book_waits_until_the_one_before_is_finished(run, command, processes, tmp_path):
    process = processes(command(*SMALL))
    wait_for(lambda: saved_tokens(tmp_path / "memory") > 0, process)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    (tmp_path / "other.txt").write_text("Another book.")
    before = read_manifest(tmp_path / "memory")
    done = run("read", "other.txt", *command()[2:])
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert "in the midst of letter" in done.err
    assert read_manifest(tmp_path / "memory") == before


@pytest.mark.parametrize("content", ["{", "[]", '{"books": [{}]}', '{"books": 3}'])
def test_a_damaged_list_of_books_is_one_line(run, command, tmp_path, content):
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "books.json").write_text(content)
    done = run(*command())
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert "books.json is damaged" in done.err


def test_the_memory_of_another_model_is_refused(run, read_once, story):
    done = run("ask", read_once, "Who?", "--model", "embedded")
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert "other weights" in done.err


def test_it_can_read_beside_other_threads(command, run):
    """Signals belong to the main thread; elsewhere reading works all the same."""
    found = []
    thread = threading.Thread(target=lambda: found.append(main(list(map(str, command("--quiet"))))))
    thread.start()
    thread.join()
    assert found == [0]


def test_a_loop_over_books_reads_each_once(run, command, tmp_path):
    (tmp_path / "other.txt").write_text("Another book, of a few words. " * 10)
    for turn in range(2):
        for book in (command()[1], "other.txt"):
            done = run("read", book, *command()[2:], *SMALL, "--json")
            assert done.status == 0, done.err
            told = json.loads(done.out)
            assert (told["read_now"] == 0) == (turn == 1) and told["tokens"] == told["read_before"] + told["read_now"]
    told = json.loads(run("memory", tmp_path / "memory", "--json").out)
    assert [book["tokens"] for book in told["books"]] == [told["tokens"] - books_end(told), books_end(told)]


def books_end(told):
    return told["tokens"] - told["books"][1]["first_token"]


def test_a_memory_that_python_saved_is_told_of(run, lm, tmp_path):
    memory = EpisodicLM(lm, MemoryConfig(n_local=32, n_mem=16, chunk=16, min_event=2, max_event=8))
    memory.read("The carpenter found a letter. " * 20)
    memory.save(tmp_path / "mine")
    done = run("memory", tmp_path / "mine")
    assert done.status == 0 and "not known" in done.out
