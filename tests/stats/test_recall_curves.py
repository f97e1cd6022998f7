"""Recall curves: trials that can be counted by hand, a loop over steps, and psifr where it is installed."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcog.errors import DataError
from emcog.stats import memory_trials, recall_curves
from emcog.stats import recall as counting
from emcog.stats.resampling import proportion_interval

TRIALS = st.lists(
    st.integers(1, 9).flatmap(
        lambda n: st.tuples(st.just(n), st.lists(st.one_of(st.integers(0, n - 1), st.just(float("nan"))), max_size=10))
    ),
    min_size=1,
    max_size=5,
)


def walk(items, n, max_lag):
    """lags and ranks of one trial, step by step: psifr's rule, a step counts from and to what is still in the pool."""
    left = set(range(n))
    lags, ranks = np.zeros((2, 2 * max_lag + 1), int), np.zeros(2)
    for here, there in pairwise(items):
        if here not in left:
            continue
        left.discard(here)
        if there not in left:
            continue
        possible = [other - here for other in left]
        lag = there - here
        if abs(lag) <= max_lag:
            lags[0, lag + max_lag] += 1
        for other in possible:
            if abs(other) <= max_lag:
                lags[1, other + max_lag] += 1
        others = [o for o in possible if o != lag]
        if others:
            ranks += [np.mean([(abs(o) > abs(lag)) + 0.5 * (abs(o) == abs(lag)) for o in others]), 1]
    return lags, ranks


def table(trials, n_items, subject=None):
    rows = [(f"s{t if subject is None else subject}", str(t), place, item, n_items)
            for t, items in enumerate(trials) for place, item in enumerate(items)]  # fmt: skip
    return pd.DataFrame(rows, columns=["subject", "trial", "order", "item", "n_items"])


def pick(found, variant):
    assert (found.variant == variant).sum() == 1
    return found[found.variant == variant].iloc[0]


@given(TRIALS)
def test_counts_are_those_of_a_walk(trials):
    matrix = counting.as_matrix([items for _, items in trials])
    found = counting.count(matrix, np.array([n for n, _ in trials]), 3)
    for i, (n, items) in enumerate(trials):
        lags, ranks = walk(items, n, 3)
        np.testing.assert_array_equal(found.lags[i], lags)
        np.testing.assert_allclose(found.ranks[i], ranks)


def test_a_trial_counted_by_hand():
    # Five items; 2, 3, 1: the step +1 could have been -2 -1 +1 +2, the step -2 (from 3) -3 -2 +1 (item 4).
    found = recall_curves(table([[2, 3, 1]], 5), max_lag=3, n_null=19)
    expected = {"lag -3": 0, "lag -2": 0.5, "lag -1": 0, "lag +1": 0.5, "lag +2": 0}
    for variant, value in expected.items():
        assert pick(found, variant).estimate == value
    assert np.isnan(pick(found, "lag +3").estimate)  # could never be taken
    # ranks: +1 among (2, 1, 1, 2): two farther, one tied: 2.5 / 3; -2 among (3, 2, 1): 1 / 2
    assert pick(found, "percentile rank").estimate == pytest.approx((2.5 / 3 + 0.5) / 2)
    assert pick(found, "lag 1").estimate == 1  # 1 of 2 forward, 0 of 1 backward
    f, b = 1 / 3, 1 / 4  # +1 +2 and +1 were open ahead, -2 -1 and -3 -2 behind
    assert pick(found, "lags 1 to 3").estimate == pytest.approx((f - b) / (f + b))
    assert [pick(found, f"item {i}").estimate for i in range(5)] == [0, 1, 1, 1, 0]


def test_values_are_means_over_subjects():
    found = recall_curves(table([[0, 1, 2], [0, 2, 1], [0, 1, 2]], 3), max_lag=1, n_null=19)
    assert pick(found, "lag +1").estimate == pytest.approx((1 + 0 + 1) / 3)
    assert pick(found, "lag -1").estimate == 1  # one subject could take it, and did
    assert pick(found, "lag +1").n == 3


