"""emcog segment: from a transcript to its events."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emcog.cli.console import few_enough, listening, log_line, show_json, show_line, show_table
from emcog.cli.people import (
    MATCH_OPTIONS,
    Event,
    Grade,
    ObserversIn,
    SamplingHz,
    Stimulus,
    people_given,
    people_option,
)
from emcog.errors import OptionError

if TYPE_CHECKING:
    from emcog.segmentation import Segmentation
    from emcog.transcript import Transcript

EXAMPLE = (
    "Example:\n\n"
    "echo 'He slept. Years on, a ship came.' | emcog segment - --n-events 2\n\n"
    "With a file of your own:\n\n"
    "emcog segment story.srt --plot --out events"
)
EVENTS, MODEL, READING, OUTPUT = "Events", "Language model", "Reading", "Output"


def _option(panel: str, help: str, *names: str, metavar: str | None = None) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=panel, metavar=metavar, show_default=True)


def _flag(panel: str | None, help: str, *names: str) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=panel, metavar="")


def segment(
    source: Annotated[str, typer.Argument(metavar="INPUT", help="The transcript; - reads standard input.")],
    signal: Annotated[str, _option(EVENTS, "What is measured; see emcog signals.", metavar="NAME")] = "surprisal",
    propose: Annotated[str, _option(EVENTS, "How boundaries are proposed.", metavar="NAME")] = "threshold",
    gamma: Annotated[float, _option(EVENTS, "Threshold: mean + gamma standard deviations.")] = 1.0,
    window: Annotated[int, _option(EVENTS, "Tokens over which they are taken.")] = 512,
    n_events: Annotated[int | None, _option(EVENTS, "How many events there are to be.", "--n-events")] = None,
    match: Annotated[
        str | None,
        people_option("As many events as these people saw.", metavar="FILE|NAME"),
    ] = None,
    grade: Grade = None,
    stimulus: Stimulus = None,
    event: Event = None,
    sampling_hz: SamplingHz = None,
    observers_in: ObserversIn = None,
    match_from: Annotated[
        str | None, people_option("The file's format; default: recognised.", "--match-from", metavar="FORMAT")
    ] = None,
    match_time_unit: Annotated[str | None, people_option("s or ms.", "--match-time-unit", metavar="UNIT")] = None,
    match_tier: Annotated[
        str | None, people_option("ELAN, TextGrid: the tier.", "--match-tier", metavar="NAME")
    ] = None,
    match_columns: Annotated[
        str | None, people_option("Table: observer=who,time=when.", "--match-columns", metavar="ROLE=NAME")
    ] = None,
    min_event: Annotated[int, _option(EVENTS, "Fewest tokens of an event.", "--min-event")] = 1,
    max_event: Annotated[int | None, _option(EVENTS, "Most tokens of an event.", "--max-event")] = None,
    distance: Annotated[int | None, _option(EVENTS, "Tokens between peaks, at least.")] = None,
    refine: Annotated[str, _option(EVENTS, "How boundaries are refined.", metavar="NAME")] = "none",
    method: Annotated[
        str | None, _option(EVENTS, "Instead of the two: S, SM, SC, F, FM, FC, R, RM, RC, ...", metavar="NAME")
    ] = None,
    levels: Annotated[str | None, _option(EVENTS, "Nested events, coarse to fine: 5,20.", metavar="K,K")] = None,
    penalty: Annotated[float | None, _option(EVENTS, "Of each event of the optimum.")] = None,
    layers: Annotated[str | None, _option(EVENTS, "Whose keys make the graph: 4,5,6.", metavar="N,N")] = None,
    heads: Annotated[str | None, _option(EVENTS, "Whose keys make the graph: 0,1.", metavar="N,N")] = None,
    snap: Annotated[str, _option(EVENTS, "Move boundaries to: word, sentence, none.", metavar="UNIT")] = "word",
    seed: Annotated[int, _option(EVENTS, "Of everything random.")] = 0,
    model: Annotated[
        str | None, _option(MODEL, "Name or folder; default: the embedded one. See emcog models.", metavar="NAME")
    ] = None,
    device: Annotated[str, _option(MODEL, "auto, cpu, cuda, spread (over all GPUs), ...", metavar="NAME")] = "auto",
    dtype: Annotated[str, _option(MODEL, "auto, float32, bfloat16, ...", metavar="NAME")] = "auto",
    trust_remote_code: Annotated[bool, _flag(MODEL, "Let a model run code of its own.", "--trust-remote-code")] = False,
    from_format: Annotated[
        str | None, _option(READING, "The input's format; default: recognised.", "--from", metavar="FORMAT")
    ] = None,
    encoding: Annotated[str | None, _option(READING, "Default: UTF-8, or by its mark.", metavar="NAME")] = None,
    tier: Annotated[str | None, _option(READING, "TextGrid: the tier of words.", metavar="NAME")] = None,
    word_column: Annotated[
        str | None, _option(READING, "Table: the column of words.", "--word-column", metavar="NAME")
    ] = None,
    onset_column: Annotated[
        str | None, _option(READING, "Table: the column of onsets.", "--onset-column", metavar="NAME")
    ] = None,
    offset_column: Annotated[
        str | None, _option(READING, "Table: the column of offsets.", "--offset-column", metavar="NAME")
    ] = None,
    speaker_column: Annotated[
        str | None, _option(READING, "Table: the column of speakers.", "--speaker-column", metavar="NAME")
    ] = None,
    time_unit: Annotated[str | None, _option(READING, "Table: s or ms.", "--time-unit", metavar="UNIT")] = None,
    out: Annotated[Path, _option(OUTPUT, "Folder for the files.", metavar="FOLDER")] = Path("."),
    plot: Annotated[bool, _flag(OUTPUT, "Draw the picture too.", "--plot")] = False,
    as_json: Annotated[bool, _flag(OUTPUT, "One JSON object on standard output.", "--json")] = False,
    quiet: Annotated[bool, _flag(OUTPUT, "No table, no progress; errors only.", "--quiet")] = False,
    debug: Annotated[bool, _flag(None, "After an error, show where it arose.", "--debug")] = False,
) -> None:
    """Segment a transcript into events: where the story surprises a language model, a new one begins.

    Writes NAME.events.tsv, NAME.tokens.parquet, NAME.words.parquet and NAME.json, and with --plot NAME.png. Where that
    takes minutes and is interrupted, the same command goes on (from NAME.listening, which goes at the end).
    """
    reading = {
        "format": from_format, "encoding": encoding, "tier": tier, "word_column": word_column,
        "onset_column": onset_column, "offset_column": offset_column, "speaker_column": speaker_column,
        "time_unit": time_unit,
    }  # fmt: skip
    people = {
        "format": match_from, "stimulus": stimulus, "time_unit": match_time_unit, "sampling_hz": sampling_hz,
        "observers_in": observers_in, "event": event, "tier": match_tier, "columns": match_columns,
    }  # fmt: skip
    settings: dict[str, Any] = {
        "signal": signal, "propose": propose, "gamma": gamma, "window": window,
        "refine": None if refine == "none" else refine, "n_events": n_events, "min_event": min_event,
        "max_event": max_event, "distance": distance, "snap": None if snap == "none" else snap, "seed": seed,
        "method": method, "layers": layers, "heads": heads, "levels": levels, "penalty": penalty,
    }  # fmt: skip
    whole = as_json or plot or match is not None  # which need all events at once
    settings["match"] = people_given(match, people, "--match", MATCH_OPTIONS)
    if grade is not None and match is None:
        raise OptionError("--grade is of people's marks: name them with --match")
    transcript, stem = _prepare(source, reading, settings, out, whole, grade)
    from emcog.lm import load_lm

    lm = load_lm(model, device=device, dtype=dtype, trust_remote_code=trust_remote_code)
    heard = out / f"{stem}.listening"  # of a text that takes minutes: what an interruption leaves to go on from
    with _resumable(heard), listening(quiet) as progress:
        settings |= {"progress": progress, "checkpoint": heard}
        if transcript is None:
            from emcog.segmenting.long import segment_long

            written = segment_long(source, lm, out, stem, encoding=encoding, **settings)
        else:
            from emcog.segmenting import segment as segment_transcript

            segmentation = segment_transcript(transcript, lm, **settings)
            files = segmentation.save(out, stem, plot=plot)
    if as_json:
        show_json(_record(segmentation, files))
    elif not quiet and transcript is None:
        _tell(written.n_events, written.n_words, stem, written.files)
    elif not quiet:
        _show(segmentation, stem, files)


@contextmanager
def _resumable(heard: Path) -> Iterator[None]:
    """What was heard is thrown away when the result is safe; an interruption says where it is kept."""
    try:
        yield
    except KeyboardInterrupt:
        if heard.is_dir():
            log_line(f"what was heard is kept in {heard}: the same command goes on there")
        raise
    shutil.rmtree(heard, ignore_errors=True)


def _prepare(
    source: str, reading: dict[str, Any], settings: dict[str, Any], out: Path, whole: bool, grade: str | None
) -> tuple["Transcript | None", str]:
    """All that can go wrong, before the language model is loaded and anything is written.

    The transcript is None where it is too long to be held, and need not be held (`whole`).
    """
    from emcog.excerpts import escaped
    from emcog.segmentation import check_destination, file_stem
    from emcog.transcript import is_long, read_transcript
    from emcog.transcript.reading import check_options
    from emcog.transcript.source import short_name

    standard_input = source == "-"
    long = not (standard_input or whole) and is_long(source, reading["format"], reading["encoding"])
    if long:
        check_options(escaped(source), "text", {k: v for k, v in reading.items() if k not in ("format", "encoding")})
    transcript = None if long else read_transcript(source, **reading)
    stem = "stdin" if standard_input else file_stem(short_name(source) if transcript is None else transcript.name)
    check_destination(out, stem, source=None if standard_input else source)
    from emcog.segmenting import make_settings  # seconds of imports, so it comes last

    match, n_events = settings.pop("match"), settings["n_events"]
    if match is not None and transcript is not None:
        from emcog.human import of_grade
        from emcog.segmenting.matching import matched_people

        match = matched_people(match, transcript, n_events, settings["levels"])
        match = match if grade is None else of_grade(match, grade)
        n_events = match.event_count(transcript)
    make_settings(**settings | {"n_events": n_events})
    if transcript is not None:
        settings["match"] = match
    return transcript, stem


def _record(segmentation: "Segmentation", files: list[Path]) -> dict[str, Any]:
    provenance = segmentation.provenance
    return {
        "events": segmentation.events.to_dict("records"),
        "settings": provenance.get("settings", {}),
        "provenance": provenance,
        "files": [os.fspath(path) for path in files],
    }


def _show(segmentation: "Segmentation", stem: str, files: list[Path]) -> None:
    events, n_words = segmentation.events, len(segmentation.words)
    timed = bool(events["onset_s"].notna().any())
    if timed:
        where = [f"{_clock(a)}-{_clock(b)}" for a, b in zip(events["onset_s"], events["offset_s"], strict=True)]
    else:
        where = [f"{a}-{b - 1}" for a, b in zip(events["start_word"], events["end_word"], strict=True)]
    surprise = ["" if value != value else f"{value:.1f}" for value in events["surprise"]]
    coarser = [name for name in events.columns if name == "parent" or name.startswith("level_")]
    columns = ["event", *coarser, "time" if timed else "words", "tokens", "surprise", "begins"]
    holders = [map(str, events[name]) for name in coarser]
    cells = zip(
        map(str, events["event"]), *holders, where, map(str, events["n_tokens"]), surprise, events["text"], strict=True
    )
    rows = few_enough(list(cells), more=files[0].name)
    show_table(columns, rows, spare=(*coarser[-1:], "surprise", "tokens"))
    show_line("")
    _tell(len(events), n_words, stem, files)


def _tell(n_events: int, n_words: int, stem: str, files: list[Path]) -> None:
    """How much there is, and where."""
    from emcog.excerpts import counted

    words = "one word" if n_words == 1 else f"{n_words:,} words"
    show_line(f"{counted(n_events, 'event')} in the {words} of {stem}. Written:")
    for path in files:
        show_line(f"  {path}")


def _clock(seconds: float) -> str:
    """Minutes and seconds, as people say times: 12:03.4."""
    if seconds != seconds:
        return "?"
    tenths = round(seconds * 10)
    return f"{tenths // 600}:{tenths % 600 / 10:04.1f}"
