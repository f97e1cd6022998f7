"""A regression's tests against chance: predictors are moved around the story, all else stays.

Wherever a predictor is moved to, the controls are taken out of it anew and what is left is scaled: moved, it goes along
with them by accident, which where it is it cannot any more. Without that the p of slow signals would be too small, and
those beside controls that depend on the outcome too large.
"""

from collections.abc import Iterator
from itertools import combinations_with_replacement
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
    it there; its autocorrelation, and that of r, stay. All is NaN for a predictor of which the controls leave nothing.

    Parameters
    ----------
    x : (n_words,). controls : (n_words, k), with ones. residual, weight : (n_words,), summed over observers.
    story : (n_words,), in reading order.

    The p of a regression takes neighbouring words for independent, or words for the only words there are (Clark, 1973);
    this one does neither. Moving the predictor: as for boundaries, see `emcog.stats.nulls`. Scaling it: Winkler et al.
    (2014), on statistics that are pivotal.
    """
    kept, residual = _kept(controls, residual, weight)
    x, known = _scaled(x[:, None], weight)
    x = _left(x, kept, weight)[:, 0]
    if not known[0] or weight @ x**2 < SINGULAR:
        return against(np.nan, np.full(n_null, np.nan))
    score, square, shared = np.zeros(n_null + 1), np.zeros(n_null + 1), np.zeros((n_null + 1, kept.shape[1]))
    for there, place in _distances(story, n_null, seed):
        score += _at(_spectrum(x[there]), residual[there], place)
        square += _at(_spectrum(x[there] ** 2), weight[there], place)
        shared += _at(_spectrum(x[there, None]), kept[there] * weight[there, None], place)
    left = square - (shared**2).sum(1)
    scaled = score / np.sqrt(np.where(left > SINGULAR, left, np.nan))
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
    predictors are computed so, for all distances at once. All is NaN where the controls leave nothing of them.

    Parameters
    ----------
    x : (n_words, k). controls, residual, weight, story : as in `shift_test`, such that U is in nats.
    fold : (n_words,), numbers from 0. n_rows : by which the gain is divided.

    Returns
    -------
    null_model, and null_mean, null_sd (nats a row), z, p and n_null of the gain.
    """
    kept, residual = _kept(controls, residual, weight)
    x, known = _scaled(x, weight)
    x = x[:, known]
    if (weight @ _left(x, kept, weight) ** 2 < SINGULAR).all():
        return {"null_model": "circular_shift"} | against(np.nan, np.full(n_null, np.nan))
    (k, c), folds = (x.shape[1], kept.shape[1]), int(fold.max()) + 1
    one, other = np.array(list(combinations_with_replacement(range(k), 2))).T
    score, pairs = np.zeros((folds, n_null + 1, k)), np.zeros((folds, n_null + 1, len(one)))
    shared = np.zeros((folds, n_null + 1, k, c))
    for there, place in _distances(story, n_null, seed):
        moving, both = _spectrum(x[there]), _spectrum(x[there][:, one] * x[there][:, other])
        for f in np.unique(fold[there]):
            inside = (fold[there] == f)[:, None]
            held, weighed = residual[there, None] * inside, weight[there, None] * inside
            score[f] += _at(moving, held, place)
            pairs[f] += _at(both, weighed, place)
            for i in range(k):
                shared[f, :, i] += _at(moving[:, i, None], kept[there] * weighed, place)
    own = np.empty((folds, n_null + 1, k, k))
    own[..., one, other] = own[..., other, one] = pairs
    parts = [fold == f for f in range(folds)]
    base = np.array([kept[part].T @ residual[part] for part in parts])
    among = np.array([kept[part].T @ (kept[part] * weight[part, None]) for part in parts])
    sums = (score, own, shared, base, among)
    whole = [total.sum(0) for total in sums]
    gain = np.zeros(n_null + 1)
    for f in range(folds):
        gain += _said([w - total[f] for w, total in zip(whole, sums, strict=True)], [total[f] for total in sums])
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
    """Inverse (..., k, k) of the information of columns that had 1 of it in all: what is next to nothing stays 0."""
    size, axes = np.linalg.eigh(information)
    share = np.divide(1.0, size, out=np.zeros_like(size), where=size > SINGULAR)
    return (axes * share[..., None, :]) @ np.swapaxes(axes, -1, -2)


def _distances(story: np.ndarray, n_null: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each story's words, and how far its predictors are moved: (n_null + 1,), first not at all."""
    rng = np.random.default_rng(seed)
    for name in dict.fromkeys(story.tolist()):
        there = np.flatnonzero(story == name)
        yield there, np.r_[0, rng.integers(0, len(there), n_null)]


def _spectrum(moving: np.ndarray) -> np.ndarray:
    return np.conj(np.fft.rfft(moving, axis=0))


def _at(moving: np.ndarray, staying: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Sums of products of columns (n, ...) when the first, given by their spectrum, are moved by `place`.

    A circular cross-correlation gives them for all distances.
    """
    n = len(staying)
    return np.fft.irfft(moving * np.fft.rfft(staying, axis=0), n, axis=0)[place]


def _kept(controls: np.ndarray, residual: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Controls T (n, k) that span the same with T' W T = 1, and what they leave of the residual."""
    _, size, axes = np.linalg.svd(controls * np.sqrt(weight)[:, None], full_matrices=False)
    some = size > np.sqrt(SINGULAR) * size[0]
    kept = controls @ (axes[some].T / size[some])
    return kept, residual - weight * (kept @ (kept.T @ residual))


def _scaled(x: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns (n, k) about their mean, each with 1 of information in all, and which of them vary. (k,)."""
    moved = x - weight @ x / weight.sum()
    size = np.sqrt(weight @ moved**2)
    known = size > 1e-9 * np.sqrt(weight @ x**2)
    return moved / np.where(known, size, 1.0), known


def _left(x: np.ndarray, kept: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """What controls leave of columns. (n, k)."""
    return x - kept @ (kept.T @ (x * weight[:, None]))
