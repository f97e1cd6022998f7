"""The n-gram model that the embedded LM is compared with."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcog.lm.training.kneser_ney import KneserNey, _discounts


def slow_probability(text, context, token, vocabulary, order, discounts):
    """Modified Kneser-Ney by dictionaries and recursion, straight from Chen & Goodman's equations."""
    grams = {k: Counter(tuple(text[i : i + k]) for i in range(len(text) - k + 1)) for k in range(1, order + 1)}

    def counts(k):
        if k == order:
            return grams[k]
        before = defaultdict(set)
        for gram in grams[k + 1]:
            before[gram[1:]].add(gram[0])
        return {gram: len(tokens) for gram, tokens in before.items()}

    def p(context):
        k = len(context) + 1
        lower = 1 / vocabulary if k == 1 else p(context[1:])
        here = {gram[-1]: c for gram, c in counts(k).items() if gram[:-1] == context}
        if not here:
            return lower
        total, taken = sum(here.values()), {t: discounts[min(c, 3) - 1] for t, c in here.items()}
        own = max(here.get(token, 0) - taken.get(token, 0), 0)
        return own / total + sum(taken.values()) / total * lower

    return p(tuple(context[max(0, len(context) - order + 1) :]))


@given(st.lists(st.integers(0, 4), min_size=6, max_size=60), st.lists(st.integers(0, 4), min_size=1, max_size=12),
       st.integers(1, 4))  # fmt: skip
def test_equals_the_equations_worked_out_slowly(text, new, order):
    discounts = (0.4, 0.7, 0.9)
    got = KneserNey(np.array(text), 5, order, discounts).surprisal(np.array(new))
    for place, bits in enumerate(got):
        slow = slow_probability(text, new[:place], new[place], 5, order, discounts)
        assert 2.0**-bits == pytest.approx(slow, abs=1e-12)


@given(st.lists(st.integers(0, 6), min_size=30, max_size=80), st.lists(st.integers(0, 6), min_size=4, max_size=4))
def test_the_next_tokens_probabilities_sum_to_one(text, context):
    model = KneserNey(np.array(text), 7)
    p = [2.0 ** -model.surprisal(np.array([*context, token]), [4])[0] for token in range(7)]
    assert sum(p) == pytest.approx(1, abs=1e-9)


def test_discounts_by_hand():
    # 4 n-grams counted once, 3 twice, 2 three times, 1 four times: Y = 4 / (4 + 6) = 0.4.
    counts = np.array([1, 1, 1, 1, 2, 2, 2, 3, 3, 4.0])
    assert _discounts(counts) == pytest.approx((1 - 2 * 0.4 * 3 / 4, 2 - 3 * 0.4 * 2 / 3, 3 - 4 * 0.4 * 1 / 2))


def test_a_text_that_was_learnt_is_expected_and_scored_places_can_be_chosen():
    text = np.tile(np.arange(20), 30)
    model = KneserNey(text, 50)
    bits = model.surprisal(text[:100])
    assert bits[10:].max() < 0.5
    assert np.array_equal(model.surprisal(text[:100], np.array([7, 60])), bits[[7, 60]])
    assert model.surprisal(np.array([3, 4, 5, 44]), [3])[0] > 5
