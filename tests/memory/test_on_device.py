"""What an accelerator does by itself, on a CPU: the same choices, the same numbers, whenever the host looks at them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emcog.memory.choosing import best_events, choose, token_index
from emcog.memory.choosing_on_device import DeviceEvents, Limits, choose_on_device, remembered_index
from emcog.memory.index import Index


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_device_chooses_as_the_host(data):
    n = data.draw(st.integers(1, 40))
    random = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    smallest = data.draw(st.integers(1, 4))
    sizes = random.integers(smallest, smallest + 6, n)
    starts = 3 + np.cumsum(sizes) - sizes
    budget = data.draw(st.integers(smallest, 80))
    share = data.draw(st.integers(0, budget))
    places, host = DeviceEvents(torch.device("cpu")), np.empty(0, dtype=np.int64)
    device = torch.from_numpy(host)
    places.grow_to(starts[: n // 2], (starts + sizes)[: n // 2])
    on_device = places.grow_to(starts, starts + sizes)
    limits = Limits(budget, share, int(sizes.min()), min(budget, int(sizes.sum())))
    for _ in range(4):
        scores = torch.from_numpy(random.integers(0, 6, n)).float()  # with ties
        ranked, values = best_events(scores, min(limits.most, n))
        wanted = choose(ranked, values, sizes, host, budget, share)
        found = choose_on_device(scores, *on_device, device, limits)
        before, host, device = device, wanted.buffer, found.queue
        chosen = found.ranked[: int(found.n_similar)].tolist()
        assert chosen + device[device >= 0].tolist() == wanted.events.tolist()
        assert found.scores[: len(chosen)].tolist() == wanted.scores[: wanted.n_similar].tolist()
        events = np.sort(wanted.events)
        tokens = token_index(starts[events], (starts + sizes)[events])
        spare = int(found.spare)
        assert found.index.tolist() == [-1] * spare + tokens.tolist()
        everything = remembered_index(found, 2, (90, 93)).tolist()
        assert everything == [0] * spare + [0, 1] + tokens.tolist() + [90, 91, 92]
        check_that_padding_changes_nothing(found, scores, on_device, before, limits)


def check_that_padding_changes_nothing(wanted, scores, on_device, queue, limits):
    """Tables with room for more, what the host knows as tensors, and twice as many slots as can be filled."""
    starts, sizes = (torch.cat([x, torch.tensor([7, 1, 0])]) for x in on_device)
    more = torch.cat([scores, torch.tensor([99.0, torch.nan, torch.inf])])
    found = choose_on_device(
        more, starts, sizes, queue, limits._replace(slots=2 * limits.slots), torch.tensor([len(scores)])
    )
    n = int(wanted.n_similar)
    assert int(found.n_similar) == n and found.ranked[:n].equal(wanted.ranked[:n])
    assert found.scores[:n].equal(wanted.scores[:n]) and found.queue.equal(wanted.queue)
    tokens = wanted.index[wanted.index >= 0].tolist()
    assert found.index.tolist() == [-1] * int(found.spare) + tokens


@pytest.mark.parametrize("settings", [
    {"segmentation": "SM", "n_local": 96}, {"segmentation": "S", "n_local": 64}, {"segmentation": "SM"},
    {"segmentation": "SC", "n_local": 96, "contiguity": 0}, {"representative": "all"}, {"storage": "8bit"},
    {"tier": "file"}, {"tier": "host", "budget": {"accelerator": 20_000}}, {"policy": ["recency", "similarity"]},
    {"representative": "mean", "n_init": 0, "segmentation": "F"}, {"segmentation": [9, 40, 70, 130, 131]},
    {"policy": "none"},
])  # fmt: skip
def test_putting_off_and_choosing_on_the_device_changes_no_bit(settings, make_memory, some_ids):
    tables = []
    for aside in (False, True):
        memory = make_memory(**settings)
        memory.reader.waits = memory.reader.chooses = aside
        parts = [memory.read(some_ids(260))["surprisal"].to_numpy()]
        new = memory.generate(max_new_tokens=5, do_sample=False, eos_token_id=None)
        parts.append(memory.read(some_ids(150))["surprisal"].to_numpy())
        fork = memory.fork()
        parts.append(fork.read(some_ids(90))["surprisal"].to_numpy())
        tables.append((parts, new, memory.events, memory.recalls, fork.recalls, fork.index_bytes))
    host, device = tables
    for wanted, found in zip(host[0], device[0], strict=True):
        np.testing.assert_array_equal(wanted, found)
    assert (host[1] == device[1]).all()
    assert host[2].equals(device[2]) and host[3].equals(device[3]) and host[4].equals(device[4])
    assert host[5] == device[5]


def test_the_host_looks_a_chunk_later_where_the_window_allows(make_memory, some_ids):
    memory = make_memory(n_local=96, segmentation="SM")
    reader, ids = memory.reader, some_ids(400)
    reader.waits = reader.chooses = True
    behind = []
    for start in range(0, 400, 16):
        reader.read_chunk(ids[start : start + 16])
        behind.append(reader.seen - len(reader.surprisal))
    assert set(behind) == {16}  # of the chunk read last
    assert len(memory.recalls) > 0 and len(reader.surprisal) == 400


def test_a_chunk_that_fails_leaves_what_was_put_off(make_memory, some_ids):
    memory, wanted = make_memory(n_local=96), make_memory(n_local=96)
    ids = some_ids(320)
    memory.reader.waits = memory.reader.chooses = True
    layer = memory.lm.model.model.layers[1]
    for start in range(0, 320, 16):
        if start == 240:
            hook = layer.register_forward_pre_hook(lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                memory.reader.read_chunk(ids[:16])
            hook.remove()
        for one in (memory, wanted):
            one.reader.read_chunk(ids[start : start + 16])
    assert memory.recalls.equals(wanted.recalls)
    assert (memory.reader.starts.rows == wanted.reader.starts.rows).all()
    assert (memory.reader.surprisal.rows[1:] == wanted.reader.surprisal.rows[1:]).all()


def test_events_are_taken_in_once_though_it_is_interrupted(make_memory, some_ids, monkeypatch):
    memory, usual = make_memory(), make_memory()
    for one in (memory, usual):
        one.reader.read_chunk(some_ids(16))
    add, calls = Index.add, []

    def interrupted(index, vectors):
        calls.append(len(vectors))
        add(index, vectors[:1] if len(calls) == 3 else vectors)
        if len(calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Index, "add", interrupted)
    broken = 0
    for start in range(16, 256, 16):
        piece = some_ids(256)[start : start + 16]
        try:
            memory.reader.read_chunk(piece)
        except KeyboardInterrupt:
            broken += 1
            memory.reader.read_chunk(piece)
    monkeypatch.undo()
    for start in range(16, 256, 16):
        usual.reader.read_chunk(some_ids(256)[start : start + 16])
    assert broken == 1
    for ours, theirs in zip(memory.reader.layers.values(), usual.reader.layers.values(), strict=True):
        assert ours.index.count == theirs.index.count > 4
        assert ours.index.rows(0, ours.index.count).equal(theirs.index.rows(0, theirs.index.count))
