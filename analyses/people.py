"""Does the model carve stories where people do? What comes out on public data, good or bad.

    python analyses/people.py [--quick] [--only PART] [--out FOLDER] [--write]

Nothing here was tuned on these data: settings are the papers' or emcog's defaults, fixed before the first look.
Boundaries matched to the people's number get their threshold from that number alone.

reading     Natural Stories: reading times on GPT-3's surprisal and on the embedded LM's
sherlock    boundaries of every method over the written descriptions against the 50 scenes, tolerance 4.5 s (three
            volumes, as Baldassano et al. 2017)
cohesion    the scenes in the key graph of the model's upper layers, beside the model's own methods
recall      17 spoken recalls of the episode, matched to scenes by TF-IDF: lag-CRP, serial position, clustering
films       how people agree with each other about two films without words
pieman      Pie Man: the consensus times against the clauses, approximate: speech at a constant rate of characters
"""

import argparse
from collections.abc import Callable
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

import emcog
from emcog.boundaries import shuffled
from emcog.cli.scripts import find_shared_data
from emcog.human import AnnotationSet, load_dataset, make_marks, spread_by_characters
from emcog.human.datasets.stories import described
from emcog.pages import docs_page, fill, markdown_table, measured_on
from emcog.reproduce import Heard, hear
from emcog.stats import AgreementSettings, cohesion, match_recall, reading_times, recall_curves, tidy
from emcog.stats.agreement import MEASURES, Partitions
from emcog.stats.agreement.ceiling import ceiling
from emcog.stats.cohesion import GRID_NULLS
from emcog.stats.comparing import compare_rows
from emcog.stats.matching_recall import recall_trial
from emcog.stats.nulls import against, draws
from emcog.stats.resampling import interval, weights
from emcog.transcript import Transcript

METHODS = ("S", "SM", "SC", "F", "FM", "FC", "R", "sentence", "lexical")
VOLUMES_S = 4.5
QUICK_SCENES = 5
BLANK_SCREEN = (231, 232)  # words of story 3 that are slow because of a blank screen (the data's README)


def reading(quick: bool) -> pd.DataFrame:
    """Delta log-likelihood and slopes, with two baselines: as asked for, and with sentence ends and place as well."""
    table = load_dataset("natural_stories").tables["words"].copy()
    stories = sorted(table["story"].unique())[: 2 if quick else None]
    table = table[table["story"].isin(stories)].reset_index(drop=True)
    heard = [emcog.listen(" ".join(rows["word"].astype(str))).words for _, rows in table.groupby("story", sort=False)]
    table["embedded"] = np.concatenate([words["surprisal"].to_numpy() for words in heard])
    last = table.groupby("story")["position"].transform("max") == table["position"]
    blank = (table["story"] == 3) & table["position"].isin(BLANK_SCREEN)
    table.loc[last | blank, "mean_rt_ms"] = np.nan
    table = table.rename(columns={"gpt3_surprisal_bits": "gpt3"})
    baselines = {"length, frequency": ["length", "log_freq"],
                 "and sentence end, position": ["length", "log_freq", "sentence_end", "position"]}  # fmt: skip
    parts = [
        reading_times(table, ["gpt3", "embedded"], rt="mean_rt_ms", controls=controls, dataset="natural_stories",
                      n_null=20 if quick else 1000).assign(model=name)
        for name, controls in baselines.items()
    ]  # fmt: skip
    return pd.concat(parts)


@cache
def sherlock_heard(quick: bool) -> tuple[Heard, AnnotationSet]:
    """The written descriptions, listened to once for all methods, and the scenes; the first few of them if quick."""
    data = load_dataset("sherlock")
    text, people = data.transcripts["sherlock"], data.annotations["sherlock"]
    if quick:
        scenes, segments = people.lists["scenes"][: QUICK_SCENES + 1], data.tables["segments"]
        text = described(segments[segments["onset_s"] < scenes[-1]])
        people = AnnotationSet("sherlock", make_marks([]), (), scenes[-1], {"scenes": scenes[:-1]})
    return hear(text, emcog.load_lm()), people


