"""CSV, TSV and gentle's align.csv."""

import warnings

import numpy as np
import pytest

from emcog.errors import TranscriptError
from emcog.transcript import read_transcript


def test_words_that_look_missing_stay_words(read):
    words = read("word,onset\nnull,0\nNA,1\nnan,2\nNone,3\n#,4\n", "s.csv").words
    assert words["word"].tolist() == ["null", "NA", "nan", "None", "#"]


def test_missing_times_and_silent_rows(read):
    words = read("word,onset,offset\na,n/a,\nb,1,NA\n,2,3\nc d,,5\n", "s.csv").words
    np.testing.assert_array_equal(words["onset_s"], [np.nan, 1, np.nan, np.nan])
    np.testing.assert_array_equal(words["offset_s"], [np.nan, np.nan, np.nan, 5])
    assert words["word"].tolist() == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    "header, scale",
    [("word,onset,offset", 1), ("Token,Start Time,End Time", 1), ("text,start_s,end_s", 1), ("Words,begin,stop", 1),
     ("word,tmin,tmax", 1), ("word,onset_ms,offset_ms", 1000), ("label,Start (ms),End [ms]", 1000),
     ("word,startTime,endTime", 1), ("word,start_msec,end_msec", 1000)],
)  # fmt: skip
def test_usual_names_of_columns(read, header, scale):
    words = read(f"{header}\na,{0.5 * scale},{0.75 * scale}\n", "s.csv").words
    assert words[["onset_s", "offset_s"]].to_numpy().tolist() == [[0.5, 0.75]]


def test_each_column_has_its_own_unit(read):
    words = read("word,onset_ms,offset_s\na,500,0.75\n", "s.csv").words
    assert words[["onset_s", "offset_s"]].to_numpy().tolist() == [[0.5, 0.75]]
    forced = read("word,onset,offset_s\na,500,750\n", "s.csv", time_unit="ms").words
    assert forced[["onset_s", "offset_s"]].to_numpy().tolist() == [[0.5, 0.75]]
    assert read("word,onset_ms\na,5\n", "s.csv", time_unit="s").words["onset_s"].tolist() == [5.0]


def test_durations_as_in_bids(read):
    words = read("onset\tduration\tword\n1\t0.5\ta\n2\tn/a\tb\n", "s_events.tsv").words
    np.testing.assert_array_equal(words["offset_s"], [1.5, np.nan])


def test_columns_by_name(read, fails):
    content = "id,w,t0,t1,who\n7,One,1000,1500,Al\n8,two,2000,2500,\n"
    columns = {"word_column": "w", "onset_column": "t0", "offset_column": "T1", "speaker_column": "who"}
    transcript = read(content, "s.csv", time_unit="ms", **columns)
    assert transcript.text == "One two"
    assert transcript.words["offset_s"].tolist() == [1.5, 2.5]
    assert transcript.words["speaker"].tolist() == ["Al", ""]
    assert "no column 'x': the columns are 'id', 'w', 't0', 't1', 'who'" in fails(content, "s.csv", word_column="x")
    message = fails(content, "s.csv")
    assert "--word-column" in message
    assert "'id', 'w'" in message


def test_delimiters_quotes_and_decimal_commas(read):
    assert read('word,onset\n"Well, yes",1\n"""Hi""",2\n', "s.csv").text == 'Well, yes "Hi"'
    assert read("word;onset\nOne, two;1,5\n", "s.csv").words["onset_s"].iloc[0] == 1.5
    assert read("word\tonset\nOne, two\t1\n", "s.csv").text == "One, two"
    assert read("\ufeff\r\n\r\nword , onset\r\nOne, 1\r\n\r\n", "s.csv").words["onset_s"].tolist() == [1.0]
    assert read("word\nOne\ntwo\n", "s.csv").text == "One two"


def test_unquoted_quotes_in_tsv(read):
    assert read('word\tonset\n"Hi\t1\nthere"\t2\n"\t3\n', "s.tsv").text == '"Hi there" "'
    assert read('word\tonset\n"Hi\t1\nthere\t2\n', "s.tsv").words["onset_s"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    "content, reason",
    [
        ("word,onset\na,2\nb,1\n", "row 3: times run backwards (1 s after 2 s)"),
        ("word,onset\na,2\nb,\nc,1\n", "row 4: times run backwards (1 s after 2 s)"),
        ("word,onset,offset\na,2,3\nb,,1\n", "row 3: times run backwards (1 s after 2 s)"),
        ("word,onset,offset\na,2,1\n", "row 2: the offset (1 s) is before the onset (2 s)"),
        ("\n\nword,onset\na,-2\n", "row 4: a negative time (-2 s)"),
        ("word,onset\na,inf\n", "row 2: an infinite time"),
        ("word,onset\na,1e999\n", "row 2: "),  # infinite, or to an older pandas not a number
        ("word,onset\na,1\nb,soon\n", "row 3: 'soon' in column 'onset' is not a number"),
        ("word,onset\na,1\nb,2,3\n", "row 3 has 3 columns where the first has 2"),
        ('word,onset\n"a,1\nb,2\n', "a quoted word is never closed"),
        ('word,onset\n"a,1\nb,2\n"c,3\n', "row 2: a quoted word runs over several rows"),
        ("word,onset\n", "no words"),
        ("word,onset\n,1\n,2\n", "no words"),
    ],
)
def test_errors_name_the_row(fails, content, reason):
    assert reason in fails(content, "s.csv")


def test_gentle(read, fails):
    words = read("Once,once,0.5,0.75\nxyzzy,<unk>,1,1.5\nupon,,,\nNA,na,2,2.5\n", "align.csv").words
    assert words["word"].tolist() == ["Once", "xyzzy", "upon", "NA"]
    np.testing.assert_array_equal(words["onset_s"], [0.5, 1, np.nan, 2])
    assert "row 2: times run backwards" in fails("a,a,1,2\nb,b,0.5,2\n", "align.csv")
    assert "row 2: 'x'" in fails("a,a,1,2\nb,b,x,2\n", "align.csv", format="gentle")
    assert "2 columns" in fails("a,1\n", "align.csv", format="gentle")


def test_a_long_table(tmp_path):
    rows = 100_000
    path = tmp_path / "long.csv"
    path.write_text("word,onset\n" + "".join(f"w{i},{i / 4}\n" for i in range(rows)))
    transcript = read_transcript(path)
    assert len(transcript.words) == rows
    assert transcript.duration_s == (rows - 1) / 4


def test_seconds_that_will_be_milliseconds_are_doubted(read):
    rows = "".join(f"w,{300 * i}\n" for i in range(8))
    with pytest.warns(UserWarning, match="300 s apart: if they are milliseconds"):
        assert read(f"word,onset\n{rows}", "s.csv").words["onset_s"].tolist() == [300.0 * i for i in range(8)]
    for header, options in (("word,onset_ms", {}), ("word,onset_s", {}), ("word,onset", {"time_unit": "s"})):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            read(f"{header}\n{rows}", "s.csv", **options)


def test_two_columns_of_one_name_are_refused(read):
    with pytest.raises(TranscriptError, match="two columns are called 'onset'"):
        read("word,onset,onset\na,1,2\n", "s.csv")
    assert read("word,note,note\na,1,2\n", "s.csv").words["word"].tolist() == ["a"]
