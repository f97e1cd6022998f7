"""Regressions against statsmodels called by hand, and the shift test against a loop over shifts."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.signal import lfilter
from scipy.stats import t

from emcog.errors import DataError, OptionError
from emcog.stats import glm, linear, regress, shifts
from emcog.stats.shifts import gain_test, shift_test

from .by_hand import freedom

N, PEOPLE = 400, 8


def made(effect=0.5, seed=0):
    """A row a word and observer, one observer after the other."""
    rng = np.random.default_rng(seed)
    signal, length = rng.normal(size=N), rng.integers(1, 9, N)
    chance = 1 / (1 + np.exp(2.5 - effect * signal - 0.1 * length))
    parts = [pd.DataFrame({"story": "a", "observer": f"p{i}", "word": ["x" * k for k in length], "signal": signal,
                           "boundary": (rng.random(N) < chance).astype(int)}) for i in range(PEOPLE)]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def counts(effect=0.5):
    table = made(effect)
    words = table[table.observer == "p0"].drop(columns=["boundary", "observer"]).reset_index(drop=True)
    pressed = table.groupby("observer", sort=False)["boundary"].apply(np.array)
    return words.assign(presses=np.sum(list(pressed), axis=0), people=PEOPLE)


def pick(found, metric, variant=None):
    rows = found[found.metric == metric]
    rows = rows if variant is None else rows[rows.variant == variant]
    assert len(rows) == 1
    return rows.iloc[0]


SMALL = {"n_null": 199, "folds": 4}


def test_logistic_is_gee_by_hand():
    table = made()
    found = regress(table, "boundary", ["signal"], controls=["length"], observer="observer", **SMALL)
    X = sm.add_constant(np.column_stack([table.word.str.len(), table.signal]))
    hand = sm.GEE(table.boundary, X, groups=table.observer, family=sm.families.Binomial()).fit()
    row = pick(found, "slope")
    assert row.estimate == pytest.approx(hand.params.iloc[-1])
    place = np.arange(len(table)) % N // 50  # stretches of words, left out with all observers of them
    without = [sm.Logit(table.boundary[place != g], X[place != g]).fit(disp=False).params.iloc[-1] for g in range(8)]
    error = np.sqrt(7 / 8 * np.sum((np.array(without) - np.mean(without)) ** 2))
    chance = np.asarray(hand.fittedvalues)
    df = freedom(X * np.sqrt(chance * (1 - chance))[:, None], place, 2)
    assert 4 < df < 7
    assert row.ci_high - row.ci_low == pytest.approx(
        2 * t.ppf(0.975, df) * error, rel=0.03
    )  # one step is not all of it
    assert row.ci_high + row.ci_low == pytest.approx(2 * row.estimate)
    wald = pick(found, "wald")
    assert (wald.estimate, wald.p) == (pytest.approx(hand.tvalues.iloc[-1]), pytest.approx(hand.pvalues.iloc[-1]))
    assert row.p == pytest.approx(0.01)
    assert row.unit == "log odds/unit" and "8 observers as clusters" in row.note
    logit = [sm.Logit(table.boundary, X[:, :k]).fit(disp=False).llf for k in (2, 3)]
    assert pick(found, "likelihood_ratio").estimate == pytest.approx(2 * (logit[1] - logit[0]))
    gain = pick(found, "delta_log_likelihood", "cross-validated")
    assert gain.ci_low > 0 and gain.p == pytest.approx(0.01) and gain.z > 4
    a_word = pick(found, "delta_log_likelihood", "cross-validated, per word")
    assert (gain.unit, a_word.unit, gain.n, a_word.n) == ("nats/row", "nats/word", PEOPLE * N, N)
    for column in ("estimate", "ci_low", "ci_high"):
        assert a_word[column] == pytest.approx(PEOPLE * gain[column])
    assert np.isnan(a_word.p)  # it is the same test


def test_counts_of_a_crowd_are_binomial_or_poisson_by_hand():
    table = counts()
    X = sm.add_constant(np.column_stack([table.word.str.len(), table.signal]))
    found = regress(table, "presses", ["signal"], controls=["length"], observers="people", **SMALL)
    hand = sm.GLM(np.column_stack([table.presses, PEOPLE - table.presses]), X, family=sm.families.Binomial())
    hand = hand.fit(cov_type="HC1")
    assert pick(found, "slope").estimate == pytest.approx(hand.params[-1])
    assert pick(found, "wald").estimate == pytest.approx(hand.tvalues[-1])
    found = regress(table, "presses", ["signal"], kind="poisson", controls=["length"], **SMALL)
    hand = sm.GLM(table.presses, X, family=sm.families.Poisson()).fit(cov_type="HC1")
    assert pick(found, "slope").estimate == pytest.approx(hand.params.iloc[-1])
    assert pick(found, "wald").estimate == pytest.approx(hand.tvalues.iloc[-1])
    null = sm.GLM(table.presses, X[:, :2], family=sm.families.Poisson()).fit()
    assert pick(found, "likelihood_ratio").estimate == pytest.approx(2 * (hand.llf - null.llf))


def test_rows_and_counts_of_the_same_presses_agree():
    rows = regress(made(), "boundary", ["signal"], controls=["length"], observer="observer", **SMALL)
    sums = regress(counts(), "presses", ["signal"], controls=["length"], observers="people", **SMALL)
    for metric in ("slope", "likelihood_ratio"):
        assert pick(rows, metric).estimate == pytest.approx(pick(sums, metric).estimate)
    assert pick(rows, "slope").z == pytest.approx(pick(sums, "slope").z)
    a_word, own = pick(rows, "delta_log_likelihood", "cross-validated, per word"), pick(sums, "delta_log_likelihood")
    assert a_word.estimate == pytest.approx(own.estimate) and (a_word.unit, own.unit) == ("nats/word", "nats/word")
    test = pick(rows, "delta_log_likelihood", "cross-validated")
    assert (test.z, test.p) == (pytest.approx(own.z), own.p)


def test_the_mixed_model_has_an_intercept_an_observer():
    from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM

    table = made()
    rng = np.random.default_rng(3)
    keen = dict(zip(table.observer.unique(), rng.normal(0, 1.5, PEOPLE), strict=True))
    chance = 1 / (1 + np.exp(1.5 - 0.5 * table.signal - table.observer.map(keen)))
    table["boundary"] = (rng.random(len(table)) < chance).astype(int)
    found = regress(table, "boundary", ["signal"], kind="mixed", controls=[], observer="observer", **SMALL)
    row = pick(found, "slope")
    assert row.ci_low < 0.5 < row.ci_high
    hand = BinomialBayesMixedGLM.from_formula("boundary ~ signal", {"o": "0 + C(observer)"}, table, vcp_p=1, fe_p=10)
    assert row.estimate == pytest.approx(hand.fit_vb().fe_mean[1], abs=0.02)


def test_linear_takes_observers_as_groups():
    table = made()
    rng = np.random.default_rng(9)
    table["rt"] = 300 + 4 * table.signal + table.observer.map(lambda o: 20 * int(o[1])) + rng.normal(0, 20, len(table))
    found = regress(table, "rt", ["signal"], kind="linear", controls=["length"], observer="observer", **SMALL)
    row = pick(found, "slope")
    assert row.ci_low < 4 < row.ci_high and row.unit == "ms/unit"
    assert "mixed" in row.note


def test_lags_and_time_since_the_last_boundary():
    found = regress(made(), "boundary", ["signal"], controls=["length", "since_boundary"], lags=2,
                    observer="observer", **SMALL)  # fmt: skip
    assert found[found.metric == "slope"].variant.tolist() == ["lag 0", "lag 1", "lag 2"]
    a_word = found.unit == "nats/word"
    assert set(found.n[~a_word]) == {PEOPLE * (N - 2)} and found.n[a_word].tolist() == [
        N - 2
    ]  # every observer's first two words have no two words before
    strong = found[(found.metric == "slope") & (found.p < 0.02)]
    assert strong.variant.tolist() == ["lag 0"]


def every_distance(story, n_null, seed):
    """All pairs of distances of two stories, not moved at all first; draws are random ones of these."""
    first, second = (np.flatnonzero(story == name) for name in "ab")
    pairs = np.indices((len(first), len(second))).reshape(2, -1)
    assert n_null == pairs.shape[1] - 1
    yield from zip((first, second), pairs, strict=True)


def slow(rng, n, k=1):
    return lfilter([1], [1, -0.9], rng.normal(size=(n, k)), axis=0)


def two_stories():
    """Slow predictors beside slow controls, one of which goes along with what is left of the words."""
    rng = np.random.default_rng(0)
    n, story = 60, np.repeat(["a", "b"], [25, 35])
    residual, weight = slow(rng, n)[:, 0], rng.uniform(0.5, 2, n)
    controls = np.column_stack([np.ones(n), slow(rng, n, 2), residual + slow(rng, n)[:, 0]])
    return slow(rng, n, 2) + 0.5 * controls[:, 1:3] + 3, controls, residual, weight, story


def everywhere(x, story):
    """The columns moved by all pairs of distances, in the order of `every_distance`."""
    parts = [[np.roll(x[story == s], d, axis=0) for d in range((story == s).sum())] for s in "ab"]
    return [np.concatenate([one, other]) for one in parts[0] for other in parts[1]]


def equal(found, every):
    """Whether a test says of the first of all values what the others give."""
    observed, null = every[0], np.array(every[1:])
    assert found["null_mean"] == pytest.approx(null.mean(), rel=1e-8, abs=1e-10)
    assert found["null_sd"] == pytest.approx(null.std(ddof=1), rel=1e-8)
    assert found["z"] == pytest.approx((observed - null.mean()) / null.std(ddof=1), rel=1e-8)
    assert found["n_null"] == len(null)


def test_the_shift_test_is_a_loop_over_shifts(monkeypatch):
    monkeypatch.setattr(shifts, "_distances", every_distance)
    x, controls, residual, weight, story = two_stories()
    x = x[:, 0]

    def statistic(moved):
        """The slope of a regression of what is left of the words on all columns, over its standard error at scale 1."""
        fit = sm.WLS(residual / weight, np.column_stack([controls, moved]), weight).fit()
        return fit.params[-1] / np.sqrt(fit.normalized_cov_params[-1, -1])

    free = np.asarray(sm.WLS(x, controls, weight).fit().resid)
    every = [statistic(moved) for moved in everywhere(free, story)]
    equal(shift_test(x, controls, residual, weight, story, len(every) - 1, 0), every)
    assert every[0] == pytest.approx(statistic(x))
    doubled = np.column_stack([controls, controls[:, 1:] * 2])  # says nothing new
    equal(shift_test(x, doubled, residual, weight, story, len(every) - 1, 0), every)


def test_draws_are_distances_of_each_story_by_itself():
    story = np.repeat(["a", "b"], [25, 35])
    (a, there), (b, here) = shifts._distances(story, 2000, 0)
    assert (a == np.arange(25)).all() and (b == np.arange(25, 60)).all()
    assert there[0] == here[0] == 0 and len(there) == len(here) == 2001
    assert set(there[1:]) == set(range(25)) and set(here[1:]) == set(range(35))
    assert abs(np.corrcoef(there[1:], here[1:])[0, 1]) < 0.08


@pytest.mark.parametrize("what", ["constant", "of the controls"])
def test_what_controls_say_already_has_no_test(what):
    x, controls, residual, weight, story = two_stories()
    x = np.full(60, 3.7) if what == "constant" else controls @ [0.1, 2, -3, 1]
    found = shift_test(x, controls, residual, weight, story, 99, 0)
    assert np.isnan([found["z"], found["p"], found["null_sd"]]).all() and found["n_null"] == 0
    fold = np.arange(60) % 3
    found = gain_test(x[:, None], controls, residual, weight, fold, story, 30, 99, 0)
    assert np.isnan([found["z"], found["p"], found["null_sd"]]).all() and found["n_null"] == 0


def test_an_event_in_one_fold_is_not_taken_for_a_gain():
    """Where a predictor is it says nothing of the other folds; by chance it lies in one fold as well."""
    found = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        n, event = 200, np.zeros(200)
        event[rng.integers(n)] = 1
        fold, columns = np.arange(n) // 50, np.column_stack([event, np.roll(event, 1)])
        controls = np.column_stack([np.ones(n), slow(rng, n)])
        found.append(gain_test(columns, controls, rng.normal(size=n), np.ones(n), fold, np.zeros(n), n, 199, 0)["p"])
    assert np.mean(np.array(found) < 0.05) <= 8 / 60  # 9 or more of 60 at 5%: 1 in 400


@pytest.mark.parametrize("lags", [0, 1])
def test_a_predictor_beside_the_true_one_is_not_found(lags):
    """Of two correlated predictors, or a slow signal and its past, only the first is true; p beside the other's."""
    found = []
    for seed in range(24):
        rng = np.random.default_rng([lags, seed])
        true = rng.normal(size=300)
        if lags:
            true = lfilter([1], [1, -0.6], rng.normal(size=400))[100:]
        other = 0.7 * true + np.sqrt(1 - 0.49) * rng.normal(size=300)
        table = pd.DataFrame({"story": "a", "true": true, "other": other})
        table["y"] = (rng.random(300) < 1 / (1 + np.exp(1 - 1.2 * true))).astype(int)
        chosen = ["true"] if lags else ["true", "other"]
        slopes = regress(table, "y", chosen, controls=[], lags=lags, n_null=99, folds=2).query("metric == 'slope'")
        found.append(slopes.p.to_numpy() < 0.05)
    there, nothing = np.mean(found, axis=0)
    assert there > 0.9  # without the others held fixed, the second were found in nearly all as well
    assert nothing <= 4 / 24  # 5 or more of 24 at 5%: 1 in 160


