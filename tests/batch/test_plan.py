import glob
import os
import time
from pathlib import Path

import pytest

from emcog.batch import batch_status, read_plan, run_batch, transcripts
from emcog.batch import plan as plan_module
from emcog.batch.jobs import units
from emcog.batch.transcripts import find_transcripts
from emcog.cli import main
from emcog.errors import EmcogError, OptionError

COMPARE = "[plan]\ntranscripts = 'in/*'\ncompute = 'compare'\n[compare]\n"
STORIES = {"a.txt": "One. Two.", "b.txt": "Three."}
MANY = "".join(f"{key} = {list(range(1, 99))}\n" for key in ("seed", "gamma", "n_events"))


def test_every_combination_is_in_it(write_plan):
    plan = read_plan(
        write_plan(STORIES, 'gamma = [1, 2.5]\nsignal = ["surprisal", "entropy"]\nseed = 3', ["embedded", "x"])
    )
    assert [path.name for path in plan.transcripts] == ["a.txt", "b.txt"]
    assert plan.models == {"embedded": "embedded", "x": "x"}
    given = [(s.given["gamma"], s.given["signal"], s.given["seed"]) for s in plan.settings]
    assert given == [(1, "surprisal", 3), (1, "entropy", 3), (2.5, "surprisal", 3), (2.5, "entropy", 3)]
    assert [s.full["gamma"] for s in plan.settings] == [1.0, 1.0, 2.5, 2.5]


def test_settings_begin_as_on_the_command_line_and_none_is_nothing(write_plan):
    (plain,) = read_plan(write_plan(STORIES)).settings
    assert (plain.given, plain.full["snap"], plain.full["refine"]) == ({}, "word", None)
    (none,) = read_plan(write_plan(STORIES, 'snap = "none"\nrefine = "none"')).settings
    assert (none.full["snap"], none.full["refine"]) == (None, None)


def test_a_method_and_lists_of_numbers(write_plan):
    plan = read_plan(write_plan(STORIES, 'method = ["SM"]\nlayers = [[4, 5], 6]\nlevels = ["2,5"]'))
    assert [s.full["refine"] for s in plan.settings] == ["modularity"] * 2
    assert [s.full["layers"] for s in plan.settings] == [(4, 5), (6,)]
    assert [s.given["layers"] for s in plan.settings] == ["4,5", 6]
    assert [s.full["levels"] for s in plan.settings] == [(2, 5)] * 2


def test_paths_are_relative_to_the_plan(write_plan, tmp_path, monkeypatch):
    path = write_plan(STORIES, models=["models/tiny"])
    (tmp_path / "models" / "tiny").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    plan = read_plan(os.path.relpath(path))
    assert [p.resolve() for p in plan.transcripts] == [(tmp_path / "in" / name).resolve() for name in STORIES]
    assert plan.out.resolve() == (tmp_path / "out").resolve()
    assert Path(plan.models["models/tiny"]).resolve() == (tmp_path / "models" / "tiny").resolve()


def test_a_name_with_brackets_is_a_name_before_it_is_a_pattern(write_plan, tmp_path):
    path = write_plan({"a[1].txt": "One.", "a1.txt": "Two."})
    path.write_text(path.read_text().replace("in/*.txt", "in/a[1].txt"))
    assert [p.name for p in read_plan(path).transcripts] == ["a[1].txt"]


@pytest.mark.parametrize(
    "patterns",
    [
        ["in/../in/a.txt", "in/*.txt", "./in/b.txt"],
        ["~/in/*.txt"],
        ["~/in/a.txt", "~/in/b.txt"],
        ["../HERE/in/?.txt"],
        ["**/*.txt"],
        ["**/**/in/**/*.txt"],
        ["i*/[ab].txt"],
    ],
)
def test_a_file_counts_once_however_it_is_named(write_plan, tmp_path, monkeypatch, patterns):
    path = write_plan(STORIES | {".hidden.txt": "Not meant."})
    (tmp_path / "in" / "round").symlink_to("..")  # which a walk could follow for ever
    monkeypatch.setenv("HOME", str(tmp_path))
    named = [pattern.replace("HERE", tmp_path.name) for pattern in patterns]
    path.write_text(path.read_text().replace('"in/*.txt"', str(named)))
    assert read_plan(path).transcripts == (tmp_path / "in" / "a.txt", tmp_path / "in" / "b.txt")


