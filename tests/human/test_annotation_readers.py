import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.io import savemat

from emcog.errors import DataError, OptionError
from emcog.human import ANNOTATION_FORMATS, read_annotations


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return path

    return write


def by_observer(people):
    return {name: people.marks.loc[people.marks["observer"] == name, "time_s"].tolist() for name in people.observers}


# --- long tables ------------------------------------------------------------------------------------------------------


def test_long_csv(write):
    people = read_annotations(write("a.csv", "subject,time_s\nann,1.5\nbob,2\nann,7.25\ncy,\n"))
    assert by_observer(people) == {"ann": [1.5, 7.25], "bob": [2.0], "cy": []}
    assert people.marks["row"].tolist() == [2, 3, 4]
    assert people.unit == "s"


def test_long_tsv_with_names_of_its_own(write):
    path = write("a.tsv", "\ufeffwho\tt\tgrain\nann\t1500\tfine\nann\t9000\tcoarse\n")
    people = read_annotations(path, observer_column="who", time_column="t", time_unit="ms", grade_column="grain")
    assert by_observer(people) == {"ann": [1.5, 9.0]}
    assert people.grades == ("fine", "coarse")


def test_milliseconds_are_read_by_the_columns_name(write):
    people = read_annotations(write("a.csv", "participant;onset_ms\n1;27118\n"))
    assert by_observer(people) == {"1": [27.118]}


def test_words(write):
    people = read_annotations(write("a.csv", "observer,word_index\nann,0\nann,12\n"))
    assert (people.unit, people.marks["word"].tolist()) == ("word", [0, 12])


@pytest.mark.parametrize("flag", ["boundary", "press", "rating"])
@pytest.mark.parametrize(("no", "yes"), [("0", "1"), ("0.0", "1.0"), ("False", "True")])
def test_a_row_a_word_with_flags_has_its_marks_where_the_flag_is_1(write, flag, no, yes):
    rows = [f"{who},{i},{yes if i in own else no}" for who, own in (("ann", {3, 5}), ("bob", set())) for i in range(7)]
    people = read_annotations(write("a.csv", "\n".join([f"observer,word_index,{flag}", *rows])))
    assert people.unit == "word" and people.observers == ("ann", "bob")
    assert people.marks[["observer", "word", "row"]].values.tolist() == [["ann", 3, 5], ["ann", 5, 7]]
    assert not len(people.ratings)


@pytest.mark.parametrize("header", ["observer,boundary", "observer,press,word", "boundary"])
def test_flags_without_a_count_of_words_are_no_times(write, header):
    cells = {"observer": "ann", "word": "so"}
    rows = [",".join(cells.get(name, "01"[i == 3]) for name in header.split(",")) for i in range(7)]
    with pytest.raises(DataError, match=r"nothing but 0 and 1.*word_index"):
        read_annotations(write("a.csv", "\n".join([header, *rows])), format="long")
    few = write("b.csv", "observer,time_s,grade\nann,0,fine\nann,1,fine\nann,1,coarse\n")
    assert read_annotations(few).marks["time_s"].tolist() == [0.0, 1.0, 1.0]
    rated = read_annotations(write("c.csv", "time_s,rating\n0,3\n1,4\n1,5\n"))
    assert rated.ratings["time_s"].tolist() == [0.0, 1.0, 1.0]


