"""The effects of the default's choices are measured, and those that can be told by hand are right."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from emcog.lm import load_lm

SCRIPT = Path(__file__).parents[2] / "analyses" / "memory_choices.py"


@pytest.fixture(scope="module")
def choices():
    spec = importlib.util.spec_from_file_location("memory_choices", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_choice_has_a_row(choices, monkeypatch):
    monkeypatch.setattr(choices, "NEW", 3)
    text = choices.STORY.read_text(encoding="utf-8")[:4500]
    table = choices.compare(load_lm(None), text).set_index("choice")
    assert len(table) == 12 and table[["released", "default"]].notna().all().all()
    # An event starts at the surprising token, where the released code has the one before it.
    start = table.loc["where an event starts"]
    assert start["default"] > start["released"] + 1
    budget = table.loc["the budget while generating"]
    assert budget["default"] <= choices.COMMON["n_mem"] < budget["released"]
    distance = table.loc["what is compared for the distance"]
    assert distance["released"] <= distance["default"]


def test_best_splits_are_compared_window_by_window(choices):
    graph = np.kron(np.eye(2), np.ones((10, 10)))
    assert choices._best_splits(graph, [0, 12, 20], 2).tolist() == [0, 1]  # both cut between the two blocks
