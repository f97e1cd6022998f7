"""When a finding agrees with its claim: rows that can be judged by hand."""

import numpy as np
import pandas as pd
import pytest

from emcog.reproduce import load_script, report_table
from emcog.reproduce.findings import around, boundaries, distance, fixed_cohere, refined_cohere
from emcog.reproduce.findings_of_memory import any_budget, beyond_fixed, beyond_window, budget, calibrated, speed
from emcog.reproduce.recalling import beyond_rows, paired_row


def asked(config, right, *, length=2000, task="pass_key", distance=1500, first=0):
    """A question a trial, as `sweep` has them."""
    return pd.DataFrame({"config": config, "task": task, "length": length, "depth": 0.2, "distance": distance,
                         "trial": range(first, first + len(right)), "correct": right})  # fmt: skip


def test_only_questions_beyond_the_window_tell_memory_from_it():
    """Within the window both are right: as many such questions as one likes change nothing."""
    near = [asked(c, [True] * 50, distance=100, first=10) for c in ("SM+C", "window", "F")]
    far = [asked("SM+C", [True] * 6), asked("window", [False] * 6), asked("F", [True] * 6)]
    table = report_table(beyond_rows(pd.concat(near + far), "passkey", 512, 0))
    (found,) = beyond_window(table)
    assert found.agrees is True  # 6 of 6 against 0 of 6: p = 1/32
    assert "beyond 512 tokens: SM+C says 100% exactly, window 0%" in found.said and "6 questions each" in found.said
    (same,) = beyond_fixed(table)
    assert (same.agrees, same.why) == (None, "both at ceiling")
    five = [asked("SM+C", [True] * 5), asked("window", [False] * 5)]
    (few,) = beyond_window(report_table(beyond_rows(pd.concat(five), "passkey", 512, 0)))
    assert (few.agrees, few.why) == (None, "")  # p = 1/16
    worse = [asked("SM+C", [False] * 6), asked("window", [True] * 6)]
    assert next(beyond_window(report_table(beyond_rows(pd.concat(worse), "passkey", 512, 0)))).agrees is False


def test_lengths_are_pooled_and_pairs_are_of_the_same_question():
    rows = [asked("SM+C", [True] * 3, length=n) for n in (900, 2000)]
    rows += [asked("window", [False] * 3, length=n)[::-1] for n in (2000, 900)]
    row = paired_row(pd.concat(rows), "SM+C", "window", "passkey", 0)
    assert (row["n"], row["p"]) == (6, pytest.approx(2 * 0.5**6))
    with pytest.raises(pd.errors.MergeError):
        paired_row(pd.concat([*rows, rows[0]]), "SM+C", "window", "passkey", 0)


def test_the_budget_changes_little_only_if_the_interval_says_so():
    def found(n, right, least, kind=budget):
        rows = []
        for n_mem, other in ((32, least), (0, [False] * n)):
            both = pd.concat([asked("SM 512", right), asked(f"SM {n_mem}", other)])
            rows.append({"story": "several_keys", "n_mem": n_mem}
                        | paired_row(both, "SM 512", f"SM {n_mem}", "memory_budget", 0))  # fmt: skip
        (one,) = kind(report_table(rows))
        return one.agrees

    assert found(40, [True] * 40, [True] * 40) is True  # at most 3.84 / 43.84 apart
    assert found(30, [True] * 30, [True] * 30) is None
    assert found(40, [True] * 40, [False] * 40) is False  # more tokens, more recall: not what the paper reports
    assert found(10, [True] * 10, [True] * 10, any_budget) is True


@pytest.mark.parametrize(("memory", "full", "expected"), [(200, 100, True), (100, 200, False), (105, 100, None)])
def test_speed_can_be_higher_lower_and_neither(memory, full, expected):
    rows = [{"metric": "speed", "method": m, "length": n, "estimate": v, "ci_low": v - 5, "ci_high": v + 5}
            for m, v in (("memory, SM", memory), ("full attention", full)) for n in (512, 1024)]  # fmt: skip
    rows.append({"metric": "crossover", "estimate": 512.0, "note": "n: lengths; faster at once"})
    (one,) = speed(report_table(rows))
    assert one.agrees is expected
    assert one.interval == f"quartiles {memory - 5} to {memory + 5}; {full - 5} to {full + 5}"