def sherlock(quick: bool) -> pd.DataFrame:
    """Every method at the people's number of events, and S as in the paper (gamma 1)."""
    heard, people = sherlock_heard(quick)
    crowd, settings = people.crowd(heard.transcript), AgreementSettings(tolerance=VOLUMES_S, tolerance_unit="s")
    made = {f"{m}, {people.event_count()} events": heard.starts(m, people.event_count(), snap=True)
            for m in (METHODS[:1] if quick else METHODS)}  # fmt: skip
    made["S, gamma 1"] = heard.starts("S", snap=True)
    rows = []
    for method, starts in made.items():
        about = {"analysis": "agreement", "dataset": "sherlock", "story": "sherlock", "model": "embedded"}
        found = compare_rows(heard.first_words(starts), crowd, settings=settings, n_null=99 if quick else 10_000)
        rows += [about | {"method": method} | row for row in found]
    return tidy(rows)


def cohesive(quick: bool) -> pd.DataFrame:
    """The scenes' cohesion in the keys, beside the methods' own at the same number of events.

    Chance is the boundaries moved around the text; for F, FM and FC see `emcog.stats.cohesion.GRID_NULLS`.
    """
    heard, people = sherlock_heard(quick)
    scenes = heard.first_tokens(people.crowd(heard.transcript).starts)
    made = {"people": scenes, "random": shuffled(scenes, heard.n, seed=1)}
    for method in METHODS[:1] if quick else METHODS:
        made[method] = heard.starts(method, people.event_count())
    return cohesion(heard.needed_keys[heard.upper], made, layers=heard.upper, null=GRID_NULLS,
                    n_null=20 if quick else 1000, per_head=not quick, dataset="sherlock", story="sherlock",
                    model="embedded")  # fmt: skip


def recall(quick: bool) -> pd.DataFrame:
    """People's recall of the scenes."""
    tables = load_dataset("sherlock").tables
    scenes = tables["segments"].groupby("scene")["text"].agg(" ".join).tolist()
    trials = [recall_trial(match_recall(row.text, scenes), len(scenes), row.participant)
              for row in tables["recalls"].itertuples()]  # fmt: skip
    return recall_curves(pd.concat(trials), n_null=20 if quick else 1000, dataset="sherlock", story="sherlock",
                         method="people, 17 spoken recalls")  # fmt: skip


def films(quick: bool) -> pd.DataFrame:
    """Leave-one-observer-out agreement in bins of a second, against the observer's own intervals in another place."""
    data, rows = load_dataset("films"), []
    settings = AgreementSettings(tolerance=2.0, tolerance_unit="s")
    for film in data.annotations:
        crowd = data.annotations[film].crowd(bin_s=1.0)
        for name in ("f1", "matched", "matched_precision", "agreement_index", "point_biserial", "boundary_density"):
            found = ceiling(MEASURES[name], crowd, settings)
            values, chance = found.values[~np.isnan(found.values)], []
            for i in range(len(crowd.names)):
                drawn = draws(np.flatnonzero(crowd.marked[i]), crowd.n_units, n_null=20 if quick else 500, seed=i)
                batch = Partitions.of(drawn, crowd.n_units)
                chance.append(MEASURES[name].score_many(batch, crowd.without(i), settings))
            low, high = interval(weights(len(values), 2000, 0) @ values / len(values))
            rows.append({"analysis": "agreement", "dataset": "films", "story": film, "method": "people, one against "
                         "the others", "metric": name, "unit": MEASURES[name].unit_of(crowd), "bin": crowd.bin_s,
                         "tolerance": 2.0, "estimate": found.mean, "ci_low": low, "ci_high": high, "seed": 0,
                         "null_model": "circular_shift", "n": len(values), "note": "n: observers; tolerance in s"}
                        | against(found.mean, np.nanmean(chance, axis=0)))  # fmt: skip
    return tidy(rows)