@pytest.mark.parametrize("format", [None, "matrix"])
@pytest.mark.parametrize("first", ["index", "word_index", "word", "time_s", "word,onset"])
def test_a_column_an_observer_beside_words_or_times(write, first, format):
    own = {"p1": {2, 4}, "p2": {4, 5} if first != "time_s" else {4}, "p3": set()}  # neighbours are two marks of words
    place = {"index": str, "word_index": str, "time_s": lambda i: f"{i / 2}", "word": lambda i: f"once{i}",
             "word,onset": lambda i: f"once,{i / 2}"}[first]  # fmt: skip
    rows = [f"{place(i)}," + ",".join("01"[i in marks] for marks in own.values()) for i in range(6)]
    people = read_annotations(write("a.csv", "\n".join([f"{first},p1,p2,p3", *rows])), format=format)
    assert people.observers == ("p1", "p2", "p3")
    assert people.unit == ("s" if first in ("time_s", "word,onset") else "word")
    at = people.marks["time_s"] * 2 if people.unit == "s" else people.marks["word"]
    assert {name: set(at[people.marks["observer"] == name].astype(int)) for name in own} == own


def test_what_is_no_table_of_words_and_observers(write):
    rows = "\n".join(["index,p1,p2", *(f"{i},{i % 2},{i == 3:d}" for i in range(6))])
    with pytest.raises(DataError, match="'p1' holds nothing but 0 and 1"):
        read_annotations(write("a.csv", rows), word_column="p1")
    with pytest.raises(DataError, match="'index' is to count words"):
        read_annotations(write("a.csv", rows.replace("5,1", "1,1")), format="matrix")
    listed = read_annotations(write("b.csv", "word_index,practice\n3,0\n9,1\n40,0\n"))  # an observer's marks
    assert listed.marks["word"].tolist() == [3, 9, 40]
    for header in ("observer,time_s,time_s", "observer,observer,time_s"):
        with pytest.raises(DataError, match="two columns are called"):
            read_annotations(write("c.csv", f"{header}\nann,1,2\n"))


def test_times_beside_words_are_read_as_neither_until_one_is_named(write):
    path = write("a.csv", "participant,word_index,rt\nann,2,300\nann,7,412\n")
    with pytest.raises(DataError, match=r"both 'rt'.*'word_index'.*time_column or word_column"):
        read_annotations(path)
    assert read_annotations(path, word_column="word_index").marks["word"].tolist() == [2, 7]
    assert read_annotations(path, time_column="rt", time_unit="ms").marks["time_s"].tolist() == [0.3, 0.412]
    with pytest.raises(DataError, match="both"):
        read_annotations(path, word_column="word_index", time_column="rt")
    spoken = write("b.csv", "observer,time_s,word\nann,2.5,suddenly\nann,7,then\n")
    assert read_annotations(spoken).marks["time_s"].tolist() == [2.5, 7]
    with pytest.raises(DataError, match="'rating' need times"):
        read_annotations(write("c.csv", "observer,word,rating\nann,2,5\nann,3,7\n"))


def test_ratings(write):
    people = read_annotations(write("a.csv", "rater,time,rating\nann,0,1\nann,2,3\nbob,1,\n"))
    assert (len(people.marks), people.observers) == (0, ("ann", "bob"))
    assert people.mean_rating(np.array([1.0])).tolist() == [2.0]
    with pytest.raises(DataError, match="ratings, and no marks"):
        people.event_count()
    assert replace(people, lists={"own": np.array([1.0, 2.0])}).event_count() == 3


def test_one_stimulus_of_several(write):
    path = write("a.csv", "film,participant,time_s\nx,1,5\ny,1,6\ny,2,7\n")
    assert by_observer(read_annotations(path, stimulus="y")) == {"1": [6.0], "2": [7.0]}
    with pytest.raises(DataError, match=r"marks of 2 stimuli in column 'film'.*one of x, y"):
        read_annotations(path)
    with pytest.raises(DataError, match=r"row 2: another story's marks.*has x, y, not 'z'"):
        read_annotations(path, stimulus="z")


