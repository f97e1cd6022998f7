"""listen(): what is measured of which token, and what comes back in which table."""

import numpy as np
import pytest
import torch

from emcog.errors import DataError, EmcogError, ModelError, OptionError, TranscriptError
from emcog.lm import LM, listen, load_lm, word_table
from emcog.transcript import Transcript

SIGNALS = ["surprisal", "entropy", "bayesian_surprise"]
COLUMNS = ["token_id", "text", "char_start", "char_end", "word_index", *SIGNALS]
STORY = "  w3 w5 w7\nw9   w11w13 w2. w4 "


@pytest.fixture(scope="module")
def lm(llama, word_tokenizer):
    return load_lm(llama, tokenizer=word_tokenizer())


@pytest.mark.parametrize("bos", [True, False])
@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_the_first_token_is_scored_from_the_bos_where_there_is_one(
    kind, bos, request, word_tokenizer, plain, assert_same
):
    model, tokenizer = request.getfixturevalue(kind), word_tokenizer(bos)
    heard = listen(STORY, LM(model, tokenizer, "tiny"))
    ids = heard["token_id"].to_numpy()
    assert 0 not in ids  # what is put in front is not counted
    if bos:
        assert_same(heard, {name: values[1:] for name, values in plain(model, [0, *ids]).items()})
        assert heard.tokens[["surprisal", "entropy"]].notna().all(axis=None)
    else:
        assert_same(heard, plain(model, ids))
        assert heard.tokens.loc[0, SIGNALS].isna().all()


def test_ids_are_read_as_they_are(lm, llama, some_ids, plain, assert_same):
    ids = some_ids(40)
    heard = listen(ids, lm)
    assert_same(heard, plain(llama, ids))
    assert heard["token_id"].tolist() == ids.tolist()
    assert heard.tokens.loc[0, SIGNALS].isna().all()
    assert (heard["word_index"] == -1).all() and (heard["text"] == "").all() and heard.words.empty
    for same in (ids.tolist(), torch.tensor(ids), torch.tensor(ids)[None], ids.astype(np.int32)):
        assert listen(same, lm).tokens.equals(heard.tokens)


def test_bayesian_surprise_needs_a_token_to_come(lm):
    values = listen(STORY, lm)["bayesian_surprise"]
    assert values[:-1].notna().all() and np.isnan(values.iloc[-1])


@pytest.mark.parametrize("chunk", [1, 2, 512])
def test_a_text_of_one_token(lm, llama, plain, chunk):
    token = listen("w5", lm, chunk=chunk).tokens.iloc[0]
    wanted = plain(llama, [0, 7])
    assert token["surprisal"] == pytest.approx(wanted["surprisal"][1], abs=1e-4)
    assert token["entropy"] == pytest.approx(wanted["entropy"][1], abs=1e-4)
    assert np.isnan(token["bayesian_surprise"])
    alone = listen([7], lm, chunk=chunk)
    assert len(alone) == 1 and alone.tokens[SIGNALS].isna().all(axis=None)


def test_the_table_of_tokens(lm):
    heard = listen(STORY, lm)
    assert list(heard.tokens) == COLUMNS
    assert heard.tokens.dtypes[["token_id", "char_start", "char_end", "word_index"]].eq("int64").all()
    assert heard.tokens.dtypes[SIGNALS].eq("float64").all()
    assert "".join(heard["text"]) == STORY
    assert heard["text"].tolist() == ["  w3", " w5", " w7", "\nw9", "   w11w13", " w2", ".", " w4 "]
    assert heard["word_index"].tolist() == [0, 1, 2, 3, 4, 5, 5, 6]


def test_the_table_of_words(lm):
    heard = listen(Transcript.from_text(STORY), lm)
    tokens, words = heard.tokens, heard.words
    assert words["word"].tolist() == STORY.split()
    assert words["n_tokens"].tolist() == [1, 1, 1, 1, 1, 2, 1]
    assert words["surprisal"][5] == pytest.approx(tokens["surprisal"][5] + tokens["surprisal"][6])
    assert words["bayesian_surprise"][5] == pytest.approx(tokens["bayesian_surprise"][5:7].sum())
    assert words["entropy"][5] == tokens["entropy"][5]
    assert words["surprisal"].sum() == pytest.approx(tokens["surprisal"].sum())
    assert np.isnan(words["bayesian_surprise"][6])  # of its last token nothing is known


