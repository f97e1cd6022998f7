"""Tiny random models with memory, and the golden data of the authors' released code where they are there."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, LlamaForCausalLM

from emcog.lm import load_lm
from emcog.memory import EpisodicLM, MemoryConfig

GOLDEN = Path(__file__).parents[3] / "shared" / "golden"
VOCABULARY = 101
SIZES = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128, "bos_token_id": 1,
    "eos_token_id": 2, "pad_token_id": 0,
    # Large enough that a token's context decides what is predicted: an error in attention shows.
    "initializer_range": 0.3,
}  # fmt: skip
SMALL = {"n_init": 4, "n_local": 32, "n_mem": 24, "chunk": 16, "min_event": 2, "max_event": 12, "window": 64}


@pytest.fixture(scope="session")
def make_model():
    """make_model("llama", **config) -> a random causal LM of that architecture, the same for the same config."""

    @cache
    def make(kind, text="{}"):
        torch.manual_seed(0)
        config = AutoConfig.for_model(kind, **SIZES | json.loads(text))
        return AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()

    return lambda kind, **config: make(kind, json.dumps(config))


@pytest.fixture(scope="session")
def llama(make_model):
    return load_lm(make_model("llama"))


@pytest.fixture
def make_memory(llama):
    """make_memory(lm=..., **settings) -> an EpisodicLM with a small window."""
    return lambda lm=llama, **settings: EpisodicLM(lm, MemoryConfig(**SMALL | settings))


@pytest.fixture(scope="session")
def some_ids():
    """some_ids(n) -> n token ids, the first n of one random sequence in which stretches come back."""
    rng = np.random.default_rng(5)
    ids = rng.integers(3, VOCABULARY, 4000)
    for start in range(100, 3900, 90):
        source = int(rng.integers(0, start - 40))
        ids[start : start + 40] = ids[source : source + 40]
    return lambda n: ids[:n]


@pytest.fixture(scope="session")
def golden_lm():
    """The golden model."""
    if not GOLDEN.exists():
        pytest.skip("golden data are not beside this checkout (../shared/golden)")
    return load_lm(LlamaForCausalLM.from_pretrained(GOLDEN / "model", dtype=torch.float32))


@pytest.fixture(scope="session")
def golden_ids():
    return np.load(GOLDEN / "input_ids.npy").astype(np.int64)


@pytest.fixture(scope="session")
def golden_config():
    """golden_config(segmentation, contiguity) -> the settings of the golden runs."""

    def make(segmentation, contiguity=0.0, **settings):
        common = {
            "n_init": 16, "n_local": 256, "n_mem": 128, "chunk": 128, "min_event": 4, "max_event": 64, "gamma": 1.0,
            "refine_layers": 2, "n_representative": 4, "compat": "reference",
        }  # fmt: skip
        return MemoryConfig(**common | {"segmentation": segmentation, "contiguity": contiguity} | settings)

    return make
