"""Reading times against the same models written out with statsmodels and loops."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import t

from emcog.errors import DataError
from emcog.stats import reading_times
from emcog.stats.linear import Folded, held_out, likelihood_ratio, mixed, stretch_errors, totals_without

from .by_hand import freedom

WORDS = Path(__file__).parents[3] / "shared" / "human" / "natural_stories" / "words.csv"


def made(n=900, stories=3, effect=2.0, seed=0):
    rng = np.random.default_rng(seed)
    story = np.repeat(np.arange(stories), n // stories)
    words = ["a" * k for k in rng.integers(1, 9, n)]
    surprisal, other = rng.gamma(2, 2, n), rng.gamma(2, 2, n)
    before = np.where(np.r_[True, np.diff(story) != 0], 0, np.r_[0, surprisal[:-1]])
    rt = 300 + 5 * np.array([len(w) for w in words]) + effect * surprisal + 3 * effect / 2 * before
    rt += np.array([0, 20, -10])[story] + 30 * rng.normal(size=n)
    return pd.DataFrame({"story": story, "word": words, "log_freq": rng.normal(size=n), "rt_ms": rt,
                         "surprisal": surprisal, "other": other})  # fmt: skip


def pick(found, metric, method="surprisal", variant=None):
    rows = found[(found.metric == metric) & (found.method == method)]
    rows = rows if variant is None else rows[rows.variant == variant]
    assert len(rows) == 1
    return rows.iloc[0]


@pytest.fixture(scope="module")
def both():
    return reading_times(made(), ["surprisal", "other"], n_null=99, n_boot=300)


def test_the_effect_that_was_put_in_comes_out(both):
    for lag, true in enumerate((2.0, 3.0, 0.0)):
        row = pick(both, "slope", variant=f"lag {lag}")
        assert row.ci_low < true < row.ci_high and row.unit == "ms/bit"
    gain = pick(both, "delta_log_likelihood")
    assert gain.ci_low > 0 and gain.p == pytest.approx(0.02)
    assert pick(both, "delta_log_likelihood", "other").p > 0.05
    ratio = pick(both, "delta_log_likelihood_ratio", "other / surprisal")
    assert ratio.estimate == pytest.approx(pick(both, "delta_log_likelihood", "other").estimate / gain.estimate)
    assert set(both.n) == {894}  # the first two words of three stories have no two words before


def test_correlations_are_pearsons(both):
    table = made()
    kept = table.groupby("story").cumcount() >= 2
    same = np.corrcoef(table.surprisal[kept], table.rt_ms[kept])[0, 1]
    later = np.corrcoef(table.surprisal.shift(1)[kept], table.rt_ms[kept])[0, 1]
    between = np.corrcoef(table.surprisal[kept], table.other[kept])[0, 1]
    assert pick(both, "r", variant="same word").estimate == pytest.approx(same)
    assert pick(both, "r", variant="next word").estimate == pytest.approx(later)
    assert pick(both, "r_between", "surprisal ~ other").estimate == pytest.approx(between)


def test_one_story_is_ordinary_least_squares_by_hand():
    table = made(300, 1)
    found = reading_times(table, n_null=9, n_boot=10, folds=5)
    columns = {f"{name}{lag}": table[name].shift(lag) if name != "length" else table.word.str.len().shift(lag)
               for name in ("length", "log_freq", "surprisal") for lag in range(3)}  # fmt: skip
    X = pd.DataFrame(columns).dropna()
    y = table.rt_ms[X.index]
    full = sm.OLS(y, sm.add_constant(X)).fit()
    small = sm.OLS(y, sm.add_constant(X.drop(columns=["surprisal0", "surprisal1", "surprisal2"]))).fit()
    for lag in range(3):
        row = pick(found, "slope", variant=f"lag {lag}")
        assert row.estimate == pytest.approx(full.params[f"surprisal{lag}"])
        wald = pick(found, "wald", variant=f"lag {lag}")
        assert (wald.z, row.null_model) == (pytest.approx(full.tvalues[f"surprisal{lag}"]), "t, stretches")
        without = [sm.OLS(y[k], sm.add_constant(X[k])).fit().params[f"surprisal{lag}"]
                   for k in (np.arange(len(y)) // 50 != g for g in range(6))]  # fmt: skip
        error = np.sqrt(5 / 6 * np.sum((np.array(without) - np.mean(without)) ** 2))
        assert row.z == pytest.approx(row.estimate / error)
        df = freedom(sm.add_constant(X).to_numpy(), np.arange(len(y)) // 50, 1 + list(X).index(f"surprisal{lag}"))
        assert 2 < df < 5  # of six stretches, which differ
        assert row.ci_high - row.ci_low == pytest.approx(2 * t.ppf(0.975, df) * error)
        assert row.p == pytest.approx(2 * t.sf(abs(row.z), df))
    test = pick(found, "likelihood_ratio")
    statistic, p, _ = full.compare_lr_test(small)
    assert (test.estimate, test.p) == (pytest.approx(statistic), pytest.approx(p))
    assert test.null_model == "chi2(3)"


def test_the_mixed_model_is_statsmodels():
    table = made()
    columns = {"x": table.surprisal.to_numpy(), "l": table.word.str.len().to_numpy(float)}
    y, story = table.rt_ms.to_numpy(), table.story.to_numpy()
    ours = mixed(y, columns, story)
    theirs = sm.MixedLM(y, sm.add_constant(np.column_stack(list(columns.values()))), story).fit(
        reml=False, method="bfgs"
    )
    assert ours.kind.startswith("mixed")
    np.testing.assert_allclose(ours.coefficients, theirs.fe_params[1:], rtol=1e-3)
    np.testing.assert_allclose(ours.errors, theirs.bse_fe[1:], rtol=1e-3)
    assert ours.log_likelihood == pytest.approx(theirs.llf, abs=1e-3)
    small = mixed(y, {"l": columns["l"]}, story)
    assert likelihood_ratio(small, ours)["estimate"] == pytest.approx(2 * (ours.log_likelihood - small.log_likelihood))


def test_errors_over_stretches_take_the_random_intercept_out():
    """Against the same quasi-demeaned regression, each stretch left out of it in a loop."""
    table, columns = made(), {}
    columns = {"x": table.surprisal.to_numpy(), "l": table.word.str.len().to_numpy(float)}
    y, story = table.rt_ms.to_numpy() + 40 * (table.story == 1), table.story.to_numpy()
    fit, stretch = mixed(y, columns, story), np.arange(900) // 50
    rows, groups = fit.variances
    share = 1 - np.sqrt(rows / (rows + 300 * groups))
    assert 0.9 < share < 1
    whole = pd.DataFrame({"y": y, "one": 1.0, **columns})
    free = whole - share * whole.groupby(story).transform("mean")
    kept = [np.ones(900, dtype=bool), *[stretch != g for g in range(18)]]
    params = [sm.OLS(free.y[rows], free.drop(columns="y")[rows]).fit().params for rows in kept]
    np.testing.assert_allclose(params[0][["x", "l"]], fit.coefficients, rtol=1e-4)  # it is the mixed model's own fit
    error = np.sqrt(17 / 18 * ((pd.DataFrame(params[1:]) - np.mean(params[1:], axis=0)) ** 2).sum())
    found = stretch_errors(fit, y, columns, story, stretch)
    assert {name: pair[0] for name, pair in found.items()} == {name: pytest.approx(error[name]) for name in columns}
    assert all(12 < pair[1] < 17 for pair in found.values())


def test_held_out_density_by_hand_and_from_cross_products():
    from scipy.stats import norm

    rng = np.random.default_rng(1)
    X = np.column_stack([np.ones(60), rng.normal(size=(60, 3))])
    y, fold = X @ [1.0, 2.0, 0.0, -1.0] + rng.normal(size=60), rng.integers(0, 4, 60)
    expected = np.empty(60)
    for label in range(4):
        test = fold == label
        fit = sm.OLS(y[~test], X[~test]).fit()
        sd = np.sqrt(np.mean(fit.resid**2))
        expected[test] = norm.logpdf(y[test], X[test] @ fit.params, sd)
    np.testing.assert_allclose(held_out(y, X, fold), expected)
    assert Folded(y, X[:, :2], fold).total(X[:, 2:]) == pytest.approx(expected.sum())
    assert Folded(y, X, fold).total() == pytest.approx(expected.sum())


def test_a_stretch_left_out_is_neither_scored_nor_fitted_to():
    rng = np.random.default_rng(1)
    X = np.column_stack([np.ones(120), rng.normal(size=(120, 2))])
    y, stretch = 300 + X @ [1.0, 2.0, -1.0] + rng.normal(size=120), np.arange(120) // 10
    fold = np.tile([0, 1, 2], 4)[stretch]
    found = totals_without(y, X, fold, stretch)
    for g in range(12):
        left = stretch != g
        assert found[g] == pytest.approx(held_out(y[left], X[left], fold[left]).sum())


def test_all_models_see_the_same_words():
    table = made()
    table.loc[10:19, "other"] = np.nan
    found = reading_times(table, ["surprisal", "other"], n_null=9, n_boot=10)
    assert set(found[found.metric == "slope"].n) == {894 - 12}  # ten words, and two after them that they spill over to
    alone = reading_times(table.assign(other=0), ["surprisal"], n_null=9, n_boot=10)
    assert set(alone.n) == {894}


def test_without_controls_there_is_a_mean_to_beat():
    found = reading_times(made(), controls=[], n_null=9, n_boot=10)
    assert pick(found, "delta_log_likelihood").estimate > 0


def test_frequencies_are_counted_or_asked_for():
    table = made().drop(columns="log_freq")
    with pytest.raises(DataError, match="log_freq"):
        reading_times(table)
    found = reading_times(table, corpus=["a aa aaa aaaa"], n_null=9, n_boot=10)
    assert "counted in the corpus" in found.note[0]
    gaps = made()
    gaps.loc[5, "log_freq"] = np.nan
    assert "1 empty as its lowest" in reading_times(gaps, n_null=9, n_boot=10).note[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [({"rt": "ms"}, "no column ms"), ({"controls": ["mood"]}, "mood"), ({"folds": 1}, "folds"),
     ({"predictors": ["surprisal", "surprisal"]}, "twice")],
)  # fmt: skip
def test_what_is_wrong_is_said(change, said):
    with pytest.raises(ValueError, match=said):
        reading_times(made(), **({"predictors": ["surprisal"]} | change))
    with pytest.raises(DataError, match="too few"):
        reading_times(made().head(20))


@pytest.mark.skipif(not WORDS.is_file(), reason="../shared/human/natural_stories is not here")
def test_natural_stories_as_its_readme_has_it():
    table = pd.read_csv(WORDS)
    last = table.groupby("story")["position"].transform("max") == table["position"]
    table.loc[last | table["log_freq"].isna(), "mean_rt_ms"] = np.nan
    found = reading_times(table, ["gpt3_surprisal_bits"], rt="mean_rt_ms", n_null=9, n_boot=50, spillover=0)
    same = pick(found, "r", "gpt3_surprisal_bits", "same word")
    later = pick(found, "r", "gpt3_surprisal_bits", "next word")
    assert (same.n, later.n) == (6285, 6279)
    assert same.estimate == pytest.approx(0.202, abs=0.0005)
    assert later.estimate == pytest.approx(0.280, abs=0.01)  # there without words after one of unknown frequency
    assert pick(found, "delta_log_likelihood", "gpt3_surprisal_bits").ci_low > 0