def test_a_word_without_a_token_of_its_own(lm):
    transcript = Transcript.from_text("w1 w2 w3")
    tokens = listen(transcript, lm).tokens.iloc[[0, 2]].reset_index(drop=True)  # as if "w1 w2" were one token
    words = word_table(transcript, tokens)
    assert words["n_tokens"].tolist() == [1, 0, 1]
    assert words.loc[1, SIGNALS].isna().all()
    assert words.loc[[0, 2], "entropy"].tolist() == tokens["entropy"].tolist()


@pytest.mark.parametrize("chunk", [1, 7, 40, 512])
def test_keys_are_unrotated_and_in_order(lm, llama, some_ids, chunk):
    ids, heard = some_ids(40), {}
    pushed = []

    def on_keys(start, keys, signals):
        pushed.append((start, keys, signals))

    listening = listen(ids, lm, chunk=chunk, on_keys=on_keys)
    assert [start for start, _, _ in pushed] == list(range(0, 40, chunk))
    keys = torch.cat([keys for _, keys, _ in pushed], dim=2)
    assert keys.shape == (2, 2, 40, 8)
    # The first layer's keys depend on the token alone, as they do only before rotation.
    layer = llama.model.layers[0]
    with torch.no_grad():
        wanted = layer.self_attn.k_proj(layer.input_layernorm(llama.model.embed_tokens(torch.tensor(ids))))
    torch.testing.assert_close(keys[0], wanted.view(40, 2, 8).transpose(0, 1), atol=1e-5, rtol=1e-4)
    for name in SIGNALS:
        heard = np.concatenate([signals[name] for _, _, signals in pushed])
        np.testing.assert_array_equal(heard, listening[name])


@pytest.mark.parametrize("chunk", [1, 3, 512])
def test_the_bos_has_no_key(lm, chunk):
    pushed = []
    heard = listen(STORY, lm, chunk=chunk, on_keys=lambda start, keys, _: pushed.append((start, keys.shape[2])))
    assert sum(count for _, count in pushed) == len(heard)
    assert [start for start, _ in pushed] == np.cumsum([0, *(count for _, count in pushed)])[:-1].tolist()


def test_keys_of_a_model_without_rotary_positions_are_refused(gpt2):
    with pytest.raises(ModelError, match="rotary positions"):
        listen([5, 6, 7], gpt2, on_keys=lambda *_: None)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_progress_ends_at_the_number_of_tokens(kind, request, some_ids):
    told = []
    listen(some_ids(300), request.getfixturevalue(kind), n_local=64, progress=lambda *x: told.append(x))
    done = [a for a, _ in told]
    assert done == sorted(done) and told[-1] == (300, 300) and {b for _, b in told} == {300}


def test_listening_twice_gives_the_same_bits(lm):
    assert listen(STORY, lm, chunk=3).tokens.equals(listen(STORY, lm, chunk=3).tokens)


def test_provenance_names_model_and_settings(lm):
    told = listen(STORY, lm, n_local=32, n_init=2, chunk=5).provenance
    assert told["listen"] == {"n_local": 32, "n_init": 2, "chunk": 5}
    assert told["model"] == {"name": "LlamaForCausalLM", "weights": lm.weight_hash, "dtype": "float32"}


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ([], DataError, "token ids"),
        ([0.5, 1.0], DataError, "token ids"),
        ([[1, 2], [3, 4]], DataError, "token ids"),
        ([5, 101], DataError, "0..100"),
        ([-1, 5], DataError, "0..100"),
        ("", TranscriptError, "no words"),
        (" \n", TranscriptError, "no words"),
    ],
)
def test_what_cannot_be_listened_to(lm, given, error, said):
    with pytest.raises(error, match=said) as caught:
        listen(given, lm)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("option", [{"n_local": 0}, {"n_local": 2.5}, {"n_init": -1}, {"chunk": 0}, {"chunk": "many"}])
def test_wrong_options_are_named(lm, option):
    with pytest.raises(OptionError, match=next(iter(option))):
        listen([5, 6], lm, **option)


def test_a_text_needs_a_tokenizer(llama):
    with pytest.raises(EmcogError, match="has no tokenizer"):
        listen("w1 w2", load_lm(llama))
