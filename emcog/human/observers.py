"""Who marked how much: observers without marks, or with implausibly many, are named and never dropped."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

FASTEST_S = 1.0  # a mark a second, on average, over the whole stimulus is no segmentation


def observer_report(marks: pd.DataFrame, observers: Iterable[str], duration_s: float = float("nan")) -> pd.DataFrame:
    """One row an observer, with a flag where the number of marks is implausible.

    Implausibly many are more than Q3 + 3 (Q3 - Q1) of everybody's numbers (Tukey's far out values), where there are
    four observers or more, or more than one a second of the stimulus. Nobody is left out anywhere because of a flag:
    leave somebody out yourself, with `select`, and say so.

    Parameters
    ----------
    marks : of an AnnotationSet.
    observers : everybody who took part.
    duration_s : of the stimulus, NaN where unknown.

    Returns
    -------
    DataFrame: observer (str); n_marks (int64); per_minute (float, NaN where the duration is unknown); flag (str: "",
    "no marks", "implausibly many"); why (str, the limit that was passed).
    """
    names = list(observers)
    counts = marks["observer"].value_counts().reindex(names, fill_value=0).to_numpy(dtype=np.int64)
    many, why = implausible(counts, duration_s)
    none = counts == 0
    return pd.DataFrame(
        {
            "observer": pd.Series(names, dtype="str"),
            "n_marks": counts,
            "per_minute": counts / duration_s * 60 if duration_s > 0 else np.full(len(names), np.nan),
            "flag": pd.Series(np.where(many, "implausibly many", np.where(none, "no marks", "")), dtype="str"),
            "why": pd.Series(np.where(many, why, ""), dtype="str"),
        }
    )


def implausible(counts: np.ndarray, duration_s: float = float("nan")) -> tuple[np.ndarray, str]:
    """Who made implausibly many marks, and the limit that they passed, in words (see `observer_report`).

    Parameters
    ----------
    counts : int array (n_observers,), marks of each.
    duration_s : of the stimulus, NaN where unknown.
    """
    limit, why = np.inf, ""
    if len(counts) >= 4:
        low, high = np.quantile(counts, [0.25, 0.75])
        limit, why = high + 3 * (high - low), "Q3 + 3 IQR"
    if duration_s / FASTEST_S < limit:
        limit, why = duration_s / FASTEST_S, "one a second"
    return counts > limit, f"more than {limit:.1f} ({why})"
