"""Memory tasks and analyses in a plan: what they come to is what the same calls give by themselves."""

import json
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

import emcog
from emcog.batch import worker
from emcog.batch.jobs import units
from emcog.batch.plan import read_plan
from emcog.batch.results import _unified
from emcog.batch.run import run_batch
from emcog.human import ConsensusRule, read_annotations
from emcog.lm import LM, load_lm
from emcog.memory import MemoryConfig
from emcog.paths import data_folder
from emcog.reproduce import ANALYSES, analyse, lent_lm
from emcog.reproduce.inputs import DATASETS
from emcog.reproduce.stories import STORIES
from emcog.stats import AgreementSettings, compare, save
from emcog.tasks import TASKS, sweep

STORY = "The bell rang twice. Anna ran home in the rain. A year later she was back at the harbour, and alone. " * 6


@pytest.fixture(scope="module")
def tiny():
    """A random Llama with the embedded model's tokenizer."""
    tokenizer = load_lm().tokenizer
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, initializer_range=0.3, bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    return LM(LlamaForCausalLM(config).eval(), tokenizer, "tiny")


@pytest.fixture
def run(cluster, tiny, monkeypatch):
    """Runs a plan on threads of this process, whose every model is the tiny one; gives the loads too."""
    loads = []
    monkeypatch.setattr(worker, "_load", lambda wanted: loads.append(wanted["name"]) or tiny)
    monkeypatch.setattr(worker, "_SHELF", worker._Shelf())

    def go(plan):
        return run_batch(plan, cluster=cluster), loads

    return go


def test_every_task_and_analysis_can_be_asked_for():
    from emcog.batch.computes import COMPUTES

    assert {name for name, compute in COMPUTES.items() if compute.per == "memory"} == set(TASKS)
    assert {name for name, compute in COMPUTES.items() if compute.per == "model"} == set(ANALYSES)


def test_memory_tasks_over_settings_of_memory(run, tiny, write_plan, tmp_path):
    path = write_plan({"a.txt": STORY}, more='compute = ["pass_key", "who_lives_where"]')
    small = "n_init = 4\nn_local = 64\nn_mem = 32\nchunk = 16\nmax_event = 32\n"
    path.write_text(
        path.read_text().replace("[settings]", "[memory]") + small + 'segmentation = ["SM", "F"]\n'
        "[pass_key]\nlengths = 120\ndepths = [0.2, 0.8]\n[who_lives_where]\nlengths = [120]\ndepths = [0.2, 0.8]\n"
    )
    table, _ = run(path)
    assert table["state"].tolist() == ["done"] * 4, table["error"].unique()
    assert table["setting_segmentation"].tolist() == ["SM", "SM", "F", "F"]
    rows = pd.read_parquet(tmp_path / "out" / "results")
    for task in ("pass_key", "who_lives_where"):
        for kind in ("SM", "F"):
            config = MemoryConfig(n_init=4, n_local=64, n_mem=32, chunk=16, max_event=32, segmentation=kind)
            wanted = sweep([120], [0.2, 0.8], task, tiny, {"memory": config}, text=STORY.strip())
            found = rows[(rows["compute"] == task) & (rows["setting_segmentation"] == kind)].reset_index(drop=True)
            same = ["task", "depth", "distance", "answer", "said", "correct", "log2_p", "margin", "recalled"]
            pd.testing.assert_frame_equal(found[same], wanted[same], check_dtype=False)
            read = wanted.drop_duplicates("depth" if task == "pass_key" else "trial")["n_tokens"].sum()
            state = table[(table["compute"] == task) & (table["setting_segmentation"] == kind)]
            assert state["n_tokens"].tolist() == [read]
    names = sorted(p.name for p in (tmp_path / "out" / table["folder"][0]).iterdir())
    assert names == ["job.json", "pass_key.rates.tsv", "pass_key.tsv", "rows.parquet"]


def test_a_long_text_goes_from_file_to_file_to_the_same_results(run, write_plan, tmp_path, monkeypatch):
    path = write_plan({"a.txt": STORY}, 'gamma = 0.5\nwindow = 40\nmethod = ["SM", "S"]\nsignal = "entropy"')
    table, _ = run(path)
    held = {f: (tmp_path / "out" / f) for f in table["folder"]}
    rows = pd.read_parquet(tmp_path / "out" / "results")
    assert len(rows) > 10
    monkeypatch.setattr("emcog.transcript.long.LONG", 0)
    monkeypatch.setattr(worker, "_read", None)  # nobody reads the text as a whole
    path.write_text(path.read_text().replace('out = "out"', 'out = "long"'))
    again, _ = run(path)
    assert again["error"].tolist() == ["", ""]
    pd.testing.assert_frame_equal(again, table)  # the keys too
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "long" / "results"), rows)
    for name, folder in held.items():
        files = {p.name: p.read_bytes() for p in folder.iterdir()}
        assert files.keys() == {p.name for p in (tmp_path / "long" / name).iterdir()}
        for same in ("a.events.tsv", "a.tokens.parquet", "a.words.parquet"):
            assert (tmp_path / "long" / name / same).read_bytes() == files[same]
    assert not (tmp_path / "long" / "unfinished").exists()


