"""Rows of made-up reports, enough of each kind for its figure to be drawn."""

from itertools import product

import numpy as np

from emcog.reproduce import Setting

STORY = {"dataset": "demo", "story": "late_letter"}
METHODS = ("people", "S", "SM", "SC", "F", "FM", "FC", "sentence", "optimal")
MEMORIES = ("S", "SM", "SM+C", "F", "recency", "random", "window", "full attention")
SIGNALS = ("surprisal", "entropy", "bayesian_surprise")


def made_up(analysis):
    """The report of an analysis, the same whenever it is asked for."""
    rng = np.random.default_rng(0)
    rows = [_row(rng) | row for row in MADE[analysis](rng)]
    return Setting(quick=True).report(analysis, rows, model=False)


def _row(rng):
    value = float(rng.normal())
    return STORY | {"estimate": value, "ci_low": value - 1, "ci_high": value + 1, "null_mean": 0.0, "null_sd": 0.5,
                    "z": value / 0.5, "p": 0.5, "n": 12, "seed": 0, "note": "n: made up; so"}  # fmt: skip


def share(estimate):
    return {"estimate": estimate, "ci_low": max(0.0, estimate - 0.2), "ci_high": min(1.0, estimate + 0.2)}


def story(rng):
    n, blocks = 400, 30
    for i in range(n):
        yield {"metric": "surprisal", "place": i, "text": "word" * (1 + i % 3), "estimate": float(rng.gamma(2, 4))}
    for method, every in (("people", 90), ("S", 70), ("SM", 80), ("F", 100), ("S, gamma 1", 7)):
        for place in range(every, n, every):
            yield {"metric": "boundary", "method": method, "place": place}
    for i in range(blocks):
        yield {"metric": "block", "estimate": 10.0 * i, "row": i, "n": 12}
        for j in range(i + 1):
            yield {"metric": "similarity", "row": i, "column": j, "estimate": float(rng.random() + (i == j))}
    for row, column in product(range(10, 40, 6), range(0, 8, 2)):
        yield {"metric": "recall", "row": row, "column": column, "estimate": float(rng.random())}
    yield {"metric": "event", "note": "memory: made up"}


def cohesion(rng):
    metrics = ("modularity", "conductance", "intra_inter")
    for name, metric, method, layer in product(("late_letter", "book"), metrics, METHODS, (None, 0, 1)):
        yield {"metric": metric, "method": method, "layer": layer, "story": name}


def human_distance(rng):
    people = "people, one against the others"
    for method in (*METHODS[1:], "lexical", "R", "S, gamma 1"):
        yield share(0.3) | {"metric": "wasserstein", "variant": "share", "method": method, "ceiling": 0.2}
        yield share(0.4) | {"metric": "f1", "variant": "one-to-one", "method": method, "ceiling": 0.8}
    for film in ("defeat", "iteration"):
        yield share(0.1) | {"metric": "wasserstein", "variant": "share", "method": people, "story": film}
        yield share(0.5) | {"metric": "f1", "variant": "one-to-one", "method": people, "story": film}


def peri_boundary(rng):
    for signal in SIGNALS:
        for lag in range(-3, 4):
            yield {"metric": "mean", "method": signal, "lag": lag, "band_low": -1.0, "band_high": 1.0}
        yield {"metric": "cluster", "method": signal, "variant": "lags 0 to 1", "p": 0.01}


def predictors(rng):
    for name, (analysis, signal) in product(("slope", "gain"), product(("boundaries", "reading_times"), SIGNALS)):
        about = {"analysis": analysis, "method": signal}
        if name == "gain":
            yield about | {"metric": "delta_log_likelihood"}
        else:
            yield from (about | {"metric": "slope", "variant": f"lag {lag}"} for lag in (0, 1))


def gamma(rng):
    metrics = ("event_length", "n_events", "f1", "modularity")
    for metric, method, g in product(metrics, ("S", "SM"), (1.0, 2.0)):
        value = {"estimate": 3.0 * g, "ci_low": 2.5 * g, "ci_high": 4 * g}
        yield value | {"metric": metric, "method": method, "gamma": g}


