"""A regression's test against chance: the predictor is moved around the story, all else stays."""

from typing import Any

import numpy as np

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
    explain of it. For the null, x' is moved around each story by a random distance of its own; its autocorrelation, and
    that of r, stay.

    Parameters
    ----------
    x : (n_words,). controls : (n_words, k), with ones. residual, weight : (n_words,), summed over observers.
    story : (n_words,), in reading order.

    The p of a regression takes neighbouring words for independent, or words for the only words there are (Clark, 1973);
    this one does neither. Moving the predictor: as for boundaries, see `emcog.stats.nulls`.
    """
    root = np.sqrt(weight)
    b = np.linalg.lstsq(controls * root[:, None], x * root, rcond=None)[0]
    free = x - controls @ b
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
