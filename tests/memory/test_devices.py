"""A model spread over devices: one layer lies on torch's meta device, which has shapes and no numbers, and on which an
operation that mixes devices is an error. So no code may assume that all layers are where the first is."""

import copy

import numpy as np
import pytest
import torch
from accelerate import dispatch_model

from emcog.errors import ModelError
from emcog.lm import listen, load_lm
from emcog.memory import EpisodicLM, MemoryConfig


@pytest.fixture
def spread(make_model):
    """A model whose second layer is on another device, moved to and from as accelerate's hooks do."""
    model = copy.deepcopy(make_model("llama", num_hidden_layers=3))
    layer = model.model.layers[1].to("meta")

    def move(value):
        return value.to("meta") if isinstance(value, torch.Tensor) else value

    def there(module, args, kwargs):
        moved = {name: tuple(map(move, v)) if isinstance(v, tuple) else move(v) for name, v in kwargs.items()}
        return tuple(map(move, args)), moved

    def back(module, args, kwargs, output):
        return torch.zeros(output.shape, dtype=output.dtype)

    layer.register_forward_pre_hook(there, with_kwargs=True)
    layer.register_forward_hook(back, with_kwargs=True)
    lm = load_lm(model)
    lm.__dict__["weight_hash"] = "unknown"  # there are no numbers to make it from
    return lm


@pytest.mark.parametrize("representative", ["top", "mean"])
def test_reading_and_generating_over_devices(spread, representative, some_ids):
    config = MemoryConfig(
        n_init=4, n_local=32, n_mem=24, chunk=16, min_event=2, max_event=12, segmentation="S", refine_layers=[0, 2],
        policy=["similarity", "recency", "similarity"], representative=representative,
    )  # fmt: skip
    memory = EpisodicLM(spread, config)
    table = memory.read(some_ids(200))
    assert table["surprisal"][1:].notna().all()
    assert set(memory.recalls["layer"]) == {0, 1, 2}
    logs, windows = memory.reader.log.layers, memory.reader.cache.windows
    for number, device in enumerate(("cpu", "meta", "cpu")):
        assert logs[number].rows.gather(np.arange(5)).device.type == device
        assert windows[number].pair[0].device.type == device
        assert memory.reader.layers[number].index.rows(0, 2).device.type == device
    assert len(memory.fork().generate(max_new_tokens=3, do_sample=False, eos_token_id=None)) == 3


def test_listening_over_devices(spread, some_ids):
    heard = listen(some_ids(120), spread, n_local=32, n_init=4, chunk=16)
    assert heard["surprisal"][1:].notna().all()


def test_a_model_that_accelerate_spreads_over_devices_reads_the_same(make_model, some_ids):
    """Its own hooks move what goes from layer to layer; here every device is the CPU."""
    model = make_model("llama", num_hidden_layers=3)
    parts = ["embed_tokens", "layers.0", "layers.1", "layers.2", "norm", "rotary_emb"]
    places = {f"model.{part}": "cpu" for part in parts} | {"lm_head": "cpu"}
    spread = dispatch_model(copy.deepcopy(model), places, main_device="cpu", force_hooks=True)
    one, other = (listen(some_ids(120), load_lm(m), n_local=32, chunk=16)["surprisal"] for m in (model, spread))
    assert one.equals(other)
    memory = EpisodicLM(spread, MemoryConfig(n_init=4, n_local=32, n_mem=24, chunk=16, min_event=2, max_event=12))
    assert memory.read(some_ids(120))["surprisal"][1:].notna().all()


def test_a_model_that_is_put_aside_in_part_is_refused(make_model):
    model = copy.deepcopy(make_model("llama", num_hidden_layers=3))
    model.model.layers[1].to("meta")._hf_hook = object()  # as accelerate leaves it
    with pytest.raises(ModelError, match=r"are offloaded .*device_map of GPUs alone"):
        load_lm(model)
