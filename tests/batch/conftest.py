"""Small plans, and workers that need no model."""

import importlib.util
from pathlib import Path

import pytest

from emcog.batch import worker
from emcog.batch.computes import COMPUTES
from emcog.batch.run import run_batch

FAKE = Path(__file__).parent / "fake_worker.py"


@pytest.fixture(scope="session")
def fake_module():
    """The file of the stand-ins, as a module."""
    spec = importlib.util.spec_from_file_location("fake_worker", FAKE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def cluster():
    """Two workers as threads of this process."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as made:
        yield made


@pytest.fixture
def fakes(fake_module, monkeypatch):
    """The stand-ins in this process; gives the names of the models that were loaded."""
    monkeypatch.setitem(COMPUTES, "segment", fake_module.FAKE)
    monkeypatch.setattr(worker, "_load", fake_module.fake_load)
    monkeypatch.setattr(worker, "_SHELF", worker._Shelf())
    fake_module.LOADS.clear()
    return fake_module.LOADS


@pytest.fixture
def write_plan(tmp_path):
    """Writes stories into `in` and a plan beside it; gives the plan's path."""

    def write(stories, settings="", models=("embedded",), more=""):
        (tmp_path / "in").mkdir(exist_ok=True)
        for name, text in stories.items():
            content = text if isinstance(text, bytes) else text.encode()
            (tmp_path / "in" / name).write_bytes(content)
        path = tmp_path / "plan.toml"
        plan = (
            f'[plan]\ntranscripts = "in/*.txt"\nmodels = {list(models)}\nout = "out"\n{more}\n[settings]\n{settings}\n'
        )
        path.write_text(plan)
        return path

    return write


@pytest.fixture
def run(fakes, cluster):
    """Runs a plan on the threads, with the stand-ins."""

    def go(plan, **options):
        return run_batch(plan, cluster=cluster, **options)

    return go