def granularity(rng):
    return [{"method": method, "grain": grain, "event_words": words, "grain_words": 40.0}
            for method, grain, words in product(("S", "SM"), ("coarse", "fine"), (12.0, 50.0, 200.0))]  # fmt: skip


def layers(rng):
    return [{"metric": metric, "method": "people", "layer": layer, "head": head}
            for metric, layer, head in product(("modularity", "conductance"), (0.0, 1.0, None), (None, 0.0, 1.0))
            if layer is not None or head is None]  # fmt: skip


def recall_curves(rng):
    names = ("memory, similarity only", "memory, similarity and contiguity", "people, spoken recall")
    for method in names:
        for lag in (*range(-5, 0), *range(1, 6)):
            yield share(0.3) | {"metric": "lag_crp", "method": method, "lag": lag, "null_mean": 0.1, "null_sd": 0.02}
        yield {"metric": "forward_asymmetry", "variant": "lag 1", "method": method}
        yield share(0.6) | {"metric": "temporal_clustering", "variant": "percentile rank", "method": method}
    for lag in (-1, 1):
        yield share(0.5) | {"metric": "lag_crp", "method": "contiguity buffer, beside similarity", "lag": lag,
                            "null_mean": None, "null_sd": None, "z": None, "p": None}  # fmt: skip


def passkey(rng):
    for method, length, depth in product(MEMORIES, (900.0, 2048.0), (0.2, 0.5, 0.8, None)):
        if method != "full attention" or length < 1000:
            yield share(depth or 0.5) | {"metric": "correct", "method": method, "length": length, "depth": depth}

    yield difference("window") | {"story": "pass_key"}


def difference(against):
    """Memory against another setting, with the same questions."""
    return {"metric": "correct_difference", "method": "SM+C", "against": against, "share": 1.0, "share_against": 0.5,
            "estimate": 0.5, "ci_low": 0.2, "ci_high": 0.8, "p": 0.01, "window": 512.0}  # fmt: skip


def recall_tasks(rng):
    for against in ("window", "F"):
        yield difference(against) | {"story": "key_value"}
    for task, method, length in product(("several_keys", "key_value"), MEMORIES, (900.0, 2048.0)):
        yield share(0.5) | {"metric": "correct", "story": task, "method": method, "length": length, "depth": None}


def memory_budget(rng):
    for n in (0.0, 32.0):
        yield difference(f"SM {n:.0f}") | {"method": "SM 64", "n_mem": n, "length": 1000}
    for metric, method, n in product(("correct", "recalled"), ("SM", "F"), (0.0, 32.0, 64.0)):
        yield share(0.5) | {"metric": metric, "method": method, "n_mem": n, "length": 1000}


def throughput(rng):
    for metric, method, n in product(
        ("speed", "token_time", "held", "attended"), ("memory, SM", "full attention"), (512, 1024)
    ):
        value = 1000.0 if metric == "speed" else 1e6
        yield {"metric": metric, "method": method, "length": n, "estimate": value, "ci_low": value, "ci_high": value}
    note = "n: repeats; between 512 and 1,024 tokens; interval: quartiles"
    yield {"metric": "crossover", "estimate": 700.0, "ci_low": 600.0, "ci_high": 800.0, "note": note}


def calibration(rng):
    for kind, null, metric in product(
        ("independent", "regular", "clustered"),
        ("circular_shift", "shuffled_lengths", "uniform"),
        ("f1", "boundary_similarity"),
    ):
        yield share(0.05) | {"test": "agreement", "kind": kind, "null_model": null, "metric": metric}
    yield share(0.05) | {"test": "recall", "kind": "random order", "metric": "lag_crp"}


MADE = {made.__name__: made for made in (
    story, cohesion, human_distance, peri_boundary, predictors, gamma, granularity, layers, recall_curves, passkey,
    recall_tasks, memory_budget, throughput, calibration,
)}  # fmt: skip
