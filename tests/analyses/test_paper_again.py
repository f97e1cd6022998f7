"""The machinery of the analyses: listening once equals segmenting anew, reports keep, and each analysis runs."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

import emcog
from emcog.boundaries import word_tokens
from emcog.errors import DataError, ModelError, OptionError, StorageError
from emcog.files import write_files
from emcog.memory import EpisodicLM, MemoryConfig
from emcog.reproduce import (
    ANALYSES,
    FIGURES,
    Setting,
    find_stories,
    hear,
    is_done,
    load_script,
    read_report,
    records,
    report_table,
    summary_page,
    write_report,
)
from emcog.reproduce.claims import CLAIMS
from emcog.reproduce.findings import threshold
from emcog.reproduce.findings_of_memory import contiguity
from emcog.reproduce.heard import heard_as
from emcog.reproduce.inputs import input_checksums
from emcog.reproduce.recalling import FULL, grid_rows, rate_rows
from emcog.stats import COLUMNS, cohesion
from emcog.tasks import TASKS, Filler, make_trial

TEXT = (
    "The bell rang twice. Anna ran home in the rain. A year later, in Rome, she was back at the harbour. "
    "Nobody saw the ship. He slept until noon; then the letters came, and the clerk read them aloud. "
) * 4


@pytest.fixture(scope="module")
def heard():
    return hear(emcog.Transcript.from_text(TEXT, "bell"), emcog.load_lm())


@pytest.mark.parametrize("method", ["S", "SM", "SC", "F", "FM", "R", "sentence", "lexical", "optimal"])
@pytest.mark.parametrize("snap", [False, True])
def test_listening_once_cuts_as_segmenting_anew(heard, method, snap):
    count = 4 if method == "lexical" else 7  # so many valleys has so short a text
    anew = emcog.segment(TEXT, method=method, n_events=count, snap="word" if snap else None, seed=3)
    assert heard.starts(method, count, snap=snap, seed=3).tolist() == anew.events["start_token"].tolist()


@pytest.mark.parametrize("band", [None, 64])
@pytest.mark.parametrize("snap", [False, True])
def test_the_optimum_is_beaten_by_no_method_in_the_graph_it_is_scored_on(heard, snap, band, monkeypatch):
    """In a whole graph and in a banded one, with as many events each; scored as `cohesion` does."""
    if band is not None:
        module = sys.modules["emcog.stats.cohesion"]  # the package's name is the function's
        monkeypatch.setattr(module, "DENSE", 100)
        monkeypatch.setattr(module, "BAND", band)
        monkeypatch.setattr("emcog.reproduce.heard.DENSE", 100)
    one = replace(heard)  # without the graphs that it has made before
    made = {m: one.starts(m, 7, snap=snap, seed=1) for m in ("S", "SM", "SC", "F", "FM", "FC", "R", "sentence")}
    made = {m: starts for m, starts in made.items() if len(starts) == 7} | {"optimal": one.optimum(7, snap=snap)}
    assert len(made) > 5 and len(made["optimal"]) == 7
    table = cohesion(one.needed_keys, made, metrics=["modularity"], n_null=5, per_head=False)
    table = table[table["variant"] == "all layers"].set_index("method")
    scores = table["estimate"] + table["null_mean"]
    assert scores["optimal"] >= scores.drop("optimal").max()
    assert set(made["optimal"]) <= set(word_tokens(one.owner)) or not snap


def test_the_optimum_of_a_cohesion_report_is_the_best_there(heard, monkeypatch):
    monkeypatch.setattr(Setting, "stories", lambda self, **given: [_small(heard.transcript)])
    monkeypatch.setattr(Setting, "hear", lambda self, story: heard)
    taken = []
    monkeypatch.setattr(type(heard), "optimum", lambda self, n, **given: taken.append((n, given)) or np.arange(n) * 20)
    for name in ("cohesion", "human_distance"):
        list(load_script("analyses", name).rows(Setting(quick=True, data=["demo"])))
    assert taken == [(4, {}), (4, {"snap": True})]


def test_what_was_heard_is_kept_and_comes_back(heard, tmp_path, monkeypatch):
    lm = emcog.load_lm()
    first = hear(heard.transcript, lm, tmp_path)
    monkeypatch.setattr("emcog.reproduce.heard.listen", None)  # a second listening would fail
    again = hear(heard.transcript, lm, tmp_path)
    pd.testing.assert_frame_equal(first.tokens, again.tokens)
    pd.testing.assert_frame_equal(first.words, again.words)
    assert np.array_equal(first.keys, again.keys)
    for other in (
        emcog.Transcript.from_text("Another text.", "bell"),
        replace(heard.transcript, words=heard.transcript.words.assign(onset=np.arange(len(heard.words)) / 2)),
    ):
        with pytest.raises(TypeError):
            hear(other, lm, tmp_path)
    with pytest.raises(TypeError):
        hear(heard.transcript, lm, tmp_path, renew=True)
    monkeypatch.setattr("emcog.__version__", "another")
    with pytest.raises(TypeError):
        hear(heard.transcript, lm, tmp_path)


def test_a_listening_goes_by_precision_too(heard):
    lm = emcog.load_lm()
    half = replace(lm, model=SimpleNamespace(dtype="torch.bfloat16", named_parameters=lm.model.named_parameters))
    object.__setattr__(half, "weight_hash", lm.weight_hash)
    assert heard_as(heard.transcript, half) != heard_as(heard.transcript, lm)
    assert heard_as(heard.transcript, lm) == heard_as(heard.transcript, emcog.load_lm())


def test_force_listens_again_once(heard, monkeypatch):
    told = []
    monkeypatch.setattr("emcog.reproduce.setting.hear", lambda *a: told.append(a[-1]) or heard)
    monkeypatch.setattr("emcog.reproduce.setting._heard", {})
    monkeypatch.setattr("emcog.reproduce.setting._renewed", set())
    story = _small(heard.transcript)
    for renew in (False, True, True):
        Setting(quick=True, renew=renew).hear(story)
    assert told == [False, True]


def test_a_report_has_the_columns_and_what_places_it():
    table = report_table([{"metric": "a", "estimate": 1.0, "gamma": 2.0, "n": pd.NA}, {"metric": "b", "grain": "fine"}])
    assert list(table.columns) == [*COLUMNS, "gamma", "grain"]
    assert table["gamma"].dtype == "float64" and np.isnan(table["gamma"][1])
    assert table["grain"].tolist() == ["", "fine"]
    assert table["n"].isna().all()


def test_a_report_is_done_with_the_same_settings_only(tmp_path):
    setting = Setting(seed=3, quick=True)
    table = setting.report("gamma", [{"metric": "a", "estimate": 1.0, "p": 0.5, "lag": 1}], model=False)
    write_report(tmp_path / "gamma", table)
    assert sorted(p.name for p in (tmp_path / "gamma").iterdir()) == ["provenance.json", "report.csv", "report.parquet"]
    here = input_checksums("gamma")
    assert is_done(tmp_path / "gamma", setting.settings, here)
    assert not is_done(tmp_path / "gamma", Setting(seed=4, quick=True).settings, here)
    assert not is_done(tmp_path / "cohesion", setting.settings, here)
    back = read_report(tmp_path / "gamma")
    pd.testing.assert_frame_equal(back, table, check_flags=False)
    assert back.attrs["provenance"]["settings"] == setting.settings
    assert pd.read_csv(tmp_path / "gamma" / "report.csv")["estimate"].tolist() == [1.0]
    with pytest.raises(DataError, match="emcog reproduce cohesion"):
        read_report(tmp_path / "cohesion")


def test_a_report_is_made_again_when_data_have_come(tmp_path, monkeypatch):
    monkeypatch.setenv("EMCOG_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("emcog.human.datasets.fetching.cache_folder", lambda: tmp_path / "cache")
    setting = Setting(quick=True)
    assert setting.dataset("films") is None
    assert setting.missing[0].startswith("films: dataset films is not here")

    def done():
        return is_done(tmp_path / "gamma", setting.settings, input_checksums("gamma"))

    write_report(tmp_path / "gamma", setting.report("gamma", [{"metric": "a"}], model=False))
    assert done()
    file = tmp_path / "data" / "films" / "broken.csv"
    file.parent.mkdir(parents=True)
    file.write_text("neither film")
    assert not done()
    write_report(tmp_path / "gamma", setting.report("gamma", [{"metric": "a"}], model=False))
    assert done()  # data that are here and cannot be read make no report again and again
    file.write_text("other data of the same name")
    assert not done()


def test_data_that_cannot_be_read_are_told_with_their_error(tmp_path, monkeypatch):
    monkeypatch.setenv("EMCOG_DATA", str(tmp_path))
    (tmp_path / "films").mkdir()
    setting = Setting(quick=True)
    assert setting.dataset("films") is None
    assert "is not here" not in setting.missing[0] and setting.missing[0].startswith("films: ")


def test_only_data_that_were_asked_for_count(tmp_path, monkeypatch):
    monkeypatch.setenv("EMCOG_DATA", str(tmp_path))
    (tmp_path / "films").mkdir()
    assert {"demo", "films"} <= set(input_checksums("gamma"))
    assert set(input_checksums("gamma", ["demo"])) == {"demo"}
    assert input_checksums("calibration") == {}


def test_another_model_in_the_same_folder_makes_new_reports(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"one")
    first = Setting(model=str(tmp_path)).settings
    assert Setting(model=str(tmp_path)).settings == first
    (tmp_path / "model.safetensors").write_bytes(b"two!")
    assert Setting(model=str(tmp_path)).settings != first
    assert "weights_file" not in Setting(model="org/somewhere-else").settings


def test_rows_are_of_the_settings_model_unless_they_are_nobodys():
    found = pd.DataFrame({"model": ["", ""], "metric": ["a", "b"]})
    rows = [*records(found)[:1], records(found)[1] | {"model": ""}]
    table = Setting(quick=True).report("gamma", rows)
    assert table["model"].tolist() == ["embedded", ""]


def test_missing_data_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("EMCOG_DATA", str(tmp_path))
    monkeypatch.setattr("emcog.human.datasets.fetching.cache_folder", lambda: tmp_path / "cache")
    found, missing = find_stories(None, quick=False)
    assert [story.name for story in found] == ["late_letter"]
    assert list(missing) == ["kumar2023", "sherlock"]
    assert "emcog datasets fetch kumar2023" in missing["kumar2023"]
    assert not any(str(tmp_path) in line for line in missing.values())  # captions are read on other machines
    with pytest.raises(OptionError, match="kumar2023"):
        find_stories(["kumar"])


def test_every_analysis_and_figure_has_its_script():
    for name, analysis in ANALYSES.items():
        script = load_script("analyses", analysis.script)
        assert callable(script.rows) and script.__doc__, name
        assert name == "story" or name in CLAIMS
    for name in FIGURES:
        assert callable(load_script("figures", name).draw), name
    assert {drawing.report for drawing in FIGURES.values()} == set(ANALYSES)


def test_rates_are_shares_with_wilsons_interval():
    table = pd.DataFrame({"config": "SM", "task": "pass_key", "length": 100, "recalled": 0.5,
                          "correct": [True] * 3 + [False],
                          "chosen": True, "log2_p": -1.0, "margin": 2.0})  # fmt: skip
    rows = {row["metric"]: row for row in rate_rows(table, ["length"], "passkey", 0)}
    assert (rows["correct"]["estimate"], rows["correct"]["n"], rows["correct"]["length"]) == (0.75, 4, 100)
    z = 1.959964
    centre, half = (3 + z**2 / 2) / (4 + z**2), z / (4 + z**2) * np.sqrt(3 * 1 / 4 + z**2 / 4)
    assert rows["correct"]["ci_low"] == pytest.approx(centre - half, abs=1e-4)
    assert rows["correct"]["ci_high"] == pytest.approx(centre + half, abs=1e-4)
    assert (rows["recalled"]["estimate"], rows["margin"]["estimate"]) == (0.5, 2.0)


def test_a_grid_has_its_own_trials_at_every_length(monkeypatch):
    asked = {}

    def sweep(lengths, depths, tasks, lm, configs, n_trials, seed, text, progress):
        asked[lengths[0]] = n_trials, list(configs)
        found = {"config": "SM", "task": "pass_key", "length": lengths[0], "depth": depths, "recalled": 0.5, "trial": 0,
                 "distance": 0}  # fmt: skip
        return pd.DataFrame(found | {"correct": True, "chosen": True, "log2_p": -1.0, "margin": 2.0})

    monkeypatch.setattr("emcog.reproduce.recalling.sweep", sweep)
    setting = Setting(quick=True)
    table = pd.DataFrame(grid_rows(setting, "passkey", ["pass_key"], {200: 3, 100_000: 1}, [0.1, 0.9], ["SM", FULL]))
    assert asked == {200: (3, ["SM", FULL]), 100_000: (1, ["SM"])}  # full attention where it fits
    assert table[table["depth"].notna()].groupby(["length", "depth"]).size().tolist() == [3] * 4


def test_every_task_of_the_grid_can_be_made():
    script, filler = load_script("analyses", "recall_tasks"), Filler(emcog.load_lm())
    tasks = [name for name in TASKS if name != "pass_key"]
    assert set(load_script("figures", "recall_tasks").ASKED) == set(tasks)
    for task in tasks:
        assert len(make_trial(task, filler, 900, script.DEPTHS, seed=0).questions) == len(script.DEPTHS)


def test_neighbours_of_the_contiguity_buffer_do_not_count_as_order(monkeypatch):
    """What the buffer adds comes after what similarity found, the next event before the last: a step of -2 each."""
    script = load_script("analyses", "recall_curves")

    class Memory:
        events = pd.DataFrame({"end_token": np.arange(1, 41)})

        def __init__(self, lm, config):
            self.policy, self.share = config.policy, config.contiguity

        def read(self, ids, progress):
            for step in range(1, 8):
                progress(27 + step, 100)  # 20 events of a token, and the step's, lie behind a window of eight

        @property
        def recalls(self):
            rows = []
            for step in range(1, 7):
                found = [(10 + step, self.policy), (3, self.policy)]
                added = [(11 + step, "contiguity"), (9 + step, "contiguity"), (4, "contiguity"), (19, "contiguity")]
                rows += [{"step": step, "layer": 0, "event": event, "rank": rank, "score": 1.0, "by": by}
                         for rank, (event, by) in enumerate(found + (added if self.share else []))]  # fmt: skip
            return pd.DataFrame(rows)

    monkeypatch.setattr(script, "EpisodicLM", Memory)
    monkeypatch.setattr(script, "N_LOCAL", 8)
    monkeypatch.setattr(script, "CHUNK", 8)
    monkeypatch.setattr(script, "N_INIT", 0)
    story = emcog.Transcript.from_text(TEXT, "late_letter")
    tables = {table["method"].iloc[0]: table for table in script._memory(_small(story), Setting(quick=True), 10)}
    assert list(tables) == ["memory, similarity only", "memory, similarity and contiguity",
                            "contiguity buffer, beside similarity",
                            "contiguity buffer, beside random events"]  # fmt: skip
    for name, table in tables.items():
        crp = table[table["metric"] == "lag_crp"].set_index("variant")["estimate"]
        if name.startswith("memory"):
            assert crp["lag -2"] != crp["lag -2"] or crp["lag -2"] == 0
            assert table["n"].max() == 6 and (table["p"].notna() | (table["metric"] == "serial_position")).any()
        else:  # of three neighbours with a cue in each step two are the next event; 19 stayed in the buffer
            assert crp[["lag -2", "lag -1", "lag +1", "lag +2"]].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 0])
            assert table["n"].max() == 18 and table["p"].isna().all() and table["null_mean"].isna().all()


def test_the_events_that_could_be_recalled_are_those_that_memory_chose_from(monkeypatch):
    from emcog.memory.recalling import LayerMemory

    script, seen = load_script("analyses", "recall_curves"), {}
    for name, value in {"N_LOCAL": 64, "N_MEM": 64, "CHUNK": 32}.items():
        monkeypatch.setattr(script, name, value)
    plain = LayerMemory.recall

    def recall(self, scene, query):
        seen[scene.step] = len(scene.starts)
        return plain(self, scene, query)

    monkeypatch.setattr(LayerMemory, "recall", recall)
    lm = emcog.load_lm()
    recalls, available = script.read_story(lm, lm.encode(TEXT * 4)[0], "similarity", 0.3)
    assert max(seen.values()) > 3
    assert {step: available[step] for step in seen} == seen
    assert recalls["event"].min() >= 0
    assert (recalls["event"] < recalls["step"].map(available)).all()
    trials = script.neighbour_trials(recalls, available)
    steps = trials.sort_values("order").groupby("trial")["item"].agg(lambda pair: pair.iloc[1] - pair.iloc[0])
    assert set(steps) == {1, -1}


def test_what_is_so_by_construction_is_said_to_be():
    rows = [{"dataset": "demo", "story": "a", "metric": "temporal_clustering", "variant": "percentile rank", "p": p,
             "method": m, "estimate": 0.9, "ci_low": 0.8, "ci_high": 1.0, "null_mean": 0.5}
            for m, p in (("memory, similarity only", 0.01), ("contiguity buffer, beside events", None))]  # fmt: skip
    tested, built = contiguity(report_table(rows))
    assert (tested.agrees, tested.why) == (True, "")
    assert (built.agrees, built.why) == (None, "by construction")
    assert "chance" not in built.said


@pytest.mark.parametrize("observed", [False, True])
def test_the_story_of_the_pictures_takes_observers_where_there_are_any(observed, monkeypatch):
    script = load_script("analyses", "story")
    story = emcog.Transcript.from_text(TEXT, "late_letter")
    named = SimpleNamespace(name="pieman", dataset="kumar2023", caveat="", transcript=story,
                            crowd=lambda: SimpleNamespace(names=("a", "b") if observed else ()))  # fmt: skip
    monkeypatch.setattr("emcog.reproduce.setting.find_stories", lambda *a, **k: ([_small(story)], {}))
    monkeypatch.setattr(script, "find_stories", lambda names: ([named], {}))
    for part in ("_matrix", "_recalled"):
        monkeypatch.setattr(script, part, lambda *a: [])
    monkeypatch.setattr(script, "_told", lambda story, heard: [{"metric": "surprisal"}])
    setting = Setting(quick=True)
    monkeypatch.setattr(setting, "hear", lambda story: None)
    told = [row["story"] for row in script.rows(setting)]
    assert told == ["late_letter", "pieman"][: 1 + observed]
    assert ("kumar2023/pieman" in setting.inputs) == observed
    assert [line.startswith("people's density") for line in setting.missing] == ([] if observed else [True])


def test_the_speeds_cross_where_they_do():
    script = load_script("analyses", "throughput")
    memory, full = script.METHODS
    speeds = {(memory, 512): [100] * 5, (full, 512): [200] * 5, (memory, 1024): [100] * 5, (memory, 4096): [100] * 5,
              (full, 1024): [100 * 2**0.5] * 5, (full, 4096): [50, 50, 50, 50, 400]}  # fmt: skip
    # In logarithms the gain goes from -1/2 to 1 while the length goes up two octaves: it is 0 a third of the way.
    found = script._crossing(speeds, (512, 1024, 4096))
    assert found["estimate"] == found["ci_low"] == found["ci_high"] == pytest.approx(1024 * 4 ** (1 / 3))
    assert found["n"] == 5 and "between 1,024 and 4,096 tokens; interval: " in found["note"]
    assert "of which 1 do not cross" in found["note"]
    found = script._crossing(speeds, (512, 1024))
    assert np.isnan([found["estimate"], found["ci_low"], found["ci_high"]]).all()


def test_what_is_held_is_counted_once_and_without_the_model():
    script, lm = load_script("analyses", "throughput"), emcog.load_lm()
    tensor, array = torch.zeros(100, dtype=torch.float32), np.zeros(10, dtype=np.float64)
    thing = {"a": [tensor, tensor[:10], lm], "b": (array[2:], {"c": lm.model})}
    assert script.held_bytes(thing, lm) == 400 + 80
    full = script.Full(lm)
    full.fill(300)
    assert script.held_bytes(full.cache, lm) == 300 * script._bytes_a_token(lm)
    full.read(np.arange(20))
    full.forget(300)
    full.fill(310)
    assert script.held_bytes(full.cache, lm) == 310 * script._bytes_a_token(lm)
    memory = EpisodicLM(lm, MemoryConfig(n_local=64, n_mem=32, chunk=32))
    sizes = []
    for n in (320, 640):
        while memory.reader.seen < n:
            memory.reader.read_chunk(np.arange(32))
        sizes.append(script.held_bytes(memory.reader, lm))
        assert sizes[-1] >= n * memory.reader.log.bytes_of_token + memory.index_bytes
    assert sizes[1] > sizes[0]


def test_the_throughput_is_measured_where_it_says(monkeypatch):
    script = load_script("analyses", "throughput")
    monkeypatch.setattr(script, "QUICK_LENGTHS", (512, 768))
    monkeypatch.setattr(script, "QUICK_REPEATS", 3)
    setting = Setting(quick=True)
    table = pd.DataFrame(script.rows(setting))
    assert "repeats" not in table
    sizes = table.pivot_table(index=["metric", "method"], columns="length", values="n")
    assert sizes.loc["speed"].to_numpy().tolist() == [[3, 3]] * 2
    assert sizes.loc["token_time"].to_numpy().tolist() == [[script.NEW] * 2] * 2
    full = table[(table["method"] == "full attention") & table["metric"].isin(["held", "attended"])]
    assert full.groupby("length")["estimate"].nunique().tolist() == [1, 1]  # all that is held is attended to
    measured = table[table["metric"].isin(["speed", "token_time"])]
    assert (measured["ci_low"] <= measured["estimate"]).all() and (measured["estimate"] <= measured["ci_high"]).all()
    assert "PyTorch tells its peak" in setting.missing[0]


def test_the_summary_tells_what_came_out_and_what_is_missing(tmp_path):
    setting = Setting(quick=True)
    setting.missing.append("kumar2023: dataset kumar2023 is not here")
    common = {"analysis": "cohesion", "dataset": "demo", "story": "late_letter", "metric": "modularity", "n": 12}
    rows = [
        common | {"method": "people", "estimate": 0.02, "ci_low": 0.01, "ci_high": 0.03, "p": 0.002, "layer": None},
        common | {"method": "SM", "estimate": -0.02, "ci_low": -0.03, "ci_high": -0.01, "p": 0.002, "layer": None},
        common | {"method": "people", "estimate": 9.0, "p": 0.002, "layer": 1.0},
        common | {"method": "F", "estimate": 0.01, "ci_low": 0.0, "ci_high": 0.02, "p": 0.4, "layer": None},
    ]
    setting.caveats.append("late_letter: the author's")
    table = setting.report("cohesion", rows, model=False)
    write_report(tmp_path / "cohesion", table)
    assert "## Time" not in summary_page(tmp_path)
    table.attrs["provenance"]["took"] = {"seconds": 12.3, "cores": 2}
    write_report(tmp_path / "cohesion", table)
    page = summary_page(tmp_path)
    assert "| cohesion | quick | 12.3 | 2 |" in page.split("## Time")[1]
    first, second, third = [line for line in page.splitlines() if line.startswith("| demo/late_letter")]
    whose = "demo/late_letter (the author's scene breaks)"
    assert first == f"| {whose} | modularity minus random 0.02, p = 0.002, 12 events | [0.01, 0.03] | yes |"
    assert second.endswith("; F 0.01 | [-0.03, -0.01] | open (without SC, S, FM, FC) |")
    assert third.endswith("modularity minus random 0.01, 12 events | [0, 0.02] | open |")
    assert "| People's events hold together in the model's keys | 1 yes | cohesion |" in page
    assert "section 4.2 and figure 4A" in page and "Model: none; quick settings, seed 0." in page
    assert page.split("## Mind")[1].strip().startswith("- late_letter: the author's")
    assert "- cohesion: kumar2023: dataset kumar2023 is not here" in page.split("## Not there")[1]
    assert "passkey" in page.split("Without a report")[1].splitlines()[0]


def test_events_grow_as_long_as_there_are_any():
    def finding(*lengths):
        rows = [{"dataset": "demo", "story": "a", "method": "S", "metric": "event_length", "gamma": g, "estimate": e,
                 "ci_low": e, "ci_high": e, "n": n, "z": np.nan} for g, (e, n) in enumerate(lengths)]  # fmt: skip
        return next(threshold(pd.DataFrame(rows))).agrees

    assert finding((4, 50), (20, 10), (200, 1), (200, 1)) is True  # one event is left, and cannot grow
    assert finding((4, 50), (20, 10), (20, 10)) is False


def test_a_small_analysis_runs_from_its_script(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["granularity.py", "--quick", "--data", "demo", "--out", str(tmp_path), "--quiet"])
    from emcog.cli.scripts import analysis

    story = emcog.Transcript.from_text(TEXT, "late_letter")
    monkeypatch.setattr(
        "emcog.reproduce.setting.find_stories", lambda *a, **k: ([_small(story)], {"book": "x: not here"})
    )
    assert analysis("granularity", "doc") == 0
    table = read_report(tmp_path / "granularity")
    assert set(table["grain"]) == {"coarse", "fine"}
    assert table["estimate"].between(0, 1).all()
    told = json.loads((tmp_path / "granularity" / "provenance.json").read_text())
    assert told["missing"] == ["x: not here"] and told["model"]["name"] == "embedded"
    assert told["took"]["seconds"] > 0 and told["took"]["cores"] >= 1
    before = (tmp_path / "granularity" / "report.parquet").stat().st_mtime_ns
    assert analysis("granularity", "doc") == 0  # done already
    assert (tmp_path / "granularity" / "report.parquet").stat().st_mtime_ns == before


def test_the_command_makes_draws_and_says_what_came_out(tmp_path, monkeypatch, capsys):
    from emcog.cli import main

    story = emcog.Transcript.from_text(TEXT, "late_letter")
    monkeypatch.setattr("emcog.reproduce.setting.find_stories", lambda *a, **k: ([_small(story)], {"book": "x: no"}))
    monkeypatch.chdir(tmp_path)
    command = ["reproduce", "granularity", "--data", "demo"]
    assert main([*command, "--json"]) == 0
    told = capsys.readouterr()
    answer = json.loads(told.out)
    assert sorted(Path(file).name for file in answer["files"]) == [
        f"granularity.{end}" for end in ("pdf", "png", "txt")
    ]
    assert "granularity: report made" in told.err and "granularity: not there: x: no" in told.err
    assert "## Surprise finds coarse and fine events" in Path("results/SUMMARY.md").read_text()
    before = {path: path.read_bytes() for path in map(Path, answer["files"])}
    assert main(command) == 0
    told = capsys.readouterr()
    assert "granularity: report was there already" in told.err
    assert told.out == "results/SUMMARY.md; 1 figures in figures/out\n"
    assert {path: path.read_bytes() for path in before} == before
    assert main(["reproduce", "granularty"]) == 2
    assert "did you mean 'granularity'" in capsys.readouterr().err


@pytest.mark.parametrize("kind", [ModelError, OptionError, StorageError, np.linalg.LinAlgError])
def test_what_can_be_made_is_made_and_the_rest_is_named(kind, tmp_path, monkeypatch, capsys):
    from emcog.cli import main

    def make(name, results, **settings):
        if name == "layers":
            raise kind("the model gives no keys")
        write_report(results / name, Setting(quick=True).report(name, [{"metric": "none", "method": "S"}], model=False))
        return True

    def draw(name, results, out):
        read_report(results / FIGURES[name].report)
        if name == "overview":
            raise kind("it cannot be drawn")
        return [out / name] * 3

    monkeypatch.setattr("emcog.reproduce.make_report", make)
    monkeypatch.setattr("emcog.reproduce.draw", draw)
    folders = ["--results", str(tmp_path / "results"), "--out", str(tmp_path / "out")]
    assert main(["reproduce", "layers", "story", *folders]) == 0
    told = capsys.readouterr()
    assert "layers: no report: the model gives no keys" in told.err
    assert "overview: no figure: it cannot be drawn" in told.err
    assert told.out.endswith(f"SUMMARY.md; 2 figures in {tmp_path / 'out'}; without overview, layers\n")
    assert main(["reproduce", "layers", *folders]) == 2
    assert "nothing could be made: the model gives no keys" in capsys.readouterr().err


def test_an_analysis_asks_for_what_it_uses(capsys, monkeypatch):
    from emcog.cli.scripts import analysis

    for name, expected in (("gamma", (True, True)), ("passkey", (True, False)), ("calibration", (False, False))):
        monkeypatch.setattr("sys.argv", ["x", "--help"])
        with pytest.raises(SystemExit):
            analysis(name, "doc")
        said = capsys.readouterr().out
        assert ("--model" in said, "--data" in said) == expected, name
        assert all(option in said for option in ("--seed", "--quick", "--force", "--out"))


def _small(story):
    from emcog.human import AnnotationSet, make_marks
    from emcog.reproduce import Stimulus

    lists = {"author": np.array([20, 40, 80])}
    people = AnnotationSet("late_letter", make_marks([]), (), lists=lists, unit="word", source="test")
    return Stimulus("demo", "late_letter", story, people)


def test_summary_goes_to_a_file(tmp_path):
    (path,) = write_files(tmp_path, {"SUMMARY.md": summary_page(tmp_path).encode()})
    assert "No reports yet" in path.read_text()
