"""The sliding window: against its definition, computed pair by pair; and that it leaves no trace in the model."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from emcog.lm import listen, load_lm
from emcog.lm.attention import attend, merge_far
from emcog.lm.reading import read_in_chunks
from emcog.lm.window import WindowCache


def rotated(x, position, theta=10_000.0):
    """One head (d,) rotated at a position: pairs (i, i + d/2) turned by position / theta^(2i/d) (Su et al. 2021)."""
    half = len(x) // 2
    angle = position * theta ** (-np.arange(half) / half)
    a, b = x[:half], x[half:]
    return np.concatenate([a * np.cos(angle) - b * np.sin(angle), b * np.cos(angle) + a * np.sin(angle)])


def logits_by_definition(model, ids, n_local, n_init):
    """Llama in float64, one query at a time.

    Query i sees key j at its true distance where 0 <= i - j < n_local, and at the distance n_local where j < n_init
    lies further back, all in one softmax.
    """
    w = {name: tensor.detach().double().numpy() for name, tensor in model.state_dict().items()}
    config, n = model.config, len(ids)
    heads, kv_heads, size = config.num_attention_heads, config.num_key_value_heads, config.head_dim

    def norm(x, weight):
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + config.rms_norm_eps) * weight

    x = w["model.embed_tokens.weight"][ids]
    for layer in range(config.num_hidden_layers):
        of = {k.split(f"layers.{layer}.")[1]: v for k, v in w.items() if f"layers.{layer}." in k}
        h = norm(x, of["input_layernorm.weight"])
        q = (h @ of["self_attn.q_proj.weight"].T).reshape(n, heads, size)
        k = (h @ of["self_attn.k_proj.weight"].T).reshape(n, kv_heads, size)
        v = (h @ of["self_attn.v_proj.weight"].T).reshape(n, kv_heads, size)
        out = np.zeros((n, heads, size))
        for i in range(n):
            seen = [j for j in range(i + 1) if i - j < n_local or j < n_init]
            for head in range(heads):
                shared = head * kv_heads // heads
                score = np.array(
                    [rotated(q[i, head], min(i - j, n_local)) @ k[j, shared] / np.sqrt(size) for j in seen]
                )
                weight = np.exp(score - score.max())
                out[i, head] = weight / weight.sum() @ v[seen, shared]
        x = x + out.reshape(n, -1) @ of["self_attn.o_proj.weight"].T
        h = norm(x, of["post_attention_layernorm.weight"])
        gate = h @ of["mlp.gate_proj.weight"].T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ of["mlp.up_proj.weight"].T)) @ of["mlp.down_proj.weight"].T
    return norm(x, w["model.norm.weight"]) @ w["lm_head.weight"].T


@pytest.mark.parametrize(("n_local", "n_init"), [(8, 0), (8, 3), (8, 12), (11, 1), (50, 4)])
def test_equals_its_definition(n_local, n_init, llama, some_ids, signals_of, assert_same):
    ids = some_ids(40)
    wanted = signals_of(logits_by_definition(llama, ids, n_local, n_init), ids)
    for chunk in (1, 5, 64):
        assert_same(listen(ids, llama, n_local=n_local, n_init=n_init, chunk=chunk), wanted)


@pytest.mark.parametrize("n_init", [0, 1, 4, 20])
def test_the_size_of_the_chunks_changes_nothing(n_init, llama, some_ids, assert_same):
    ids, lm = some_ids(250), load_lm(llama)
    whole = listen(ids, lm, n_local=32, n_init=n_init, chunk=250).tokens
    wanted = {name: whole[name].to_numpy() for name in ("surprisal", "entropy", "bayesian_surprise")}
    for chunk in (1, 7, 64) if n_init == 4 else (7, 64):
        assert_same(listen(ids, lm, n_local=32, n_init=n_init, chunk=chunk), wanted)


def test_initial_tokens_stay_in_sight_and_others_leave(llama, some_ids):
    """The two layers look back 2 * (n_local - 1) tokens at most; further back only the initial tokens are seen."""
    ids, lm = some_ids(80), load_lm(llama)

    def last(position, n_init):
        changed = ids.copy()
        changed[position] = 99
        return listen(changed, lm, n_local=8, n_init=n_init)["surprisal"].iloc[-1]

    now = listen(ids, lm, n_local=8, n_init=4)["surprisal"].iloc[-1]
    assert abs(last(2, 4) - now) > 1e-3
    assert last(20, 4) == now
    none = listen(ids, lm, n_local=8, n_init=0)["surprisal"].iloc[-1]
    assert last(2, 0) == none and abs(last(77, 0) - none) > 1e-3


def test_layers_with_a_window_of_their_own_keep_it(make_model, some_ids, plain, assert_same):
    """Where every layer slides by itself, a longer window and initial tokens add nothing, however long the text."""
    model, ids = make_model("mistral", sliding_window=16), some_ids(120)
    for options in ({"n_local": 32, "n_init": 4}, {"n_local": 64, "n_init": 0}):
        assert_same(listen(ids, model, chunk=23, **options), plain(model, ids))


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 6), m=st.integers(1, 9), far=st.integers(1, 5), first=st.integers(-5, 6),
    softcap=st.sampled_from([None, 2.0]), data=st.integers(0, 9999),
)  # fmt: skip
def test_two_parts_attended_are_one_softmax(n, m, far, first, softcap, data):
    rng = np.random.default_rng(data)
    q, k, v, far_k, far_v = (
        torch.tensor(rng.normal(size=(1, heads, length, 8)), dtype=torch.float32)
        for heads, length in [(4, n), (2, m), (2, m), (2, far), (2, far)]
    )
    hidden = torch.tensor(rng.random((n, m)) < 0.4)
    hidden[:, 0] = False
    mask = torch.zeros(n, m).masked_fill_(hidden, -torch.inf)
    out, lse = attend(q, k, v, mask, 0.3, softcap)
    got, total = merge_far(out, lse, q, far_k, far_v, first, 0.3, softcap)

    scores = torch.einsum("hid,hjd->hij", q[0], torch.cat([k, far_k], 2)[0].repeat_interleave(2, 0)) * 0.3
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    unseen = torch.arange(far)[None] > first + torch.arange(n)[:, None]
    scores = scores.masked_fill(torch.cat([hidden, unseen], 1), -torch.inf)
    wanted = scores.softmax(-1) @ torch.cat([v, far_v], 2)[0].repeat_interleave(2, 0)
    torch.testing.assert_close(got[0], wanted, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(lse[0], scores[..., :m].logsumexp(-1), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(total[0], scores.logsumexp(-1), atol=1e-5, rtol=1e-5)


class Witness:
    """Everything of a model and of transformers that listening might leave changed."""

    def __init__(self, model):
        self.model = model
        self.seen = self.look()

    def look(self):
        decoder = self.model.get_decoder()
        rotary = decoder.rotary_emb
        return (
            decoder.config._attn_implementation, self.model.config._attn_implementation, id(rotary),
            {name: tensor.tolist() for name, tensor in rotary.named_buffers()},
            {k: v for k, v in vars(rotary).items() if isinstance(v, int | float | str | bool)},
            [id(m) for m in self.model.modules()], self.model.training,
            dict(ALL_ATTENTION_FUNCTIONS._global_mapping), dict(ALL_ATTENTION_FUNCTIONS._local_mapping),
            sorted(ALL_ATTENTION_FUNCTIONS.valid_keys()), sorted(ALL_MASK_ATTENTION_FUNCTIONS.valid_keys()),
            dict(ALL_MASK_ATTENTION_FUNCTIONS._local_mapping), torch.is_inference_mode_enabled(),
        )  # fmt: skip

    def unchanged(self):
        return self.look() == self.seen


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_the_model_is_afterwards_as_it_was(implementation, make_model, some_ids):
    model = make_model("llama", rope_parameters={"rope_type": "dynamic", "factor": 4.0, "rope_theta": 1e4})
    model.set_attn_implementation(implementation)
    witness = Witness(model)
    listen(some_ids(300), model, n_local=200, chunk=150)  # both longer than the model was made for
    assert witness.unchanged()


@pytest.mark.parametrize("layer", [0, 1])
def test_an_error_in_the_middle_leaves_the_model_as_it_was(layer, llama, some_ids, plain, assert_same):
    lm, ids, witness = load_lm(llama), some_ids(90), Witness(llama)

    def fail(*_):
        raise KeyboardInterrupt

    listen(ids[:8], lm)
    hook = llama.model.layers[layer].mlp.register_forward_hook(fail)
    try:
        with pytest.raises(KeyboardInterrupt):
            listen(ids, lm)
    finally:
        hook.remove()
    assert witness.unchanged()
    with pytest.raises(ZeroDivisionError):
        listen(ids, lm, on_keys=lambda *_: 1 / 0)
    assert witness.unchanged()
    assert_same(listen(ids, lm), plain(llama, ids))


def test_a_reading_left_half_way_leaves_the_model_as_it_was(llama, some_ids, plain, assert_same):
    lm, ids, witness = load_lm(llama), some_ids(90), Witness(llama)
    reading = read_in_chunks(lm, ids, None, 4, 32, 16)
    next(reading)
    assert witness.unchanged()  # even while the reading is still open
    assert_same(listen(ids, lm), plain(llama, ids))
    second = next(reading)  # and it goes on where it was
    reading.close()
    assert (second.start, second.n_tokens) == (16, 16)
    again = read_in_chunks(lm, ids, None, 4, 32, 16)
    next(again)
    assert torch.equal(next(again).logits, second.logits)
    assert witness.unchanged()


def test_memory_holds_a_window_and_no_more(llama, some_ids, monkeypatch):
    rows, caches = [], []
    make = WindowCache.__init__

    def remember(cache, *args):
        make(cache, *args)
        caches.append(cache)

    monkeypatch.setattr(WindowCache, "__init__", remember)
    hook = llama.lm_head.register_forward_hook(lambda _, __, out: rows.append(out.shape[1]))
    try:
        lm = load_lm(llama)
        rows.clear()
        listen(some_ids(700), lm, n_local=40, n_init=6, chunk=50)
    finally:
        hook.remove()
    assert max(rows) == 50 and sum(rows) >= 700
    cache = caches[-1]
    assert cache.seen == 700
    for layer in range(2):
        for tensor, size, held in [(x, 39, 89) for x in cache.local[layer]] + [(x, 6, 50) for x in cache.init[layer]]:
            assert tensor.shape[2] == size
            # The storage behind it, too: a view would keep all that it was cut from.
            assert tensor.untyped_storage().nbytes() <= held * 2 * 8 * 4
