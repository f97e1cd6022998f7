"""Are events found in a brain that is known to have them? Simulated fMRI, segmented like any series of vectors.

    python analyses/simulated_fmri.py [--quick] [--seed 0] [--out fmri.csv] [--write]

Each run is one subject's: a row of events, each with its own pattern over parcels, convolved with a haemodynamic
response and sampled every TR seconds, with noise that outlasts a TR and a slow drift. Parcels are z-scored over time.
The methods see the rows and nothing else, but for the optima, which are told the number of events where the table says
so:

    F        events of equal length, as many as S finds
    S        the distance of each row from its running prediction crosses a threshold
    SM, SC   S refined by modularity and by conductance in the graph of the rows
    peaks    the highest peaks of the distance, as many as there are boundaries (told)
    optimal  the exact optimum of modularity, with no number told
    optimal_k  the exact optimum with as many events as there are (told)

The response comes seconds after what caused it, so rows are given the time of the stimulus DELAY seconds before them,
as is done with real data. A boundary is found if a reported one lies within TOLERANCE volumes of it, each counted
once; boundary 0 never counts. Each segmentation is compared with its own event lengths in random order.

--write fills the marked places of docs/features.md.
"""

import argparse
import contextlib
import inspect
import io
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import gamma as gamma_distribution

from emcog.boundaries import shuffled
from emcog.boundaries.optimal import optimality_gap
from emcog.graph import score, similarity
from emcog.pages import docs_page, fill, markdown_table, measured_on
from emcog.series import segment_features
from emcog.stats.agreement import count_matches

TR = 1.5  # seconds
DELAY = 4.5  # seconds that boundaries in the response lag behind the stimulus, three volumes
TOLERANCE = 3  # volumes
SHORTEST, LONGEST = 18.0, 60.0  # seconds an event lasts
MIN_EVENT = 8  # volumes, for every method
PARCELS = 100
NOISE = {"low": 1.0, "middle": 2.0, "high": 4.0}  # sd of the noise; event patterns have sd 1
TOLD = ("peaks", "optimal_k")


def response(tr: float = TR) -> np.ndarray:
    """Haemodynamic response to a moment of activity, sampled every `tr` seconds for 32 s and summing to 1: the
    difference of two gamma densities (peak near 5 s, undershoot near 15 s), as in SPM."""
    t = np.arange(0, 32, tr)
    shape = gamma_distribution.pdf(t, 6) - gamma_distribution.pdf(t, 16) / 6
    return shape / shape.sum()


