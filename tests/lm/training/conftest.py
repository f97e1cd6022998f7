"""A corpus of a few made-up books, a vocabulary learnt from it, and settings for a model that trains in a second."""

from pathlib import Path

import numpy as np
import pytest

from emcog.lm.training.settings import TrainSettings
from emcog.lm.training.tokenizer import train_tokenizer
from emcog.lm.training.tokens import open_tokens

WORDS = (
    "the a boat house ran fell over under old grey Anna Tom said went to of and in river hill morning slowly".split()
)


def make_book(seed: int, sentences: int = 400) -> str:
    """A book of random sentences, twenty to a paragraph."""
    rng = np.random.default_rng(seed)
    made = [" ".join(rng.choice(WORDS, 8)).capitalize() + "." for _ in range(sentences)]
    return "\n\n".join(" ".join(made[k : k + 20]) for k in range(0, sentences, 20))


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> list[Path]:
    """Two files of two books each."""
    folder = tmp_path_factory.mktemp("corpus")
    for name, seeds in {"one.txt": (1, 2), "two.txt": (3, 4)}.items():
        (folder / name).write_text("\n\f\n".join(make_book(seed) for seed in seeds), encoding="utf-8")
    return sorted(folder.glob("*.txt"))


@pytest.fixture(scope="session")
def tokenizer():
    """A vocabulary of 600 tokens."""
    return train_tokenizer([make_book(seed) for seed in range(4)], 600)


@pytest.fixture(scope="session")
def store(corpus, tokenizer, tmp_path_factory):
    """The corpus as tokens, in segments of 128."""
    return open_tokens(corpus, tokenizer, tmp_path_factory.mktemp("tokens"), 128)


@pytest.fixture
def settings(tokenizer) -> TrainSettings:
    """A model of two narrow layers and a course of eight steps, half of them with short rows."""
    return TrainSettings(
        tokens=2048, batch_tokens=256, context=128, short_context=64, short_share=0.5, warmup_tokens=256,
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, layers=2, heads=1, kv_heads=1,
        drill_share=0.3, recital_share=0.1, speech_share=0.3,
    )  # fmt: skip
