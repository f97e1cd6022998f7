"""What an accelerator does by itself, on a CPU: the same choices, the same numbers, whenever the host looks at them."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emcog.lm import load_lm
from emcog.memory.choosing import best_events, choose, token_index
from emcog.memory.choosing_on_device import DeviceEvents, Limits, choose_on_device, remembered_index
from emcog.memory.stepping import Stepper


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


STEPPED = [
    {}, {"segmentation": "SM", "n_local": 96}, {"segmentation": "SC", "contiguity": 0}, {"policy": "none"},
    {"representative": "mean", "n_init": 0}, {"policy": ["none", "similarity"]}, {"n_init": 40},
    {"segmentation": [9, 40, 70, 130, 131]}, {"n_mem": 0}, {"contiguity": 12}, {"tier": "file"}, {"storage": "8bit"},
    {"tier": "host", "budget": {"accelerator": 20_000}},
]  # fmt: skip


ARCHITECTURES = {
    "gemma2": {"num_hidden_layers": 4, "head_dim": 16, "sliding_window": 8, "attn_logit_softcapping": 5.0},
    "smollm3": {"num_hidden_layers": 4, "no_rope_layers": [1, 0, 1, 0]},
    "phi3": {"partial_rotary_factor": 0.5}, "qwen3": {"head_dim": 16}, "olmo2": {}, "granite": {}, "qwen2": {},
    "mistral": {"sliding_window": None},
}  # fmt: skip


def steps(memory, ids, n, replays):
    """Token by token, now and then a longer chunk and a fork; logits of each token, and the memory after all."""
    memory.reader.waits = memory.reader.chooses = memory.reader.replays = replays
    memory.read(ids[:n])
    logits, place = [], n
    for size in (1,) * 60 + (16, 1, 1, 16, 2) + (1,) * 30:
        logits.append(memory.reader.read_chunk(ids[place : place + size]))
        place += size
        if place == n + 40:
            fork = memory.fork()
            logits += [fork.reader.read_chunk(ids[k : k + 1]) for k in range(20)]
            logits.append(fork.reader.read_chunk(ids[:16]))
    return torch.cat(logits), fork


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_a_step_of_fixed_shapes_is_the_usual_one_in_other_models(kind, make_memory, make_model, some_ids):
    check_steps(load_lm(make_model(kind, **ARCHITECTURES[kind])), 300, {}, make_memory, some_ids)


@pytest.mark.parametrize("settings", STEPPED)
@pytest.mark.parametrize("n", [3, 20, 300])
def test_a_step_of_fixed_shapes_is_the_usual_one(n, settings, llama, make_memory, some_ids):
    check_steps(llama, n, settings, make_memory, some_ids)


def check_steps(lm, n, settings, make_memory, some_ids):
    found = []
    for replays in (False, True):
        memory = make_memory(lm=lm, **settings)
        logits, fork = steps(memory, some_ids(600), n, replays)
        assert (memory.reader._stepper is not None) == replays
        memory.reader.settle()
        received = [layer.received for layer in memory.reader.layers.values()]
        found.append((logits, memory.recalls, fork.recalls, received, memory.reader.starts.rows))
    usual, fixed = found
    torch.testing.assert_close(fixed[0], usual[0], atol=1e-4, rtol=0)
    for theirs, ours in zip(usual[1:3], fixed[1:3], strict=True):
        pd.testing.assert_frame_equal(ours.drop(columns="event"), theirs.drop(columns="event"), atol=1e-4)
        # Stretches that come back have equal scores.
        assert (ours["event"] != theirs["event"]).sum() <= 0.005 * len(theirs)
    np.testing.assert_array_equal(fixed[4], usual[4])
    for theirs, ours in zip(usual[3], fixed[3], strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


class Replayed:
    """Stands in for a CUDA graph: what was recorded has its tensors filled anew."""

    def __init__(self, work):
        self.work, self.found = work, work()

    def replay(self):
        new = self.work()
        for old, now in zip((self.found.logits, *parts_of(self.found)), (new.logits, *parts_of(new)), strict=True):
            old.copy_(now)


def parts_of(found):
    for group in (found.fresh, found.choices, found.received):
        for one in group.values():
            yield from [one] if isinstance(one, torch.Tensor) else one


@pytest.fixture
def recorded(monkeypatch):
    """Lets a CPU record steps; gives those that it recorded."""
    graphs = []

    def record(stepper):
        queues = stepper._queues.clone()
        graphs.append(Replayed(stepper._compute))
        stepper._queues.copy_(queues)  # what is recorded is not done yet
        return graphs[-1], graphs[-1].found

    init = Stepper.__init__
    monkeypatch.setattr(
        Stepper, "__init__", lambda self, reader: (init(self, reader), setattr(self, "_records", True))[0]
    )
    monkeypatch.setattr(Stepper, "_record", record)
    monkeypatch.setattr(torch.cuda, "get_sync_debug_mode", lambda: 0)
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", lambda mode: None)
    return graphs


@pytest.mark.parametrize("settings", [{}, {"segmentation": "SM", "n_local": 96}, {"policy": ["none", "similarity"]}])
def test_what_is_recorded_is_taken_from_where_it_lies(settings, llama, make_memory, some_ids, recorded):
    check_steps(llama, 300, settings, make_memory, some_ids)
    assert len(recorded) > 4  # windows move, indices and logs grow


@pytest.mark.filterwarnings("ignore:called a synchronizing")
def test_a_model_in_which_the_host_waits_is_not_recorded(make_memory, some_ids, recorded):
    memory, ids = make_memory(), some_ids(130)
    memory.read(ids[:100])
    usual = memory.fork()
    memory.reader.replays = True
    layer = memory.lm.model.model.layers[1]
    hook = layer.register_forward_pre_hook(
        lambda *_: warnings.warn("called a synchronizing CUDA operation", stacklevel=1)
    )
    try:
        with pytest.warns(UserWarning, match="cannot be recorded"):
            ours = [memory.reader.read_chunk(ids[k : k + 1]) for k in range(100, 130)]
    finally:
        hook.remove()
    theirs = [usual.reader.read_chunk(ids[k : k + 1]) for k in range(100, 130)]
    torch.testing.assert_close(torch.cat(ours), torch.cat(theirs), atol=1e-4, rtol=0)
    assert not recorded


def test_generation_takes_the_step(make_memory, some_ids, recorded):
    found = []
    for replays in (False, True):
        memory = make_memory()
        memory.read(some_ids(200))
        memory.reader.replays = replays
        before = vars(memory.lm.model).get("forward")
        options = {"max_new_tokens": 30, "do_sample": False, "eos_token_id": None, "return_dict_in_generate": True}
        output = memory.generate(some_ids(20), output_logits=True, **options)
        more = memory.generate(None, output_hidden_states=True, **options)
        found.append((output.sequences, torch.cat(output.logits), more.sequences, len(more.hidden_states)))
        assert vars(memory.lm.model).get("forward") is before
    assert recorded
    torch.testing.assert_close(found[1][1], found[0][1], atol=1e-4, rtol=0)
    assert found[0][0].equal(found[1][0]) and found[0][2].equal(found[1][2]) and found[0][3] == found[1][3] == 30


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
