"""A model spread over devices: one layer lies on torch's meta device, which has shapes and no numbers, and on which an
operation that mixes devices is an error. So no code may assume that all layers are where the first is."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from accelerate import dispatch_model

from emcog import segment
from emcog.errors import ModelError, OptionError
from emcog.lm import listen, load_lm
from emcog.memory import EpisodicLM, MemoryConfig
from emcog.paths import data_folder


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
    config = MemoryConfig(n_init=4, n_local=32, n_mem=24, chunk=16, min_event=2, max_event=12, segmentation="SM")
    memories = [EpisodicLM(m, config) for m in (model, spread)]
    one, other = (memory.read(some_ids(300)) for memory in memories)
    pd.testing.assert_frame_equal(one, other)
    assert memories[0].events.equals(memories[1].events) and memories[0].recalls.equals(memories[1].recalls)


def test_the_same_events_on_several_devices_also_after_a_break(tmp_path):
    """Segmented with keys (SM), and listened to in two goes."""
    embedded_lm = load_lm()
    text = (data_folder("datasets") / "demo" / "late_letter.txt").read_text(encoding="utf-8")[:3000]
    layers = [f"model.layers.{i}" for i in range(embedded_lm.model.config.num_hidden_layers)]
    places = dict.fromkeys(["model.embed_tokens", *layers, "model.norm", "model.rotary_emb", "lm_head"], "cpu")
    model = dispatch_model(copy.deepcopy(embedded_lm.model), places, main_device="cpu", force_hooks=True)
    spread = load_lm(model, tokenizer=embedded_lm.tokenizer)
    wanted = segment(text, lm=embedded_lm, method="SM")

    def stop(done, total):
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segment(text, lm=spread, method="SM", progress=stop, checkpoint=tmp_path / "listening")
    made = segment(text, lm=spread, method="SM", checkpoint=tmp_path / "listening")
    pd.testing.assert_frame_equal(made.events, wanted.events)
    pd.testing.assert_frame_equal(made.tokens, wanted.tokens)


def test_a_model_is_spread_when_it_is_loaded(make_model, tmp_path, some_ids, monkeypatch):
    make_model("llama").save_pretrained(tmp_path)
    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", lambda *_, **__: None)
    plain, spread = (load_lm(str(tmp_path), device=device) for device in ("cpu", "spread"))
    one, other = (listen(some_ids(100), lm, n_local=32, chunk=16)["surprisal"] for lm in (plain, spread))
    np.testing.assert_allclose(one, other, atol=1e-4)
    monkeypatch.setattr("emcog.lm.load.find_spec", lambda _: None)
    with pytest.raises(OptionError, match="pip install accelerate"):
        load_lm(str(tmp_path), device="spread")


def test_a_model_that_is_put_aside_in_part_is_refused(make_model):
    model = copy.deepcopy(make_model("llama", num_hidden_layers=3))
    model.model.layers[1].to("meta")._hf_hook = object()  # as accelerate leaves it
    with pytest.raises(ModelError, match=r"are offloaded .*device_map of GPUs alone"):
        load_lm(model)