def test_recall_forwards_is_told_from_chance():
    rng = np.random.default_rng(0)
    trials = []
    for _ in range(15):  # mostly the next event, now and then any
        items = [int(rng.integers(20))]
        for _ in range(10):
            ahead = items[-1] + 1
            left = [i for i in range(20) if i not in items]
            items.append(ahead if ahead in left and rng.random() < 0.7 else int(rng.choice(left)))
        trials.append(items)
    found = recall_curves(table(trials, 20), n_null=199)
    for variant in ("lag 1", "lags 1 to 5"):
        assert pick(found, variant).p == pytest.approx(0.01)
        assert pick(found, variant).ci_low > 0.3
    assert pick(found, "percentile rank").ci_low > 0.65
    assert pick(found, "lag +1").estimate > 5 * pick(found, "lag -1").estimate
    chance = pick(found, "percentile rank")
    assert chance.null_mean == pytest.approx(0.5, abs=0.05)


def test_a_repeat_breaks_the_chain():
    # Of 0 1 0 2 only the step 0 to 1 is one; of 1, something else, 2 none.
    found = recall_curves(table([[0, 1, 0, 2], [1, float("nan"), 2]], 3), max_lag=2, n_null=19)
    assert (pick(found, "lag +1").estimate, pick(found, "lag +2").estimate) == (1, 0)
    assert np.isnan(pick(found, "lag -1").estimate)  # never possible
    assert pick(found, "item 2").estimate == 1  # recalled all the same


def test_shuffling_keeps_each_trials_items_and_the_places_of_fillers():
    trials = counting.as_matrix([[3, 1, 2], [0], [4, float("nan"), 2, 1], [1, 2, 1, 0, 5]])
    drawn = [counting.shuffled(trials, np.random.default_rng(seed).random(trials.shape)) for seed in range(200)]
    for moved in drawn:
        np.testing.assert_array_equal(np.sort(moved, axis=1), np.sort(trials, axis=1))
        np.testing.assert_array_equal(moved < 0, trials < 0)
    orders = {tuple(moved[0, :3].tolist()): 0 for moved in drawn}
    assert len(orders) == 6  # all of them


def test_the_same_keys_put_trials_in_the_same_order():
    trials = counting.as_matrix([[3, 1, 2], [2, 3], [3, 1, 2]])
    entries = counting.shared(trials, np.array([0, 0, 1]))
    assert len(np.unique(entries)) == 3 + 1 + 3  # items of the first unit, its filler, items of the second
    keys = np.random.default_rng(1).random(entries.max() + 1)[entries]
    first, second, _ = counting.shuffled(trials, keys)
    assert [item for item in first if item in (2, 3)] == second[:2].tolist()


def copied_layers(run, copies=8, steps=20):
    """Memory's trials where every layer of a step recalls the same events in the same random order."""
    rng = np.random.default_rng(run)
    rows = [("memory", f"{step}/{layer}", step, place, float(item), 20 + 2 * step)
            for step in range(steps)
            for items in [rng.permutation(20 + 2 * step)[:8].tolist()]
            for layer in range(copies) for place, item in enumerate(items)]  # fmt: skip
    return pd.DataFrame(rows, columns=["subject", "trial", "unit", "order", "item", "n_items"])


def test_copied_layers_are_no_more_evidence_than_one():
    """Spread of chance: with all layers alike it is that of a single layer, not smaller by the root of their number."""
    for variant in ("percentile rank", "lag 1"):
        many = pick(recall_curves(copied_layers(0), n_null=400), variant)
        one = pick(recall_curves(copied_layers(0, copies=1), n_null=400), variant)
        assert many.estimate == pytest.approx(one.estimate)
        assert many.null_sd == pytest.approx(one.null_sd, rel=0.15)


def test_the_interval_of_one_memorys_asymmetry_is_that_of_a_share():
    rng = np.random.default_rng(4)
    trials = [rng.permutation(8)[:6].tolist() for _ in range(12)]
    found = recall_curves(table(trials, 8, subject="m"), max_lag=2, n_null=9)
    row = found[(found.metric == "forward_asymmetry") & (found.variant == "lags 1 to 2")].iloc[0]
    lags = np.array([walk(items, 8, 2)[0] for items in trials])
    sums = np.stack([lags[:, 0, 3:].sum(1), lags[:, 1, 3:].sum(1), lags[:, 0, :2].sum(1), lags[:, 1, :2].sum(1)], 1)

    def share(total):
        forward, backward = total[0] / total[1], total[2] / total[3]
        return forward / (forward + backward)

    without = np.array([share(sums.sum(0) - one) for one in sums])
    variance = 11 / 12 * np.sum((without - without.mean()) ** 2)
    low, high = proportion_interval(share(sums.sum(0)), variance, 11, sums[:, [0, 2]].sum())
    assert row.estimate == pytest.approx(2 * share(sums.sum(0)) - 1)
    assert (row.ci_low, row.ci_high) == pytest.approx((2 * low - 1, 2 * high - 1))
    forward = recall_curves(table([[1, 2, 3, 4]] * 4, 6, subject="m"), max_lag=1, n_null=9)
    row = forward[forward.metric == "forward_asymmetry"].iloc[0]
    assert row.estimate == row.ci_high == 1 and -1 < row.ci_low < 1  # never back, yet not sure to


