import numpy as np
import pandas as pd
import pytest

from emcog.stats import COLUMNS, benjamini_hochberg, tidy

DESIGN = (
    "analysis, dataset, story, model, method, metric, variant, unit, bin, tolerance, estimate, ci_low, ci_high, "
    "ceiling, null_model, null_mean, null_sd, z, p, p_bh, n, n_null, seed, note"
).split(", ")


def test_the_columns_are_the_designs():
    assert list(COLUMNS) == DESIGN
    assert list(tidy([]).columns) == DESIGN


def test_rows_are_filled_up_and_typed():
    table = tidy([{"metric": "f1", "estimate": 0.5, "p": 0.01, "n": np.int64(3)}, {"p": 0.04}])
    assert table["metric"].tolist() == ["f1", ""]
    assert table["n"].tolist() == [3, pd.NA]
    assert np.isnan(table["estimate"][1])
    np.testing.assert_allclose(table["p_bh"], [0.02, 0.04])
    with pytest.raises(KeyError, match="estimat"):
        tidy([{"estimat": 1.0}])


def test_tests_that_do_not_hold_lift_no_others():
    rows = [{"metric": "slope", "p": 0.04}, {"metric": "slope", "p": 0.5}]
    alone = tidy(rows)["p_bh"].tolist()
    table = tidy([*rows, {"metric": "wald", "p": 1e-9}, {"metric": "likelihood_ratio", "p": 1e-9}])
    assert table["p_bh"].tolist()[:2] == alone == [0.08, 0.5]
    assert table["p_bh"].isna().tolist() == [False, False, True, True] and table["p"].notna().all()
    assert "wald" in COLUMNS["p_bh"][1]


def test_benjamini_hochberg_by_hand():
    # p sorted .01 .02 .03 .20 times 4/1 4/2 4/3 4/4, then the running minimum from the right; NaN is no test
    np.testing.assert_allclose(benjamini_hochberg(np.array([0.2, 0.03, np.nan, 0.01, 0.02])),
                               [0.2, 0.04, np.nan, 0.04, 0.04])  # fmt: skip