def test_a_test_is_right_when_its_interval_says_so():
    def found(share, n, half, metric="f1", null="circular_shift", test="agreement"):
        row = {"test": test, "kind": "regular", "metric": metric, "null_model": null, "estimate": share, "n": n,
               "ci_low": share - half, "ci_high": share + half}  # fmt: skip
        return next(calibrated(report_table([row])), None)

    few, many = found(0.05, 20, 0.2), found(0.05, 2000, 0.01)
    assert (few.agrees, few.why, many.agrees) == (None, "too few runs to tell", True)
    assert found(0.09, 2000, 0.013).agrees is False
    assert found(0.09, 2000, 0.013, "lag_crp", "shuffled_order", "recall").agrees is False  # not agreement alone
    assert found(0.09, 2000, 0.013, null="uniform") is None  # no test has that null model by itself
    assert found(0.04, 2000, 0.01, "matched", "shuffled_lengths").agrees is True  # its own default
    assert found(0.9, 500, 0.02, test="power") is None


def test_refined_events_hold_together_most_only_above_all_others():
    def found(p=0.01, **scores):
        rows = [{"dataset": "demo", "story": "a", "metric": "modularity", "method": m, "estimate": v, "null_sd": 0.1,
                 "p": p, "n": 9, "layer": None} for m, v in scores.items()]  # fmt: skip
        (one,) = refined_cohere(report_table(rows))
        return one.agrees

    low = {"F": -1, "S": 0, "FM": 1, "FC": 0}
    assert found(SM=3, SC=2, **low) is True
    assert found(SM=1, SC=3, **low) is True  # the paper: SM or SC
    assert found(SM=3, SC=2, **low | {"FM": 4}) is False
    assert found(SM=3, SC=2, **low | {"FM": 3.1}) is None  # within chance of each other
    assert found(0.03, SM=3, SC=2, **low) is None  # the better of two: p = .06
    assert found(SM=3, S=1, F=0) is None  # some are missing


def test_even_events_are_described_beside_random_ones():
    def found(low, high):
        row = {"dataset": "demo", "story": "a", "metric": "modularity", "method": "F", "estimate": (low + high) / 2,
               "ci_low": low, "ci_high": high, "n": 9, "layer": None}  # fmt: skip
        (one,) = fixed_cohere(report_table([row]))
        return one.agrees

    assert (found(-3, -1), found(1, 3), found(-1, 1)) == (True, False, None)


def story(**row):
    return {"dataset": "kumar2023", "story": "pieman"} | row


def test_the_best_of_several_methods_is_corrected_for_them():
    def found(p, fixed=0.3):
        rows = [story(metric="wasserstein", variant="share", method=m, estimate=e, p=q, null_mean=0.2, null_sd=0.05)
                for m, e, q in (("S", 0.1, p), ("SM", 0.15, 0.9), ("SC", 0.15, 0.9), ("F", fixed, 0.9))]  # fmt: skip
        (one,) = distance(report_table(rows))
        assert one.interval == "none; chance 0.102 to 0.298 (mean ± 1.96 SD)"
        return one.agrees

    assert (found(0.01), found(0.02)) == (True, None)  # 4 looks: .04 and .08
    assert found(0.01, fixed=0.05) is None  # F is nearer still, and that by chance


def test_three_signals_are_three_looks():
    def found(p):
        rows = [story(metric="mean", lag=0, method=m, estimate=1.0, ci_low=0.5, ci_high=1.5, null_mean=0.0, n=9)
                for m in ("surprisal", "entropy", "bayesian_surprise")]  # fmt: skip
        rows.append(story(metric="cluster", method="bayesian_surprise", variant="lags 0 to 1", estimate=3.0, p=p))
        (one,) = around(report_table(rows))
        return one.agrees

    assert (found(0.016), found(0.017)) == (True, None)


def test_slopes_are_corrected_for_their_number():
    def found(p):
        rows = []
        for m, gain in (("surprisal", 0.0), ("bayesian_surprise", 0.01), ("entropy", 0.0)):
            about = story(analysis="boundaries", method=m)
            rows.append(about | {"metric": "delta_log_likelihood", "estimate": gain, "ci_low": 0.0, "ci_high": 0.1})
            rows += [about | {"metric": "slope", "variant": f"lag {k}", "p": 0.5} for k in (0, 1)]
        rows[4]["p"] = p  # of Bayesian surprise
        (one,) = boundaries(report_table(rows))
        return one.agrees

    assert (found(0.008), found(0.009)) == (True, None)  # 6 slopes


def test_layers_that_agree_are_among_the_simulations():
    parts = load_script("analyses", "calibration_simulations").PARTS
    rows = pd.DataFrame(parts["layers"][0](0, 0, 19))
    assert set(rows[rows["test"] == "recall"]["kind"]) == {"layers alike", "layers much alike"}
    assert np.isfinite(rows[rows["test"] == "recall"]["p"]).all()