def test_several_files_are_one_set(write):
    paths = [write("sub-01/sub-01_task-x_events.tsv", "onset\tduration\n3\t0\n"),
             write("sub-02/sub-02_task-x_events.tsv", "onset\tduration\n4.5\t0\n")]  # fmt: skip
    assert by_observer(read_annotations(paths)) == {"01": [3.0], "02": [4.5]}


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        ("observer,time\nann,soon\n", {}, "row 2: 'soon' in column 'time' is not a number"),
        ("observer,time\nann,1\nann,inf\n", {}, "row 3: 'inf'"),
        ("observer,word\nann,1.5\n", {}, "row 2: 1.5 in column 'word' is no word index"),
        ("observer,time\nann,1,2\n", {}, "row 2 has 3 columns where the header has 2"),
        ("observer,when\nann,1\n", {}, "no column of times.*observer, when"),
        ("observer,time\n,1\n", {}, "row 2: no observer in column 'observer'"),
        ("observer,time\nann,1\n", {"time_column": "t"}, "no column 't': the columns are observer, time"),
        ("observer,time\n", {}, "no marks in it"),
        ("", {}, "the file is empty"),
    ],
)
def test_what_is_wrong_is_named(write, content, options, said):
    with pytest.raises(DataError, match=said):
        read_annotations(write("a.csv", content), **options)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_annotations(tmp_path / "no.csv")
    with pytest.raises(DataError, match="a folder, and not a story"):
        read_annotations(tmp_path)
    (tmp_path / "b.csv").write_bytes(b"observer,time\n\xff\xfe,1\n")
    with pytest.raises(DataError, match="byte 14 is not UTF-8"):
        read_annotations(tmp_path / "b.csv")
    with pytest.raises(DataError, match="no files"):
        read_annotations([])


def test_options_of_other_formats_are_refused(write):
    path = write("a.csv", "observer,time\nann,1\n")
    with pytest.raises(OptionError, match="tier is for elan, textgrid, and this is read as long"):
        read_annotations(path, tier="x")
    with pytest.raises(OptionError, match=r"annotation format 'cvs'.*" + ", ".join(ANNOTATION_FORMATS)):
        read_annotations(path, "cvs")
    with pytest.raises(OptionError, match="time_unit"):
        read_annotations(path, time_unit="h")


# --- button-press matrices --------------------------------------------------------------------------------------------

PRESSES = {"ann": [1.0, 2.5], "bob": [2.0]}


def test_matrix_with_observers_in_columns(write):
    # Ten samples a second; ann presses at 1.0 s and holds the key at 2.5 and 2.6 s: one press.
    rows = [f"{int(i in (10, 25, 26))},{int(i == 20)}" for i in range(40)]
    people = read_annotations(write("a.csv", "ann,bob\n" + "\n".join(rows)), sampling_hz=10)
    assert by_observer(people) == PRESSES
    assert people.duration_s == 4.0


def test_matrix_with_observers_in_rows(write):
    names = ",".join(f"s{i}" for i in range(40))
    lines = [who + "," + ",".join(str(int(i / 10 in times)) for i in range(40)) for who, times in PRESSES.items()]
    path = write("a.csv", f"id,{names}\n" + "\n".join(lines))
    assert by_observer(read_annotations(path, "matrix", sampling_hz=10, observers_in="rows")) == PRESSES


def test_matrix_with_a_column_of_times(write):
    path = write("a.csv", "time_ms,ann,bob\n1000,1,0\n2000,0,1\n2500,1,0\n")
    assert by_observer(read_annotations(path, "matrix")) == PRESSES


def test_array(tmp_path):
    values = np.zeros((2, 40), dtype=np.uint8)
    values[0, [10, 25, 26]] = values[1, 20] = 1
    for name, array in (("a.npy", values), ("b.npy", values.T)):  # the shorter side is the people
        np.save(tmp_path / name, array)
        people = read_annotations(tmp_path / name, sampling_hz=10)
        assert by_observer(people) == {"0": [1.0, 2.5], "1": [2.0]}
    with pytest.raises(DataError, match="give sampling_hz"):
        read_annotations(tmp_path / "a.npy")
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object))
    with pytest.raises(DataError, match="not an array of numbers"):
        read_annotations(tmp_path / "objects.npy", sampling_hz=10)


