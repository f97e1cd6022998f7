"""Do people begin a new event where the model is surprised? Regressions of boundaries and press counts, in one call."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from emcog.errors import DataError, OptionError
from emcog.options import check_choice, check_number
from emcog.stats import gains, glm, linear, resampling
from emcog.stats.designs import CONTROLS, Design, make_design
from emcog.stats.rows import tidy
from emcog.stats.shifts import gain_test, shift_test
from emcog.stats.stretches import SIZE, jackknife_errors, t_interval
from emcog.stats.word_tables import STORY, check_stretches, listed

KINDS = ("logistic", "mixed", "poisson", "linear")
DEFAULT_CONTROLS = ("length", "log_freq", "sentence_end", "since_boundary")
UNCERTAIN = "the model did not converge"


def regress(
    table: pd.DataFrame,
    outcome: str,
    predictors: Sequence[str],
    *,
    kind: str = "logistic",
    controls: Sequence[str] | None = None,
    lags: int = 0,
    observer: str | None = None,
    observers: str | None = None,
    story: str | None = STORY,
    word: str = "word",
    corpus: Iterable[str] | None = None,
    folds: int = 10,
    n_null: int = 10_000,
    seed: int = 0,
    **about: str,
) -> pd.DataFrame:
    """Regress people's boundaries, press counts or reading times on a model's signals beside controls.

    Parameters
    ----------
    table : one row a word, or a word and observer; words of a story in reading order, one observer after the other.
    outcome : column: 0 or 1 (logistic, mixed), a count of presses (poisson), or ms (linear). Words where it, or a
        predictor, is missing are left out.
    predictors : columns, in any unit; the slopes are per unit.
    kind : "logistic": generalised estimating equations, observers as clusters, working independence (without observers:
        logistic regression with errors robust to misfit); "mixed": logistic with a random intercept an observer, by
        variational Bayes; "poisson": log-linear counts with robust errors; "linear": random intercept an observer, or
        a story where there are no observers.
    controls : of "length", "log_freq", "sentence_end", "since_boundary" (log of 1 + words since the last boundary of
        this observer, or since anybody's), "position", or other columns of the table. None: the first four; of a linear
        model the first three, since every reading time is above 0 and would count as a boundary. One that is the same
        in all rows is left out, and the note says so.
    lags : words before, whose predictors and controls (length, log_freq, sentence_end) act too.
    observer : column that tells observers apart.
    observers : column with how many observers a count (or a 0 to n outcome of "logistic") is of.
    story : column that tells stories apart; None, or a table without a column "story": all rows are one story.
    word, corpus : as in `emcog.stats.reading_times`.
    folds, n_null, seed : of cross-validation and null model.
    about : dataset=, model= for the table.

    Returns
    -------
    DataFrame with the columns of `emcog.stats.COLUMNS`; per predictor and lag (in `method` and `variant`):
        slope : log odds, log rate or ms per unit of the predictor; its interval leaves out each stretch of 50 words in
            turn (`emcog.stats.stretches`); z, p and n_null are from moving the predictor around the story while the
            others and their lags stay (`emcog.stats.shifts`), since the model's own take words for independent. Those
            are in the row `wald`. Where the mixed model did not converge there are no interval, z and p.
        wald : the model's z, and its p, which is not among the tests that p_bh corrects.
    and for all predictors together (method "all"):
        likelihood_ratio : chi-square against the controls alone (of the model without clusters, as GEE has none); its p
            takes words for independent as well.
        delta_log_likelihood : nats a word, cross-validated over stretches of 50 words; interval over them; null_mean,
            null_sd, z and p are from moving all predictors together (`emcog.stats.shifts.gain_test`). With `observer` a
            row is a word and observer: nats a row, and a second row in nats a word (of all its observers), without p.
    n counts rows (words where the unit is nats/word).

    Raises DataError for missing columns, text in place of numbers, rows out of order, outcomes of another kind, too few
    words, and predictors that are constant or made of others; OptionError for unknown options.

    Source: Kumar et al. (2023); Liang & Zeger (1986) for GEE; Clark (1973) on words as a random factor.
    """
    check_choice("kind", kind, KINDS)
    lags = int(check_number("lags", lags, low=0, high=10, integer=True))
    folds = int(check_number("folds", folds, low=2, integer=True))
    n_null = int(check_number("n_null", n_null, low=1, integer=True))
    predictors = listed(predictors)
    controls = None if controls is None else listed(controls)
    if controls is None:
        controls = [name for name in DEFAULT_CONTROLS if kind != "linear" or name != "since_boundary"]
    if not predictors:
        raise OptionError("regress needs a predictor: name a column, such as surprisal")
    if kind == "mixed" and observer is None:
        raise OptionError("kind='mixed' needs observers: name their column with observer=")
    design = make_design(table, outcome, predictors, controls, lags, observer, observers, story, word, corpus)
    _check_outcome(design, kind, outcome)
    check_stretches(design.word_story, folds)
    model = _Model(design, kind, folds, int(seed))
    test, full = model.fit(design.full), design.full
    errors = model.errors(test)
    note = f"n: rows; {test.kind}; controls: {', '.join(controls) or 'none'}{design.said}"
    note += f"; {test.note}" if test.note else ""
    unit = {"linear": "ms", "poisson": "log rate"}.get(kind, "log odds")
    common = {"analysis": "regression", "story": design.story_name, "n": len(design.y), "note": note, **about}
    rows: list[dict[str, Any]] = []
    for name in full:
        if name in design.base:
            continue
        column, lag = name.rsplit("_", 1)
        wald = test.wald(name)
        place = {"method": column, "variant": f"lag {lag}"}
        moved = model.shift(name, n_null)
        limits = t_interval(wald["estimate"], *errors[name])
        slope = {"metric": "slope", "unit": f"{unit}/unit", "estimate": wald["estimate"], "seed": seed,
                 "null_model": "circular_shift"}  # fmt: skip
        if test.converged:
            slope |= {name: limits[name] for name in ("ci_low", "ci_high")}
            slope |= {name: moved[name] for name in ("z", "p", "n_null")}
        rows.append(common | place | slope)
        rows.append(common | place | {"metric": "wald", "unit": "z", "estimate": wald["z"], "z": wald["z"],
                                      "p": wald["p"] if test.converged else np.nan, "null_model": "Wald"})  # fmt: skip
    everything = {"method": predictors[0] if len(predictors) == 1 else "all"}
    ratio = model.likelihood_ratio()
    told = "; ".join(dict.fromkeys(filter(None, [note, ratio.pop("note", "")])))
    rows.append(common | everything | ratio | {"note": told})
    rows += [common | everything | row | {"seed": seed} for row in model.gain(n_null)]
    return tidy(rows)


@dataclass(frozen=True, eq=False)
class _Model:
    design: Design
    kind: str
    folds: int
    seed: int

    @property
    def family(self) -> str:
        return "poisson" if self.kind == "poisson" else "logistic"

    @cached_property
    def word_stretches(self) -> np.ndarray:
        """Number of the stretch that each word lies in. (n_words,)."""
        return resampling.blocks(self.design.word_story, SIZE)

    @property
    def stretches(self) -> np.ndarray:
        """Number of the stretch of words that each row lies in, that of all observers of these words. (n,)."""
        return self.word_stretches[self.design.word]

    def errors(self, fit: linear.Fit) -> dict[str, tuple[float, float]]:
        """Standard error and degrees of freedom of each coefficient of the full model over stretches, by name."""
        d = self.design
        if self.kind == "linear":
            return linear.stretch_errors(fit, d.y, d.full, self.group, self.stretches)
        X = d.matrix(d.full)
        scale = np.array([column.std() or 1.0 for column in d.full.values()])
        expected = glm.fit(X, d.y, d.size, self.family).expected if fit.expected is None else fit.expected
        weights = d.size * (expected if self.family == "poisson" else expected * (1 - expected))
        found = jackknife_errors(X, d.y - d.size * expected, weights, self.stretches)
        pairs = zip((found.errors[1:] / scale).tolist(), found.freedom[1:].tolist(), strict=True)
        return dict(zip(d.full, pairs, strict=True))

    @property
    def group(self) -> np.ndarray:
        """Whose random intercept a linear model has: the observer's, or the story's."""
        return self.design.story if self.design.observer is None else self.design.observer

    def fit(self, columns: dict[str, np.ndarray]) -> linear.Fit:
        """The reported model, by statsmodels."""
        import statsmodels.api as sm

        d = self.design
        if self.kind == "linear":
            return linear.mixed(d.y, columns, self.group)
        names = tuple(columns)
        raw = np.column_stack(list(columns.values()))
        scale = np.where(raw.std(0) > 0, raw.std(0), 1.0)
        X = sm.add_constant(raw / scale, has_constant="add")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if self.kind == "mixed":
                return self._mixed(X, names, scale)
            if self.kind == "logistic" and d.observer is not None:
                found = sm.GEE(d.y, X, groups=d.observer, family=sm.families.Binomial()).fit()
                kind = f"GEE, {len(np.unique(d.observer))} observers as clusters"
            elif self.kind == "logistic":
                both = np.column_stack([d.y, d.size - d.y])
                found = sm.GLM(both, X, family=sm.families.Binomial()).fit(cov_type="HC1")
                kind = "logistic regression, robust errors"
            else:
                found = sm.GLM(d.y, X, family=sm.families.Poisson(), exposure=d.size).fit(cov_type="HC1")
                kind = f"Poisson regression, robust errors, dispersion {found.pearson_chi2 / found.df_resid:.2f}"
        note = "" if found.converged else f"{UNCERTAIN}: mind the estimates"
        return linear.Fit(names, np.asarray(found.params)[1:] / scale, np.asarray(found.bse)[1:] / scale, np.nan, kind,
                          note)  # fmt: skip

    def _mixed(self, X: np.ndarray, names: tuple[str, ...], scale: np.ndarray) -> linear.Fit:
        """Logistic with a random intercept an observer, by variational Bayes: the posterior's mean and sd."""
        from scipy.sparse import csr_matrix
        from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM
        from statsmodels.tools.sm_exceptions import ConvergenceWarning

        d = self.design
        who = np.unique(np.asarray(d.observer), return_inverse=True)[1]
        Z = csr_matrix((np.ones(len(who)), (np.arange(len(who)), who)))
        model = BinomialBayesMixedGLM(d.y, X, Z, np.zeros(Z.shape[1], dtype=int), vcp_p=1, fe_p=10)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = model.fit_vb(verbose=False)
        converged = not any(issubclass(one.category, ConvergenceWarning) for one in caught)
        converged = converged and bool(np.isfinite(found.fe_sd).all())
        note = "" if converged else f"{UNCERTAIN}: no intervals and p"
        expected = 1 / (1 + np.exp(-np.clip(X @ found.fe_mean + Z @ found.vc_mean, -30, 30)))
        return linear.Fit(names, found.fe_mean[1:] / scale, found.fe_sd[1:] / scale, np.nan,
                          f"mixed logistic by variational Bayes, {Z.shape[1]} observers", note,
                          expected=expected, converged=converged)  # fmt: skip

    def shift(self, name: str, n_null: int) -> dict[str, Any]:
        """The test that moves a predictor around the story; all other columns stay, and are taken out of it."""
        full = self.design.full
        others = {other: column for other, column in full.items() if other != name}
        x, controls, residual, weight = self._left(others, {name: full[name]})
        return shift_test(x[:, 0], controls, residual, weight, self.design.word_story, n_null, self.seed)

    def _left(
        self, kept: dict[str, np.ndarray], moved: dict[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """What a model of the columns `kept` leaves of each word, for the tests of `moved`.

        Observers saw the same words: the score needs what is left of each word, over all of them.

        Returns
        -------
        The words' means of moved and of kept (n_words, k), ones among these; sums of residuals and of weights
        (n_words,), in units that make the score one of a log-likelihood in nats.
        """
        d = self.design
        X = d.matrix(kept)
        if self.kind == "linear":
            residual = d.y - X @ np.linalg.lstsq(X, d.y, rcond=None)[0]
            variance = np.mean(residual**2)
            residual, weight = residual / variance, np.full(len(d.y), 1 / variance)
        else:
            fitted = glm.fit(X, d.y, d.size, self.family)
            residual, weight = d.y - d.size * fitted.expected, fitted.weights
        sums = resampling.unit_sums(np.column_stack([residual, weight]), d.word)
        columns = np.column_stack([X, d.matrix(moved)[:, 1:]])
        means = resampling.unit_sums(columns * weight[:, None], d.word) / sums[:, 1:]
        return means[:, X.shape[1] :], means[:, : X.shape[1]], sums[:, 0], sums[:, 1]

    def likelihood_ratio(self) -> dict[str, Any]:
        """Chi-square of the full model against the controls alone."""
        from scipy.stats import chi2

        d = self.design
        if self.kind == "linear":
            small, full = linear.mixed(d.y, d.base, self.group), linear.mixed(d.y, d.full, self.group)
            return {"metric": "likelihood_ratio", "variant": full.kind, "unit": "chi2"} | linear.likelihood_ratio(
                small, full
            )
        value = [glm.log_likelihood(d.y, d.size, glm.fit(d.matrix(c), d.y, d.size, self.family).expected, self.family)
                 for c in (d.base, d.full)]  # fmt: skip
        df = len(d.full) - len(d.base)
        chi = 2 * float((value[1] - value[0]).sum())
        return {"metric": "likelihood_ratio", "variant": f"{self.family}, rows independent", "unit": "chi2",
                "estimate": chi, "p": chi2.sf(chi, df), "null_model": f"chi2({df})"}  # fmt: skip

    def gain(self, n_null: int) -> list[dict[str, Any]]:
        """Held-out log-likelihood with the predictors less that without, a row, and a word where rows are not words."""
        d, unit = self.design, self.stretches
        order = np.random.default_rng(self.seed).permutation(unit.max() + 1)
        word_fold = (np.argsort(order) % self.folds)[self.word_stretches]
        fold = word_fold[d.word]
        if self.kind == "linear":
            each = [linear.held_out(d.y, d.matrix(c), fold) for c in (d.full, d.base)]
            without = [linear.totals_without(d.y, d.matrix(c), fold, unit) for c in (d.full, d.base)]
            fits = [gains.fitted_linear(d.y, d.matrix(c)) for c in (d.base, d.full)]
        else:
            each = [glm.held_out(d.matrix(c), d.y, d.size, fold, self.family) for c in (d.full, d.base)]
            without = [glm.totals_without(d.matrix(c), d.y, d.size, fold, unit, self.family) for c in (d.full, d.base)]
            fits = [gains.fitted_glm(d.y, d.matrix(c), d.size, self.family) for c in (d.base, d.full)]
        gained = each[0] - each[1]
        left = (without[0] - without[1]) / (len(unit) - np.bincount(unit))
        low, high = gains.gain_interval(gained.mean(), left, fits[0], fits[1], unit)
        own = {name: column for name, column in d.full.items() if name not in d.base}
        chance = gain_test(*self._left(d.base, own), word_fold, d.word_story, len(gained), n_null, self.seed)
        row = {"metric": "delta_log_likelihood", "variant": "cross-validated", "unit": "nats/word",
               "estimate": gained.mean(), "ci_low": low, "ci_high": high}  # fmt: skip
        if d.observer is None:
            return [row | chance]
        words = len(d.word_story)
        a_word = {name: row[name] * len(gained) / words for name in ("estimate", "ci_low", "ci_high")}
        return [row | chance | {"unit": "nats/row"},
                row | a_word | {"variant": "cross-validated, per word", "n": words}]  # fmt: skip


def _check_outcome(design: Design, kind: str, outcome: str) -> None:
    y = design.y
    if kind in ("logistic", "mixed") and ((y < 0) | (y > design.size) | (y != np.round(y))).any():
        raise DataError(f"column {outcome} must hold 0 or 1 (or counts with observers=) for a {kind} model")
    if kind == "poisson" and ((y < 0) | (y != np.round(y))).any():
        raise DataError(f"column {outcome} must hold counts for a poisson model")
    if y.min() == y.max():
        raise DataError(f"column {outcome} is {y[0]:g} everywhere: there is nothing to explain")


__all__ = ["CONTROLS", "KINDS", "regress"]