def test_the_gain_test_is_a_loop_over_shifts(monkeypatch):
    monkeypatch.setattr(shifts, "_distances", every_distance)
    x, controls, residual, weight, story = two_stories()
    fold = np.random.default_rng(1).integers(0, 3, 60)
    left = np.asarray(sm.WLS(residual / weight, controls, weight).fit().resid) * weight

    def likelihood(columns):
        """To second order, of each fold by a step that the others make."""
        total = 0.0
        for f in range(3):
            sides = [(columns[part], left[part], weight[part]) for part in (fold != f, fold == f)]
            (u, v), (own, bend) = [(a.T @ r, a.T @ (a * w[:, None])) for a, r, w in sides]
            b = np.linalg.solve(v, u)
            total += b @ own - b @ bend @ b / 2
        return total / 30

    every = [likelihood(np.column_stack([controls, moved])) - likelihood(controls) for moved in everywhere(x, story)]
    equal(gain_test(x, controls, residual, weight, fold, story, 30, len(every) - 1, 0), every)
    more = np.column_stack([x, controls[:, 1], np.ones(60)])  # two of them are controls
    found = gain_test(more, controls, residual, weight, fold, story, 30, len(every) - 1, 0)
    assert found["z"] == found["z"] and found["n_null"] == len(every) - 1


