"""A tiny random model behind the embedded tokenizer: quick, and it knows nothing, so signals are what they may be."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from emcog.lm import LM, load_lm
from emcog.transcript import Transcript

TEXT = (
    "The carrier found the letter on a Tuesday. “Liverpool,” he read… It was thirty-one years old!\n\n"
    "By noon she was sitting on the cart, and the road ran down to the sea. Nobody spoke. The mare drew up — at last — "
    "by a leaning stone. Uncharacteristically, Hester said nothing. 😀 Was it long ago?\n\n"
    "The next morning the train was cold; an old woman with a goose slept. At Wexmouth the fog had come in. The boy "
    "with the nets knew the house. Sixteen children were saying their tables in the schoolroom. Years before, Ned had "
    "written a letter. On Thursday the cart came home, past six, and the post office was dark.\n"
)


@pytest.fixture(scope="session")
def tiny():
    """A random Llama of two small layers with the embedded model's tokenizer."""
    tokenizer = load_lm().tokenizer
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, initializer_range=0.3,
    )  # fmt: skip
    return LM(LlamaForCausalLM(config).eval(), tokenizer, "tiny")


@pytest.fixture(scope="session")
def story():
    """A hundred words and more in three paragraphs."""
    return Transcript.from_text(TEXT, "letter")
