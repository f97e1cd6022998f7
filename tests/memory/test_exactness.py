"""What memory must not change, and what it must: the plain model while all fits, each key once beyond."""

import copy

import numpy as np
import pytest
import torch

from emcog.errors import ModelError
from emcog.memory import EpisodicLM, MemoryConfig

ARCHITECTURES = {
    "llama": ("llama", {}),
    "mistral": ("mistral", {"sliding_window": None}),
    "qwen2": ("qwen2", {}),
    "qwen3": ("qwen3", {"head_dim": 16}),
    "phi3": ("phi3", {}),
    "olmo2": ("olmo2", {}),
    "smollm3": ("smollm3", {"num_hidden_layers": 4, "no_rope_layers": [1, 0, 1, 0]}),
    "granite": ("granite", {"attention_multiplier": 0.3}),
    "gemma2": (
        "gemma2",
        {"num_hidden_layers": 4, "head_dim": 8, "sliding_window": 16, "attn_logit_softcapping": 5.0,
         "final_logit_softcapping": 10.0, "query_pre_attn_scalar": 12, "attn_implementation": "eager"},
    ),
    "llama, YaRN": (
        "llama",
        {"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "rope_theta": 1e4,
                             "original_max_position_embeddings": 32}},
    ),
}  # fmt: skip


def plain_bits(model, ids):
    with torch.no_grad():
        logits = model(input_ids=torch.from_numpy(ids)[None], use_cache=False).logits[0].double()
    nats = -logits.log_softmax(-1)[:-1].gather(-1, torch.from_numpy(ids[1:])[:, None])[:, 0]
    return nats.numpy() / np.log(2)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_while_all_fits_the_model_is_the_plain_one(name, make_model, some_ids):
    kind, config = ARCHITECTURES[name]
    model, ids = make_model(kind, **config), some_ids(90)
    # Own windows of 16 tokens (gemma2) are shorter than the text: those layers keep them.
    memory = EpisodicLM(model, MemoryConfig(n_local=96, n_mem=32, chunk=31, n_init=4, min_event=2, segmentation="S"))
    table = memory.read(ids)
    np.testing.assert_allclose(table["surprisal"][1:], plain_bits(model, ids), rtol=0, atol=2e-4)
    assert np.isnan(table["surprisal"][0])
    assert len(memory.recalls) == 0


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_recalls(name, make_model, some_ids):
    kind, config = ARCHITECTURES[name]
    settings = {"n_init": 4, "n_local": 32, "n_mem": 40, "chunk": 16, "min_event": 2, "max_event": 12}
    ids = some_ids(160)
    tables = {}
    for policy in ("similarity", "none"):
        memory = EpisodicLM(make_model(kind, **config), MemoryConfig(**settings, segmentation="S", policy=policy))
        tables[policy] = memory.read(ids)["surprisal"].to_numpy()
        assert (len(memory.recalls) > 0) == (policy == "similarity")
    gap = np.abs(tables["similarity"] - tables["none"])[1:]
    assert gap[:32].max() == 0
    assert gap[64:].max() > 1e-3


@pytest.mark.parametrize("settings", [
    {"chunk": 16, "segmentation": "S"}, {"chunk": 7, "segmentation": "S"}, {"chunk": 32, "segmentation": "F"},
    {"chunk": 1, "segmentation": "F"}, {"chunk": 16, "segmentation": "SM"}, {"chunk": 16, "segmentation": "SC"},
    {"chunk": 16, "segmentation": [9, 50, 51, 90]}, {"chunk": 16, "segmentation": "S", "n_init": 0},
    {"chunk": 16, "segmentation": "S", "n_init": 50}, {"chunk": 16, "segmentation": "S", "storage": "8bit"},
    {"chunk": 16, "segmentation": "S", "representative": "all"}, {"chunk": 16, "representative": "mean"},
])  # fmt: skip
def test_every_key_is_seen_once(settings, make_model, some_ids):
    """Without positions and with room for all, nothing is missing and nothing is there twice: the plain model."""
    model, ids = make_model("smollm3", num_hidden_layers=2, no_rope_layers=[0, 0]), some_ids(260)
    given = {"n_init": 4, "n_local": 32, "n_mem": 400, "min_event": 2, "max_event": 12, "contiguity": 0}
    memory = EpisodicLM(model, MemoryConfig(**given | settings))
    table = memory.read(ids)
    tolerance = 0.2 if settings.get("storage") == "8bit" else 2e-4
    np.testing.assert_allclose(table["surprisal"][1:], plain_bits(model, ids), rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(dtype, make_model, some_ids):
    model, ids = copy.deepcopy(make_model("llama")), some_ids(200)
    wanted = EpisodicLM(model, MemoryConfig(n_local=32, n_mem=24, chunk=16, min_event=2, max_event=12)).read(ids)
    half = model.to(dtype)
    memory = EpisodicLM(half, MemoryConfig(n_local=32, n_mem=24, chunk=16, min_event=2, max_event=12))
    table = memory.read(ids)
    assert abs(table["surprisal"][1:].mean() - wanted["surprisal"][1:].mean()) < 0.3
    assert next(iter(memory.reader.log.layers.values())).rows.dtype == dtype


def test_own_windows_hold_no_memory(make_model):
    kind, config = ARCHITECTURES["gemma2"]
    memory = EpisodicLM(make_model(kind, **config), MemoryConfig(n_local=32, n_mem=16))
    assert sorted(memory.reader.layers) == [1, 3]
    assert {number: w.reach for number, w in memory.reader.cache.windows.items()} == {0: 16, 1: 32, 2: 16, 3: 32}


def test_a_model_that_cannot_be_served_says_why(make_model):
    with pytest.raises(ModelError, match=r"gpt2.*positions are not rotary"):
        EpisodicLM(make_model("gpt2", n_embd=32, n_layer=2, n_head=4, n_positions=128))
    with pytest.raises(ModelError, match="sliding window of its own in every layer"):
        EpisodicLM(make_model("mistral", sliding_window=16))
