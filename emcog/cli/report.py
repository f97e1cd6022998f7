"""emcog report: a story, its events and people's boundaries as one page that opens anywhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emcog.cli.console import show_json, show_line
from emcog.cli.people import (
    Columns,
    Consensus,
    Duration,
    Event,
    FromFormat,
    Grade,
    ObserversIn,
    ReactionTime,
    SamplingHz,
    Stimulus,
    Tier,
    TimeUnit,
    people_given,
)
from emcog.cli.segmentations import load_segmentations

if TYPE_CHECKING:
    import pandas as pd

    from emcog.human import AnnotationSet, ConsensusRule
    from emcog.segmentation import Segmentation
    from emcog.stats import AgreementSettings
    from emcog.viz import ReportPeople

EXAMPLE = (
    "Example:\n\n"
    "emcog report events -o report.html\n\n"
    "Two methods to switch between, beside people:\n\n"
    "emcog report events/SM events/S --human presses.csv -o report.html"
)


def report(
    segmentations: Annotated[
        list[str], typer.Argument(metavar="SEGMENTATION...", help="Folders that emcog segment wrote, or FOLDER/NAME.")
    ],
    human: Annotated[
        list[str] | None, typer.Option(help="A file of annotations, or a dataset's name.", metavar="NAME|FILE")
    ] = None,
    null: Annotated[str | None, typer.Option(help="What chance means, as in compare.", metavar="NAME")] = None,
    n_null: Annotated[int, typer.Option("--n-null", help="Draws from it.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    tolerance: Annotated[float, typer.Option(help="How far boundaries may lie apart and match.")] = 5.0,
    tolerance_unit: Annotated[
        str, typer.Option("--tolerance-unit", help="unit (words) or s.", metavar="UNIT")
    ] = "unit",
    reaction_time: ReactionTime = 0.0,
    consensus: Consensus = None,
    grade: Grade = None,
    from_format: FromFormat = None,
    stimulus: Stimulus = None,
    duration: Duration = None,
    time_unit: TimeUnit = None,
    sampling_hz: SamplingHz = None,
    observers_in: ObserversIn = None,
    event: Event = None,
    tier: Tier = None,
    columns: Columns = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The page.", metavar="FILE")] = Path("report.html"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.", metavar="")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Errors only.", metavar="")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="After an error, show where it arose.", metavar="")] = False,
) -> None:
    """Write a page to explore a story's events in: text, surprise, people's boundaries, statistics.

    The page is one file that needs no network. Give --human again for more than one set of annotations.
    """
    from emcog.errors import OptionError
    from emcog.segmentation import check_destination
    from emcog.signals import SIGNALS
    from emcog.viz import ReportMethod, html_report, save_report

    if out.suffix.lower() not in (".html", ".htm"):  # so that no typing error overwrites a story
        raise OptionError(f"the page must be called something.html, got {out}")
    reading = {
        "format": from_format, "stimulus": stimulus, "duration_s": duration, "time_unit": time_unit,
        "sampling_hz": sampling_hz, "observers_in": observers_in, "event": event, "tier": tier, "columns": columns,
    }  # fmt: skip
    if not human:
        people_given(None, reading, "--human")  # which are then about nobody
    loaded = load_segmentations(segmentations)
    check_destination(out.parent, out.name)
    methods = [ReportMethod(name, s.events, s.tokens, s.words, s.provenance) for name, s in loaded.items()]
    people: list[ReportPeople] = []
    results = None
    meanings: dict[str, str] = {}
    if human:
        from emcog.human import ConsensusRule
        from emcog.stats import MEASURES, AgreementSettings

        settings = AgreementSettings(tolerance=tolerance, tolerance_unit=tolerance_unit)
        rule = None if consensus is None else ConsensusRule(consensus)
        annotated = _annotations(human, next(iter(loaded.values())).name, reading, grade, reaction_time)
        people, results = _compared(loaded, annotated, rule, settings, (null, n_null, seed))
        meanings = {name: measure.doc for name, measure in MEASURES.items()}
    page = html_report(
        methods,
        title=next(iter(loaded.values())).name,
        people=people,
        results=results,
        units={name: signal.unit for name, signal in SIGNALS.items()},
        meanings=meanings,
    )
    path = save_report(out, page)
    if as_json:
        show_json({"methods": list(loaded), "people": [one.name for one in people], "files": [str(path)]})
    elif not quiet:
        show_line(f"{path}: {', '.join(loaded)}" + (f", beside {', '.join(human)}" if human else ""))


def _annotations(
    human: list[str], story: str, reading: dict[str, Any], grade: str | None, reaction_time: float
) -> dict[str, "AnnotationSet"]:
    """People by what the page calls them. What is told of files is told of every file, and of no dataset beside it."""
    from emcog.human import dataset_item, of_grade, people_of

    files = [given for given in human if dataset_item(given) is None]
    found = {}
    for given, called in _told_apart(human).items():
        told = reading if given in files or not files else {}
        people = people_of(people_given(given, told, "--human"), story)
        people = people if grade is None else of_grade(people, grade)
        whose = [*([grade] if grade else []), *people.lists]  # a list of the author's, say
        name = f"{called} ({', '.join(whose)})" if whose else called
        found[name] = people.shifted(reaction_time) if reaction_time else people
    return found


def _compared(
    loaded: dict[str, "Segmentation"],
    annotated: dict[str, "AnnotationSet"],
    rule: "ConsensusRule | None",
    settings: "AgreementSettings",
    draws: tuple[str | None, int, int],
) -> tuple[list["ReportPeople"], "pd.DataFrame"]:
    """People on the words of the story, and every segmentation against each of them."""
    import pandas as pd

    from emcog.stats import compare, corrected
    from emcog.viz import ReportPeople

    null, n_null, seed = draws
    people, tables = [], []
    for name, annotations in annotated.items():
        crowd = annotations.crowd(next(iter(loaded.values())), rule=rule)
        share = crowd.proportion if crowd.names else None
        people.append(ReportPeople(name, crowd.starts, share, len(crowd.names)))
        tables.append(
            compare(loaded, crowd, null=null, n_null=n_null, seed=seed, settings=settings, dataset=name)
        )  # fmt: skip
    return people, corrected(pd.concat(tables, ignore_index=True))  # over all tests of the page


def _told_apart(files: list[str]) -> dict[str, str]:
    """What each file is called: its name; where others have the same, with its folder, or all of its path."""
    given = list(dict.fromkeys(files))
    names = [
        [Path(one).name for one in given],
        [f"{Path(one).resolve().parent.name}/{Path(one).name}" for one in given],
        given,
    ]
    return {one: next(level[i] for level in names if level.count(level[i]) == 1) for i, one in enumerate(given)}
