import json
import os
import threading

import pandas as pd
import pytest

from emcog.batch import batch_status, read_plan
from emcog.batch import worker as worker_module
from emcog.batch.compute import Made
from emcog.batch.jobs import model_identity, units
from emcog.batch.run import Tally
from emcog.batch.store import Store
from emcog.errors import StorageError

STORIES = {"a.txt": "One. Two.", "b.txt": "Three. Four. Five.", "bad.txt": b"caf\xe9"}


def tree(folder):
    """Every file's bytes, by name."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_one_bad_transcript_fails_alone(run, write_plan, tmp_path):
    table = run(write_plan(STORIES, "gamma = [1, 2]"))
    assert table["transcript"].tolist() == ["a.txt"] * 2 + ["b.txt"] * 2 + ["bad.txt"] * 2
    assert table["setting_gamma"].tolist() == [1, 2] * 3
    assert table["state"].tolist() == ["done"] * 4 + ["failed"] * 2
    assert table["n_tokens"].tolist() == [2, 2, 3, 3, 0, 0]
    assert table["error"][:4].tolist() == [""] * 4
    assert "byte 0xe9 at offset 3" in table["error"][4]
    assert (tmp_path / "out" / table["folder"][0] / "a.events.tsv").exists()
    written = pd.read_csv(tmp_path / "out" / "jobs.tsv", sep="\t", keep_default_na=False)
    pd.testing.assert_frame_equal(written, table, check_dtype=False)


def test_the_rows_are_one_dataset(run, write_plan, tmp_path):
    run(write_plan(STORIES, "gamma = [1, 2.5]"))
    rows = pd.read_parquet(tmp_path / "out" / "results")
    assert rows.columns.tolist() == [
        "job",
        "compute",
        "transcript",
        "model",
        "setting_gamma",
        "event",
        "surprise",
        "text",
    ]
    assert rows["text"].tolist() == ["One.", "Two."] * 2 + ["Three.", "Four.", "Five."] * 2
    assert rows["setting_gamma"].tolist() == rows["surprise"].tolist() == [1, 1, 2.5, 2.5, 1, 1, 1, 2.5, 2.5, 2.5]
    assert rows["event"].dtype == "int64"


def test_settings_of_several_kinds_are_text_in_the_dataset(run, write_plan, tmp_path):
    run(write_plan({"a.txt": "One."}, 'method = "SM"\nlayers = [[4, 5], 6]'))
    assert pd.read_parquet(tmp_path / "out" / "results")["setting_layers"].tolist() == ["4,5", "6"]


def test_a_rerun_does_only_what_is_missing(run, write_plan, tmp_path, fakes):
    plan = write_plan(STORIES, "gamma = [1]")
    run(plan)
    before = tree(tmp_path / "out")
    tallies: list[Tally] = []
    run(plan, progress=tallies.append)
    assert tallies == []  # nobody was asked to do anything
    assert tree(tmp_path / "out") == before
    write_plan(STORIES | {"c.txt": "Six."}, "gamma = [1, 3]")
    table = run(plan, progress=tallies.append)
    assert (tallies[-1].total, tallies[-1].kept, tallies[-1].done, tallies[-1].failed) == (5, 3, 4, 1)
    assert table["state"].value_counts().to_dict() == {"done": 6, "failed": 2}
    assert {name: before[name] for name in before if name.startswith("jobs/")}.items() <= tree(tmp_path / "out").items()


def test_the_key_is_made_of_all_inputs(write_plan, tmp_path, fakes):
    def keys(trusted=False, **changes):
        return [
            job.key
            for unit in units(read_plan(write_plan(**{"stories": {"a.txt": "One."}} | changes), trusted))
            for job in unit.jobs
        ]

    first = keys()
    assert keys() == first
    changed = [
        keys(stories={"a.txt": "Two."}), keys(settings="gamma = 2"), keys(models=["other"]),
        keys(more='dtype = "bfloat16"'), keys(more='[reading]\nformat = "markdown"'), keys(trusted=True),
    ]  # fmt: skip
    assert len({*first, *(key for (key,) in changed)}) == 7
    assert keys(settings='method = "S"') == first  # another way to say the same
    assert len(keys(settings='method = ["S"]\nseed = [0, 0]')) == 1


def test_other_marks_are_another_comparison(write_plan, tmp_path, monkeypatch):
    """A file, a file for each story, a folder and a dataset go by what is in them."""
    from emcog.batch.comparing import identify_compare

    place = tmp_path / "marks"
    monkeypatch.setattr("emcog.human.datasets.find_dataset", lambda name: place if name == "films" else None)

    def identity(human):
        return json.dumps(identify_compare({"human": human}, "a"))

    givens = [str(place / "a.csv"), str(place / "{name}.csv"), str(place), "films"]
    nothing = [identity(human) for human in givens]
    place.mkdir()
    seen = []
    for content in ("word\n1\n", "word\n22\n"):
        (place / "a.csv").write_text(content)
        seen.append([identity(human) for human in givens])
        assert seen[-1] == [identity(human) for human in givens]
        assert seen[-1][0] == seen[-1][1]
    for one, other, none in zip(*seen, nothing, strict=True):
        assert len({one, other, none}) == 3
    assert str(tmp_path) not in "".join(seen[0])  # the same marks in another place are the same


def test_what_changed_transcripts_left_is_cleared_away(run, write_plan, tmp_path):
    plan = write_plan({"a.txt": "ODD.", "b.txt": "ODD.", "c.txt": "One."})
    run(plan)
    store, jobs = Store(tmp_path / "out"), [job for unit in units(read_plan(plan)) for job in unit.jobs]
    for job in jobs:
        store.kept(job).mkdir(parents=True)
    another = tmp_path / "another.toml"  # one that shares the folder, with a story of the same name
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.txt").write_text("BUG.")
    another.write_text(plan.read_text().replace("in/*", "more/*"))
    run(another)
    (other,) = (job for unit in units(read_plan(another)) for job in unit.jobs)
    store.kept(other).mkdir()
    failures = {p.name for p in (tmp_path / "out" / "failed").iterdir()}
    assert failures == {f"{job.key}.json" for job in (*jobs[:2], other)}
    (tmp_path / "in" / "a.txt").write_text("Even.")
    assert run(plan)["state"].tolist() == ["done", "failed", "done"]
    assert {p.name for p in (tmp_path / "out" / "failed").iterdir()} == failures - {f"{jobs[0].key}.json"}
    assert not store.kept(jobs[0]).exists()
    assert all(store.kept(job).exists() for job in (*jobs[1:], other))


def test_a_run_that_was_outrun_has_not_failed(write_plan, tmp_path, fakes, monkeypatch):
    """The quicker one clears away what the slower one was at."""
    (unit,) = units(read_plan(write_plan({"a.txt": "One."})))

    def outrun(job, unit, store):
        store.write(job, Made(lambda folder: None, pd.DataFrame({"x": [1]}), 1))
        raise FileNotFoundError("what it was at")

    monkeypatch.setattr(worker_module, "_made", outrun)
    (outcome,) = worker_module.run_unit(unit)
    assert outcome.error is None
    assert not (tmp_path / "out" / "failed").exists()


def test_a_models_folder_goes_by_its_content(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "model.safetensors").write_bytes(bytes(5_000_000))
    before = model_identity(str(tmp_path / "m"))
    assert model_identity(str(tmp_path / "m")) == before
    (tmp_path / "m" / "model.safetensors").write_bytes(bytes(4_999_999) + b"\1")
    assert model_identity(str(tmp_path / "m")) != before
    assert model_identity("gpt2") == {"name": "gpt2"}
    assert model_identity("embedded")["weights"]


def test_failed_jobs_stay_failed_until_told_otherwise(run, write_plan, tmp_path, fake_module, monkeypatch):
    plan = write_plan({"a.txt": "One.", "odd.txt": "ODD.", "bug.txt": "BUG."})
    table = run(plan)
    assert table["error"].tolist() == ["", "RuntimeError: two lines", "an odd story"]
    monkeypatch.setattr("re.findall", lambda *_: [])  # nothing to do with it: the stories are as odd as before
    assert run(plan)["state"].tolist() == ["done", "failed", "failed"]
    tallies: list[Tally] = []
    table = run(plan, retry_failed=True, progress=tallies.append)
    assert (tallies[-1].total, tallies[-1].failed) == (2, 2)
    assert table["state"].tolist() == ["done", "failed", "failed"]


def test_a_mended_transcript_is_done_on_the_next_run(run, write_plan, tmp_path):
    plan = write_plan(STORIES)
    assert run(plan)["state"].tolist() == ["done", "done", "failed"]
    write_plan(STORIES | {"bad.txt": "Café."})
    assert run(plan)["state"].tolist() == ["done"] * 3


def test_a_model_is_loaded_once_and_its_jobs_come_together(write_plan, fakes):
    from distributed import LocalCluster

    from emcog.batch.run import run_batch

    stories = {f"{i}.txt": "One." for i in range(6)}
    tallies: list[Tally] = []
    plan = write_plan(stories, models=["m1", "m2", "broken", "m3"])
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as one:
        table = run_batch(plan, cluster=one, progress=tallies.append)
    assert fakes == ["m1", "m2", "broken", "m3"]
    assert tallies[-1].loads == 4
    assert table.groupby("model")["state"].agg(set).to_dict() == {
        "m1": {"done"}, "m2": {"done"}, "m3": {"done"}, "broken": {"failed"},
    }  # fmt: skip
    assert set(table.loc[table["model"] == "broken", "error"]) == {"cannot load 'broken'"}


@pytest.mark.parametrize("harm", ["cut", "lost", "garbled", "no record"])
def test_a_damaged_job_is_done_again(run, write_plan, tmp_path, harm):
    plan = write_plan({"a.txt": "One. Two."})
    (folder,) = (tmp_path / "out" / f for f in run(plan)["folder"])
    before = tree(folder)
    if harm == "cut":
        (folder / "rows.parquet").write_bytes(before["rows.parquet"][:-1])
    elif harm == "lost":
        (folder / "a.events.tsv").unlink()
    elif harm == "garbled":
        (folder / "job.json").write_text('{"format": "emcog job", "files": 3}')
    else:
        (folder / "job.json").unlink()
    assert batch_status(plan)["state"].tolist() == ["missing"]
    assert run(plan)["state"].tolist() == ["done"]
    assert tree(folder) == before


def test_rows_that_were_changed_are_not_gathered(run, write_plan, tmp_path):
    plan = write_plan({"a.txt": "One. Two."})
    (folder,) = run(plan)["folder"]
    path = tmp_path / "out" / folder / "rows.parquet"
    path.write_bytes(path.read_bytes().replace(b"One.", b"Two."))
    with pytest.raises(StorageError, match=r"rows\.parquet was changed: delete its folder"):
        run(plan)


def test_status_does_nothing(write_plan, tmp_path, fakes):
    table = batch_status(write_plan(STORIES))
    assert table["state"].tolist() == ["missing"] * 3
    assert not (tmp_path / "out").exists()


def test_a_transcript_that_changes_meanwhile_is_an_error_of_its_own(write_plan, tmp_path, fakes):
    (unit,) = units(read_plan(write_plan({"a.txt": "One."})))
    (tmp_path / "in" / "a.txt").write_text("Two.")
    (outcome,) = worker_module.run_unit(unit)
    assert "was changed while the batch ran" in outcome.error


def test_a_worker_with_another_emcog_does_nothing(write_plan, tmp_path, fakes):
    from dataclasses import replace

    (unit,) = units(read_plan(write_plan({"a.txt": "One."})))
    (outcome,) = worker_module.run_unit(replace(unit, emcog="0.0.1"))
    assert "the plan was read by 0.0.1" in outcome.error


def test_two_runs_at_once_agree_about_every_file(run, write_plan, tmp_path):
    plan = write_plan({f"{i}.txt": f"Story {i}. sleep 0.01 ." for i in range(8)}, "gamma = [1, 2]")
    tables = []
    threads = [threading.Thread(target=lambda: tables.append(run(plan))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [set(table["state"]) for table in tables] == [{"done"}] * 2
    both = tree(tmp_path / "out")
    for path in (tmp_path / "out").rglob("*"):
        assert not path.name.startswith(".emcog")
    os.rename(tmp_path / "out", tmp_path / "before")
    run(plan)
    assert tree(tmp_path / "out") == both


def test_workers_that_are_slow_to_end_spoil_no_batch(monkeypatch):
    """As on a machine that does much else: the work is done by then."""
    from emcog.batch.cluster import _local

    class Slow:
        def __init__(self, **options):
            pass

        def close(self, timeout):
            raise TimeoutError(f"timed out after {timeout} s.")

    monkeypatch.setattr("distributed.LocalCluster", Slow)
    with _local(1, 1, gpu=False) as cluster:
        assert isinstance(cluster, Slow)


def test_gpus_are_taken_in_turns():
    assert [worker_module.own_device("cuda", i, lambda: 2) for i in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]
    assert worker_module.own_device("cuda", 1, lambda: 1) == "cuda"
    assert worker_module.own_device("cuda", None, lambda: 4) == "cuda"  # a scheduler hands its GPUs out itself
    assert worker_module.own_device("cpu", 1, lambda: 2) == "cpu"


def test_one_worker_spreads_a_model_over_all_gpus(write_plan, monkeypatch):
    from contextlib import contextmanager

    import emcog.batch.run as run

    asked = []

    @contextmanager
    def connect(scheduler, workers, cluster, n_units, gpu):
        asked.append((workers, gpu))
        yield None

    monkeypatch.setattr(run, "connect", connect)
    monkeypatch.setattr(run, "_outcomes", lambda *_: [])
    plan = write_plan({"a.txt": "One.", "b.txt": "Two."}, more='device = "spread"')
    run.run_batch(plan)
    run.run_batch(plan, workers=3)
    assert asked == [(1, True), (3, True)]


def test_gpu_jobs_wait_for_a_worker_with_a_gpu(write_plan, fakes):
    from distributed import Client, LocalCluster

    from emcog.batch.cluster import n_slots
    from emcog.batch.run import run_batch

    plan = write_plan({"a.txt": "One."}, more='device = "cuda"')
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with LocalCluster(**options) as plain, Client(plain, set_as_default=False) as client:
        assert n_slots(client, gpu=False) == 1
        assert n_slots(client, gpu=True) == 0
    with LocalCluster(**options, resources={"GPU": 1}) as tagged:
        assert run_batch(plan, cluster=tagged)["state"].tolist() == ["done"]


def test_the_record_says_what_the_result_is_of(run, write_plan, tmp_path):
    plan = write_plan({"a.txt": "One. Two."}, "gamma = [2]")
    (folder,) = run(plan)["folder"]
    record = json.loads((tmp_path / "out" / folder / "job.json").read_text())
    assert (record["transcript"], record["model"], record["settings"]["gamma"]) == ("a.txt", "embedded", 2.0)
    assert set(record["files"]) == {"a.events.tsv", "rows.parquet"}
    (unit,) = units(read_plan(plan))
    assert Store(tmp_path / "out").record(unit.jobs[0]) == record
