"""Reading times on surprisal: how much better it predicts them than the words' length and frequency do."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from emcog.errors import DataError, OptionError
from emcog.options import check_number
from emcog.stats import linear, resampling
from emcog.stats.designs import control_columns, with_past
from emcog.stats.gains import fitted_linear, gain_interval
from emcog.stats.nulls import against
from emcog.stats.rows import tidy
from emcog.stats.stretches import SIZE, t_interval
from emcog.stats.word_tables import (
    STORY,
    apart,
    check_columns,
    check_folds,
    check_order,
    check_stretches,
    listed,
    numbers,
    stories_of,
    story_columns,
)
from emcog.stats.words import lagged


def reading_times(
    table: pd.DataFrame,
    predictors: Sequence[str] = ("surprisal",),
    *,
    rt: str = "rt_ms",
    story: str | None = STORY,
    word: str = "word",
    controls: Sequence[str] = ("length", "log_freq"),
    corpus: Iterable[str] | None = None,
    spillover: int = 2,
    folds: int = 10,
    n_boot: int = 2000,
    n_null: int = 1000,
    seed: int = 0,
    dataset: str = "",
) -> pd.DataFrame:
    """How well surprisal predicts reading times beyond a baseline, for one model or several side by side.

    The baseline holds the controls of the word and of the `spillover` words before it; the full model adds the
    predictor of the same words. Both are Gaussian linear models, fitted to 9 of 10 folds and scored on the tenth; folds
    are made of stretches of 50 neighbouring words. All models see the same words: those without a gap in any of them.

    Parameters
    ----------
    table : one row a word, stories one after the other in reading order.
    predictors : columns of `table`, in bits; each is a model's surprisal.
    rt, story, word : columns with the reading time (ms; NaN: left out, but a neighbour still spills over from the
        word), the story and the word as shown. story None, or a table without a column "story": all rows are one story.
    controls : of "length" (letters and digits), "log_freq", "sentence_end", "position" (words read of this story), or
        other columns.
        log_freq is the table's column of that name (NaN: taken from `corpus`, else the column's lowest value), or is
        counted in `corpus`.
    corpus : texts to count words in.
    spillover : words before that still act on a reading time.
    folds, n_boot, n_null, seed : of the cross-validation, the bootstrap of the ratio of gains and the null model.
    dataset : name for the table.

    Returns
    -------
    DataFrame with the columns of `emcog.stats.COLUMNS`. Per predictor (its name is in `method`), by metric:
        r : Pearson's, with the reading time of the same word (variant "same word") or of the next ("next word").
        slope : ms a bit, variant "lag 0", "lag 1", ...; from a mixed model with a random intercept a story (one story:
            ordinary least squares); interval, z and p leave out each stretch of 50 words in turn
            (`emcog.stats.stretches`), since reading times of neighbouring words are alike.
        wald : the model's own z and p of the slope; like the next, they take words for independent, and their p are
            too small.
        likelihood_ratio : chi-square of the same models by maximum likelihood, with and without the predictor.
        delta_log_likelihood : nats a word, cross-validated; p against moving the predictor around each story, which
            keeps its autocorrelation and that of the reading times.
    With several predictors also r_between (method "a ~ b") and delta_log_likelihood_ratio (method "b / a" for each b
    after the first predictor a). n counts words; intervals are over stretches: by jackknife and
    Student's t, that of the ratio by bootstrap.

    Raises DataError for missing columns, text in place of numbers, unknown controls, rows out of order, too few words,
    and predictors that are constant or made of the controls.

    Source: Goodkind & Bicknell (2018); Wilcox et al. (2020). Spill-over: Smith & Levy (2013).
    """
    spillover = int(check_number("spillover", spillover, low=0, high=10, integer=True))
    folds = int(check_number("folds", folds, low=2, integer=True))
    n_boot = int(check_number("n_boot", n_boot, low=1, integer=True))
    n_null = int(check_number("n_null", n_null, low=1, integer=True))
    predictors, controls = listed(predictors), listed(controls)
    if not predictors:
        raise OptionError("reading_times needs a predictor: name a column, such as surprisal")
    check_columns(table, [rt, *story_columns(table, story), word, *predictors])
    stories = stories_of(table, story)
    check_order(table, stories, "story")
    base, said = control_columns(table, word, stories, controls, corpus)
    signals = {name: numbers(table, name, "predictor") for name in predictors}
    models = {name: with_past({name: signals[name]}, stories, spillover) for name in predictors}
    baseline = with_past(base, stories, spillover)
    y = numbers(table, rt, "outcome")
    every = [y, *baseline.values(), *[c for m in models.values() for c in m.values()]]
    whole = ~np.isnan(np.column_stack(every)).any(1)
    n_parameters = 1 + len(baseline) + spillover + 1
    if whole.sum() < 5 * n_parameters:
        raise DataError(f"only {whole.sum()} words have a reading time and all predictors: too few for {n_parameters}")
    check_stretches(stories[whole], folds)
    unit = resampling.blocks(stories[whole], SIZE)
    baseline = {name: column[whole] for name, column in baseline.items()}
    for own in models.values():
        kept, gone = apart(baseline, {name: column[whole] for name, column in own.items()})
    baseline, said = kept, said + gone
    note = f"n: words; baseline: {', '.join(controls)} of this word and {spillover} before{said}"
    common = {"analysis": "reading_times", "dataset": dataset, "story": _named(stories[whole]), "n": whole.sum(),
              "seed": seed, "note": note}  # fmt: skip
    fit = _Words(y[whole], stories[whole], unit, baseline, folds, n_boot, n_null, seed)
    for own in models.values():
        check_folds(baseline | {name: column[whole] for name, column in own.items()}, fit.fold)
    rows: list[dict[str, Any]] = []
    gains = {}
    for name, columns in models.items():
        full = {k: v[whole] for k, v in columns.items()}
        gains[name] = fit.gain(full)
        later = lagged(signals[name], stories, 1)[whole]
        for row in fit.rows(full, later, gains[name]):
            told = "; ".join(filter(None, [note, row.pop("note", "")]))
            rows.append(common | {"method": name} | row | {"note": told})
    for i, a in enumerate(predictors):
        for b in predictors[i + 1 :]:
            x, z = (signals[name][whole] for name in (a, b))
            rows.append(common | {"method": f"{a} ~ {b}", "metric": "r_between", "unit": "r"} | fit.r(x, z))
    for b in predictors[1:]:
        a = predictors[0]
        rows.append(common | {"method": f"{b} / {a}"} | fit.ratio(gains[b], gains[a]))
    return tidy(rows)


class _Words:
    """The words that all models see, and what is asked of each model about them."""

    def __init__(self, y: np.ndarray, story: np.ndarray, unit: np.ndarray, baseline: dict[str, np.ndarray],
                 folds: int, n_boot: int, n_null: int, seed: int):  # fmt: skip
        self.y, self.story, self.unit = y, story, unit
        self.baseline = baseline
        self.n_boot, self.n_null, self.seed = n_boot, n_null, seed
        order = np.random.default_rng(seed).permutation(unit.max() + 1)
        self.fold = (np.argsort(order) % folds)[unit]
        self.without = linear.held_out(y, self.matrix(baseline), self.fold)

    def gain(self, columns: dict[str, np.ndarray]) -> np.ndarray:
        """What the columns add to each word's held-out log-likelihood, in nats."""
        return linear.held_out(self.y, self.matrix(self.baseline | columns), self.fold) - self.without

    def matrix(self, columns: dict[str, np.ndarray]) -> np.ndarray:
        """The columns with ones in front."""
        return np.column_stack([np.ones(len(self.y)), *columns.values()])

    def rows(self, columns: dict[str, np.ndarray], before: np.ndarray, gain: np.ndarray) -> list[dict[str, Any]]:
        """A model's rows: correlations, slopes, likelihood ratio, gain."""
        same = next(iter(columns.values()))
        out = [
            {"metric": "r", "variant": "same word", "unit": "r"} | self.r(same, self.y),
            {"metric": "r", "variant": "next word", "unit": "r"} | self.r(before, self.y),
        ]
        small = linear.mixed(self.y, self.baseline, self.story)
        full = linear.mixed(self.y, self.baseline | columns, self.story)
        errors = linear.stretch_errors(full, self.y, self.baseline | columns, self.story, self.unit)
        for lag, name in enumerate(columns):
            wald, variant = full.wald(name), f"lag {lag}"
            slope = {"estimate": wald["estimate"]} | t_interval(wald["estimate"], *errors[name])
            out.append({"metric": "slope", "variant": variant, "unit": "ms/bit"} | slope)
            own = {"estimate": wald["z"], "z": wald["z"], "p": wald["p"], "null_model": "Wald"}
            out.append({"metric": "wald", "variant": variant, "unit": "z"} | own)
        test = linear.likelihood_ratio(small, full)
        out.append({"metric": "likelihood_ratio", "variant": full.kind, "unit": "chi2"} | test)
        without = [linear.totals_without(self.y, self.matrix(c), self.fold, self.unit)
                   for c in (self.baseline | columns, self.baseline)]  # fmt: skip
        left = (without[0] - without[1]) / (len(self.unit) - np.bincount(self.unit))
        alone, beside = (fitted_linear(self.y, self.matrix(c)) for c in (self.baseline, self.baseline | columns))
        low, high = gain_interval(gain.mean(), left, alone, beside, self.unit)
        out.append({"metric": "delta_log_likelihood", "variant": "cross-validated", "unit": "nats/word",
                    "estimate": gain.mean(), "ci_low": low, "ci_high": high, "null_model": "circular_shift"}
                   | against(float(gain.mean()), self.moved(columns)))  # fmt: skip
        return out

    def r(self, x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
        """Pearson's r and its interval."""
        there = ~np.isnan(x)
        each = resampling.correlation_sums(x[there], y[there])
        sums = resampling.unit_sums(each, np.unique(self.unit[there], return_inverse=True)[1])
        low, high = resampling.jackknife(sums, resampling.correlation)
        return {"estimate": float(resampling.correlation(each.sum(0))), "ci_low": low, "ci_high": high,
                "n": there.sum()}  # fmt: skip

    def ratio(self, above: np.ndarray, below: np.ndarray) -> dict[str, Any]:
        """The ratio of two models' gains, stretches drawn for both at once."""
        sums = resampling.unit_sums(np.stack([above, below], 1), self.unit)
        low, high = resampling.bootstrap(sums, resampling.ratio, self.n_boot, self.seed)
        return {"metric": "delta_log_likelihood_ratio", "variant": "cross-validated", "unit": "ratio",
                "estimate": above.sum() / below.sum(), "ci_low": low, "ci_high": high}  # fmt: skip

    def moved(self, columns: dict[str, np.ndarray]) -> np.ndarray:
        """Gains a word by chance: the columns moved together around each story by random distances. (n_null,)."""
        rng = np.random.default_rng(self.seed)
        base, own = _scaled(self.matrix(self.baseline)), _scaled(np.column_stack(list(columns.values())))
        places = [np.flatnonzero(self.story == name) for name in dict.fromkeys(self.story.tolist())]
        folded = linear.Folded(self.y - self.y.mean(), base, self.fold)
        target, without = np.concatenate(places), folded.total()
        out, moved = np.empty(self.n_null), np.empty_like(own)
        for i in range(self.n_null):
            moved[target] = own[np.concatenate([np.roll(place, rng.integers(len(place))) for place in places])]
            out[i] = folded.total(moved) - without
        return out / len(self.y)


def _scaled(columns: np.ndarray) -> np.ndarray:
    """Columns in their standard deviations, which keeps cross-products solvable and changes no prediction."""
    sd = columns.std(0)
    return columns / np.where(sd > 0, sd, 1.0)


def _named(story: np.ndarray) -> str:
    names = list(dict.fromkeys(story.tolist()))
    return str(names[0]) if len(names) == 1 else "all"