# --- BIDS, ELAN, Praat ------------------------------------------------------------------------------------------------


def test_bids_keeps_people_in_one_file_apart(write):
    rows = "onset\tduration\tparticipant_id\tid\n3.5\t0\tp1\t1\nn/a\t0\tp3\t2\n4\t0\tp2\t3\n5\t0\tn/a\t4\n"
    found = read_annotations(write("sub-07_events.tsv", rows))
    assert found.observers == ("p1", "p3", "p2", "07")
    assert found.marks["observer"].tolist() == ["p1", "p2", "07"]
    alone = read_annotations(write("sub-08_events.tsv", rows.replace("participant_id", "value")))
    assert alone.observers == ("08",)  # a column id numbers events


def test_a_decimal_comma_is_named(write):
    with pytest.raises(DataError, match=r"row 2: '3,5' in column 'time_s' has a decimal comma: write 3\.5"):
        read_annotations(write("comma.csv", "observer;time_s\na;3,5\n"))


def test_bids_takes_what_speaks_of_boundaries(write):
    table = (
        "onset\tduration\ttrial_type\n0\t300\tstory\n3.5\t0\tevent_boundary\n9\t0\tbutton_press\nn/a\t0\tbutton_press\n"
    )
    path = write("sub-07_task-tale_events.tsv", table)
    assert by_observer(read_annotations(path)) == {"07": [3.5, 9.0]}
    assert by_observer(read_annotations(path, event="event_boundary")) == {"07": [3.5]}
    with pytest.raises(DataError, match="no trial_type 'x': there are story, event_boundary, button_press"):
        read_annotations(path, event="x")
    other = write("sub-08_events.tsv", "onset\tduration\ttrial_type\n0\t1\tface\n3\t1\thouse\n")
    with pytest.raises(DataError, match="which trial_type is a boundary"):
        read_annotations(other)


EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" FORMAT="3.0" VERSION="3.0">
  <TIME_ORDER>
    <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="0"/><TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="1500"/>
    <TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="1500"/><TIME_SLOT TIME_SLOT_ID="ts4"/>
  </TIME_ORDER>
  <TIER LINGUISTIC_TYPE_REF="default" TIER_ID="ann">
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
      <ANNOTATION_VALUE>one</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="%s" TIME_SLOT_REF2="ts4">
      <ANNOTATION_VALUE>two</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  </TIER>
  <TIER LINGUISTIC_TYPE_REF="default" TIER_ID="bob"/>
  <TIER LINGUISTIC_TYPE_REF="note" PARENT_REF="ann" TIER_ID="notes">
    <ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a3" ANNOTATION_REF="a1"><ANNOTATION_VALUE/></REF_ANNOTATION></ANNOTATION>
  </TIER>
