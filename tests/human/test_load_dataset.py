import dataclasses
import tomllib

import numpy as np
import openpyxl
import pandas as pd
import pytest

import emcog
from emcog.errors import DataError, OptionError
from emcog.human.datasets import LOADERS, card_names, load_dataset, read_card
from emcog.human.datasets.cards import DatasetCard
from emcog.paths import data_folder

NAMED = {
    "kumar2023", "sherlock", "natural_stories", "narratives", "films", "pg19", "longbench", "infinitebench", "booksort",
    "demo",
}  # fmt: skip


# --- cards ------------------------------------------------------------------------------------------------------------


def test_every_dataset_has_a_card_and_a_loader():
    assert set(card_names()) == set(LOADERS) == NAMED


@pytest.mark.parametrize("name", sorted(NAMED))
def test_a_card_says_what_one_must_know(name):
    card = read_card(name)
    assert card.name == name
    assert card.title and card.citation and card.licence and card.contents
    assert name == "demo" or (card.terms and card.homepage.startswith("https://"))
    assert name == "demo" or card.files or card.manual or card.zenodo
    for file in card.files:
        assert file.sha256 == "unknown" or len(file.sha256) == 64
        assert not file.path.startswith("/") and ".." not in file.path
        by_other_ways = name == "demo" or card.manual or card.zenodo  # bundled, by hand, listed by the record
        assert file.url.startswith("https://") or (by_other_ways and not file.url)


def test_zenodos_record_is_the_one_of_the_doi():
    card = read_card("kumar2023")
    assert card.doi == f"10.5281/zenodo.{card.zenodo}" == "10.5281/zenodo.10055827"


def test_a_card_with_a_wrong_key_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("emcog.human.datasets.cards.data_folder", lambda _: tmp_path)
    (tmp_path / "x.toml").write_text('name = "x"\nlicense = "MIT"\n')
    with pytest.raises(DataError, match="cards have no key 'license'"):
        read_card("x")
    (tmp_path / "x.toml").write_text('name = "x"\n')
    with pytest.raises(DataError, match="missing 3 required"):
        read_card("x")
    (tmp_path / "x.toml").write_text("name = ")
    with pytest.raises(DataError, match="not TOML"):
        read_card("x")


def test_cards_have_only_what_a_card_can_say():
    known = {field.name for field in dataclasses.fields(DatasetCard)}
    for path in data_folder("datasets").glob("*.toml"):
        assert set(tomllib.loads(path.read_text(encoding="utf-8"))) <= known


def test_every_dataset_says_which_files_it_has():
    for name in card_names():
        files = read_card(name).files
        assert files and all(file.role and file.path for file in files), name


def test_the_releases_files_are_those_that_the_reader_opens(release):
    listed = {file.path for file in read_card("kumar2023").files}
    made = {str(path.relative_to(release.parent)) for path in release.rglob("*") if path.is_file()}
    assert made <= listed and not any(path.endswith(".pkl") for path in listed)


# --- what is bundled or beside the checkout ---------------------------------------------------------------------------


def test_the_demo_is_always_here():
    demo = emcog.load_dataset("demo")
    breaks = demo.annotations["late_letter"]
    crowd = breaks.crowd(demo.transcripts["late_letter"])
    assert breaks.event_count() == 12
    assert crowd.starts.tolist() == demo.tables["scenes"]["word_start"].tolist()[1:]
    assert "late_letter" in repr(demo)


def test_sherlock(shared_human):
    sherlock = load_dataset("sherlock")
    story, scenes = sherlock.transcripts["sherlock"], sherlock.annotations["sherlock"]
    assert scenes.event_count() == 50
    crowd = scenes.crowd(story)
    segments = sherlock.tables["segments"]
    first = segments.drop_duplicates("scene")
    # A scene begins with the first word of its first segment's description.
    before = segments["text"].str.split().str.len().cumsum().shift(fill_value=0)
    assert crowd.starts.tolist() == before[first.index].tolist()[1:]
    assert (story.duration_s, len(sherlock.tables["recalls"])) == (2970.0, 17)
    assert story.words["interpolated"].all()
    lengths = np.diff([0, *scenes.lists["scenes"], 2970])
    assert np.median(lengths) == 47.5