@pytest.mark.parametrize("limit", [0, 2**22], ids=["long", "short"])
def test_a_story_called_job_keeps_its_record_and_the_jobs(run, write_plan, tmp_path, monkeypatch, limit):
    monkeypatch.setattr("emcog.transcript.long.LONG", limit)
    table, _ = run(write_plan({"job.txt": STORY, "rows.txt": STORY}, "gamma = 0.5"))
    assert table["error"].tolist() == ["", ""]
    for folder in table["folder"]:
        assert len(emcog.Segmentation.load(tmp_path / "out" / folder).events) > 1


def test_a_long_text_that_changes_meanwhile_is_an_error_of_its_own(write_plan, tmp_path, tiny, monkeypatch):
    monkeypatch.setattr(worker, "_load", lambda wanted: tiny)
    monkeypatch.setattr(worker, "_SHELF", worker._Shelf())
    monkeypatch.setattr("emcog.transcript.long.LONG", 0)
    (unit,) = units(read_plan(write_plan({"a.txt": STORY})))
    (tmp_path / "in" / "a.txt").write_text("Another story.")
    (outcome,) = worker.run_unit(unit)
    assert "was changed while the batch ran" in outcome.error


def test_a_comparison_is_the_one_that_is_made_by_hand(run, write_plan, tmp_path):
    presses = [(who, t) for who, times in {"p1": (3, 20, 60), "p2": (4, 21, 41), "p3": (20, 62)}.items() for t in times]
    marks = "".join(f"{who},{1000 * t},fine\n{who},{1000 * t + 2000},coarse\n" for who, t in presses)
    (tmp_path / "people.csv").write_text(f"who,when,grain\n{marks}")
    words = "".join(f"{word},{i * 0.7:.1f}\n" for i, word in enumerate(STORY.replace(",", "").split()))
    path = write_plan({}, "n_events = [5]", more='compute = ["compare"]')
    (tmp_path / "in" / "a.csv").write_text(f"word,onset\n{words}")
    options = {"tolerance": 1.5, "tolerance_unit": "s", "reaction_time": 0.4, "consensus": "proportion",
               "grade": "fine", "signals": "surprisal", "time_unit": "ms"}  # fmt: skip
    columns = {"observer": "who", "time": "when", "grade": "grain"}
    lines = "".join(f"{key} = {value!r}\n" for key, value in options.items())
    path.write_text(
        path.read_text().replace("in/*.txt", "in/*.csv")
        + f"[compare]\nhuman = 'people.csv'\nmetrics = ['f1', 'matched']\nn_null = 20\nseed = 3\n{lines}"
        + "".join(f"{role}_column = {name!r}\n" for role, name in columns.items())
    )
    table, _ = run(path)
    assert table["error"].tolist() == ["", ""]
    segmented, compared = (tmp_path / "out" / folder for folder in table["folder"])
    people = read_annotations(
        tmp_path / "people.csv", time_unit="ms", **{f"{role}_column": name for role, name in columns.items()}
    )
    wanted = compare(
        emcog.Segmentation.load(segmented), people, metrics=["f1", "matched"], n_null=20, seed=3, grade="fine",
        settings=AgreementSettings(tolerance=1.5, tolerance_unit="s"), rule=ConsensusRule("proportion"),
        reaction_time_s=0.4, signals=["surprisal"], dataset="people.csv",
    )  # fmt: skip
    save(wanted, tmp_path / "by_hand")
    for name in ("comparison.csv", "comparison.parquet", "comparison.md", "comparison.tex"):
        assert (compared / name).read_bytes() == (tmp_path / "by_hand" / name).read_bytes(), name
    rows = pd.read_csv(compared / "comparison.csv")
    assert {"circular_shift", "shuffled_lengths"} <= set(rows["null_model"])  # each measure's own


def _stories(monkeypatch):
    from emcog.human import AnnotationSet, make_marks
    from emcog.reproduce import Stimulus

    lists = {"author": np.array([20, 40, 80])}
    people = AnnotationSet("late_letter", make_marks([]), (), lists=lists, unit="word", source="test")
    story = Stimulus("demo", "late_letter", emcog.Transcript.from_text(STORY, "late_letter"), people)
    monkeypatch.setattr(
        "emcog.reproduce.setting.find_stories", lambda *a, **k: ([story], {"sherlock": "sherlock: not here"})
    )


