"""The harnesses of `make campaign` count what the tests tell, and would see what fails."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ANALYSES = Path(__file__).parents[2] / "analyses"


def load(name):
    spec = importlib.util.spec_from_file_location(name, ANALYSES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_counts_are_those_of_the_summary():
    script = load("fuzz_tests")
    printed = (
        "....\ninputs fuzzed (seed 1): 1,263 (XML with entities 3, annotations 1,206, plans 54)\n"
        "= short test summary info =\n2 failed, 494 passed, 1 skipped in 302.12s (0:05:02)\n"
    )
    assert script.counts(printed, 1) == [
        {"what": "XML with entities", "inputs": 3, "seed": 1},
        {"what": "annotations", "inputs": 1206, "seed": 1},
        {"what": "plans", "inputs": 54, "seed": 1},
    ]
    assert script.outcome(printed) == {"passed": 494, "failed": 2, "skipped": 1}


def test_every_reader_is_guided_from_a_good_example(tmp_path, monkeypatch):
    from emcog.human.readers.reading import ANNOTATION_FORMATS
    from emcog.transcript import FORMATS

    script = load("fuzz_guided")
    monkeypatch.setattr(script, "FOLDER", tmp_path)
    found = script.readers()
    wanted = {f"transcript {name}" for name in FORMATS} | {f"annotations {name}" for name in ANNOTATION_FORMATS}
    assert set(found) == (wanted | {"plan"}) - {"annotations kumar", "annotations array"}
    for name, read in found.items():
        assert read(script.EXAMPLES[name.split()[-1]]) is not None, name


def test_throughput_in_small(tmp_path):
    """The whole harness on four stories: with one worker, with two, and with one of two killed. The model is a stand-in
    that takes half a second a story, so that the killed worker is at work and three starts of workers take little."""
    environment = os.environ | {
        "DASK_DISTRIBUTED__WORKER__PRELOAD": f"[{str(ANALYSES.parent / 'tests' / 'batch' / 'fake_worker.py')!r}]",
        "FAKE_SECONDS": "0.5", "PYTHONPATH": str(ANALYSES.parent),
    }  # fmt: skip
    command = [sys.executable, ANALYSES / "batch_throughput.py", "--stories", "4", "--copies", "1", "--out", tmp_path]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert ended.returncode in (0, 1), ended.stderr  # 1: so short a run is mostly the start of the workers
    assert "Jobs lost: 0." in ended.stdout
    table = pd.read_csv(tmp_path / "report.csv")
    assert table["run"].tolist() == ["one", "two", "one of two killed"]  # without a kill there is no report
    assert table["workers"].tolist() == [1, 2, 2]
    assert table["stories"].tolist() == table["done"].tolist() == [4, 4, 4]
    assert table["tokens"].nunique() == 1


def test_the_ratio_of_throughputs_and_jobs_that_were_lost():
    script = load("batch_throughput")
    table = pd.DataFrame(
        [("one", 1, 40, 40, 1000, 10.0, 100.0), ("two", 2, 40, 40, 1000, 5.0, 200.0),
         ("one of two killed", 2, 40, 39, 990, 6.0, 165.0)],
        columns=["run", "workers", "stories", "done", "tokens", "seconds", "tokens_per_s"],
    )  # fmt: skip
    assert script.ratio(table) == 2.0
    assert "2.00 times the throughput" in script.page(table) and "Jobs lost: 1." in script.page(table)


@pytest.mark.parametrize(("moments", "wanted"), [(200, [36, 36, 36, 36, 36, 20]), (12, [3, 2, 2, 2, 2, 1])])
def test_moments_are_spread(moments, wanted):
    script = load("kill_tests")
    spread = script.spread(moments, list(script.CASES))
    assert list(spread.values()) == wanted and list(spread)[-1] == "batch"
    assert script.spread(moments, ["batch"]) == {"batch": moments}
