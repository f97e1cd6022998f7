"""A text encoded piece by piece gives the ids and spans of the whole, with tokenizers of several kinds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from emcog.lm import LM, encoding, load_lm
from emcog.lm.encoding import encode_in_pieces

STORY = (
    "The carrier found the letter on a Tuesday. “Liverpool,” he read… It was 31 years old!\n\nBy noon she was on the "
    "cart — at last — and   the road ran down to the sea. 😀 Nobody spoke; e\u0301 or é. She said: 漢字漢字漢字. "
)


def _trained(model, trainer, normalizer=None, pre_tokenizer=None):
    tokenizer = Tokenizer(model)
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train_from_iterator([STORY] * 3, trainer)
    return tokenizer


def _kinds():
    special = ["<unk>"]
    metaspace = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    return {
        "byte-level BPE": lambda: load_lm().tokenizer.backend_tokenizer,
        "BPE over the whole text, as Llama 2": lambda: _trained(
            models.BPE(unk_token="<unk>"),
            trainers.BpeTrainer(vocab_size=150, special_tokens=special, show_progress=False),
            normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
        ),
        "unigram with metaspace": lambda: _trained(
            models.Unigram(),
            trainers.UnigramTrainer(vocab_size=120, unk_token="<unk>", special_tokens=special, show_progress=False),
            normalizers.NFKC(),
            metaspace,
        ),
        "word pieces, lower case": lambda: _trained(
            models.WordPiece(unk_token="<unk>"),
            trainers.WordPieceTrainer(vocab_size=150, special_tokens=special, show_progress=False),
            normalizers.BertNormalizer(),
            pre_tokenizers.BertPreTokenizer(),
        ),
    }


@pytest.fixture(scope="module", params=_kinds(), ids=str)
def lm(request):
    tokenizer = _kinds()[request.param]()
    tokenizer.decoder = tokenizer.decoder or decoders.WordPiece()
    return LM(None, PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>"), request.param)


def check(lm, text, piece, overlap):
    whole = lm._encode(text)
    parts = list(encode_in_pieces(lm._encode, text, piece, overlap))
    for i in (0, 1):
        found = np.concatenate([part[i] for part in parts])
        assert found.dtype == np.int64 and found.tolist() == whole[i].tolist()
    return len(parts)


@pytest.mark.parametrize(("piece", "overlap"), [(1000, 300), (333, 257), (50, 200)])
def test_a_story_in_pieces(lm, piece, overlap):
    assert check(lm, STORY * 20, piece, overlap) > 3


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.sampled_from(["a", " ", "  ", "\n", "Liverpool", "😀", "é", "e\u0301", "漢", ".", "\u200b", "9"]),
        max_size=900,
    )
)
def test_any_text_in_pieces(embedded, parts):
    check(embedded, "".join(parts), 100, 120)


def test_pieces_that_never_agree_are_encoded_as_one(embedded):
    text = "a story " * 200
    assert check(embedded, text, 100, 10) == 1  # an overlap of fewer tokens than must agree


def test_encode_gives_the_same_whatever_the_pieces(embedded, monkeypatch):
    whole = embedded.encode(STORY * 10)
    monkeypatch.setattr(encoding, "PIECE", 200)
    monkeypatch.setattr(encoding, "OVERLAP", 200)
    for one, other in zip(embedded.encode(STORY * 10), whole, strict=True):
        assert np.array_equal(one, other)
    assert len(list(embedded.encode_in_pieces(STORY * 10))) > 5