def test_patterns_match_what_glob_matches(write_plan, tmp_path):
    write_plan(STORIES | {".hidden.txt": "x", "c.md": "x"})
    for name in ("deep/er/d.txt", "deep/.not/e.txt", "deep/er/f.md", "[x]/g.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    for pattern in ("*/*.txt", "**/*.txt", "**", "in/**", "in/.*", "deep/**/*.md", "*/er/d.txt", "[[]x]/*", "d*/e?/*",
                    "**/er/**/d.txt", "deep/**/er/*", "in/[!a].txt", "nothing/*.txt", "in/a.txt/*"):  # fmt: skip
        wanted = {
            tmp_path / p for p in glob.glob(pattern, root_dir=tmp_path, recursive=True) if (tmp_path / p).is_file()
        }
        if wanted:
            assert set(find_transcripts(tmp_path, [pattern], tmp_path / "out")) == wanted, pattern
        else:
            with pytest.raises(OptionError, match="no file matches"):
                find_transcripts(tmp_path, [pattern], tmp_path / "out")


def test_a_walk_that_takes_too_long_is_given_up(monkeypatch, tmp_path):
    assert transcripts.PATIENCE_S < 10
    monkeypatch.setattr(transcripts, "PATIENCE_S", 0.1)
    started = time.monotonic()
    with pytest.raises(OptionError, match="begin it with the folder that holds the files"):
        find_transcripts(tmp_path, ["/**/*.zzz"], tmp_path / "out")
    assert time.monotonic() - started < 5


def test_no_more_files_than_jobs_are_allowed(monkeypatch, write_plan, tmp_path):
    write_plan({f"{i}.txt": "x" for i in range(4)})
    monkeypatch.setattr(transcripts, "MAX_FILES", 3)
    with pytest.raises(OptionError, match="too many files: name 3 at most"):
        find_transcripts(tmp_path, ["in/*"], tmp_path / "out")


def test_a_models_own_code_runs_only_where_the_command_says_so(write_plan):
    asks, forbids, silent = (
        write_plan(STORIES, more=more).read_text()
        for more in ("trust_remote_code = true", "trust_remote_code = false", "")
    )
    path = write_plan(STORIES)
    for content, trusted, wanted in ((asks, True, True), (forbids, True, False), (silent, True, True),
                                     (forbids, False, False), (silent, False, False)):  # fmt: skip
        path.write_text(content)
        assert read_plan(path, trust_remote_code=trusted).trust_remote_code is wanted
        assert {unit.load["trust_remote_code"] for unit in units(read_plan(path, trusted))} == {wanted}
    path.write_text(asks)
    for read in (read_plan, batch_status, run_batch):
        with pytest.raises(OptionError, match="add --trust-remote-code if you trust it"):
            read(path)
    assert main(["batch", str(path), "--status", "--quiet"]) == 2
    assert main(["batch", str(path), "--status", "--quiet", "--trust-remote-code"]) == 1  # nothing is done yet


def test_dtypes_are_those_of_load_lm():
    from emcog.lm.load import DTYPES

    assert ("auto", *DTYPES) == plan_module.DTYPES


@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:1", "mps"])
def test_devices_of_other_machines_are_devices(write_plan, device):
    assert read_plan(write_plan(STORIES, more=f'device = "{device}"')).device == device


def test_a_format_may_be_named_by_its_suffix(write_plan):
    assert read_plan(write_plan(STORIES, more='[reading]\nformat = "md"')).reading == {"format": "markdown"}


def test_results_are_not_transcripts(write_plan, tmp_path):
    path = write_plan(STORIES)
    (tmp_path / "out" / "jobs" / "x").mkdir(parents=True)
    (tmp_path / "out" / "jobs" / "x" / "c.txt").write_text("old")
    path.write_text(path.read_text().replace("in/*.txt", "**/*.txt"))
    assert [p.name for p in read_plan(path).transcripts] == ["a.txt", "b.txt"]


def test_a_compute_brings_what_it_needs(write_plan, tmp_path):
    (tmp_path / "people.csv").write_text("x\n1\n")
    path = write_plan(STORIES, more='compute = ["compare"]')
    path.write_text(path.read_text() + '[compare]\nhuman = "people.csv"\nmetrics = "f1"\n')
    plan = read_plan(path)
    assert plan.compute == ("segment", "compare")
    assert plan.options["compare"]["human"] == str(tmp_path / "people.csv")
    assert plan.options["compare"]["metrics"] == ["f1"]


@pytest.mark.parametrize("human", ["demo", "demo/late_letter", "demo/{name}"])
def test_a_dataset_or_an_item_of_it_is_no_file(write_plan, human):
    path = write_plan(STORIES)
    path.write_text(COMPARE + f"human = '{human}'")
    assert read_plan(path).options["compare"]["human"] == human


def test_each_kind_of_compute_has_settings_of_its_own(write_plan):
    path = write_plan(STORIES, "gamma = [1, 2]", more='compute = ["pass_key", "segment", "gamma"]')
    path.write_text(path.read_text() + '[memory]\nsegmentation = ["SM", "F"]\nn_mem = [64, 128, 256]\n')
    plan = read_plan(path)
    assert plan.compute == ("segment", "pass_key", "gamma")
    assert [len(plan.combinations(name)) for name in plan.compute] == [2, 6, 1]
    assert plan.setting_names == ["gamma", "segmentation", "n_mem"]
    jobs = [job for unit in units(plan) for job in unit.jobs]
    assert [sum(job.compute == name for job in jobs) for name in plan.compute] == [4, 12, 1]
    assert len({job.key for job in jobs}) == 17
    assert jobs[-1].transcript is None and jobs[-1].folder == f"gamma-{jobs[-1].key}"


def test_analyses_alone_need_no_transcript(write_plan):
    path = write_plan({}, models=["embedded", "x"])
    path.write_text('[plan]\nmodels = ["embedded", "x"]\ncompute = ["gamma", "story"]\n[gamma]\ndata = "demo"\n')
    plan = read_plan(path)
    assert plan.transcripts == ()
    assert plan.options["gamma"] == {"data": ["demo"], "seed": 0, "full": False}
    assert [[job.compute for job in unit.jobs] for unit in units(plan)] == [["story"], ["gamma"]] * 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no transcripts"),
        ("[plan", "not TOML"),
        ("plan = 3", "must be a table"),
        ("[plam]", "did you mean 'plan'"),
        ("[plan]\ntranscript = 'in/*'", "did you mean 'transcripts'"),
        ("[plan]\ntranscripts = 'out/*.txt'", "no file matches 'out/*.txt'"),
        ("[plan]\ntranscripts = []", "empty list"),
        ("[plan]\ntranscripts = [1]", "must be a name in quotes, got 1"),
        ("[plan]\ntranscripts = 'in/*'\ncompute = 'segmnet'", "did you mean 'segment'"),
        ("[plan]\ntranscripts = 'in/*'\nout = ['a', 'b']", "out must be a name"),
        ("[plan]\ntranscripts = 'in/*'\nmodels = ''", "models must be a name"),
        ("[plan]\ntranscripts = 'in/*'\ntrust_remote_code = 'yes'", "true or false"),
        ("[plan]\ntranscripts = 'in/*'\n[settings]\ngama = 1", "did you mean 'gamma'"),
        ("[plan]\ntranscripts = 'in/*'\n[settings]\ngamma = []", "gamma is an empty list"),
        ("[plan]\ntranscripts = 'in/*'\n[settings]\ngamma = 'high'", "gamma must be a number"),
        ("[plan]\ntranscripts = 'in/*'\n[settings]\ngamma = {a = 1}", "must hold numbers and names"),
        ("[plan]\ntranscripts = 'in/*'\n[settings]\npropose = ['peaks', 'top']", "propose='top'"),
        ("[plan]\ntranscripts = 'in/*'\n[settings]\nlayers = [[]]", "layers is empty"),
        ("[plan]\ntranscripts = 'in/*'\n[reading]\nformta = 'srt'", "did you mean 'format'"),
        ("[plan]\ntranscripts = 'in/*'\n[segment]\nx = 1", "no options of its own"),
        ("[plan]\ntranscripts = 'in/*'\n[compare]\nhuman = 'x'", "not asked for"),
        ("[plan]\ntranscripts = 'in/*'\ncompute = 'compare'", "has no human"),
        ("[plan]\ntranscripts = 'in/*'\n[settings]\n" + MANY, "jobs: cut it"),
        ("[plan]\ntranscripts = 'in/*'\n[memory]\nn_mem = 8", "[memory] is for computes that are not asked for"),
        ("[plan]\ncompute = 'gamma'\n[settings]\ngamma = 8", "[settings] is for computes that are not asked for"),
        ("[plan]\ncompute = 'pass_key'", "no transcripts"),
        ("[plan]\ntranscripts = 'in/*'\ncompute = 'pass_key'\n[memory]\nn_mme = 8", "did you mean 'n_mem'"),
        ("[plan]\ntranscripts = 'in/*'\ncompute = 'pass_key'\n[memory]\nn_mem = -8", "n_mem must be a whole number"),
        ("[plan]\ntranscripts = 'in/*'\ncompute = 'pass_key'\n[pass_key]\ndepths = 2", "depths must be a number"),
        ("[plan]\ntranscripts = 'in/*'\ncompute = 'pass_key'\n[pass_key]\nlengths = []", "lengths is an empty list"),
        ("[plan]\ncompute = 'gamma'\n[gamma]\ndata = 'demon'", "did you mean 'demo'"),
        ("[plan]\ncompute = 'gamma'\n[gamma]\nfull = 1", "full must be true or false"),
        ("[plan]\ntranscripts = '*/../in/*'", "has .. behind a wildcard"),
        ("[plan]\ntranscripts = 'in/*'\ndevice = 'banana'", "unknown device 'banana'"),
        ("[plan]\ntranscripts = 'in/*'\ndevice = 'meta'", "unknown device 'meta'"),
        ("[plan]\ntranscripts = 'in/*'\ndevice = 3", "device must be a name"),
        ("[plan]\ntranscripts = 'in/*'\ndtype = 'int3'", "unknown dtype 'int3'"),
        ("[plan]\ntranscripts = 'in/*'\n[reading]\nformat = 'banana'", "unknown format 'banana'"),
        ("[plan]\ntranscripts = 'in/*'\n[reading]\nencoding = 'utf-9'", "unknown encoding 'utf-9'"),
        ("[plan]\ntranscripts = 'in/*'\n[reading]\ntime_unit = 'h'", "unknown time_unit 'h'"),
        (COMPARE + "human = 'nosuch'", "no dataset of that name"),
        (COMPARE + "human = 'in/nosuch.csv'", "there is no file"),
        (COMPARE + "human = 'demo'\nmetrics = []", "metrics is an empty list"),
        (COMPARE + "human = 'demo'\nnull = 'none'", "unknown null 'none'"),
        (COMPARE + "human = 'demo'\ntolerance = -1", "tolerance must be a number at least 0"),
        (COMPARE + "human = 'demo'\ntolerance_unit = 'm'", "unknown tolerance_unit 'm'"),
        (COMPARE + "human = 'demo'\nreaction_time = 'slow'", "reaction_time must be a number"),
        (COMPARE + "human = 'demo'\nsignals = ['suprisal']", "did you mean 'surprisal'"),
        (COMPARE + "human = 'demo'\ngrade = 3", "grade must be a name"),
        (COMPARE + "human = 'demo'\nevent = 'press'", "event is for a file of marks"),
        (COMPARE + "human = 'in/a.txt'\nformat = 'banana'", "unknown format 'banana'"),
        (COMPARE + "human = 'in/a.txt'\nsampling_hz = 0", "sampling_hz must be a number above 0"),
        (COMPARE + "human = 'demo'\nconsensus = 'vote'", "unknown consensus 'vote'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(write_plan, content, said):
    path = write_plan(STORIES)
    path.write_text(content)
    with pytest.raises(EmcogError) as caught:
        read_plan(path)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing.toml", ".", "\0", "x" * 5000, "/dev/zero"])
def test_a_plan_that_is_no_file(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EmcogError):
        read_plan(name)
