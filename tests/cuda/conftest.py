"""Everything here needs a CUDA device, and is left out with that reason where there is none."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from emcog.lm import load_lm

STORY = Path(__file__).parents[2] / "datasets" / "demo" / "late_letter.txt"


def pytest_collection_modifyitems(items):
    if torch.cuda.is_available():
        return
    here = Path(__file__).parent
    for item in items:
        if here in Path(item.path).parents:
            item.add_marker(pytest.mark.skip(reason="no CUDA device on this machine"))


@pytest.fixture(scope="session")
def story():
    return STORY.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def embedded():
    """embedded(device, dtype) -> the embedded LM there."""
    found = {}

    def load(device="cuda", dtype="float32"):
        if (device, dtype) not in found:
            found[device, dtype] = load_lm(None, device=device, dtype=dtype)
        return found[device, dtype]

    return load


@pytest.fixture(scope="session")
def tiny():
    """tiny(device, dtype, kind="llama", **config) -> a random causal LM of 101 tokens, the same numbers everywhere."""

    def make(device="cuda", dtype=torch.float32, kind="llama", **config):
        torch.manual_seed(0)
        sizes = {
            "vocab_size": 101, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256, "bos_token_id": 1,
            "eos_token_id": 2, "pad_token_id": 0, "initializer_range": 0.2,
        }  # fmt: skip
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **sizes | config), dtype=torch.float32)
        return load_lm(model.to(device=device, dtype=dtype).eval())

    return make


@pytest.fixture(scope="session")
def some_ids():
    """some_ids(n) -> n token ids in which stretches come back."""
    rng = np.random.default_rng(5)
    ids = rng.integers(3, 101, 20_000)
    for start in range(100, 19_900, 90):
        source = int(rng.integers(0, start - 40))
        ids[start : start + 40] = ids[source : source + 40]
    return lambda n: ids[:n]
