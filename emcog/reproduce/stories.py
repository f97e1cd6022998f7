"""The stories that analyses run on: those that ship, and those of other people's data that are here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from emcog.errors import DataError, OptionError
from emcog.human import AnnotationSet, Crowd, Dataset, load_dataset, read_annotations
from emcog.options import check_choice
from emcog.pages import ROOT
from emcog.stats import AgreementSettings
from emcog.transcript import Transcript, read_transcript

REACTION_S = 1.0
"""Taken off the times that listeners of Pie Man pressed at."""
VOLUMES_S = 4.5
"""Tolerance for Sherlock's scenes: three volumes, as in Baldassano et al. (2017)."""
BOOK_WORDS = {True: 1500, False: 6000}
"""Words of a book, by whether it is to be quick."""


@dataclass(frozen=True, eq=False)
class Stimulus:
    """A story, and people's boundaries in it where there are any.

    Attributes
    ----------
    dataset, name : of the data and of the story.
    transcript : the text. people : their marks, or None.
    settings : the tolerance that fits how well the marks are known.
    fine : first words of finer units that people or the author made (sentences described, clauses), or None.
    caveat : what a reader of any number about it must know, or "".
    """

    dataset: str
    name: str
    transcript: Transcript
    people: AnnotationSet | None = None
    settings: AgreementSettings = field(default_factory=AgreementSettings)
    fine: tuple[int, ...] | None = None
    caveat: str = ""

    def crowd(self) -> Crowd:
        """People on the words of the story; DataError where there are none."""
        if self.people is None:
            raise DataError(f"story {self.name} has no people's boundaries")
        return self.people.crowd(self.transcript)


def find_stories(
    names: Sequence[str] | None = None, *, quick: bool = False, people: bool = True, human: str | None = None
) -> tuple[list[Stimulus], dict[str, str]]:
    """The stories that are here, and of those that are not a line by the name of the data.

    Parameters
    ----------
    names : of `STORIES`, or files with transcripts that `emcog.read_transcript` reads; None for all of `STORIES`.
    human : a file with the marks of people in the one file among `names`, that `emcog.read_annotations` reads.
    quick : leave out the long ones (and say so), unless they are asked for by name.
    people : only those with people's boundaries.

    Raises DataError for a file that cannot be read or fits no other, OptionError for unknown names.
    """
    own = own_files(names, human)
    found: list[Stimulus] = []
    missing: dict[str, str] = {}
    for name in names or STORIES:
        if Path(name) in own:
            if people and human is None:
                missing[name] = f"{Path(name).name}: it has no people's boundaries; name their file with --human"
            else:
                found.append(_own(Path(name), human))
            continue
        check_choice("data", name, STORIES)
        if people and name == "book":
            if names:
                missing[name] = "book: it has no people's boundaries"
            continue
        if quick and names is None and name == "sherlock":
            missing[name] = "sherlock: left out by the quick settings (18,000 words); ask for --full"
            continue
        try:
            found += STORIES[name](quick)
        except DataError as error:
            missing[name] = f"{name}: {reason(error)}"
    return found, missing


def own_files(names: Sequence[str] | None, human: str | None = None) -> list[Path]:
    """Which of the names of data are files of one's own.

    Raises OptionError for a name that is neither, and where people's marks belong to none of the files, or to any.
    """
    given = [name for name in names or () if name not in STORIES]
    for name in given:
        if not Path(name).is_file():
            check_choice("data", name, (*STORIES, "a file"))
    if human is not None and len(given) != 1:
        raise OptionError(f"human={human} needs one transcript that it belongs to: name its file as data, got {given}")
    return [Path(name) for name in given]


def _own(path: Path, human: str | None) -> Stimulus:
    """A story of the user's own, and people's boundaries in it."""
    story = read_transcript(path)
    if human is None:
        return Stimulus("own", story.name, story)
    mine = Stimulus("own", story.name, story, read_annotations(Path(human)))
    mine.crowd()  # marks that do not fit are told at once
    return mine


def reason(error: Exception) -> str:
    """Why data are not here, without the folder that was looked in: captions and summaries are shown elsewhere too."""
    return str(error).partition(" (EMCOG_DATA is ")[0]


def _demo(quick: bool) -> list[Stimulus]:
    data = load_dataset("demo")
    story = data.transcripts["late_letter"]
    said = "the bundled story; its boundaries are the author's own scene breaks, not listeners' judgements"
    return [Stimulus("demo", "late_letter", story, data.annotations["late_letter"], caveat=said)]


def _kumar(quick: bool) -> list[Stimulus]:
    """Pie Man with approximate times from the tidy tables, or the release's stories with their own."""
    data = load_dataset("kumar2023")
    settings = AgreementSettings(tolerance=2.0, tolerance_unit="s")
    if "clauses" not in data.tables:
        return [
            Stimulus("kumar2023", name, data.transcripts[name], _marks(data, name).shifted(REACTION_S), settings,
                     caveat=f"{REACTION_S:g} s taken off for people's reaction")
            for name in data.transcripts
        ]  # fmt: skip
    starts, count = [], 0
    for clause in data.tables["clauses"]["text"].astype(str):
        starts.append(count)
        count += len(clause.split())
    said = (
        f"APPROXIMATE: word times of Pie Man from a constant rate of characters; {REACTION_S:g} s taken off for "
        "people's reaction"
    )
    people = data.annotations["pieman"].shifted(REACTION_S)
    return [Stimulus("kumar2023", "pieman", data.transcripts["pieman"], people, settings, tuple(starts), said)]


def _marks(data: Dataset, story: str) -> AnnotationSet:
    """A story's annotations, its first run where it was heard twice."""
    return data.annotations[next(name for name in data.annotations if name.startswith(story))]


def _sherlock(quick: bool) -> list[Stimulus]:
    data = load_dataset("sherlock")
    settings = AgreementSettings(tolerance=VOLUMES_S, tolerance_unit="s")
    starts, count = [], 0
    for said in data.tables["segments"]["text"].astype(str):
        starts.append(count)
        count += len(said.split())
    caveat = "written descriptions of the episode, word times spread over each described segment"
    story = data.transcripts["sherlock"]
    return [Stimulus("sherlock", "sherlock", story, data.annotations["sherlock"], settings, tuple(starts), caveat)]


def _book(quick: bool) -> list[Stimulus]:
    text, source = book_text()
    words = " ".join(islice(text.split(), BOOK_WORDS[quick]))
    said = f"the first {BOOK_WORDS[quick]:,} words of {source}; no people's boundaries"
    return [Stimulus("book", "book", Transcript.from_text(words, "book"), caveat=said)]


def book_text() -> tuple[str, str]:
    """A book's text and where it is from: PG-19's test books, or the held-out novels beside this checkout.

    Raises DataError where neither is here.
    """
    try:
        books = load_dataset("pg19").transcripts
        name = next(iter(books))
        return books[name].text, f"PG-19's book {name}"
    except (DataError, StopIteration) as error:
        files = heldout_books()
        if not files:
            raise DataError(f"no book: {reason(error)}") from None
        from emcog.lm.training.corpus import read_documents

        return next(iter(read_documents(files[0]))), "a novel that the embedded LM was not trained on"


def heldout_books() -> list[Path]:
    """The files of novels that the embedded LM was not trained on, beside this checkout; none elsewhere."""
    return sorted((ROOT.parent / "shared" / "corpus" / "heldout").glob("*.txt*"))


STORIES: dict[str, Callable[[bool], list[Stimulus]]] = {
    "demo": _demo, "kumar2023": _kumar, "sherlock": _sherlock, "book": _book,
}  # fmt: skip
