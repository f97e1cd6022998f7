"""Tiny random models, built from their configs without a network, and an independent reckoning of their signals."""

from functools import cache

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, rel_entr
from scipy.stats import entropy
from transformers import AutoConfig, AutoModelForCausalLM

from emcog.lm import load_lm

VOCABULARY = 101
SIZES = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128, "bos_token_id": 1,
    "eos_token_id": 2, "pad_token_id": 0,
    # Large enough that a token's context decides what is predicted: an error in attention shows.
    "initializer_range": 0.3,
}  # fmt: skip


@pytest.fixture(scope="session")
def make_model():
    """make_model("llama", **config) -> a random causal LM of that architecture, the same for the same config."""

    def make(kind, **config):
        torch.manual_seed(0)
        return AutoModelForCausalLM.from_config(
            AutoConfig.for_model(kind, **SIZES | config), dtype=torch.float32
        ).eval()

    return make


@pytest.fixture(scope="session")
def llama(make_model):
    return make_model("llama")


@pytest.fixture(scope="session")
def gpt2(make_model):
    return make_model("gpt2", n_embd=32, n_layer=2, n_head=4, n_positions=128)


@pytest.fixture(scope="session")
def some_ids():
    """some_ids(n) -> n token ids, the first n of one random sequence."""
    ids = np.random.default_rng(5).integers(3, VOCABULARY, 1000)
    return lambda n: ids[:n]


@pytest.fixture(scope="session")
def signals_of():
    """signals_of(logits, ids) -> the three signals in bits; row i of the logits was given after token i."""

    def reckon(logits, ids):
        nats = log_softmax(np.asarray(logits, dtype=np.float64), axis=-1)
        p = np.exp(nats)
        n = len(ids)
        surprisal, uncertainty, moved = (np.full(n, np.nan) for _ in range(3))
        for t in range(1, n):
            surprisal[t] = -nats[t - 1, ids[t]] / np.log(2)
            uncertainty[t] = entropy(p[t - 1], base=2)
            if t < n - 1:
                moved[t] = rel_entr(p[t], p[t - 1]).sum() / np.log(2)
        return {"surprisal": surprisal, "entropy": uncertainty, "bayesian_surprise": moved}

    return reckon


@pytest.fixture(scope="session")
def plain(signals_of):
    """plain(model, ids) -> the signals by one plain forward pass over the whole text."""

    @torch.no_grad()
    def forward(model, ids):
        return signals_of(model(input_ids=torch.tensor(ids)[None], use_cache=False).logits[0].float(), ids)

    return forward


@pytest.fixture(scope="session")
def assert_same():
    """assert_same(listening, signals, tolerance) : the token table holds these signals, NaN where they are NaN."""

    def check(listening, signals, tolerance=1e-4):
        for name, wanted in signals.items():
            np.testing.assert_allclose(listening.tokens[name], wanted, rtol=0, atol=tolerance, err_msg=name)

    return check


@pytest.fixture(scope="session")
def embedded():
    """The LM that comes with emcog."""
    return load_lm()


@pytest.fixture(scope="session")
def word_tokenizer():
    """word_tokenizer(bos) -> a tokenizer of whole words w0 ... w99; white space is dropped, and so has no offsets."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    @cache
    def make(bos=True):
        words = {"<s>": 0, "<unk>": 1, **{f"w{i}": i + 2 for i in range(VOCABULARY - 2)}}
        inner = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
        inner.pre_tokenizer = pre_tokenizers.Whitespace()
        named = {"unk_token": "<unk>"} | ({"bos_token": "<s>"} if bos else {})
        return PreTrainedTokenizerFast(tokenizer_object=inner, **named)

    return make
