"""Models with absolute positions: overlapping windows, and at least half of one before every token."""

import logging
from itertools import pairwise

import numpy as np
import pytest
import torch

from emcog.lm import LM, listen, load_lm
from emcog.lm.reading import read_in_chunks


@torch.no_grad()
def by_windows(model, ids, window):
    """Logits after each token, from direct forward passes: window k is [k * half, k * half + window)."""
    half, out = window // 2, {}
    for start in range(0, len(ids), half):
        piece = ids[start : start + window]
        logits = model(torch.tensor(piece)[None], use_cache=False).logits[0].numpy()
        for i in range(len(piece)):
            # The first window that holds a token has the most before it.
            out.setdefault(start + i, (logits[i], i + 1))
    return np.array([out[t][0] for t in range(len(ids))]), np.array([out[t][1] for t in range(len(ids))])


@pytest.mark.parametrize(("n", "window"), [(9, 128), (128, 128), (129, 128), (300, 128), (70, 16), (71, 17), (24, 16)])
def test_equals_direct_passes_over_the_windows(n, window, gpt2, some_ids, signals_of, assert_same):
    ids = some_ids(n)
    logits, context = by_windows(gpt2, ids, window)
    assert (context >= np.minimum(np.arange(1, n + 1), window // 2)).all()
    assert_same(listen(ids, gpt2, n_local=window), signals_of(logits, ids))


def test_every_distribution_is_given_once_and_in_order(gpt2, some_ids):
    chunks = list(read_in_chunks(load_lm(gpt2), some_ids(101), 1, 4, 20, 999))
    assert chunks[0].first == 0 and chunks[0].start == 0
    for before, after in pairwise(chunks):
        assert after.first == before.first + len(before.logits)
        assert after.start == before.start + before.n_tokens
    assert chunks[-1].first + len(chunks[-1].logits) == 102
    assert chunks[-1].start + chunks[-1].n_tokens == 101
    assert max(len(c.logits) for c in chunks) <= 20


def test_a_bos_opens_the_first_window(gpt2, some_ids, word_tokenizer, signals_of, assert_same):
    text = " ".join(f"w{i - 2}" for i in some_ids(60))
    heard = listen(text, LM(gpt2, word_tokenizer(), "tiny"), n_local=16)
    given = [0, *some_ids(60)]
    wanted = signals_of(by_windows(gpt2, given, 16)[0], given)
    assert_same(heard, {name: values[1:] for name, values in wanted.items()})


def test_the_log_says_so(gpt2, some_ids, caplog):
    caplog.set_level(logging.INFO, logger="emcog")
    listen(some_ids(100), gpt2)
    assert "overlap" not in caplog.text  # one window holds it all
    listen(some_ids(200), gpt2)
    assert "windows of 128 tokens that overlap by 64" in caplog.text