@pytest.mark.parametrize("kind", ["logistic", "poisson", "linear"])
def test_gains_by_chance_are_those_of_models_fitted_anew(kind):
    """To second order from one fit, against held-out log-likelihoods with the predictor moved."""
    table = counts(0.0)
    size = np.full(N, float(PEOPLE))
    outcome = table.presses.to_numpy(float)
    if kind == "linear":
        outcome = table.presses = 300 + 20 * np.random.default_rng(5).normal(size=N)
    options = {"observers": None if kind == "linear" else "people", "kind": kind, "controls": ["length"]}
    row = pick(regress(table, "presses", ["signal"], n_null=2000, folds=4, **options), "delta_log_likelihood")
    fold = (np.argsort(np.random.default_rng(0).permutation(8)) % 4)[np.arange(N) // 50]
    base = np.column_stack([np.ones(N), table.word.str.len()])

    def gain(columns):
        X = np.column_stack([base, columns])
        if kind == "linear":
            return (linear.held_out(outcome, X, fold) - linear.held_out(outcome, base, fold)).mean()
        each = [glm.held_out(one, outcome, size, fold, kind) for one in (X, base)]
        return (each[0] - each[1]).mean()

    every = [gain(np.roll(table.signal, shift)) for shift in range(0, N, 5)]
    assert row.estimate == pytest.approx(gain(table.signal))
    assert row.null_mean == pytest.approx(np.mean(every), abs=0.4 * np.std(every))
    assert row.null_sd == pytest.approx(np.std(every), rel=0.25)
    assert row.z == pytest.approx((row.estimate - row.null_mean) / row.null_sd, abs=0.15)


def test_a_mixed_model_that_stopped_early_gives_no_p(monkeypatch):
    from statsmodels.genmod import bayes_mixed_glm

    real = bayes_mixed_glm.minimize
    monkeypatch.setattr(bayes_mixed_glm, "minimize", lambda *a, **k: real(*a, **k | {"options": {"maxiter": 1}}))
    found = regress(made(), "boundary", ["signal"], kind="mixed", controls=[], observer="observer", **SMALL)
    slope, wald = pick(found, "slope"), pick(found, "wald")
    assert "did not converge: no intervals and p" in slope.note
    assert np.isnan([slope.ci_low, slope.ci_high, slope.z, slope.p, wald.p]).all() and np.isfinite(slope.estimate)


@pytest.mark.parametrize("who", ["GEE", "GLM"])
def test_a_fit_that_stopped_early_says_so(monkeypatch, who):
    real, early = getattr(sm, who).fit, {"ctol": 0} if who == "GEE" else {}
    monkeypatch.setattr(getattr(sm, who), "fit", lambda self, **k: real(self, maxiter=1, **early, **k))
    table, options = (made(), {"observer": "observer"}) if who == "GEE" else (counts(), {"observers": "people"})
    outcome = "boundary" if who == "GEE" else "presses"
    found = regress(table, outcome, ["signal"], controls=["length"], **options, **SMALL)
    assert "the model did not converge: mind the estimates" in pick(found, "slope").note


def test_reading_times_have_no_time_since_the_last_boundary():
    table = counts().assign(log_freq=1.0 + np.arange(N) % 3)
    table.loc[::9, "word"] += "."
    said = {kind: regress(table, "presses", ["signal"], kind=kind, **SMALL).note[0] for kind in ("linear", "poisson")}
    assert "since_boundary" in said["poisson"]
    assert "controls: length, log_freq, sentence_end;" in said["linear"]


@pytest.mark.parametrize("family", glm.FAMILIES)
def test_our_glm_is_statsmodels(family):
    rng = np.random.default_rng(2)
    X = np.column_stack([np.ones(80), rng.normal(size=(80, 2))])
    size = rng.integers(3, 9, 80).astype(float)
    eta = X @ [-1.0, 0.7, -0.4]
    if family == "logistic":
        y = rng.binomial(size.astype(int), 1 / (1 + np.exp(-eta))).astype(float)
        hand = sm.GLM(np.column_stack([y, size - y]), X, family=sm.families.Binomial()).fit()
    else:
        y = rng.poisson(size * np.exp(eta)).astype(float)
        hand = sm.GLM(y, X, family=sm.families.Poisson(), exposure=size).fit()
    ours = glm.fit(X, y, size, family)
    assert ours.converged
    np.testing.assert_allclose(ours.coefficients, hand.params, rtol=1e-6)
    fold = np.arange(80) % 4
    out = glm.held_out(X, y, size, fold, family)
    kept = fold != 1
    b = glm.fit(X[kept], y[kept], size[kept], family).coefficients
    mean = 1 / (1 + np.exp(-X[~kept] @ b)) if family == "logistic" else np.exp(X[~kept] @ b)
    np.testing.assert_allclose(out[~kept], glm.log_likelihood(y[~kept], size[~kept], mean, family))


@pytest.mark.parametrize("family", glm.FAMILIES)
def test_a_stretch_left_out_is_neither_scored_nor_fitted_to(family):
    """One Newton step and an expansion to second order against fits without the stretch."""
    rng = np.random.default_rng(3)
    n = 1200
    X, size, stretch = np.column_stack([np.ones(n), rng.normal(size=n)]), np.full(n, 5.0), np.arange(n) // 50
    chance = 1 / (1 + np.exp(1 - X[:, 1]))
    y = (rng.binomial(5, chance) if family == "logistic" else rng.poisson(5 * chance)).astype(float)
    fold = np.tile([0, 1, 2, 3], 6)[stretch]
    found = glm.totals_without(X, y, size, fold, stretch, family)
    kept = [stretch != g for g in range(24)]
    loop = np.array([glm.held_out(X[k], y[k], size[k], fold[k], family).sum() for k in kept])
    assert np.abs(found - loop).max() < 0.02 * loop.std()


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [({"kind": "probit"}, OptionError, "logistic"), ({"predictors": []}, OptionError, "surprisal"),
     ({"kind": "mixed"}, OptionError, "observer="), ({"predictors": ["surprise"]}, DataError, "no column surprise"),
     ({"controls": ["mood"]}, DataError, "mood"), ({"outcome": "signal"}, DataError, "0 or 1"),
     ({"outcome": "signal", "kind": "poisson"}, DataError, "counts"), ({"folds": 200}, DataError, "fewer")],
)  # fmt: skip
def test_what_is_wrong_is_said(change, error, said):
    options = {"outcome": "presses", "predictors": ["signal"], "controls": ["length"], "observers": "people"} | change
    if change.get("outcome") == "signal":
        options |= {"predictors": ["presses"], "observers": None}
    with pytest.raises(error, match=said):
        regress(counts(), **options)
