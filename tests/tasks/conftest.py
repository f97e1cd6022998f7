"""A tiny random model that knows the embedded LM's tokens, and prose to hide facts in."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from emcog.lm import load_lm
from emcog.lm.load import EMBEDDED
from emcog.tasks import Filler


@pytest.fixture(scope="session")
def tiny():
    torch.manual_seed(0)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(EMBEDDED, local_files_only=True)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, initializer_range=0.3, bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    return load_lm(LlamaForCausalLM(config), tokenizer=tokenizer)


@pytest.fixture(scope="session")
def filler(tiny):
    return Filler(tiny)
