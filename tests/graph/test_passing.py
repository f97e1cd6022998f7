"""Windows of the graph of a text that goes by."""

import numpy as np
import pytest
import torch

from emcog.graph import passing
from emcog.graph.passing import PassingGraph


@pytest.mark.parametrize("kind", ["array", "tensor", "bands"])
def test_every_window_is_there(kind, monkeypatch):
    rows = np.random.default_rng(0).normal(size=(500, 6)).astype(np.float32)
    whole = rows @ rows.T
    graph = PassingGraph(longest=20)
    if kind == "bands":  # as on an accelerator
        monkeypatch.setattr(passing, "forms_as_they_come", lambda rows: True)
    random, at = np.random.default_rng(1), 0
    while at < 500:
        count = int(random.integers(1, 70))
        piece = rows[at : at + count]
        graph.append(piece if kind == "array" else torch.from_numpy(piece))
        at = min(500, at + count)
        assert graph.stop == at
        for _ in range(5):
            start = int(random.integers(graph.start, at))
            stop = min(at, start + int(random.integers(1, 21)))
            np.testing.assert_allclose(graph.window(start, stop), whole[start:stop, start:stop], atol=1e-5)
        graph.let_go(at - int(random.integers(20, 60)))
        np.testing.assert_array_equal(np.asarray(graph.rows), rows[graph.start : at])
        if random.random() < 0.2:
            held = graph.rows if kind == "array" else graph.rows.clone()
            graph.restore(held, graph.start)