def test_natural_stories(shared_human):
    stories = load_dataset("natural_stories")
    assert list(stories.transcripts) == [f"story-{i}" for i in range(1, 7)]
    words = stories.tables["words"]
    assert [len(story.words) for story in stories.transcripts.values()] == [1073, 990, 1040, 1085, 1013, 1099]
    last = stories.transcripts["story-6"]
    assert last.duration_s == pytest.approx(376.2, abs=0.05)
    # As its description says: same word, stories 1-6 without their last words, Pearson 0.202.
    inner = words[words["position"] < words.groupby("story")["position"].transform("max")]
    inner = inner.dropna(subset=["gpt3_surprisal_bits", "mean_rt_ms", "log_freq"])
    assert len(inner) == 6285
    assert inner["gpt3_surprisal_bits"].corr(inner["mean_rt_ms"]) == pytest.approx(0.202, abs=5e-4)


def test_films(shared_human):
    films = load_dataset("films")
    assert list(films.annotations) == ["defeat", "iteration"]
    counts = {name: (len(people.observers), len(people.marks)) for name, people in films.annotations.items()}
    assert counts == {"defeat": (40, 806), "iteration": (40, 1044)}
    assert len(films.tables["neural_boundaries"]) == 4803
    assert films.annotations["defeat"].event_count() == 20  # the median is 18.5


def test_pie_man(shared_human):
    pie = load_dataset("kumar2023")
    consensus, story = pie.annotations["pieman"], pie.transcripts["pieman"]
    assert (consensus.event_count(), len(pie.annotations["pieman unfiltered"].lists["unfiltered"])) == (19, 19)
    assert consensus.lists["filtered"][[0, -1]].tolist() == [27.118, 423.366]
    assert len(story.words) == 964
    assert story.words["interpolated"].all()
    assert pie.annotations_of("Pieman") is consensus
    with pytest.raises(DataError, match="no annotations called 'tunnel': choose one of pieman, pieman unfiltered"):
        pie.annotations_of("tunnel")


# --- the sources' own formats -----------------------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("EMCOG_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def test_the_release_of_kumar_and_michelmann(release, data):
    (data / "kumar2023").mkdir(parents=True)
    release.rename(data / "kumar2023" / "GPT_event_share")
    found = load_dataset("kumar2023")
    assert list(found.annotations) == ["Pieman run1", "Pieman run2", "Tunnel"]
    assert list(found.transcripts) == ["Pieman", "Tunnel"]
    assert found.annotations["Tunnel"].crowd(found.transcripts["Tunnel"]).starts.size == 1


def test_sherlocks_workbook_gives_the_tidy_table(shared_human, data):
    """The tidy table, written as the workbook was (scene cells at starts only, a restarting clock), reads back."""
    tidy = pd.read_csv(shared_human / "sherlock" / "segments.csv")
    data.joinpath("sherlock").mkdir(parents=True)
    book = openpyxl.Workbook()
    sheet = book.active
    times = ["Start Time (s) ", "End Time (s) ", "Start Time (TRs, 1.5s)", "End Time (TRs, 1.5s)"]
    sheet.append(["Segment Number", *times, "Scene Segments", "Scene Details - A Level "])
    seen = set()
    for row in tidy.itertuples():
        scene = (
            f"{row.scene}. {row.scene_label}" if row.scene not in seen else (" " if row.unlabelled_mark == 1 else None)
        )
        seen.add(row.scene)
        trs = [None if pd.isna(row.tr_start) else row.tr_start, None if pd.isna(row.tr_end) else row.tr_end]
        sheet.append([row.segment, row.onset_in_run_s, row.offset_in_run_s, *trs, scene, f" {row.text}"])
    book.save(data / "sherlock" / "Sherlock_Segments_1000_NN_2017.xlsx")
    (data / "sherlock" / "NN2 transcript.txt").write_text("So, the\nepisode opens", encoding="utf-8")
    (data / "sherlock" / "NN10 transcript.txt").write_bytes("it’s odd".encode("cp1252"))
    found = load_dataset("sherlock")
    ours = found.tables["segments"]
    for column in ("segment", "onset_s", "offset_s", "scene", "text", "run"):
        assert ours[column].tolist() == tidy[column].tolist(), column
    assert found.tables["recalls"].values.tolist() == [["NN2", 4, "So, the episode opens"], ["NN10", 2, "it’s odd"]]


