"""Every architecture we name: a text that fits the window is measured as by a plain forward pass.

A new architecture is tested by adding a line.
"""

import pytest

from emcog.lm import listen, load_lm
from emcog.lm.reading import TESTED, streams

ROTARY = {
    "llama": ("llama", {}),
    "mistral": ("mistral", {"sliding_window": None}),
    "mistral, all layers with a window of their own": ("mistral", {"sliding_window": 16}),
    "qwen2": ("qwen2", {}),
    "qwen3": ("qwen3", {"head_dim": 16}),
    "phi3": ("phi3", {}),
    "olmo2": ("olmo2", {}),
    "smollm3, half its layers without positions": ("smollm3", {"num_hidden_layers": 4, "no_rope_layers": [1, 0, 1, 0]}),
    "granite": ("granite", {"attention_multiplier": 0.3}),
    "gemma2, softcaps and half its layers with a window": (
        "gemma2",
        {"num_hidden_layers": 4, "head_dim": 8, "sliding_window": 16, "attn_logit_softcapping": 5.0,
         "final_logit_softcapping": 10.0, "query_pre_attn_scalar": 12,
         "attn_implementation": "eager"},  # SDPA leaves the softcap out in the oldest transformers we support
    ),
    "stablelm, a quarter of each head rotated": ("stablelm", {"partial_rotary_factor": 0.25}),
    "phi, half of each head rotated": ("phi", {"partial_rotary_factor": 0.5}),
    "starcoder2, not on our list": ("starcoder2", {}),
    "olmo, not on our list": ("olmo", {}),
    "llama, frequencies that depend on the length": (
        "llama", {"rope_parameters": {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 1e4}},
    ),
    "llama, YaRN": (
        "llama",
        {"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "rope_theta": 1e4,
                             "original_max_position_embeddings": 32}},
    ),
    "llama 3's frequencies": (
        "llama",
        {"rope_parameters": {"rope_type": "llama3", "factor": 4.0, "rope_theta": 1e4, "low_freq_factor": 1.0,
                             "high_freq_factor": 4.0, "original_max_position_embeddings": 32}},
    ),
}  # fmt: skip
OTHERS = {
    "gpt2": ("gpt2", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128}),
    "opt": ("opt", {"ffn_dim": 48, "word_embed_proj_dim": 32}),
    "gpt_neox, its attention is not ours": ("gpt_neox", {}),
    "gpt_oss, rotary, but its attention has sinks of its own": (
        "gpt_oss",
        {"head_dim": 8, "num_local_experts": 2, "num_experts_per_tok": 2, "sliding_window": 16},
    ),
    "gemma3, rotary, but with two sets of frequencies": ("gemma3_text", {"head_dim": 8}),
    "bloom, no positions but slopes": ("bloom", {"n_layer": 2, "n_head": 4}),
}


@pytest.mark.parametrize("name", ROTARY)
def test_a_rotary_model_streams_and_equals_the_plain_pass(name, make_model, some_ids, plain, assert_same):
    kind, config = ROTARY[name]
    model, ids = make_model(kind, **config), some_ids(90)
    wanted = plain(model, ids)
    assert wanted["surprisal"][1:].std() > 0.5  # the context matters: were it ignored, this would be a weak test
    lm = load_lm(model)
    assert_same(listen(ids, lm, chunk=31), wanted)
    assert streams(lm)
    assert_same(listen(ids, lm), wanted)
    assert_same(listen(ids, lm, n_local=100, chunk=200), wanted)
    for signal, values in plain(model, ids).items():  # bit by bit: the model is what it was
        assert (values == wanted[signal])[1:-1].all()


@pytest.mark.parametrize("name", OTHERS)
def test_any_other_model_is_read_in_windows(name, make_model, some_ids, plain, assert_same):
    kind, config = OTHERS[name]
    model, ids = make_model(kind, **config), some_ids(90)
    lm = load_lm(model)
    assert not streams(lm)
    assert_same(listen(ids, lm), plain(model, ids))


def test_every_architecture_on_the_list_is_tested_here():
    assert {kind for kind, _ in ROTARY.values()} >= set(TESTED)
    assert not {kind for kind, _ in OTHERS.values()} & set(TESTED)
