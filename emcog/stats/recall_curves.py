"""Recall curves of people and of memory in one form: lag-CRP, forward asymmetry, serial position, clustering."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from emcog.errors import DataError
from emcog.options import check_number
from emcog.stats import recall
from emcog.stats.nulls import against
from emcog.stats.resampling import jackknife_variance, jackknifed, proportion_interval, unit_sums
from emcog.stats.rows import tidy

TRIAL_COLUMNS = ("subject", "trial", "order", "item", "n_items")


def memory_trials(recalls: pd.DataFrame, by: str = "similarity", available: Any = None) -> pd.DataFrame:
    """Memory's recalls as trials: a trial is one step of one layer, its items events in rank order.

    Parameters
    ----------
    recalls : the table `.recalls` of a memory: step, layer, event, rank, score, by ("similarity" or "contiguity").
    by : which of them. Contiguity's are neighbours by construction (lags of one): look at them apart.
    available : events in memory at each step, as a Series or dict by step. None: the largest event recalled up to
        then and one more, which is a lower bound.

    Returns
    -------
    DataFrame: subject ("memory"), trial, unit (the step: what the bootstrap draws, since the layers of a step see the
    same text), order, item, n_items.

    Raises DataError for a table without these columns or without such recalls.
    """
    missing = [c for c in ("step", "layer", "event", "rank", "by") if c not in recalls]
    if missing:
        raise DataError(f"the table of recalls has no column {', '.join(missing)}")
    chosen = recalls[recalls["by"] == by].sort_values(["step", "layer", "rank"], kind="stable")
    if chosen.empty:
        kinds = ", ".join(sorted(set(recalls["by"].astype(str)))) or "none"
        raise DataError(f"no event was recalled by {by}: the table has recalls by {kinds}")
    if available is None:
        so_far = recalls.groupby("step")["event"].max().cummax() + 1
    else:
        so_far = pd.Series(available)
    n_items = so_far.reindex(chosen["step"]).to_numpy()
    if pd.isna(n_items).any() or (n_items <= chosen["event"].to_numpy()).any():
        raise DataError("available does not say for every step how many events there were, or says too few")
    trial = chosen["step"].astype(str) + "/" + chosen["layer"].astype(str)
    return pd.DataFrame({"subject": "memory", "trial": trial.to_numpy(), "unit": chosen["step"].to_numpy(),
                         "order": chosen["rank"].to_numpy(), "item": chosen["event"].to_numpy(dtype=float),
                         "n_items": n_items.astype(int)})  # fmt: skip


def recall_curves(
    trials: pd.DataFrame,
    *,
    max_lag: int = 5,
    n_null: int = 1000,
    seed: int = 0,
    **about: str,
) -> pd.DataFrame:
    """How recall moves through a story: lag-CRP, forward asymmetry, serial position, temporal clustering.

    Parameters
    ----------
    trials : one row an item recalled: subject, trial, order, item (event of the story from 0; NaN for something that is
        none), n_items (events that could be recalled in this trial); optionally unit (what intervals are over, trials
        that depend on each other; default the subject, or with a single subject the trial). A step to or from an item
        recalled before is not counted.
    max_lag : of the lag-CRP.
    n_null, seed : of the null model.
    about : dataset=, story=, model=, method= for the table.

    Returns
    -------
    DataFrame with the columns of `emcog.stats.COLUMNS`, by metric:
        lag_crp : probability of a step of this lag where it could be taken (variant "lag +1").
        forward_asymmetry : (f - b) / (f + b), where f is the lag-CRP at +1 and b that at -1 (variant "lag 1"), or f is
            steps taken over steps possible at all lags up to max_lag, b the same backwards (variant "lags 1 to 5").
        temporal_clustering : mean percentile rank of the distance taken; 0.5 is chance, 1 always the nearest.
        serial_position : share of trials that recalled the item (variant "item 0").
    Values are means over subjects of each subject's own. For all but serial_position the null model puts each trial's
    items in random order (repeats and what is no event stay where they are): trials each in an order of their own, but
    those of one unit, where units are given, all in the same one, since the layers of a step recall much the same
    events (as if they agreed wholly about the order, which is careful where they do not). n counts trials; intervals
    are over units, by jackknife and Student's t; of probabilities and proportions Wilson's, with the number of trials
    that has the jackknife's variance.

    Source: Kahana (1996); Sederberg et al. (2010).
    """
    max_lag = int(check_number("max_lag", max_lag, low=1, integer=True))
    n_null = int(check_number("n_null", n_null, low=1, integer=True))
    data = _Trials(trials)
    rng = np.random.default_rng(int(check_number("seed", seed, low=0, integer=True)))
    observed = _measures(recall.count(data.trials, data.n_items, max_lag), max_lag)
    chance = data.by_chance(n_null, max_lag, rng)
    common = {"analysis": "recall", "n": len(data.trials), "note": "n: trials", "seed": seed, **about}
    rows = []
    for name, measure in observed.items():
        estimate = data.mean(measure)
        low, high = data.interval(measure)
        rows.append(common | {"metric": measure.metric, "variant": name, "unit": measure.unit, "estimate": estimate,
                              "ci_low": low, "ci_high": high, "null_model": "shuffled_order"}
                    | against(estimate, chance[name]))  # fmt: skip
    for item, column in enumerate(recall.serial_position(data.trials, data.n_items).T):
        share = _Measure(
            "serial_position", "proportion", np.stack([np.nan_to_num(column), ~np.isnan(column)], 1), _ratio
        )
        low, high = data.interval(share)
        rows.append(common | {"metric": share.metric, "variant": f"item {item}", "unit": share.unit,
                              "estimate": data.mean(share), "ci_low": low, "ci_high": high})  # fmt: skip
    return tidy(rows)


@dataclass(frozen=True, eq=False)
class _Measure:
    """A measure that is a function of sums over trials: what each trial adds, and the function."""

    metric: str
    unit: str
    counted: np.ndarray
    value: Callable[[np.ndarray], np.ndarray]


def _measures(counts: recall.Counts, max_lag: int) -> dict[str, _Measure]:
    """Every measure of the order of recall, by variant."""
    out = {
        f"lag {lag:+d}": _Measure("lag_crp", "probability", counts.lags[:, :, lag + max_lag].astype(float), _ratio)
        for lag in range(-max_lag, max_lag + 1)
        if lag
    }
    for reach in sorted({1, max_lag}):
        back, ahead = counts.lags[:, :, max_lag - reach : max_lag], counts.lags[:, :, max_lag + 1 : max_lag + 1 + reach]
        both = np.concatenate([ahead.sum(2), back.sum(2)], axis=1).astype(float)
        name = "lag 1" if reach == 1 else f"lags 1 to {reach}"
        out[name] = _Measure("forward_asymmetry", "index", both, _asymmetry)
    out["percentile rank"] = _Measure("temporal_clustering", "rank", counts.ranks, _ratio)
    return out


class _Trials:
    """Trials as a matrix, with the subject and the unit of each."""

    def __init__(self, table: pd.DataFrame):
        missing = [c for c in TRIAL_COLUMNS if c not in table]
        if missing:
            needed = ", ".join(TRIAL_COLUMNS)
            raise DataError(f"the table of recalls has no column {', '.join(missing)}; it needs {needed}")
        items, subjects, units, n_items = [], [], [], []
        single = table["subject"].nunique() == 1
        for (subject, trial), rows in table.groupby(["subject", "trial"], sort=False):
            ordered = rows.sort_values("order", kind="stable")
            items.append(ordered["item"].to_numpy(dtype=float))
            n_items.append(int(ordered["n_items"].iloc[0]))
            known = items[-1][~np.isnan(items[-1])]
            if len(known) and (known.min() < 0 or known.max() >= n_items[-1]):
                raise DataError(f"trial {trial} of {subject} recalls an item outside 0 to {n_items[-1] - 1}")
            subjects.append(subject)
            units.append(rows["unit"].iloc[0] if "unit" in rows else trial if single else subject)
        if not items:
            raise DataError("there are no trials: the table of recalls is empty")
        self.trials = recall.as_matrix(items)
        self.n_items = np.array(n_items)
        self.subject = np.unique(np.array(subjects, dtype=str), return_inverse=True)[1]
        self.unit = np.unique(np.array(units, dtype=str), return_inverse=True)[1]
        group = self.unit if "unit" in table else np.arange(len(items))
        self.entries = recall.shared(self.trials, group)

    def by_chance(self, n_null: int, max_lag: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Each measure's mean in `n_null` draws of random orders, many draws at once.

        A unit draws one key for each item, and each of its trials is put in the order of its items' keys.
        """
        at_once, n_subjects = max(1, 8192 // len(self.trials)), self.subject.max() + 1
        found: dict[str, list[np.ndarray]] = {}
        for start in range(0, n_null, at_once):
            copies = min(at_once, n_null - start)
            keys = rng.random((copies, self.entries.max(initial=-1) + 1))[:, self.entries]
            keys = keys.reshape(-1, self.trials.shape[1])
            order = recall.shuffled(np.tile(self.trials, (copies, 1)), keys)
            subject = (np.arange(copies)[:, None] * n_subjects + self.subject).ravel()
            for name, one in _measures(recall.count(order, np.tile(self.n_items, copies), max_lag), max_lag).items():
                values = one.value(unit_sums(one.counted, subject)).reshape(copies, n_subjects)
                found.setdefault(name, []).append(_mean(values))
        return {name: np.concatenate(parts) for name, parts in found.items()}

    def mean(self, measure: _Measure) -> float:
        """Mean over subjects of the value of each subject's summed counts."""
        return float(_mean(measure.value(unit_sums(measure.counted, self.subject))))

    def interval(self, measure: _Measure) -> tuple[float, float]:
        """95% interval of `mean` over units, each with all its trials, within what the measure can be."""
        n_units, n_subjects = self.unit.max() + 1, self.subject.max() + 1
        if n_subjects == 1:
            sums = unit_sums(measure.counted, self.unit)
            values, without = measure.value(sums), measure.value(sums.sum(0) - sums)
        elif n_units == n_subjects:
            values = measure.value(unit_sums(measure.counted, self.subject))
            values = values[~np.isnan(values)]
            without = (values.sum() - values) / max(len(values) - 1, 1)
        else:
            return np.nan, np.nan
        if len(values) < 2:
            return np.nan, np.nan
        mean = self.mean(measure)
        if measure.unit in ("probability", "proportion"):  # rare events: the middle of what is likely lies above them
            return proportion_interval(mean, jackknife_variance(without), len(values) - 1, measure.counted[:, 1].sum())
        asymmetry = measure.metric == "forward_asymmetry"
        if asymmetry and n_subjects == 1:  # the share of what goes forward, stretched over -1 to 1
            steps = measure.counted[:, [0, 2]].sum()
            low, high = proportion_interval((1 + mean) / 2, jackknife_variance(without) / 4, len(values) - 1, steps)
            return 2 * low - 1, 2 * high - 1
        low, high = jackknifed(mean, without)
        return max(low, -1.0 if asymmetry else 0.0), min(high, 1.0)


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis, NaN left out."""
    there = ~np.isnan(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(there, values, 0).sum(-1) / there.sum(-1)


def _ratio(sums: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(sums[..., 1] > 0, sums[..., 0] / sums[..., 1], np.nan)


def _asymmetry(sums: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        forward, backward = sums[..., 0] / sums[..., 1], sums[..., 2] / sums[..., 3]
        return (forward - backward) / (forward + backward)