def test_random_orders_that_all_layers_share_are_rarely_significant():
    """Binomial: 60 runs of a test at .05 give 8 or fewer in 99.5% of cases; with layers apart it was half of them."""
    hits = {"percentile rank": 0, "lag 1": 0}
    for run in range(60):
        found = recall_curves(copied_layers(run, steps=12), max_lag=2, n_null=99, seed=run)
        for variant in hits:
            hits[variant] += pick(found, variant).p < 0.05
    assert max(hits.values()) <= 8, hits


def test_memory_recalls_are_trials_of_a_step_and_layer():
    recalls = pd.DataFrame(
        {"step": [0, 0, 0, 1, 1, 1], "layer": [0, 0, 1, 0, 0, 0], "event": [2, 0, 1, 4, 3, 5],
         "rank": [1, 0, 0, 0, 0, 1], "score": 0.0, "by": ["similarity"] * 4 + ["contiguity", "similarity"]}
    )  # fmt: skip
    trials = memory_trials(recalls)
    assert trials.groupby("trial", sort=False)["item"].apply(list).to_dict() == {
        "0/0": [0, 2],
        "0/1": [1],
        "1/0": [4, 5],
    }
    assert trials.groupby("trial")["n_items"].first().to_dict() == {"0/0": 3, "0/1": 3, "1/0": 6}
    assert memory_trials(recalls, available={0: 9, 1: 10}).n_items.tolist() == [9, 9, 9, 10, 10]
    assert memory_trials(recalls, by="contiguity")["item"].tolist() == [3]
    found = recall_curves(trials, n_null=19)
    assert (pick(found, "lag +1").estimate, pick(found, "lag +2").estimate) == (0.5, 1.0)
    with pytest.raises(DataError, match="too few"):
        memory_trials(recalls, available={0: 2, 1: 6})
    with pytest.raises(DataError, match="by luck"):
        memory_trials(recalls, by="luck")
    with pytest.raises(DataError, match="layer"):
        memory_trials(recalls.drop(columns="layer"))


def test_what_is_wrong_is_said():
    with pytest.raises(DataError, match="outside 0 to 2"):
        recall_curves(table([[0, 7]], 3))
    with pytest.raises(DataError, match="n_items"):
        recall_curves(table([[0]], 3).drop(columns="n_items"))
    with pytest.raises(DataError, match="no trials"):
        recall_curves(table([[0]], 3).iloc[:0])


def test_lag_crp_is_psifrs():
    fr = pytest.importorskip("psifr.fr", reason="psifr (GPL) is not installed: pip install psifr")
    rng = np.random.default_rng(0)
    # Items 8 and 9 were not in the list: intrusions. Of ten recalls some are said again.
    trials = [rng.integers(0, 10, rng.integers(5, 11)) for _ in range(6)]
    assert any(len(set(own := one[one < 8].tolist())) < len(own) for one in trials) and any(
        (one > 7).any() for one in trials
    )
    study = [{"subject": t, "list": 1, "trial_type": "study", "position": i + 1, "item": str(i)}
             for t in range(6) for i in range(8)]  # fmt: skip
    recall = [{"subject": t, "list": 1, "trial_type": "recall", "position": place + 1, "item": str(item)}
              for t, items in enumerate(trials) for place, item in enumerate(items)]  # fmt: skip
    crp = fr.lag_crp(fr.merge_free_recall(pd.DataFrame(study + recall))).groupby("lag")["prob"].mean()
    ours = [[float("nan") if item > 7 else int(item) for item in one] for one in trials]
    found = recall_curves(table(ours, 8), max_lag=7, n_null=9)
    for lag in [*range(-7, 0), *range(1, 8)]:
        np.testing.assert_allclose(pick(found, f"lag {lag:+d}").estimate, crp[lag])
