"""Tokens and the characters they stand for: the spans of any text tile it, in the embedded tokenizer above all."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emcog.errors import ModelError
from emcog.lm import LM

EXOTIC = "é\u0301\u0308😀👩\u200d👩\u200d👧🏽\ufe0f“”‘’—–…\u200b\u2060\ufeff\u00a0\u00ad\u0378漢字ß\r\n\t ﬁİǅ\U0010ffff"
texts = st.text(st.one_of(st.sampled_from(EXOTIC), st.characters(codec="utf-8"), st.sampled_from("abc ,.")), min_size=1)


def check(lm, text):
    ids, start, end = lm.encode(text)
    assert len(ids) == len(start) == len(end) and ids.dtype == start.dtype == end.dtype == np.int64
    assert start[0] == 0 and end[-1] == len(text)
    assert (start[1:] == end[:-1]).all() and (end >= start).all()
    assert "".join(text[a:b] for a, b in zip(start, end, strict=True)) == text
    return ids, start, end


@settings(max_examples=200)
@given(texts)
def test_spans_tile_any_text(embedded, text):
    try:
        check(embedded, text)
    except ModelError:
        assert all(unicodedata.category(c) == "Cf" for c in text)  # nothing but marks that are not seen


def test_a_text_of_nothing_to_be_seen_has_no_tokens(embedded):
    with pytest.raises(ModelError, match="no token"):
        embedded.encode("\u200b\u200b")


@pytest.mark.parametrize(
    "text",
    [
        "", "a", " ", "\n", "  leading", "trailing  \n\n", "one\r\ntwo\r\n\r\nthree", "\u200bzero\u200b width\u200b",
        "😀", "漢字漢字", "e\u0301te\u0301", "👩\u200d👩\u200d👧🏽", "\ufeffBOM", "a\u00a0b", "“Hm…” — ‘no’",
        "\U0010ffff", "x" * 3000, "i\u0307İ",
    ],
)  # fmt: skip
def test_spans_tile_these(embedded, text):
    if not text:
        with pytest.raises(ModelError, match="no token"):
            embedded.encode(text)
        return
    ids, _, _ = check(embedded, text)
    assert (ids >= 0).all() and ids.max() < embedded.model.config.vocab_size


def test_a_split_character_belongs_to_its_first_token(embedded):
    ids, start, end = check(embedded, "a😀b")
    inside = np.flatnonzero(start == 1)[0]
    assert (start[inside], end[inside]) == (1, 2)
    following = (start >= 2) & (end == 2)
    assert following.sum() == len(ids) - 3  # the rest of the emoji's bytes: nothing is left for them
    assert following.any()


@pytest.mark.parametrize(
    ("typographic", "plain"),
    [
        ("“I don’t,” she said.", '"I don\'t," she said.'),
        ("‘Hush’", "'Hush'"),
        ("wait… no", "wait... no"),
        ("I — who — wept", "I -- who -- wept"),
    ],
)
def test_typography_is_no_surprise(embedded, typographic, plain):
    (curly, _, end), (straight, _, _) = embedded.encode(typographic), embedded.encode(plain)
    assert curly.tolist() == straight.tolist()
    assert end[-1] == len(typographic)


def test_a_curly_quote_keeps_its_place(embedded):
    text = "He said “go” to ’em."
    _, start, end = check(embedded, text)
    _, straight_start, straight_end = check(embedded, text.replace("“", '"').replace("”", '"').replace("’", "'"))
    assert start.tolist() == straight_start.tolist() and end.tolist() == straight_end.tolist()


def test_a_special_token_s_name_is_text(embedded):
    special = embedded.tokenizer.all_special_tokens
    assert special
    ids, _, _ = check(embedded, f"He wrote {' and '.join(special)} there.")
    assert not set(ids) & set(embedded.tokenizer.all_special_ids)


def test_white_space_that_a_tokenizer_drops_goes_with_the_token_after_it(llama, word_tokenizer):
    lm = LM(llama, word_tokenizer(), "words")
    text = "  w1\n\nw2 , w3  "
    _, start, end = check(lm, text)
    assert [text[a:b] for a, b in zip(start, end, strict=True)] == ["  w1", "\n\nw2", " ,", " w3  "]
    with pytest.raises(ModelError, match="no token"):
        lm.encode("   ")


def test_a_long_text_is_encoded_whole_and_without_a_warning(embedded, caplog, recwarn):
    text = "The carrier went down the road. " * 800
    ids, _, _ = check(embedded, text)
    assert len(ids) > embedded.limit
    assert not recwarn.list and not caplog.records


def test_offsets_that_overlap_or_go_back_still_tile(llama):
    """Some tokenizers count a prefix of their own, or give (0, 0) to a token that stands for no character."""

    class Odd:
        is_fast, bos_token_id = True, None

        def __call__(self, text, **options):
            return {"input_ids": [5, 6, 7, 8], "offset_mapping": [(0, 3), (2, 5), (0, 0), (4, 99)]}

    _, start, end = check(LM(llama, Odd(), "odd"), "abcdefgh")
    assert (start.tolist(), end.tolist()) == ([0, 3, 5, 5], [3, 5, 5, 8])