def pieman(quick: bool) -> pd.DataFrame:
    """Clauses and the model's boundaries against the consensus times, with the range over nine alignments in the note.

    APPROXIMATE: there are no word times; speech is taken to run from 0 to 450 s at a constant rate of characters, the
    people to react in 1 s. The band is over a start at 0, 10 or 20 s, an end at 430, 440 or 450 s.
    """
    data = load_dataset("kumar2023")
    clauses = data.tables["clauses"]["text"].astype(str).tolist()
    people = data.annotations["pieman"].shifted(1.0)
    plain = Transcript.from_text(" ".join(clauses), "pieman")
    edges = np.cumsum([0, *[len(c.split()) for c in clauses]])[:-1]
    found = emcog.segment(plain, method="S", n_events=people.event_count(), snap="word")
    made = {"clauses": edges, "S": found.events["start_word"].to_numpy()}
    settings = AgreementSettings(tolerance=2.0, tolerance_unit="s")
    names = ["f1", "matched", "matched_precision", "wasserstein"]
    rows = []
    for method, starts in made.items():
        each = {}
        for begin, end in product((0.0, 10.0, 20.0), (430.0, 440.0, 450.0)):
            crowd = people.crowd(spread_by_characters(plain, begin, end))
            exact = (begin, end) == (0.0, 450.0)
            each[begin, end] = compare_rows(starts, crowd, metrics=names, settings=settings, intervals=exact,
                                            n_null=10_000 if exact and not quick else 99)  # fmt: skip
        for i, row in enumerate(each[0.0, 450.0]):
            band = [other[i]["estimate"] for other in each.values()]
            said = f"APPROXIMATE alignment; over nine alignments {min(band):.3g} to {max(band):.3g}; {row['note']}"
            about = {"analysis": "agreement", "dataset": "kumar2023", "story": "pieman", "method": method}
            rows.append(about | row | {"note": said})
    return tidy(rows)


PARTS: dict[str, Callable[[bool], pd.DataFrame]] = {
    "reading": reading, "sherlock": sherlock, "cohesion": cohesive, "recall": recall, "films": films, "pieman": pieman,
}  # fmt: skip
PLACES = {
    "reading": "people-reading", "sherlock": "people-sherlock", "cohesion": "people-cohesion",
    "recall": "people-recall", "films": "people-films", "pieman": "people-pieman",
}  # fmt: skip
SHOWN = ["story", "model", "method", "metric", "variant", "unit", "estimate", "ci_low", "ci_high", "ceiling",
         "null_mean", "null_sd", "z", "p", "p_bh", "n"]  # fmt: skip


def page_block(part: str, table: pd.DataFrame) -> str:
    """The text of a part's marked place in docs/statistics.md."""
    shown = table[SHOWN]
    if part == "recall":
        shown = shown[shown["metric"] != "serial_position"]
    if part == "cohesion":
        shown = shown[~shown["variant"].str.contains("head")]
    shown = shown[[c for c in SHOWN if shown[c].notna().any() and (shown[c].astype(str) != "").any()]]
    notes = "\n".join(f"- {note}" for note in dict.fromkeys(table["note"].astype(str)) if note and note != "nan")
    cells = shown.map(lambda x: "" if x is pd.NA or x != x else f"{x:.3g}" if isinstance(x, float) else x)
    return f"{markdown_table(cells)}\n\n{notes}\n\n{measured_on()}"


def main() -> None:
    """Run the parts asked for, keep their tables, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few draws, two stories, five scenes, one method")
    parser.add_argument("--only", choices=list(PARTS), action="append", help="a part; may be repeated")
    parser.add_argument("--out", type=Path, default=Path("results/people"))
    parser.add_argument("--write", action="store_true", help="fill the marked places of docs/statistics.md")
    options = parser.parse_args()
    find_shared_data()
    options.out.mkdir(parents=True, exist_ok=True)
    for part in options.only or PARTS:
        table = PARTS[part](options.quick)
        table.to_csv(options.out / f"{part}.csv", index=False)
        table.to_parquet(options.out / f"{part}.parquet", index=False)
        print(f"\n{part}\n{table[SHOWN].to_string()}")
        if options.write:
            fill(docs_page("statistics.md"), PLACES[part], page_block(part, table))


if __name__ == "__main__":
    main()
