"""Segmentations against people, from the call and from the command line."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest

import emcog
from emcog.cli import main
from emcog.errors import DataError, OptionError
from emcog.human import AnnotationSet, ConsensusRule, make_marks, make_ratings, people_of
from emcog.stats import COLUMNS, AgreementSettings, compare_signal, draws, two_sided_p
from emcog.stats.agreement import MEASURES, Partitions
from emcog.stats.agreement.ceiling import ceiling

N = 240
TIGHT = AgreementSettings(tolerance=1)
SCENES = np.array([0, 31, 64, 100, 127, 171, 204])


@pytest.fixture(scope="module")
def story(make_segmentation):
    text = " ".join("Word." if i % 12 == 11 else "word" for i in range(N))
    return make_segmentation(text, tuple(SCENES.tolist()), timed=True, name="tale")


@pytest.fixture(scope="module")
def far(make_segmentation):
    text = " ".join("Word." if i % 12 == 11 else "word" for i in range(N))
    made = make_segmentation(text, (0, 15, 47, 81, 112, 150, 187, 220), timed=True, name="tale")
    made.provenance["settings"] |= {"refine": "conductance"}
    return made


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(0)
    own = {f"p{i}": np.union1d(SCENES[1:][rng.random(6) < 0.8], rng.integers(1, N)) for i in range(8)}
    marks = make_marks([name for name, one in own.items() for _ in one], word=[w for one in own.values() for w in one])
    return AnnotationSet("tale", marks, tuple(own), unit="word")


@pytest.fixture(scope="module")
def table(story, far, people):
    return emcog.compare([story, far], people, n_null=199, settings=TIGHT)


def pick(table, method, metric):
    return table[(table.method == method) & (table.metric == metric)].iloc[0]


def test_the_table_is_the_designs(table):
    assert list(table.columns) == list(COLUMNS)
    assert set(table.method) == {"S", "SC"}
    assert set(table.metric) == set(MEASURES)
    assert set(table.story) == {"tale"} and set(table.model) == {"embedded"} and set(table.analysis) == {"agreement"}
    assert set(table.n[table.method == "S"]) == {6}
    assert table.p_bh.ge(table.p).sum() == table.p.notna().sum()


def test_boundaries_where_people_have_them_agree_and_others_do_not(table):
    for metric in ("point_biserial", "boundary_density"):
        assert pick(table, "S", metric).p <= 0.05, metric
        assert abs(pick(table, "S", metric).z) > abs(pick(table, "SC", metric).z) + 1, metric
    assert pick(table, "S", "f1").estimate == 1 and pick(table, "S", "f1").z > 3
    assert pick(table, "SC", "f1").z < 2
    assert pick(table, "S", "count_ratio").p is None or np.isnan(pick(table, "S", "count_ratio").p)
    assert pick(table, "S", "f1").tolerance == 1 and np.isnan(pick(table, "S", "pk").tolerance)


def around(ours, theirs):
    """W1 on the circle of the words but the first: about the best of the values that the difference takes."""
    apart = np.array([np.mean(ours <= i) - np.mean(theirs <= i) for i in range(1, N)])
    return np.abs(apart[:, None] - apart).sum(0).min()


def test_a_row_is_the_measure_by_hand(table, far, people):
    crowd = people.crowd(far)
    starts = far.events["start_word"].to_numpy()[1:]
    for name in ("matched", "matched_precision", "window_diff", "wasserstein"):
        measure, row = MEASURES[name], pick(table, "SC", name)
        assert row.estimate == measure.score(starts, crowd, TIGHT)
        assert row.null_model == ("shuffled_lengths" if name == "matched" else "circular_shift")
        null = measure.score_many(Partitions.of(draws(starts, N, row.null_model, 199), N), crowd, TIGHT)
        assert row.null_mean == pytest.approx(null.mean())
        if name == "wasserstein":  # its p is that of the distance around the circle
            moved = draws(starts, N, n_null=199)
            tested = two_sided_p(around(starts, crowd.starts), [around(one, crowd.starts) for one in moved])
            assert row.p == pytest.approx(tested)
            own = [around(one, crowd.starts) for one in moved]
            assert row.z == pytest.approx((around(starts, crowd.starts) - np.mean(own)) / np.std(own, ddof=1))
            assert row.null_sd == pytest.approx(np.std(null, ddof=1))  # of the distance itself, as the estimate
            assert "; z and p: of the distance around a circle" in row.note
        else:
            assert row.p == pytest.approx(two_sided_p(row.estimate, null)) and "circle" not in row.note
        assert row.ceiling == pytest.approx(ceiling(measure, crowd, TIGHT).mean)
        assert row.ci_low <= row.estimate <= row.ci_high


def test_the_same_seed_gives_the_same_table(story, people, table):
    again = emcog.compare({"S": story}, people, n_null=199, settings=TIGHT)
    mine = table[table.method == "S"].drop(columns="p_bh").reset_index(drop=True)
    pd.testing.assert_frame_equal(again.drop(columns="p_bh"), mine)
    other = emcog.compare({"S": story}, people, n_null=199, seed=1, metrics=["f1"], settings=TIGHT)
    assert pick(other, "S", "f1").null_mean != pick(table, "S", "f1").null_mean


def test_metrics_come_with_those_that_must_stand_beside_them(story, people):
    found = emcog.compare({"x": story}, people, metrics=["matched", "wasserstein"], n_null=9)
    assert set(found.metric) == {"matched", "matched_precision", "wasserstein", "count_ratio"}
    assert found[found.metric == "wasserstein"].unit.tolist()[:2] == ["words", "s"]


def test_a_list_without_observers_has_no_ceiling_and_says_so(story):
    people = AnnotationSet.from_times({}, "tale", lists={"scenes": SCENES[1:] / 2 + 0.1})
    found = emcog.compare(story, people, n_null=49, settings=AgreementSettings(1.0, "s"))
    assert found.ceiling.isna().all()
    assert "one list" in found.note[0] and "point_biserial left out: there are no observers" in found.note[0]
    assert pick(found, "S", "f1").estimate == 1
    assert pick(found, "S", "f1").ci_low == pick(found, "S", "f1").ci_high == 1
    assert np.isnan(pick(found, "S", "pk").ci_low)


def test_reaction_time_is_taken_off(story):
    late = AnnotationSet.from_times({}, "tale", lists={"scenes": SCENES[1:] / 2 + 3.0})
    settings = AgreementSettings(0.5, "s")
    at_once = emcog.compare(story, late, metrics=["f1"], n_null=9, settings=settings)
    earlier = emcog.compare(story, late, metrics=["f1"], n_null=9, settings=settings, reaction_time_s=3.0)
    assert (at_once.estimate[0], earlier.estimate[0]) == (0, 1)


def test_what_looks_wrong_with_marks_is_said_once_and_observers_are_told(story):
    own = {"a": [15.5, 15.6, 50.0], "b": [32.0, 15.5], "c": []}
    odd = AnnotationSet.from_times(own, "tale", 120.0)
    with pytest.warns(UserWarning, match=r"things about the marks.*15\.6 s is 0\.100 s after.*sort, or check") as said:
        found = emcog.compare([story, story], odd, n_null=9, settings=TIGHT)
    assert len(said) == 1
    note = pick(found, "S", "f1").note
    assert "3 observers (1 without marks (c), 0 with implausibly many)" in note
    assert set(found.note.str.contains("ceiling over 2 of 3 observers")) == {True}
    crowd = odd.crowd(story)
    for measure in MEASURES.values():  # who marked nothing agrees with nobody, by no measure
        values = ceiling(measure, crowd, TIGHT).values
        assert np.isnan(values[2]) and not np.isnan(values[:2]).any(), measure.name
    many = AnnotationSet.from_times({n: [10.0] for n in "abcd"} | {"e": np.arange(1.0, 100, 3)}, "tale", 120.0)
    assert "1 with implausibly many (e)" in emcog.compare(story, many, metrics=["f1"], n_null=9).note[0]


def test_a_row_tells_every_setting_that_it_rests_on(story, people):
    settings = AgreementSettings(tolerance=2, window=7, transposition=5, bandwidth=3.0)
    rule = ConsensusRule("density", bandwidth=2.0, threshold=0.25)
    timed = AnnotationSet.from_times({f"p{i}": np.array([15.5, 32.1, 50.2]) + i / 4 for i in range(3)}, "tale", 120.0)
    found = emcog.compare(story, timed, n_null=9, settings=settings, rule=rule, reaction_time_s=0.8)
    for told in ("consensus by density (bandwidth 2 s, threshold 0.25)", "0.8 s taken off for reaction time",
                 "tolerance in words", "window of pk and window_diff: 7 words", "n_t of boundary_similarity: 5 words",
                 "bandwidth of boundary_density: 3 s"):  # fmt: skip
        assert found.note.str.contains(told, regex=False).all(), told
    assert pick(found, "S", "pk").variant == pick(found, "S", "window_diff").variant == "window 7"
    usual = emcog.compare(story, people, metrics=["pk"], n_null=9)
    width = max(2, round(N / (len(people.crowd(story).starts) + 1) / 2))
    assert usual.variant[0] == "half the mean event" and f"window of pk and window_diff: {width} words" in usual.note[0]
    assert "boundary_similarity" not in usual.note[0]


def test_coarse_and_fine_are_compared_one_at_a_time(story):
    marks = make_marks(["a"] * 4, word=[31, 31, 64, 90], grade=["coarse", "fine", "fine", "fine"])
    graded = AnnotationSet("tale", marks, ("a",))
    with pytest.raises(DataError, match="'coarse', 'fine'"):
        emcog.compare(story, graded, n_null=9)
    found = emcog.compare(story, graded, metrics=["count_ratio"], n_null=9, grade="fine")
    assert found.estimate[0] == 6 / 3
    with pytest.raises(DataError, match="grade are for annotations"):
        emcog.compare(story, graded.select(grade="fine").crowd(story), grade="fine")


def test_where_nobody_marked_anything_there_is_nothing_to_compare_with(story):
    ratings = make_ratings(["a", "a", "b", "b"], [0.0, 120.0, 0.0, 120.0], [0, 10, 1, 3])
    rated = AnnotationSet("tale", make_marks([]), ("a", "b"), ratings=ratings)
    with pytest.raises(DataError, match=r"nobody marked a boundary \(these are ratings\).*--signals.*compare_signal"):
        emcog.compare(story, rated)
    found = emcog.compare(story, rated, n_null=9, signals=["surprisal"])
    assert found[["metric", "method", "variant"]].values.tolist() == [
        ["signal_correlation", "surprisal", "mean rating"]
    ]
    for nobody in (AnnotationSet("tale", make_marks([]), ("a", "b")), AnnotationSet.from_times({"a": [0.0]}, "tale")):
        with pytest.raises(DataError, match="nobody marked a boundary after the first word"):
            emcog.compare(story, nobody)


def test_signals_stand_in_rows_of_their_own_once_a_story(story, far, people):
    found = emcog.compare([story, far], people, metrics=["f1"], n_null=99, signals=["all"])
    rows = found[found.metric == "signal_correlation"]
    assert rows.method.tolist() == ["surprisal", "entropy", "bayesian_surprise"]
    alone = compare_signal(story.words["entropy"].to_numpy(), people.crowd(story), n_null=99)
    assert rows.estimate.iloc[1] == alone.estimate[0] and rows.p.iloc[1] == alone.p[0]
    assert found.metric.tolist().count("peakiness") == 1
    assert set(found.story) == {"tale"} and set(rows.model) == {"embedded"}
    with pytest.raises(OptionError, match="surprisal, entropy, bayesian_surprise"):
        emcog.compare(story, people, signals=["surprise"])


def test_what_is_wrong_is_said(story, people):
    with pytest.raises(OptionError, match="window_diff"):
        emcog.compare(story, people, metrics=["windowdiff"])
    with pytest.raises(OptionError, match="names no measure: choose from precision"):
        emcog.compare(story, people, metrics=[])
    with pytest.raises(OptionError, match="circular_shift"):
        emcog.compare(story, people, null="shift")
    with pytest.raises(DataError, match="Segmentation"):
        emcog.compare([], people)
    with pytest.raises(DataError, match="int"):
        emcog.compare(story, 7)
    with pytest.raises(DataError, match="lay it on"):
        emcog.compare(story, _other_crowd())


def _other_crowd():
    from emcog.human import crowd_of_marks

    return crowd_of_marks([np.array([3.0])], np.arange(5.0), 5.0, timed=False)


def test_the_command_writes_the_table(story, far, people, tmp_path, capsys):
    story.save(tmp_path / "s")
    far.save(tmp_path / "sc")
    presses = people.marks.rename(columns={"word": "word"})[["observer", "word"]]
    presses.to_csv(tmp_path / "presses.csv", index=False)
    out = tmp_path / "out"
    places = [str(tmp_path / "s"), str(tmp_path / "sc" / "tale.json"), "--human", str(tmp_path / "presses.csv")]
    arguments = ["compare", *places, "--n-null", "99", "--metrics", "f1,wasserstein", "--out", str(out)]
    assert main([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    found = pd.read_parquet(out / "comparison.parquet")
    assert sorted(path.name for path in out.iterdir()) == [
        f"comparison.{kind}" for kind in ("csv", "md", "parquet", "tex")
    ]
    assert [row["method"] for row in told["results"]] == found.method.tolist()
    assert set(found.method) == {"S", "SC"}
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert "f1" in shown and "comparison.csv" in shown
    assert main([*arguments[:4], str(tmp_path / "none.csv")]) == 2
    assert "none.csv" in capsys.readouterr().err


def test_the_command_reads_what_the_readers_read(story, tmp_path, capsys):
    story.save(tmp_path / "s")
    rows = "".join(f"ann,{int(t * 1000)},{g}\n" for t, g in ((15.5, "fine"), (32, "fine"), (50, "coarse")))
    (tmp_path / "presses.csv").write_text(f"who,at,grade\n{rows}")
    (tmp_path / "keys.csv").write_text(
        "ann,bob\n" + "".join(f"{int(i in (31, 90))},{int(i == 60)}\n" for i in range(240))
    )

    def asked(file, *more):
        given = ["compare", str(tmp_path / "s"), "--human", str(tmp_path / file), "--n-null", "9", "--metrics", "f1"]
        status = main([*given, *more, "--json", "--out", str(tmp_path / "out")])
        said = capsys.readouterr()
        return said.err if status else json.loads(said.out)["results"]

    columns = ("--columns", "observer=who,time=at", "--time-unit", "ms")
    assert "choose with --grade\n" in asked("presses.csv", *columns)
    fine = asked("presses.csv", *columns, "--grade", "fine", "--signals", "surprisal")
    assert "2 boundaries of 1 observer (" in fine[0]["note"] and fine[0]["dataset"] == "presses.csv"
    assert [row["metric"] for row in fine] == ["f1", "signal_correlation", "peakiness"]
    keys = asked("keys.csv", "--sampling-hz", "2", "--observers-in", "columns")
    assert "of 2 observers" in keys[0]["note"]
    assert "ROLE=NAME" in asked("presses.csv", "--columns", "who=observer")
    given = ["compare", str(tmp_path / "s"), "--human", "demo", "--event", "press"]
    assert main(given) == 2
    assert "demo is a dataset" in capsys.readouterr().err


def test_an_item_of_a_dataset_can_be_named_and_another_storys_warns(make_segmentation, monkeypatch, tmp_path):
    folder = tmp_path / "kumar2023"
    folder.mkdir()
    (folder / "consensus_boundaries_variants.csv").write_text(
        "variant,time_s\n" + "".join(f"{v},{t}\n" for v, t in (("filtered", 1), ("unfiltered", 1), ("unfiltered", 4)))
    )
    (folder / "transcript_clauses.csv").write_text("clause,text\n1,one two\n")
    monkeypatch.setenv("EMCOG_DATA", str(tmp_path))
    story = make_segmentation(timed=True, name="pie")
    found = emcog.compare(story, "kumar2023/Pieman unfiltered", metrics=["f1"], n_null=9)
    assert set(found.dataset) == {"kumar2023"} and "people: 2 boundaries of one list" in found.note[0]
    with pytest.raises(DataError, match=r"no annotations called 'pie': choose one of pieman, .*as kumar2023/pieman"):
        emcog.compare(story, "kumar2023")
    with pytest.raises(DataError, match="no annotations called 'tunnel'"):
        emcog.compare(story, "kumar2023/tunnel")
    with pytest.warns(UserWarning, match=r"its annotations are of 'late_letter', and the story is called 'tale'"):
        people_of("demo", "tale")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert people_of("demo/late_letter", "tale").stimulus == people_of("demo", "Late_Letter").stimulus
