"""The release of Kumar et al. and Michelmann et al.: <Story>/sourcedata (Zenodo 10.5281/zenodo.10055827).

Button presses are 0/1 time courses of several shapes, consensus lists are milliseconds, words and their times are
MATLAB files. The release's pickles (outputs/) are never opened.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emcog.errors import DataError
from emcog.human.readers.matlab import read_matlab
from emcog.human.readers.matrix import onsets_of
from emcog.human.readers.source import Options, Read, open_text
from emcog.options import check_choice
from emcog.transcript import Transcript

MONKEY_PARTS_MS = (444_455, 415_936, 482_353, 462_256)
"""Length of each part of Monkey in samples of 1 ms; four groups of people heard one part each."""


@dataclass(frozen=True)
class _Story:
    runs: tuple[str, ...]  # name of each, "" where there is one
    lists: tuple[str, ...]  # file of each run's consensus
    presses: tuple[tuple[str, str], ...]  # file and variable of each run's presses
    hz: float
    suffix: str = ""  # of the variables of words and times


STORIES = {
    "Pieman": _Story(
        ("run1", "run2"), ("PiemanBoundsRun1.txt", "PiemanBoundsRun2.txt"),
        (("alldata_run1.mat", "alldata_run1"), ("alldata_run2.mat", "alldata_run2")), 1000.0, "_b",
    ),
    "Tunnel": _Story(("",), ("TunnelBounds.txt",), (("alldata.mat", "alldata"),), 10.0),
    "Monkey": _Story(("",), ("MonkeyBounds.txt",), (), 1000.0),
}  # fmt: skip


def find_story(folder: Path) -> str | None:
    """Which story a folder holds (<Story>, or its sourcedata); None if it is not of the release."""
    name = folder.parent.name if folder.name == "sourcedata" else folder.name
    return name if name in STORIES and (_sourcedata(folder)).is_dir() else None


def _sourcedata(folder: Path) -> Path:
    return folder if folder.name == "sourcedata" else folder / "sourcedata"


def read_kumar(folder: Path, options: Options) -> Read:
    """Presses and consensus list of a story of the release; `event` is "run1" (default) or "run2" for Pieman.

    Monkey was heard by four groups, a part each. Its observers are stitched: as many as the smallest group has, each
    made of one person of every group, drawn at random (seed 0) as the release's authors do. Their names tell whom.

    Raises
    ------
    DataError : not a folder of the release, a file that is missing or has another shape.
    """
    name = find_story(folder)
    if name is None:
        raise DataError(
            f"{folder}: not a story of the release: name <Story> or <Story>/sourcedata, of {', '.join(STORIES)}"
        )
    story, source = STORIES[name], _sourcedata(folder)
    run = 0 if options.event is None else story.runs.index(check_choice("event", options.event, story.runs))
    length = _length(folder, name)
    found = Read(duration_s=length, stimulus=" ".join(filter(None, [name, story.runs[run]])))
    found.lists[story.runs[run] or "release"] = _bounds(source / story.lists[run])
    if name == "Monkey":
        _monkey(source, found)
    else:
        file, variable = story.presses[run]
        values = _presses(source / file, variable)
        if not np.isfinite(found.duration_s):
            found = Read(duration_s=values.shape[1] / story.hz, stimulus=found.stimulus, lists=found.lists)
        for person, samples in enumerate(values):
            found.present(str(person))
            for sample in onsets_of(samples).tolist():
                found.mark(str(person), sample, time_s=sample / story.hz)
    return found


def _presses(path: Path, variable: str) -> np.ndarray:
    """Samples of 0 and 1, (n_people, n_samples).

    Raises
    ------
    DataError : another shape; more people than samples, which is the other way round.
    """
    values = read_matlab(path, variable)
    if values.ndim != 2 or values.shape[0] > values.shape[1] or values.dtype.kind not in "fiub":
        raise DataError(
            f"{path}: {variable} has the shape {values.shape}, where people x samples are needed, with more samples "
            "than people: turn it round, or fetch the release again"
        )
    return values


def _length(folder: Path, name: str) -> float:
    return sum(MONKEY_PARTS_MS) / 1000 if name == "Monkey" else float("nan")


def _bounds(path: Path) -> list[float]:
    """Consensus boundaries: one whole number of milliseconds a line."""
    source = open_text(path, Options())
    times = []
    for row, line in enumerate(source.content.split("\n"), start=1):
        if line.strip():
            try:
                times.append(int(line) / 1000)
            except ValueError:
                raise source.error(f"row {row}: {line.strip()[:40]!r} is not a whole number of milliseconds") from None
    return sorted(times)


def _monkey(source: Path, found: Read) -> None:
    """Stitch the four groups' presses together on the clock of the whole story."""
    groups = []
    for part, samples in enumerate(MONKEY_PARTS_MS, start=1):
        path = source / f"monkey_press_time{part}.npy"
        try:
            values = np.load(path, allow_pickle=False)
        except FileNotFoundError:
            raise DataError(f"{path}: no such file: the release is not complete; fetch it again") from None
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: not an array of presses: {' '.join(str(error).split())[:120]}") from None
        if values.ndim != 2 or len(values) < samples or values.shape[1] > len(values):
            raise DataError(f"{path}: shape {values.shape} where {samples} samples x people are needed")
        groups.append(values[:samples].T)
    size = min(len(group) for group in groups)
    random = np.random.default_rng(0)
    chosen = [random.choice(len(group), size, replace=False) for group in groups]
    starts = np.cumsum([0, *MONKEY_PARTS_MS])[:-1]
    for row, people in enumerate(zip(*[c.tolist() for c in chosen], strict=True)):
        name = f"{row} ({'+'.join(map(str, people))})"
        found.present(name)
        for group, person, start in zip(groups, people, starts.tolist(), strict=True):
            for sample in onsets_of(group[person]).tolist():
                found.mark(name, start + sample, time_s=(start + sample) / 1000)


def _times(path: Path, variable: str) -> np.ndarray:
    values = read_matlab(path, variable)
    if values.dtype.kind not in "fiub":
        raise DataError(f"{path}: {variable!r} holds no numbers: fetch it again")
    return values.ravel().astype(np.float64)


def read_kumar_transcript(folder: Path) -> Transcript:
    """A story's text with the onsets and offsets of its words; words that were not aligned have no times.

    Raises
    ------
    DataError : as `read_kumar`; words and times of different number.
    """
    from emcog.human.align import timed_transcript

    name = find_story(folder)
    if name is None:
        raise DataError(
            f"{folder}: not a story of the release: name <Story> or <Story>/sourcedata, of {', '.join(STORIES)}"
        )
    source, suffix = _sourcedata(folder), STORIES[name].suffix
    words = [str(word) for word in read_matlab(source / "words.mat", f"words{suffix}").ravel()]
    onset, offset = (_times(source / f"word_{what}.mat", f"{what}{suffix}") for what in ("onsets", "offsets"))
    if not len(words) == len(onset) == len(offset):
        raise DataError(
            f"{source}: {len(words)} words, {len(onset)} onsets and {len(offset)} offsets: they must be as many"
        )
    clean = source.parent / f"{name}Clean.txt"
    text = open_text(clean, Options()).content if clean.is_file() else " ".join(words)
    return timed_transcript(text.replace('\\"', ""), words, onset, offset, name)