def simulate(seed: int = 0, noise: float = 1.0, n_events: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """One subject's data and the truth: (rows float64 (n_volumes, PARCELS), z-scored; event onsets in seconds)."""
    rng = np.random.default_rng(seed)
    lengths = np.round(rng.uniform(SHORTEST, LONGEST, n_events) / TR).astype(int)
    onsets = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    activity = np.repeat(rng.normal(size=(n_events, PARCELS)), lengths, axis=0)
    n = len(activity)
    padded = np.concatenate([np.repeat(activity[:1], 32, axis=0), activity])  # the first event is under way already
    signal = np.stack([np.convolve(column, response())[32 : 32 + n] for column in padded.T], axis=1)
    steps = rng.normal(size=(n + 50, PARCELS))
    for t in range(1, n + 50):  # autoregressive noise: 0.4 of it stays from volume to volume
        steps[t] = 0.4 * steps[t - 1] + np.sqrt(1 - 0.4**2) * steps[t]
    phase = rng.uniform(0, 2 * np.pi, PARCELS)
    drift = 0.5 * np.sin(2 * np.pi * np.arange(n)[:, None] * TR / 600 + phase)  # one swing in ten minutes
    rows = signal + noise * steps[50:] + drift
    return (rows - rows.mean(0)) / rows.std(0), onsets * TR


def segmentations(rows: np.ndarray, n_events: int) -> dict[str, np.ndarray]:
    """The starts of every method, in volumes."""
    shared = {"min_event": MIN_EVENT, "half_life": 3.0}
    asked = {
        "F": {"propose": "fixed"},
        "S": {"propose": "threshold"},
        "SM": {"propose": "threshold", "refine": "modularity"},
        "SC": {"propose": "threshold", "refine": "conductance"},
        "peaks": {"propose": "peaks", "distance": MIN_EVENT, "n_events": n_events},
        "optimal": {"propose": "optimal"},
        "optimal_k": {"propose": "optimal", "n_events": n_events},
    }
    return {name: segment_features(rows, **shared, **options).boundaries for name, options in asked.items()}


def f1(found: np.ndarray, true: np.ndarray, tolerance: float) -> tuple[float, float, float]:
    """(F1, precision, recall) of increasing places within `tolerance`, matched one to one; 0 without any."""
    hits = count_matches(found, true, tolerance)
    precision, recall = hits / max(len(found), 1), hits / max(len(true), 1)
    return 2 * hits / max(len(found) + len(true), 1), precision, recall


def compare(starts: np.ndarray, n: int, true: np.ndarray) -> tuple[float, float, float]:
    """F1, precision and recall of starts in volumes against true onsets in seconds; neither's first counts."""
    return f1(starts[1:] * TR - DELAY, true[1:], TOLERANCE * TR)


def one_run(seed: int, noise: float, n_events: int, n_null: int) -> list[dict]:
    """Every method on one subject: its scores, those of its lengths in random order, its modularity and the best."""
    rows, true = simulate(seed, noise, n_events)
    n, graph, found = len(rows), similarity(rows, kind="cosine"), []
    for method, starts in segmentations(rows, n_events).items():
        value, precision, recall = compare(starts, n, true)
        null = np.array([compare(shuffled(starts, n, k), n, true)[0] for k in range(n_null)])
        gap = optimality_gap(graph, starts, min_event=min(MIN_EVENT, int(np.diff(np.append(starts, n)).min())))[0]
        found.append(
            {
                "method": method,
                "n_found": len(starts) - 1,
                "f1": value,
                "precision": precision,
                "recall": recall,
                "null": null,
                "modularity": score(graph, starts).value,
                "gap": gap,
            }
        )
    return found


def run(seed: int = 0, quick: bool = False) -> pd.DataFrame:
    """Run the experiment.

    Columns: noise (name), noise_sd, method, told (whether it knew the number of events), f1, precision, recall (means
    over subjects, 0 to 1), f1_sd (over subjects, ddof 1), random_f1 (mean over subjects and random orders of the same
    lengths), random_sd (of the subjects' mean over random orders), p (two-sided, of the mean F1 among the means of the
    random orders), modularity and gap (to the optimum with as many events; means), n_found (mean boundaries found),
    n_boundaries (true ones, a subject), n_subjects, n_null, tolerance_s, seed.
    """
    subjects, events, n_null = (3, 10, 20) if quick else (30, 24, 500)
    tables = []
    for name, noise in NOISE.items():
        for subject in range(subjects):
            found = pd.DataFrame(one_run(1000 * seed + subject, noise, events, n_null))
            tables.append(found.assign(noise=name, noise_sd=noise))
    scores = pd.concat(tables, ignore_index=True)
    rows = [
        {"noise": key[0], "noise_sd": key[1], "method": key[2], "told": key[2] in TOLD} | summary(group)
        for key, group in scores.groupby(["noise", "noise_sd", "method"], sort=False)
    ]
    constants = {"n_boundaries": events - 1, "n_subjects": subjects, "n_null": n_null}
    return pd.DataFrame(rows).assign(**constants, tolerance_s=TOLERANCE * TR, seed=seed)


def summary(group: pd.DataFrame) -> dict[str, float]:
    """Means over subjects, and where the mean F1 lies among those of random orders."""
    means = group[["f1", "precision", "recall", "modularity", "gap", "n_found"]].mean().to_dict()
    null = np.stack(group["null"]).mean(axis=0)
    above, below = (null >= means["f1"] - 1e-12).sum(), (null <= means["f1"] + 1e-12).sum()
    p = min(1.0, 2 * (1 + min(above, below)) / (1 + len(null)))
    return means | {"f1_sd": group["f1"].std(), "random_f1": null.mean(), "random_sd": null.std(ddof=1), "p": p}


def example() -> None:
    """The worked example of docs/features.md: this body is printed there, and what it prints below it."""
    rows, true_onsets = simulate(seed=0, noise=1.0, n_events=24)  # (n_volumes, 100 parcels), z-scored
    seconds = np.arange(len(rows)) * TR - DELAY  # the stimulus's time of each volume
    found = segment_features(rows, seconds, refine="modularity", min_event=8, half_life=3.0)
    print(found.events.head(6).round(2).to_string(index=False))
    print("true onsets:", true_onsets[:6])
    nested = segment_features(rows, seconds, propose="optimal", min_event=8, levels=(6, 24))
    print(nested.events[["event", "onset_s", "offset_s", "level_0"]].head(6).to_string(index=False))


def blocks(table: pd.DataFrame) -> dict[str, str]:
    """The text of every marked place of the page."""
    body = inspect.getsource(example).split('"""')[2]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        example()
    code = textwrap.dedent(body).strip()
    first = table.iloc[0]
    shown = table[["noise", "method", "n_found", "f1", "f1_sd", "precision", "recall", "random_f1", "p", "gap"]]
    said = (
        f"Means over {first.n_subjects} simulated subjects of {first.n_boundaries} true boundaries each, found within "
        f"{first.tolerance_s:g} s ({TOLERANCE} volumes); `random_f1` and `p` from {first.n_null} random orders of each "
        f"segmentation's own event lengths (smallest possible p: {2 / (1 + first.n_null):.4f}); `gap` to the largest "
        f"modularity with as many events. Seed {first.seed}."
    )
    return {
        "example": f"```python\n{code}\n```\n\n```text\n{printed.getvalue().rstrip()}\n```",
        "fmri": f"{markdown_table(shown)}\n\n{said}\n\n{measured_on()}",
    }


def main() -> None:
    """Print F1 by method, write the whole table and the page if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few and short runs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="CSV file to write")
    parser.add_argument("--write", action="store_true", help="fill the marked places of docs/features.md")
    options = parser.parse_args()
    table = run(options.seed, options.quick)
    print(
        table[["noise", "method", "n_found", "f1", "recall", "random_f1", "p", "gap"]].round(3).to_string(index=False)
    )
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(options.out, index=False)
    if options.write:
        for name, text in blocks(table).items():
            fill(docs_page("features.md"), name, text)


if __name__ == "__main__":
    main()
