"""Single tokens in a step of fixed shapes: the usual numbers, from where they lie when it is replayed."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from emcog.lm import load_lm
from emcog.memory.recording import Recorder

SETTINGS = [
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


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.no_grad():
        yield


def one_by_one(reader, ids):
    """Logits of tokens that are read one at a time, as within `generate`."""
    with reader.attention():
        return [reader.forward(ids[k : k + 1]) for k in range(len(ids))]


def read(memory, ids, n, replays):
    """Token by token, now and then a longer chunk and a fork; the logits of all, and the fork."""
    reader = memory.reader
    reader.waits = reader.chooses = reader.replays = replays
    memory.read(ids[:n])
    logits = one_by_one(reader, ids[n : n + 40])
    fork = memory.fork()
    for one in (fork.reader, reader):
        logits += one_by_one(one, ids[n + 40 : n + 70])
        logits.append(one.read_chunk(ids[n : n + 16]))
        with one.attention():
            logits += [
                one.forward(ids[place : place + size]) for place, size in ((90, 1), (91, 16), (107, 1), (108, 2))
            ]
            logits += [one.forward(ids[place : place + 1]) for place in range(110, 140)]
    return torch.cat(logits), fork


def check(make, n, some_ids):
    found = []
    for replays in (False, True):
        memory = make()
        logits, fork = read(memory, some_ids(600), n, replays)
        memory.reader.settle()
        received = [layer.received for layer in memory.reader.layers.values()]
        found.append((logits, memory.recalls, fork.recalls, received, memory.reader.starts.rows))
    usual, fixed = found
    torch.testing.assert_close(fixed[0], usual[0], atol=1e-4, rtol=0)
    for theirs, ours in zip(usual[1:3], fixed[1:3], strict=True):
        pd.testing.assert_frame_equal(ours.drop(columns="event"), theirs.drop(columns="event"), atol=1e-4)
        # Stretches that come back have equal scores.
        assert (ours["event"] != theirs["event"]).sum() <= 0.005 * len(theirs)
    for theirs, ours in zip(usual[3], fixed[3], strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    np.testing.assert_array_equal(fixed[4], usual[4])


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("n", [3, 20, 300])
def test_the_step_is_the_usual_one(n, settings, make_memory, some_ids):
    check(lambda: make_memory(**settings), n, some_ids)


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_the_step_is_the_usual_one_in_other_models(kind, make_memory, make_model, some_ids):
    lm = load_lm(make_model(kind, **ARCHITECTURES[kind]))
    check(lambda: make_memory(lm=lm), 300, some_ids)


@pytest.mark.parametrize("kind", ["llama", "gemma2"])
def test_half_precision(kind, make_memory, make_model, some_ids):
    model = make_model(kind, **ARCHITECTURES.get(kind, {}) | {"vocab_size": 102}).to(torch.bfloat16)
    logits = []
    for replays in (False, True):
        memory = make_memory(lm=load_lm(model))
        logits.append(read(memory, some_ids(600), 300, replays)[0].float())
    model.float()
    assert (logits[0] - logits[1]).abs().mean() < 0.1 * logits[0].std()


class Operations(TorchDispatchMode):
    """What is done meanwhile, with the very tensors that it is done to."""

    def __init__(self):
        super().__init__()
        self.done = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        assert operation is not torch.ops.aten._local_scalar_dense.default, "the host asks for a number"
        out = operation(*args, **kwargs or {})
        self.done.append((operation, args, kwargs or {}, out))
        return out


class Replayed:
    """Stands in for a CUDA graph: does the same operations, on the same tensors, whatever has become of these."""

    def __init__(self, work):
        with Operations() as seen:
            self.found = work()
        self.done = seen.done

    def replay(self):
        for operation, args, kwargs, out in self.done:
            if "empty" in str(operation) or "lift_fresh" in str(operation):  # their numbers are nothing, or the host's
                continue
            for old, new in zip(tree_leaves(out), tree_leaves(operation(*args, **kwargs)), strict=True):
                if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)


@pytest.fixture
def recorded(monkeypatch):
    """Lets a CPU record steps; gives those that it recorded."""
    graphs, init = [], Recorder.__init__

    def always(recorder, *args):
        init(recorder, *args)
        recorder.on = True

    def record(recorder, work):
        queues = work.__self__._queues
        before = queues.clone()
        graphs.append(Replayed(work))
        queues.copy_(before)  # what is recorded is not done yet
        return graphs[-1], graphs[-1].found

    monkeypatch.setattr(Recorder, "__init__", always)
    monkeypatch.setattr(Recorder, "_record", record)
    monkeypatch.setattr(torch.cuda, "get_sync_debug_mode", lambda: 0)
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", lambda mode: None)
    return graphs


@pytest.mark.parametrize("settings", [
    {}, {"segmentation": "SM", "n_local": 96}, {"policy": ["none", "similarity"]}, {"n_mem": 0}, {"max_event": 4},
    {"representative": "mean", "n_init": 0},
])  # fmt: skip
@pytest.mark.parametrize("n", [20, 300])
def test_what_is_replayed_is_taken_from_where_it_lies(n, settings, make_memory, some_ids, recorded):
    check(lambda: make_memory(**settings), n, some_ids)
    assert len(recorded) >= 8  # windows move, indices and logs grow


def test_what_is_replayed_is_taken_from_where_it_lies_in_other_models(make_memory, make_model, some_ids, recorded):
    for kind in ("gemma2", "smollm3"):
        lm = load_lm(make_model(kind, **ARCHITECTURES[kind]))
        check(lambda lm=lm: make_memory(lm=lm), 300, some_ids)
    assert len(recorded) >= 8


@pytest.mark.filterwarnings("ignore:called a synchronizing")
def test_a_model_in_which_the_host_waits_is_not_recorded(make_memory, some_ids, recorded, monkeypatch):
    memory, ids = make_memory(), some_ids(130)
    memory.read(ids[:100])
    usual = memory.fork()
    memory.reader.replays = True
    layer = memory.lm.model.model.layers[1]
    own = layer.forward

    def waits(*args, **kwargs):
        warnings.warn("called a synchronizing CUDA operation", stacklevel=1)
        warnings.warn("something else", stacklevel=1)
        return own(*args, **kwargs)

    monkeypatch.setattr(layer, "forward", waits)
    with pytest.warns(UserWarning, match="something else"), pytest.warns(UserWarning, match="cannot be recorded"):
        ours = one_by_one(memory.reader, ids[100:130])
    monkeypatch.undo()
    torch.testing.assert_close(torch.cat(ours), torch.cat(one_by_one(usual.reader, ids[100:130])), atol=1e-4, rtol=0)
    assert not recorded


def test_a_model_that_somebody_looks_into_is_not_recorded(make_memory, some_ids, recorded):
    memory, calls = make_memory(), []
    memory.read(some_ids(100))
    memory.reader.replays = True
    hook = memory.lm.model.model.layers[1].register_forward_hook(lambda *_: calls.append(1))
    memory.generate(max_new_tokens=20, do_sample=False, eos_token_id=None)
    hook.remove()
    assert len(calls) == 20 and not recorded
    memory.generate(max_new_tokens=20, do_sample=False, eos_token_id=None)
    assert recorded


def test_generation_takes_the_step(make_memory, some_ids, recorded):
    found = []
    for replays in (False, True):
        memory = make_memory()
        memory.read(some_ids(200))
        memory.reader.replays = replays
        options = {"max_new_tokens": 30, "do_sample": False, "eos_token_id": None, "return_dict_in_generate": True}
        output = memory.generate(some_ids(20), output_logits=True, **options)
        more = memory.generate(None, output_hidden_states=True, **options)
        found.append((output.sequences, torch.cat(output.logits), more.sequences, len(more.hidden_states)))
    assert recorded  # also when hidden states have been asked for, in the first turn
    torch.testing.assert_close(found[1][1], found[0][1], atol=1e-4, rtol=0)
    assert found[0][0].equal(found[1][0]) and found[0][2].equal(found[1][2]) and found[0][3] == found[1][3] == 30


@pytest.mark.parametrize("where", ["inside", "behind"])
def test_a_step_that_is_interrupted_leaves_no_trace(where, make_memory, some_ids, request):
    if where == "behind":  # what is replayed cannot be interrupted inside
        request.getfixturevalue("recorded")
    ids, found = some_ids(1000), []
    for replays in (False, True):
        memory = make_memory(contiguity=0.6, n_mem=60, max_event=8)
        memory.read(ids[:300])
        reader, model = memory.reader, memory.lm.model
        reader.replays = replays
        finish = reader.finish

        def interrupt(*_):
            raise KeyboardInterrupt

        logits = []
        with reader.attention():
            for k in range(300, 340):
                if k % 5 == 0:
                    if where == "inside":
                        hook = model.lm_head.register_forward_pre_hook(interrupt)
                    else:
                        reader.finish = interrupt
                    with pytest.raises(KeyboardInterrupt):
                        reader.forward(ids[2 * k : 2 * k + 1])
                    if where == "inside":
                        hook.remove()
                    else:
                        reader.finish = finish
                logits.append(reader.forward(ids[k : k + 1]))
        found.append((torch.cat(logits), memory.recalls))
    torch.testing.assert_close(found[1][0], found[0][0], atol=1e-4, rtol=0)
    assert found[0][1][["step", "layer", "event"]].equals(found[1][1][["step", "layer", "event"]])


def test_a_forward_of_somebody_else_s_stays(make_memory):
    memory = make_memory()
    model, forward = memory.lm.model, memory.lm.model.forward
    with memory.attach():
        assert model.forward is not forward
    assert "forward" not in vars(model)

    def theirs(*args, **kwargs):
        return forward(*args, **kwargs)

    try:
        model.forward = theirs
        with memory.attach():
            pass
        assert model.forward is theirs
        with memory.attach():
            del model.forward
        assert "forward" not in vars(model)
        with memory.attach():
            model.forward = theirs
        assert model.forward is theirs
    finally:
        del model.forward