def test_analyses_of_each_model_beside_segmentations(run, tiny, write_plan, tmp_path, monkeypatch):
    _stories(monkeypatch)
    path = write_plan(
        {"a.txt": STORY}, "n_events = [4, 6]", ["embedded", "other"],
        more='compute = ["segment", "granularity", "story"]',
    )  # fmt: skip
    table, loads = run(path)
    assert table["state"].tolist() == ["done"] * 8, table["error"].unique()
    assert loads.count("embedded") == loads.count("other") <= 2  # once for each of the two workers at most
    rows = pd.read_parquet(tmp_path / "out" / "results")  # though `event` and `text` are columns of several
    with lent_lm(None, tiny):
        wanted = analyse("granularity", data=["demo"], quick=True)
    for model in ("embedded", "other"):
        found = rows[(rows["compute"] == "granularity") & (rows["model"] == model)]
        assert found["setting_n_events"].isna().all()
        assert found["estimate"].tolist() == wanted["estimate"].tolist()
        assert found["metric"].tolist() == wanted["metric"].tolist()
    assert sorted(rows.loc[rows["compute"] == "segment", "setting_n_events"].unique()) == [4, 6]
    folder = tmp_path / "out" / table.loc[table["compute"] == "granularity", "folder"].iloc[0]
    assert sorted(p.name for p in folder.iterdir()) == [
        "job.json", "provenance.json", "report.csv", "report.parquet", "rows.parquet",
    ]  # fmt: skip
    told = json.loads((folder / "provenance.json").read_text())
    assert told["model"]["weights"] == tiny.weight_hash  # the worker's model, not one more
    assert json.loads((folder / "job.json").read_text())["transcript"] is None
    again, _ = run(path)
    pd.testing.assert_frame_equal(again, table)


def test_an_analysis_without_its_data_fails_alone(run, write_plan, tmp_path, monkeypatch):
    monkeypatch.setenv("EMCOG_DATA", str(tmp_path / "nothing"))
    monkeypatch.setattr("emcog.human.datasets.fetching.cache_folder", lambda: tmp_path / "cache")
    path = write_plan({"a.txt": STORY}, "n_events = 4", more='compute = ["segment", "granularity"]')
    path.write_text(path.read_text() + '[granularity]\ndata = "sherlock"\n')
    table, _ = run(path)
    assert table["state"].tolist() == ["done", "failed"]
    assert "sherlock" in table["error"][1] and "\n" not in table["error"][1]


def test_columns_that_are_numbers_here_and_texts_there_become_texts():
    one = pa.schema([("n", pa.int64()), ("x", pa.float64()), ("text", pa.string())])
    other = pa.schema([("n", pa.float64()), ("x", pa.string()), ("new", pa.bool_())])
    assert _unified([one, other, one]) == pa.schema(
        [("n", pa.float64()), ("x", pa.string()), ("text", pa.string()), ("new", pa.bool_())]
    )


def test_other_data_are_another_job_of_an_analysis(write_plan, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "marks.csv").write_text("1\n")
    monkeypatch.setattr(
        "emcog.reproduce.inputs.find_dataset", lambda name: tmp_path / "data" if name == "films" else None
    )
    monkeypatch.setattr("emcog.reproduce.inputs.heldout_books", list)
    path = write_plan({"a.txt": STORY}, more='compute = ["segment", "human_distance", "passkey", "calibration"]')
    path.write_text(path.read_text().replace("[settings]", "[settings]\nn_events = [4]"))

    def keys():
        return {job.compute: job.key for unit in units(read_plan(path)) for job in unit.jobs}

    before = keys()
    assert keys() == before
    (tmp_path / "data" / "marks.csv").write_text("12\n")
    changed = keys()
    assert {name for name in before if changed[name] != before[name]} == {"human_distance"}
    (tmp_path / "data" / "more.csv").write_text("3\n")
    assert keys()["human_distance"] != changed["human_distance"]


def test_every_dataset_that_an_analysis_reads_decides_its_key():
    """By the scripts' own words: those that name a dataset are told from it."""
    named = set()
    for about in ANALYSES.values():
        source = (data_folder("analyses") / f"{about.script}.py").read_text()
        named |= set(re.findall(r'(?:dataset|load_dataset)\("(\w+)"\)', source))
    named |= {name for name in STORIES if name != "book"}
    assert named == set(DATASETS)
