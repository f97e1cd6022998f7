import io
import json
import os
import re
import sys

import pytest

import emcog
from emcog.errors import ModelError
from emcog.segmentation import Segmentation

TEXT = 'The bell rang twice. "Anna ran home," he said. A year later she was back.\n'
CUES = "1\n00:00:01,000 --> 00:00:03,000\nThe bell rang twice and\n\n2\n00:00:04,000 --> 00:00:06,000\nAnna ran home.\n"


@pytest.fixture
def story(tmp_path):
    path = tmp_path / "in" / "bell.txt"
    path.parent.mkdir()
    path.write_text(TEXT)
    return path


def written(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_files_are_written_and_the_table_says_how_events_begin(run, lm_calls, story, tmp_path):
    done = run("segment", story, "--out", tmp_path / "out", "--plot")
    assert (done.status, done.err) == (0, "")
    names = ["bell.events.tsv", "bell.json", "bell.png", "bell.tokens.parquet", "bell.words.parquet"]
    assert written(tmp_path / "out") == names
    assert Segmentation.load(tmp_path / "out").boundaries.tolist() == [0, 4, 8, 12]
    rows = [line.split() for line in done.out.splitlines()]
    assert rows[0] == ["event", "words", "tokens", "surprise", "begins"]
    assert rows[2][:6] == ["1", "4-7", "4", "4.0", '"Anna', "ran"]
    for name in names:
        assert os.path.join("out", name) in done.out
    assert "4 events in the 15 words of bell" in done.out


def test_a_picture_of_other_events_does_not_stay(run, lm_calls, story, tmp_path):
    assert run("segment", story, "--plot").status == 0 and (tmp_path / "bell.png").exists()
    (tmp_path / "ship.png").write_bytes((tmp_path / "bell.png").read_bytes())
    assert run("segment", story, "--n-events", "3").status == 0
    assert not (tmp_path / "bell.png").exists() and (tmp_path / "ship.png").exists()
    (tmp_path / "bell.png").write_bytes(b"\x89PNG\r\n, somebody else's")
    assert run("segment", story).status == 0
    assert (tmp_path / "bell.png").exists()


def test_one_word_is_no_words(run, lm_calls, tmp_path):
    (tmp_path / "one.txt").write_text("Bell.")
    assert "1 event in the one word of one. Written" in run("segment", "one.txt").out


def test_times_are_shown_where_there_are_some(run, lm_calls, tmp_path):
    (tmp_path / "film.srt").write_text(CUES)
    done = run("segment", "film.srt")
    assert done.status == 0
    assert done.out.splitlines()[0].split()[:2] == ["event", "time"]
    assert "0:00.0-0:01.8" in done.out


def test_the_current_folder_is_the_default(run, lm_calls, story, tmp_path):
    assert run("segment", story).status == 0
    assert (tmp_path / "bell.events.tsv").exists()


def test_settings_go_through_as_given(run, lm_calls, story):
    done = run("segment", story, "--model", "gpt2", "--device", "cpu", "--dtype", "float32", "--trust-remote-code",
               "--signal", "entropy", "--propose", "peaks", "--gamma", "0.5", "--window", "64",
               "--min-event", "2", "--max-event", "9", "--distance", "4", "--snap", "none", "--seed", "7")  # fmt: skip
    assert done.status == 0, done.err
    assert lm_calls.load == [("gpt2", {"device": "cpu", "dtype": "float32", "trust_remote_code": True})]
    assert lm_calls.segment == [
        ("an LM", {"signal": "entropy", "propose": "peaks", "gamma": 0.5, "window": 64, "n_events": None,
                   "min_event": 2, "max_event": 9, "distance": 4, "refine": None, "snap": None, "seed": 7,
                   "method": None, "layers": None, "heads": None, "levels": None, "penalty": None, "match": None})
    ]  # fmt: skip


def test_the_number_of_events_goes_through(run, lm_calls, story):
    assert run("segment", story, "--n-events", "3").status == 0
    assert lm_calls.segment[0][1]["n_events"] == 3


def test_people_say_how_many_events_there_are(run, lm_calls, story, tmp_path):
    (tmp_path / "marks.csv").write_text("observer,word\nann,2\nann,4\nbob,2\n")
    done = run("segment", story, "--match", "marks.csv")
    assert done.status == 0, done.err
    given = lm_calls.segment[0][1]
    assert given["n_events"] is None and given["match"].event_count() == 3
    for more, said in ((["--n-events", "3"], "leave --n-events out"), (["--gamma", "2"], "gamma has no")):
        refused = run("segment", story, "--match", "marks.csv", *more)
        assert refused.status == 2 and said in refused.err and refused.err.count("\n") == 1
    missing = run("segment", story, "--match", "mark.csv")
    assert missing.status == 2 and "no file mark.csv and no dataset" in missing.err
    assert len(lm_calls.segment) == 1 and len(lm_calls.load) == 1


def test_people_to_match_are_read_as_told(run, lm_calls, story, tmp_path):
    rows = "ann,1,fine\nann,5,fine\nann,9,fine\nann,9,coarse\n"
    (tmp_path / "marks.csv").write_text(f"who,at,grade\n{rows}")
    told = ("--match-columns", "observer=who,word=at")
    assert "choose with --grade\n" in run("segment", story, "--match", "marks.csv", *told).err
    assert run("segment", story, "--match", "marks.csv", *told, "--grade", "fine").status == 0
    assert lm_calls.segment[0][1]["match"].event_count() == 4
    assert "grade is of people's marks" in run("segment", story, "--grade", "fine").err
    assert "--event: for a file of people's marks: name it with --match" in run("segment", story, "--event", "x").err


def test_people_to_match_have_options_of_their_own_names(run, lm_calls, story, tmp_path):
    (tmp_path / "marks.csv").write_text("who,at\nann,4\n")
    (tmp_path / "graded.csv").write_text("observer,word\nann,4\n")

    def said(*more):
        done = run("segment", story, "--match", *more)
        assert done.status == 2 and done.err.count("\n") == 1
        return done.err

    assert "name it with --match-columns time=NAME or --match-columns word=NAME" in said("marks.csv")
    assert "unknown --match-time-unit 'h': choose from s, ms" in said("marks.csv", "--match-time-unit", "h")
    assert "unknown --time-unit 'h'" in said("marks.csv", "--time-unit", "h")  # of the transcript
    assert "--match-columns 'who': write ROLE=NAME" in said("marks.csv", "--match-columns", "who")
    assert ": --match-tier is for elan, textgrid, and this is read as long: leave it out, or give --match-from" in said(
        "graded.csv", "--match-tier", "x"
    )
    assert (
        "these marks have no grades: leave --grade out, or name the column of grades with --match-columns grade="
        in (said("graded.csv", "--grade", "coarse"))
    )
    assert not lm_calls.segment


def test_the_method_and_its_graph_go_through(run, lm_calls, story):
    done = run("segment", story, "--method", "SM", "--layers", "4,5", "--heads", "0", "--levels", "2,5")
    assert done.status == 0, done.err
    given = lm_calls.segment[0][1]
    assert {k: given[k] for k in ("method", "layers", "heads", "levels")} == {
        "method": "SM", "layers": "4,5", "heads": "0", "levels": "2,5",
    }  # fmt: skip


def test_defaults_are_those_of_the_function_but_boundaries_snap_to_words(run, lm_calls, story):
    assert run("segment", story).status == 0
    assert lm_calls.load == [(None, {"device": "auto", "dtype": "auto", "trust_remote_code": False})]
    assert lm_calls.segment == [
        ("an LM", {"signal": "surprisal", "propose": "threshold", "gamma": 1.0, "window": 512, "n_events": None,
                   "min_event": 1, "max_event": None, "distance": None, "refine": None, "snap": "word", "seed": 0,
                   "method": None, "layers": None,
                   "heads": None, "levels": None, "penalty": None, "match": None})
    ]  # fmt: skip


def test_json_is_one_object_and_nothing_else(run, lm_calls, story, tmp_path):
    done = run("segment", story, "--json", "--out", "out")
    record = json.loads(done.out)
    assert done.out.count("\n") == 1
    assert list(record) == ["events", "settings", "provenance", "files"]
    assert record["events"][1]["text"] == ' "Anna ran home," he'
    assert record["events"][1]["onset_s"] is None
    assert record["settings"]["gamma"] == 1.0
    assert {os.path.basename(path) for path in record["files"]} == set(written(tmp_path / "out"))


def test_standard_input(run, lm_calls, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
    done = run("segment", "-")
    assert done.status == 0, done.err
    assert (tmp_path / "stdin.events.tsv").exists()


def test_quiet_says_nothing(run, lm_calls, story):
    done = run("segment", story, "--quiet")
    assert (done.status, done.out, done.err) == (0, "", "")


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--signal", "suprisal", "surprisal, "),
        ("--propose", "treshold", "threshold"),
        ("--snap", "sentense", "word, sentence, none"),
        ("--refine", "magic", "modularity, conductance, none"),
        ("--method", "sm", "did you mean 'SM'?"),
        ("--layers", "4,5", "layers has no effect"),
        ("--distance", "9", "distance has no effect"),
        ("--out", "/proc/x", "cannot write to /proc/x"),
        ("--from", "docx", "srt"),
        ("--gamma", "nan", "gamma must be a number"),
        ("--gamma", "inf", "gamma must be a number"),
        ("--gamma", "high", "--gamma"),
        ("--window", "0", "window must be"),
        ("--window", "-5", "window must be"),
        ("--n-events", "0", "n_events must be"),
        ("--n-events", "-1", "n_events must be"),
        ("--n-events", "2.5", "--n-events"),
        ("--min-event", "0", "min_event must be"),
        ("--max-event", "0", "max_event must be"),
        ("--seed", "-1", "seed must be"),
        ("--encoding", "klingon", "klingon"),
        ("--tier", "words", "tier"),
        ("--out", "in/bell.txt", "choose another folder"),
        ("--colour", "red", "No such option: --colour"),
    ],
)
def test_a_wrong_value_is_one_line_and_nothing_is_loaded_or_written(
    run, lm_calls, story, tmp_path, option, value, said
):
    done = run("segment", story, option, value)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("emcog: error: ")
    assert done.err.count("\n") == 1
    assert said in done.err
    assert lm_calls.load == []
    assert written(tmp_path) == ["in/bell.txt"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.txt", None, "missing.txt"),
        ("", None, "path is empty"),
        ("empty.txt", b"", "empty"),
        ("blank.txt", b" \n\t", "no words"),
        ("bad.txt", b"caf\xe9 au lait", "--encoding"),
        ("nul.txt", b"one \x00 two", "NUL"),
        ("back.srt", b"1\n00:00:05,000 --> 00:00:06,000\nlate\n\n2\n00:00:01,000 --> 00:00:02,000\nearly\n", "back"),
    ],
)
def test_a_bad_input_is_one_line_and_nothing_is_loaded_or_written(run, lm_calls, tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    before = written(tmp_path)
    done = run("segment", name)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("emcog: error: ")
    assert done.err.count("\n") == 1
    assert said in done.err
    assert lm_calls.load == []
    assert written(tmp_path) == before


def test_a_folder_as_input(run, lm_calls, tmp_path):
    done = run("segment", tmp_path)
    assert (done.status, done.err.count("\n")) == (2, 1)


def test_an_input_in_the_way_of_the_output_is_not_overwritten(run, lm_calls, tmp_path):
    words = {"segments": [{"start": 0, "end": 1, "text": "a b", "words": [{"word": "a", "start": 0.0, "end": 0.5}]}]}
    (tmp_path / "talk.json").write_text(json.dumps(words))
    done = run("segment", "talk.json")
    assert done.status == 2
    assert "would overwrite the input" in done.err
    assert lm_calls.load == []
    assert json.loads((tmp_path / "talk.json").read_text()) == words


def test_a_model_that_cannot_be_loaded(run, lm_calls, story, tmp_path, monkeypatch):
    def load_lm(*_, **__):
        raise ModelError("no model 'x': see emcog models")

    monkeypatch.setattr("emcog.lm.load_lm", load_lm)
    done = run("segment", story)
    assert (done.status, done.err) == (2, "emcog: error: no model 'x': see emcog models\n")
    assert written(tmp_path) == ["in/bell.txt"]


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--model", "no/such-model-here", "cannot load 'no/such-model-here'"),
        ("--model", "in", "holds no model"),
        ("--model", "", "the model's name is empty"),
        ("--device", "abacus", "choose from auto, cpu"),
        ("--dtype", "int3", "choose from auto, "),
    ],
)
def test_a_model_that_is_not_there_is_one_line(run, story, tmp_path, monkeypatch, option, value, said):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    done = run("segment", story, option, value)
    assert (done.status, done.out) == (2, "")
    assert re.fullmatch(r"emcog: error: [^\n]+\n", done.err)
    assert said in done.err and ".;" not in done.err
    assert written(tmp_path) == ["in/bell.txt"]


