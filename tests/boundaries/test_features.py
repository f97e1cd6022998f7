"""The signal of any series: distance from a running prediction, against one computed row by row."""

import numpy as np
import pytest
import torch

from emcog.boundaries.features import running_prediction_distance
from emcog.errors import DataError, OptionError

ROWS = np.random.default_rng(0).normal(size=(40, 5)) + 100


def distance(row, expected, kind):
    if kind == "euclidean":
        return np.linalg.norm(row - expected)
    if kind == "correlation":
        return 1 - np.corrcoef(row, expected)[0, 1]
    return 1 - row @ expected / np.linalg.norm(row) / np.linalg.norm(expected)


@pytest.mark.parametrize("kind", ["euclidean", "cosine", "correlation"])
@pytest.mark.parametrize("prediction", ["exponential", "window"])
def test_equal_to_the_definition_row_by_row(kind, prediction):
    found = running_prediction_distance(ROWS, prediction, half_life=3, window=7, distance=kind)
    assert np.isnan(found[0])
    for t in range(1, len(ROWS)):
        before = ROWS[:t][::-1]
        weights = 0.5 ** (np.arange(t) / 3) if prediction == "exponential" else (np.arange(t) < 7).astype(float)
        expected = np.average(before, axis=0, weights=weights)
        assert found[t] == pytest.approx(distance(ROWS[t], expected, kind), rel=1e-9, abs=1e-10)


def test_a_jump_stands_out_at_its_first_row():
    rows = np.concatenate([np.zeros((20, 3)), np.ones((20, 3))]) + 0.01 * np.random.default_rng(1).normal(size=(40, 3))
    assert int(np.nanargmax(running_prediction_distance(rows))) == 20


def test_tensors_one_feature_and_one_row():
    tensor = torch.tensor(ROWS, dtype=torch.float32)
    np.testing.assert_allclose(running_prediction_distance(tensor), running_prediction_distance(ROWS), rtol=1e-4)
    assert running_prediction_distance([1.0, 1.0, 4.0]).shape == (3,)
    assert np.isnan(running_prediction_distance([[1.0, 2.0]])).all()
    assert np.isnan(running_prediction_distance([[0.0, 0.0], [1.0, 1.0]], distance="cosine")[1])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: running_prediction_distance(np.zeros((0, 3))), DataError, "not empty"),
        (lambda: running_prediction_distance([[1.0], [np.nan]]), DataError, "row 1"),
        (lambda: running_prediction_distance([["a"]]), DataError, "numbers"),
        (lambda: running_prediction_distance(ROWS, "linear"), OptionError, "exponential, window"),
        (lambda: running_prediction_distance(ROWS, half_life=0), OptionError, "half_life"),
        (lambda: running_prediction_distance(ROWS, "window", window=0), OptionError, "window"),
        (lambda: running_prediction_distance(ROWS, distance="manhattan"), OptionError, "correlation"),
    ],
)
def test_errors_say_what_is_wrong(call, error, words):
    with pytest.raises(error, match=words):
        call()