</ANNOTATION_DOCUMENT>
"""


def test_elan(write):
    path = write("tale.eaf", EAF % "ts3")
    assert by_observer(read_annotations(path)) == {"ann": [0.0, 1.5], "bob": []}
    assert read_annotations(path, tier="bob").observers == ("bob",)
    with pytest.raises(DataError, match="no tier 'cy': there are ann, bob"):
        read_annotations(path, tier="cy")
    with pytest.raises(DataError, match=r"tier 'ann', row 2 \(a2\): no time"):
        read_annotations(write("hole.eaf", EAF % "ts4"))
    with pytest.raises(DataError, match="not XML"):
        read_annotations(write("broken.eaf", "<ANNOTATION_DOCUMENT>"))


def test_textgrid_points_written_by_praatio(tmp_path):
    from praatio import textgrid

    grid = textgrid.Textgrid()
    grid.addTier(textgrid.IntervalTier("words", [(0, 1, "a")], 0, 9))
    grid.addTier(textgrid.PointTier("ann", [(1.25, "new"), (7.5, "")], 0, 9))
    grid.addTier(textgrid.PointTier("bob", [(3.0, "x")], 0, 9))
    for form in ("short_textgrid", "long_textgrid"):
        grid.save(str(tmp_path / "tale.TextGrid"), form, includeBlankSpaces=True)
        people = read_annotations(tmp_path / "tale.TextGrid")
        assert by_observer(people) == {"ann": [1.25, 7.5], "bob": [3.0]}
    only = textgrid.Textgrid()
    only.addTier(textgrid.IntervalTier("words", [(0, 1, "a")], 0, 9))
    only.save(str(tmp_path / "words.TextGrid"), "short_textgrid", includeBlankSpaces=True)
    with pytest.raises(DataError, match="no point tier: its tiers are words"):
        read_annotations(tmp_path / "words.TextGrid")


# --- response logs ----------------------------------------------------------------------------------------------------


def test_psychopy(write):
    table = (
        "story,press.keys,press.rt,participant\ntale,\"['space', 'space']\",\"[1.5, 7.25]\",p1\nother,None,None,p1\n"
    )
    path = write("p1_segmentation.csv", table)
    assert by_observer(read_annotations(path, stimulus="tale")) == {"p1": [1.5, 7.25]}
    two = write("two.csv", "a.rt,b.rt,participant\n1.5,2.5,p1\n")
    assert by_observer(read_annotations(two, event="b")) == {"p1": [2.5]}
    with pytest.raises(DataError, match=r"which component's presses.*a, b"):
        read_annotations(two)


TRIALS = [
    {"trial_type": "html-keyboard-response", "trial_index": 0, "rt": 812, "subject": "s1", "task": "instructions"},
    {"trial_type": "audio-segment", "trial_index": 1, "rt": [1500, 7250], "subject": "s1", "task": "segment"},
    {
        "trial_type": "audio-segment",
        "trial_index": 1,
        "rt": [{"rt": 2000, "key": " "}],
        "subject": "s2",
        "task": "segment",
    },
    {"trial_type": "audio-segment", "trial_index": 1, "rt": None, "subject": "s3", "task": "segment"},
]


def test_jspsych_json(write):
    path = write("data.json", json.dumps(TRIALS))
    people = read_annotations(path, event="segment")
    assert by_observer(people) == {"s1": [1.5, 7.25], "s2": [2.0], "s3": []}
    assert people.marks["row"].tolist() == [2, 2, 3]
    with pytest.raises(DataError, match="row 2: observer 's1' has rt in row 1 already"):
        read_annotations(path)
    with pytest.raises(DataError, match="line 1: not JSON"):
        read_annotations(write("broken.json", "[{"))


def test_jspsych_csv(write):
    table = 'trial_type,trial_index,rt,subject\naudio-segment,0,"[1500,7250]",s1\naudio-segment,0,null,s2\n'
    assert by_observer(read_annotations(write("data.csv", table))) == {"s1": [1.5, 7.25], "s2": []}


# --- a plain list -----------------------------------------------------------------------------------------------------


def test_a_plain_list_is_a_consensus(write):
    people = read_annotations(write("bounds.txt", "# seconds\n1.5\n7.25\n\n"))
    assert people.lists["bounds"].tolist() == [1.5, 7.25]
    assert (people.observers, people.event_count()) == ((), 3)
    assert read_annotations(write("ms.txt", "27118\n42021\n"), time_unit="ms").lists["ms"].tolist() == [27.118, 42.021]
    with pytest.raises(DataError, match="row 2: 1 s comes after 2 s"):
        read_annotations(write("bad.txt", "2\n1\n"))
    with pytest.raises(DataError, match="row 3: 2 s is there twice"):
        read_annotations(write("twice.txt", "1\n2\n2\n"))
    with pytest.raises(DataError, match="row 2: 'x'"):
        read_annotations(write("word.txt", "1\nx\n"))


# --- the Kumar/Michelmann release -------------------------------------------------------------------------------------


def test_the_release(release):
    first = read_annotations(release / "Pieman")
    assert by_observer(first) == {"0": [1.0], "1": [2.0, 3.0]}  # a held key is one press
    assert first.lists["run1"].tolist() == [1.1, 2.6]
    assert first.duration_s == 4.0
    second = read_annotations(release / "Pieman" / "sourcedata", event="run2")
    assert by_observer(second) == {"0": [1.5], "1": []}
    tunnel = read_annotations(release / "Tunnel")
    assert by_observer(tunnel) == {"0": [1.2], "1": [1.3], "2": []}
    assert tunnel.lists["release"].tolist() == [1.25]
    with pytest.raises(OptionError, match=r"event 'run3'.*run1, run2"):
        read_annotations(release / "Pieman", event="run3")


def test_the_releases_words(release):
    from emcog.human.readers import read_kumar_transcript

    story = read_kumar_transcript(release / "Pieman")
    assert story.text == "I began, wanna go home. It rained!"
    assert story.words["word"].tolist() == ["I", "began,", "wanna", "go", "home.", "It", "rained!"]
    assert story.words["onset_s"].tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3]
    crowd = read_annotations(release / "Pieman").crowd(story)
    assert [np.flatnonzero(row).tolist() for row in crowd.marked] == [[2], [4, 6]]


def test_monkey_is_stitched_from_four_groups(release, monkeypatch):
    from emcog.human.readers import kumar

    monkeypatch.setattr(kumar, "MONKEY_PARTS_MS", (50, 40, 60, 30))
    source = release / "Monkey" / "sourcedata"
    source.mkdir(parents=True)
    (source / "MonkeyBounds.txt").write_text("45\n120\n")
    sizes = (2, 3, 2, 3)
    for part, (samples, people) in enumerate(zip((50, 40, 60, 30), sizes, strict=True), start=1):
        values = np.zeros((samples + 5, people), dtype=bool)  # time x people, longer than the part
        values[10 + part] = True
        values[samples + 2] = True  # after the part's end: not counted
        np.save(source / f"monkey_press_time{part}.npy", values)
    people = read_annotations(release / "Monkey")
    assert (len(people.observers), people.duration_s) == (2, 0.18)
    expected = [0.011, 0.05 + 0.012, 0.09 + 0.013, 0.15 + 0.014]
    for times in by_observer(people).values():
        assert times == pytest.approx(expected)
    assert all(name.count("+") == 3 for name in people.observers)


def test_a_release_that_is_not_whole_is_named(release):
    (release / "Tunnel" / "sourcedata" / "alldata.mat").write_bytes(b"MATLAB 7.3? no")
    with pytest.raises(DataError, match=r"alldata.mat: cannot be read as a MATLAB file"):
        read_annotations(release / "Tunnel")
    (release / "Tunnel" / "sourcedata" / "TunnelBounds.txt").write_text("1250\n1.5 s\n")
    with pytest.raises(DataError, match=r"TunnelBounds.txt: row 2: '1.5 s' is not a whole number of milliseconds"):
        read_annotations(release / "Tunnel")
    with pytest.raises(DataError, match="no such file"):
        (release / "Tunnel" / "sourcedata" / "TunnelBounds.txt").unlink()
        read_annotations(release / "Tunnel")


@pytest.mark.parametrize("shape", [(4000, 2), (1, 2, 4000)])
@pytest.mark.parametrize(("story", "file"), [("Pieman", "alldata_run1"), ("Tunnel", "alldata")])
def test_presses_the_other_way_round_are_refused(release, story, file, shape):
    path = release / story / "sourcedata" / f"{file}.mat"
    savemat(path, {file: np.zeros(shape)})
    with pytest.raises(DataError, match=rf"{file} has the shape .*people x samples"):
        read_annotations(release / story)