@pytest.mark.parametrize("where", ["before", "after"])
def test_debug_shows_the_trace(run, lm_calls, where):
    command = ["--debug", "segment", "nowhere.txt"] if where == "before" else ["segment", "nowhere.txt", "--debug"]
    done = run(*command)
    assert done.status == 2
    assert "Traceback" in done.err
    assert done.err.splitlines()[-1].startswith("emcog: error: ")


def test_an_interruption_is_one_line(run, lm_calls, story, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("emcog.segmenting.segment", interrupted)
    done = run("segment", story)
    assert (done.status, done.out) == (130, "")
    assert re.fullmatch(r"emcog: interrupted.*\n", done.err)
    assert written(tmp_path) == ["in/bell.txt"]


def test_an_error_of_our_own_is_one_line_too(run, lm_calls, story, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("emcog.segmenting.segment", broken)
    done = run("segment", story)
    assert done.status == 1
    assert (
        done.err
        == "emcog: internal error: RuntimeError: two lines; run it again with --debug and report what it shows\n"
    )


@pytest.mark.parametrize("columns", ["40", "80", "200"])
@pytest.mark.parametrize("terminal", [{}, {"FORCE_COLOR": "1", "TERM": "xterm-256color"}, {"TERM": "dumb"}])
def test_the_table_fits_the_terminal(run, lm_calls, story, monkeypatch, columns, terminal):
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"COLUMNS": columns, **terminal}.items():
        monkeypatch.setenv(name, value)
    done = run("segment", story)
    assert done.status == 0
    plain = re.sub(r"\x1b\[[0-9;]*m", "", done.out)
    table = plain[: plain.index("4 events in")].splitlines()
    assert len(table) == 6  # a header, four events, an empty line: no row is broken in two
    assert max(map(len, table)) <= int(columns)
    assert ("\x1b" in done.out) == ("FORCE_COLOR" in terminal)


def test_a_terminal_is_not_flooded_but_a_pipe_gets_all(run, lm_calls, tmp_path, monkeypatch):
    (tmp_path / "long.txt").write_text("word " * 400)  # a hundred events
    assert len(run("segment", "long.txt").out.splitlines()) > 100
    monkeypatch.setenv("FORCE_COLOR", "1")
    shown = re.sub(r"\x1b\[[0-9;]*m", "", run("segment", "long.txt").out)
    assert len(shown.splitlines()) < 70
    assert "(41 more, in long.events.tsv)" in shown
    assert [int(n) for n in re.findall(r"^ +(\d+) ", shown, re.M)] == [*range(50), *range(91, 100)]


def test_no_colours_where_they_are_not_wanted(run, lm_calls, story, monkeypatch):
    for name, value in {"FORCE_COLOR": "1", "NO_COLOR": "1", "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, value)
    assert not re.search(r"\x1b\[(3|4|9)\d", run("segment", story).out)


def test_what_a_story_says_is_not_obeyed(run, lm_calls, tmp_path):
    (tmp_path / "odd.txt").write_text("[bold]Run[/bold] \x1b[31m away :smile: [/nonsense]")
    done = run("segment", "odd.txt")
    assert done.status == 0
    assert "\x1b" not in done.out
    assert "[bold]Run[/bold] [31m away :smile:" in done.out


def test_a_hub_out_of_reach_is_asked_once(run, story, monkeypatch):
    """The library would ask for every file six times, with growing pauses: a minute and more."""
    asked = []

    class Session:
        def head(self, url, **options):
            asked.append((url, options))
            raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.utils.get_session", Session)
    done = run("segment", story, "--model", "no/such-model-here")
    assert done.status == 2
    assert "the Hugging Face hub cannot be reached from here; give a Hugging Face name" in done.err
    assert len(asked) == 1 and asked[0][1]["timeout"] <= 5


def test_a_file_whose_name_looks_like_an_option(run, lm_calls, tmp_path):
    (tmp_path / "-dash.txt").write_text(TEXT)
    done = run("segment", "-dash.txt")
    assert done.status == 2
    assert "write ./-dash.txt" in done.err and done.err.count("\n") == 1
    assert run("segment", "./-dash.txt").status == 0
    assert "./" not in run("segment", "-dosh.txt").err


def test_levels_are_shown_in_the_table(run, lm_calls, story, monkeypatch):
    made = emcog.segmenting.segment

    def nested(*arguments, **options):
        whole = made(*arguments, **options)
        events = whole.events.assign(level_0=[0, 0, 0, 1], level_1=[0, 0, 1, 2], parent=[0, 0, 1, 2])
        return Segmentation(events, whole.tokens, whole.words, whole.provenance)

    monkeypatch.setattr(emcog.segmenting, "segment", nested)
    monkeypatch.setenv("COLUMNS", "100")
    rows = [line.split() for line in run("segment", story, "--levels", "2,3,4").out.splitlines()]
    assert rows[0] == ["event", "level_0", "level_1", "parent", "words", "tokens", "surprise", "begins"]
    assert ["".join(row[:4]) for row in rows[1:5]] == ["0000", "1000", "2011", "3122"]


def test_control_characters_in_names_are_spelt_out(run, lm_calls, tmp_path):
    (tmp_path / "a\x1b[31m.txt").write_text(TEXT)
    done = run("segment", "a\x1b[31m.txt", "--out", "o\x1b[32mut")
    assert done.status == 0
    assert "\x1b" not in done.out + done.err
    assert "o\\x1b[32mut" in done.out
    bad = run("segment", "b\x1b[31m.txt")
    assert bad.status == 2 and "\x1b" not in bad.err


@pytest.mark.parametrize("command", [["signals"], ["signals", "--json"], ["--version"]])
def test_a_full_disk_behind_standard_output_is_one_line(shell, command):
    with open("/dev/full", "wb") as full:
        done = shell(*command, stdout=full)
    assert done.returncode == 2
    assert re.fullmatch(rb"emcog: error: [^\n]*No space left on device[^\n]*\n", done.stderr)


@pytest.mark.parametrize("content", [b"", b" \n"])
def test_empty_standard_input(run, lm_calls, tmp_path, monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    done = run("segment", "-")
    assert done.status == 2
    assert done.err.startswith("emcog: error: standard input: ") and done.err.count("\n") == 1
