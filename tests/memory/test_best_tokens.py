"""representative="all": an event's score is, head by head, that of its best token, wherever the keys lie."""

import numpy as np
import pytest
import torch

from emcog.errors import OptionError
from emcog.memory import EpisodicLM, recalling
from emcog.memory.recalling import Scene

PLACES = [{}, {"tier": "file"}, {"tier": "file", "budget": {"host": 20_000}}, {"storage": "8bit"}]


def brute_force(keys, query, starts, ends):
    """keys (n, kv_heads, size), query (heads, size)."""
    groups = len(query) // keys.shape[1]
    scores = [
        [max(float(query[head] @ keys[t, head // groups]) for t in range(a, b)) for head in range(len(query))]
        for a, b in zip(starts.tolist(), ends.tolist(), strict=True)
    ]
    return np.sum(scores, axis=1)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", ["read", "forked", "loaded"])
def test_scores_are_those_of_every_token_looked_at(place, way, make_memory, llama, some_ids, tmp_path, monkeypatch):
    monkeypatch.setattr(recalling, "SCAN", 37)  # several stretches of events, and a fork's own among them
    memory = make_memory(representative="all", **place)
    memory.read(some_ids(150))
    if way == "forked":
        memory = memory.fork()
    elif way == "loaded":
        memory.save(tmp_path / "m")
        memory = EpisodicLM.load(tmp_path / "m", llama)
    memory.read(some_ids(260)[150:])
    reader = memory.reader
    layer = reader.layers[1]
    starts = np.maximum(reader.starts.rows[reader.skipped :], 4)
    ends = reader.ends.rows[reader.skipped :]
    assert len(starts) > 20 and ends[-1] > 160  # events from before and from after
    scene = Scene(0, reader.seen, 1, starts, ends, 4, reader.former.formed)
    query = torch.from_numpy(np.random.default_rng(3).normal(size=(4, 8)).astype(np.float32))
    raw, _ = layer.log.fetch(np.arange(reader.seen)).get()
    wanted = brute_force(raw[0].transpose(0, 1).numpy(), query.numpy(), starts, ends)
    np.testing.assert_allclose(layer._scores(scene, query), wanted, rtol=1e-5, atol=1e-5)


def test_a_copy_may_look_at_every_token(make_memory, llama, some_ids, tmp_path):
    memory = make_memory(segmentation="S")
    memory.read(some_ids(300))
    before, indexed = memory.recalls, memory.index_bytes
    copy = memory.fork(representative="all")
    assert copy.config.representative == copy.settings.representative == "all" and copy.index_bytes == 0
    layer, starts, ends = copy.reader.layers[0], copy.reader.starts.rows, copy.reader.ends.rows
    query = torch.randn(4, 8, generator=torch.Generator().manual_seed(0))
    keys = layer.log.fetch(np.arange(ends[-1])).get()[0][0].transpose(0, 1)
    wanted = brute_force(keys, query, starts, ends)
    found = layer._scores(Scene(0, 299, 1, starts, ends, 0, 0), query)
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-4, atol=1e-4)
    table = copy.read(some_ids(90))
    assert memory.recalls.equals(before) and memory.index_bytes == indexed and memory.config.representative == "top"
    copy.save(tmp_path / "copy")
    again = EpisodicLM.load(tmp_path / "copy", llama)
    assert again.recalls.equals(copy.recalls) and table["surprisal"].notna().all()
    assert copy.fork(representative="all").recalls.equals(copy.recalls)
    with pytest.raises(OptionError, match="others need an index"):
        memory.fork(representative="mean")


@pytest.mark.parametrize("n_events", [1, 2, 40])
def test_stretches_hold_every_event_once(n_events):
    ends = np.cumsum(np.random.default_rng(n_events).integers(1, 30, n_events))
    scene = Scene(0, int(ends[-1]), 1, np.append(0, ends[:-1]), ends, 0, 0)
    for n_tokens in (1, 50, 10_000):
        found = list(scene.stretches(n_tokens))
        assert [event for first, last in found for event in range(first, last)] == list(range(n_events))
        assert all(ends[last - 1] - scene.starts[first] < n_tokens + 60 for first, last in found)
