"""A regression's tests against chance: predictors are moved around the story, all else stays."""

from typing import Any

import numpy as np

from emcog.stats.glm import SINGULAR
from emcog.stats.nulls import against


def shift_test(
    x: np.ndarray,
    controls: np.ndarray,
    residual: np.ndarray,
    weight: np.ndarray,
    story: np.ndarray,
    n_null: int,
    seed: int,
) -> dict[str, Any]:
    """Score test of one predictor with a circular-shift null: columns null_mean, null_sd, z, p, n_null.

    The score is sum x' r, where r is what the model without x leaves of each word and x' is x without what the controls
    explain of it; other predictors are controls here. For the null, x' is moved around each story by a random distance
    of its own; its autocorrelation, and that of r, stay.

    Parameters
    ----------
    x : (n_words,). controls : (n_words, k), with ones. residual, weight : (n_words,), summed over observers.
    story : (n_words,), in reading order.

    The p of a regression takes neighbouring words for independent, or words for the only words there are (Clark, 1973);
    this one does neither. Moving the predictor: as for boundaries, see `emcog.stats.nulls`.
    """
    free = _freed(x[:, None], controls, weight)[:, 0]
    rng = np.random.default_rng(seed)
    observed, total = 0.0, np.zeros(n_null)
    for name in dict.fromkeys(story.tolist()):
        there = story == name
        a, r = free[there], residual[there]
        # The score for every distance at once: a circular cross-correlation.
        scores = np.fft.irfft(np.conj(np.fft.rfft(a)) * np.fft.rfft(r), len(a))
        observed += float(a @ r)
        total += scores[rng.integers(0, len(a), n_null)]
    return against(observed, total)


def gain_test(
    x: np.ndarray,
    controls: np.ndarray,
    residual: np.ndarray,
    weight: np.ndarray,
    fold: np.ndarray,
    story: np.ndarray,
    n_rows: int,
    n_null: int,
    seed: int,
) -> dict[str, Any]:
    """Test of the gain of several predictors in held-out log-likelihood, all of them moved together.

    The gain is taken to second order: with U the score and V the information of x' in a fold, and U-, V- those of the
    other folds, a step b = V-^-1 U- is made from the model without x, and says b U - b V b / 2 of the fold. Both the
    gain as it is and those of moved predictors are computed so, for all distances at once.

    Parameters
    ----------
    x : (n_words, k). controls, residual, weight, story : as in `shift_test`, such that U is in nats.
    fold : (n_words,), numbers from 0. n_rows : by which the gain is divided.

    Returns
    -------
    null_model, and null_mean, null_sd (nats a row), z, p and n_null of the gain.
    """
    free = _freed(x, controls, weight)
    k, folds = free.shape[1], int(fold.max()) + 1
    score, information = np.zeros((folds, n_null + 1, k)), np.zeros((folds, n_null + 1, k * k))
    rng = np.random.default_rng(seed)
    for name in dict.fromkeys(story.tolist()):
        there = np.flatnonzero(story == name)
        place = np.r_[0, rng.integers(0, len(there), n_null)]
        a = free[there]
        own, pairs = (np.conj(np.fft.rfft(c, axis=0)) for c in (a, (a[:, :, None] * a[:, None]).reshape(len(a), -1)))
        for f in range(folds):
            inside = fold[there] == f
            for total, moved, held in ((score, own, residual), (information, pairs, weight)):
                found = np.fft.irfft(moved * np.fft.rfft(held[there] * inside)[:, None], len(a), axis=0)
                total[f] += found[place]
    information = information.reshape(folds, n_null + 1, k, k)
    others = np.linalg.pinv(information.sum(0) - information, rcond=SINGULAR, hermitian=True)
    step = np.einsum("fsij,fsj->fsi", others, score.sum(0) - score)
    bend = np.einsum("fsi,fsij,fsj->fs", step, information, step)
    gain = (np.einsum("fsi,fsi->fs", step, score) - bend / 2).sum(0) / n_rows
    return {"null_model": "circular_shift"} | against(float(gain[0]), gain[1:])


def _freed(x: np.ndarray, controls: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The columns of x (n, k) without what the controls explain of them."""
    root = np.sqrt(weight)[:, None]
    return x - controls @ np.linalg.lstsq(controls * root, x * root, rcond=None)[0]
