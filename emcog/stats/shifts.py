"""A regression's tests against chance: predictors are moved around the story, all else stays.

Wherever a predictor is moved to, the controls are taken out of it anew and what is left is scaled: moved, it goes along
with them by accident, which where it is it cannot any more. Without that the p of slow signals would be too small, and
those beside controls that depend on the outcome too large.
"""

from collections.abc import Iterator
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

    The statistic is U / sqrt(V): U = sum x'' r, where r is what the controls leave of each word's residual, x'' is x
    without what they explain of it (other predictors are controls here), and V = sum w x''^2. For the null, x' (which
    is x'' where x is) is moved around each story by a random distance of its own, and x'' is what the controls leave of
    it there; its autocorrelation, and that of r, stay.

    Parameters
    ----------
    x : (n_words,). controls : (n_words, k), with ones. residual, weight : (n_words,), summed over observers.
    story : (n_words,), in reading order.

    The p of a regression takes neighbouring words for independent, or words for the only words there are (Clark, 1973);
    this one does neither. Moving the predictor: as for boundaries, see `emcog.stats.nulls`. Scaling it: Winkler et al.
    (2014), on statistics whose distribution does not depend on nuisance columns.
    """
    x, kept, residual = _freed(x[:, None], controls, residual, weight)
    x = x[:, 0]
    score, square, shared = np.zeros(n_null + 1), np.zeros(n_null + 1), np.zeros((n_null + 1, kept.shape[1]))
    for there, place in _distances(story, n_null, seed):
        score += _moved(x[there], residual[there])[place]
        square += _moved(x[there] ** 2, weight[there])[place]
        shared += _moved(x[there, None], kept[there] * weight[there, None])[place]
    left = square - (shared**2).sum(1)
    scaled = score / np.sqrt(np.where(left > SINGULAR * square[0], left, np.nan))
    return against(float(scaled[0]), scaled[1:])


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

    The gain is taken to second order: with U the score and V the information of controls and predictors in a fold, and
    U-, V- those of the other folds, a step b = V-^-1 U- is made from the model of the controls, and says
    b U - b V b / 2 of the fold; of that is taken what the controls alone say. Both the gain as it is and those of moved
    predictors are computed so, for all distances at once.

    Parameters
    ----------
    x : (n_words, k). controls, residual, weight, story : as in `shift_test`, such that U is in nats.
    fold : (n_words,), numbers from 0. n_rows : by which the gain is divided.

    Returns
    -------
    null_model, and null_mean, null_sd (nats a row), z, p and n_null of the gain.
    """
    x, kept, residual = _freed(x, controls, residual, weight)
    (k, c), folds = (x.shape[1], kept.shape[1]), int(fold.max()) + 1
    pairs = (x[:, :, None] * x[:, None]).reshape(len(x), -1)
    score, own = np.zeros((folds, n_null + 1, k)), np.zeros((folds, n_null + 1, k * k))
    shared = np.zeros((folds, n_null + 1, k * c))
    for there, place in _distances(story, n_null, seed):
        for f in range(folds):
            inside = (fold[there] == f)[:, None]
            held, weighed = residual[there, None] * inside, weight[there, None] * inside
            score[f] += _moved(x[there], held)[place]
            own[f] += _moved(pairs[there], weighed)[place]
            for i in range(k):
                shared[f, :, i * c : (i + 1) * c] += _moved(x[there, i, None], kept[there] * weighed)[place]
    own, shared = own.reshape(folds, -1, k, k), shared.reshape(folds, -1, k, c)
    parts = [kept[fold == f] for f in range(folds)]
    base = np.array([part.T @ residual[fold == f] for f, part in enumerate(parts)])
    among = np.array([part.T @ (part * weight[fold == f, None]) for f, part in enumerate(parts)])
    gain = np.zeros(n_null + 1)
    for f in range(folds):
        train = [total.sum(0) - total[f] for total in (score, own, shared, base, among)]
        gain += _said(train, [total[f] for total in (score, own, shared, base, among)])
    gain /= n_rows
    return {"null_model": "circular_shift"} | against(float(gain[0]), gain[1:])


def _said(train: list[np.ndarray], held: list[np.ndarray]) -> np.ndarray:
    """What a step fitted to `train` says of `held` beyond one of the controls alone, for each place. (n,).

    Both are scores of predictors (n, k), their information (n, k, k), that shared with controls (n, k, c), and the
    controls' score (c,) and information (c, c).
    """
    score, own, shared, base, among = train
    inverse = _inverse(among)
    alone = inverse @ base
    through = shared @ inverse
    step = np.einsum("sij,sj->si", _inverse(own - through @ shared.transpose(0, 2, 1)), score - shared @ alone)
    rest = alone - np.einsum("sic,si->sc", through, step)
    score, own, shared, base, among = held
    full = np.einsum("si,si->s", score, step) + rest @ base
    full -= np.einsum("si,sij,sj->s", step, own, step) / 2
    full -= np.einsum("si,sic,sc->s", step, shared, rest) + np.einsum("sc,cd,sd->s", rest, among, rest) / 2
    return full - (alone @ base - alone @ among @ alone / 2)


def _inverse(information: np.ndarray) -> np.ndarray:
    return np.linalg.pinv(information, rcond=SINGULAR, hermitian=True)


def _distances(story: np.ndarray, n_null: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each story's words, and how far its predictors are moved: (n_null + 1,), first not at all."""
    rng = np.random.default_rng(seed)
    for name in dict.fromkeys(story.tolist()):
        there = np.flatnonzero(story == name)
        yield there, np.r_[0, rng.integers(0, len(there), n_null)]


def _moved(moving: np.ndarray, staying: np.ndarray) -> np.ndarray:
    """Sums of products of columns (n, ...) at every distance that the first are moved: circular cross-correlations."""
    spectrum = np.conj(np.fft.rfft(moving, axis=0)) * np.fft.rfft(staying, axis=0)
    return np.fft.irfft(spectrum, len(moving), axis=0)


def _freed(
    x: np.ndarray, controls: np.ndarray, residual: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x (n, k) and the residual without what the controls explain of them, and controls T with T' W T = 1."""
    _, size, axes = np.linalg.svd(controls * np.sqrt(weight)[:, None], full_matrices=False)
    some = size > np.sqrt(SINGULAR) * size[0]
    kept = controls @ (axes[some].T / size[some])
    free = x - kept @ (kept.T @ (x * weight[:, None]))
    return free, kept, residual - weight * (kept @ (kept.T @ residual))
