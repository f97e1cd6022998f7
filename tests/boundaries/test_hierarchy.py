"""Nested segmentations: every coarse boundary is a fine one, and every event knows the one that holds it."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emcog.boundaries.hierarchy import hierarchy
from emcog.errors import OptionError
from emcog.graph import modularity

NESTED = np.kron(np.eye(2), np.ones((6, 6))) + np.kron(np.eye(4), np.ones((3, 3))) + 0.1


def check(result):
    """What makes it a hierarchy, whatever the levels are."""
    table = result.table()
    for level in range(1, len(result.levels)):
        fine, coarse = table[table.level == level], table[table.level == level - 1].set_index("event")
        assert set(coarse.start_token) <= set(fine.start_token)
        holder = coarse.loc[fine.parent]
        assert (holder.start_token.to_numpy() <= fine.start_token.to_numpy()).all()
        assert (holder.end_token.to_numpy() >= fine.end_token.to_numpy()).all()
    assert (table[table.level == 0].parent == -1).all()
    assert (table.groupby("level").n_tokens.sum() == result.n).all()
    assert (table.n_tokens == table.end_token - table.start_token).all()
    assert (table.dtypes == "int64").all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 12), data=st.data())
def test_levels_nest_and_each_keeps_the_best_of_the_finer_boundaries(seed, n, data):
    rng = np.random.default_rng(seed)
    weights = rng.random((n, n))
    weights = weights + weights.T
    finest = np.flatnonzero(np.append(True, rng.random(n - 1) < 0.6))
    levels = sorted(data.draw(st.sets(st.integers(1, len(finest)), min_size=1, max_size=4)))
    result = hierarchy(weights, levels, finest)
    check(result)
    assert [len(starts) for starts in result.levels] == levels
    finer = finest
    for starts in reversed(result.levels):
        choices = [[0, *inner] for inner in combinations(finer[1:].tolist(), len(starts) - 1)]
        best = max(modularity(weights, choice) for choice in choices)
        assert modularity(weights, starts) == pytest.approx(best, abs=1e-9)
        finer = starts


def test_without_boundaries_the_finest_level_is_the_optimum():
    result = hierarchy(NESTED, [1, 2, 4])
    assert [starts.tolist() for starts in result.levels] == [[0], [0, 6], [0, 3, 6, 9]]
    assert [parents.tolist() for parents in result.parents] == [[-1], [0, 0], [0, 0, 1, 1]]
    check(result)


def test_every_event_knows_who_holds_it():
    columns = hierarchy(NESTED, [1, 2, 4]).holders()
    assert {name: values.tolist() for name, values in columns.items()} == {
        "level_0": [0, 0, 0, 0],
        "level_1": [0, 0, 1, 1],
        "parent": [0, 0, 1, 1],
    }
    assert [values.tolist() for values in hierarchy(NESTED, [2]).holders().values()] == [[-1, -1]]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: hierarchy(NESTED, []), "coarse to fine"),
        (lambda: hierarchy(NESTED, [4, 2]), "coarse to fine"),
        (lambda: hierarchy(NESTED, [0, 2]), "levels must be a whole number at least 1"),
        (lambda: hierarchy(NESTED, [2.5, 4]), "levels must be a whole number"),
        (lambda: hierarchy(NESTED, [2, 13]), "12 places"),
        (lambda: hierarchy(NESTED, [2, 4], [0, 3, 6]), "the finest segmentation has 3"),
    ],
)
def test_errors_say_what_is_wrong(call, words):
    with pytest.raises(OptionError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