def test_natural_stories_own_files(data):
    folder = data / "natural_stories" / "naturalstories_RTS"
    folder.mkdir(parents=True)
    words = ['"Oh', "null", "boar."]
    (folder / "all_stories.tok").write_text(
        "word\tzone\titem\n" + "".join(f"{w}\t{i + 1}\t1\n" for i, w in enumerate(words))
    )
    (folder / "processed_wordinfo.tsv").write_text(
        'word\tzone\titem\tnItem\tmeanItemRT\tsdItemRT\nnull\t2\t1\t85\t400\t9\n"Oh\t1\t1\t85\t380\t9\nboar.\t3\t1\t70\t900\t9\n'
    )
    found = load_dataset("natural_stories")
    assert found.transcripts["story-1"].words["word"].tolist() == words
    # The time at position z is that of word z + 1; the last is the end screen's.
    np.testing.assert_array_equal(found.tables["words"]["mean_rt_ms"], [np.nan, 380, 400])


def test_films_pickles_are_never_opened(data):
    folder = data / "films"
    folder.mkdir(parents=True)
    (folder / "behavioral_boundaries_defeat.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(DataError, match="Python pickles, which emcog does not open"):
        load_dataset("films")


def test_narratives_words_have_times(data):
    folder = data / "narratives" / "stimuli" / "gentle" / "pieman"
    folder.mkdir(parents=True)
    (folder / "align.csv").write_text("I,i,0.1,0.2\nbegan,began,0.3,0.6\nmy,<unk>,,\n")
    found = load_dataset("narratives")
    assert found.transcripts["pieman"].name == "pieman"
    assert found.transcripts["pieman"].words["onset_s"].tolist()[:2] == [0.1, 0.3]


def test_books_are_read_when_they_are_used(data):
    folder = data / "pg19" / "test"
    folder.mkdir(parents=True)
    (folder / "10146.txt").write_text("A book.")
    (folder / "10321.txt").write_bytes(b"\xff\xfe\xff")  # not read, so no error
    (data / "pg19" / "metadata.csv").write_text("10146,Title,1864,http://www.gutenberg.org/ebooks/10146\n")
    found = load_dataset("pg19")
    assert list(found.transcripts) == ["10146", "10321"]
    assert found.transcripts["10146"].text == "A book."
    assert found.tables["metadata"].iloc[0].tolist()[:3] == [10146, "Title", 1864]
    with pytest.raises(OptionError, match=r"item '1'.*10146, 10321"):
        found.transcripts["1"]


def test_tasks_are_tables(data):
    folder = data / "longbench" / "data"
    folder.mkdir(parents=True)
    (folder / "qasper.jsonl").write_text('{"input": "q", "context": "c", "answers": ["a"]}\n\n')
    (folder / "broken.jsonl").write_text('{"input": "q"}\n{"input":\n')
    found = load_dataset("longbench")
    assert found.tables["qasper"].loc[0, "answers"] == ["a"]
    with pytest.raises(DataError, match=r"broken.jsonl: row 2: not JSON"):
        found.tables["broken"]
    (data / "booksort").mkdir()
    pd.DataFrame({"book_idx": [69087]}).to_parquet(data / "booksort" / "test.parquet")
    assert load_dataset("booksort").tables["test"]["book_idx"].tolist() == [69087]


@pytest.mark.parametrize("name", sorted(NAMED - {"demo"}))
def test_an_empty_folder_is_not_a_dataset(data, name):
    (data / name).mkdir(parents=True)
    with pytest.raises(DataError, match=str(data)):
        load_dataset(name)
