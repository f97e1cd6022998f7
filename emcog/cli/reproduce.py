"""emcog reproduce: the paper's analyses and figures again."""

from pathlib import Path
from typing import Annotated, Any

import typer

from emcog.cli.console import say, show_json, show_line
from emcog.cli.scripts import find_shared_data, steps

EXAMPLE = (
    "Example:\n\nemcog reproduce cohesion segmentation\n\nEverything, with full settings:\n\nemcog reproduce --full"
)


def reproduce(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Analyses or figures; all where none is named.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Name or folder; default: the embedded LM.")] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(help="demo, kumar2023, sherlock, book, or a transcript; repeatable.", metavar="NAME|FILE"),
    ] = None,
    human: Annotated[
        Path | None, typer.Option(help="People's marks in the transcript that --data names.", metavar="FILE")
    ] = None,
    full: Annotated[
        bool,
        typer.Option("--full", help="All data, more draws and trials; SUMMARY.md says how long each took.", metavar=""),
    ] = False,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Also reports that are there.", metavar="")] = False,
    results: Annotated[Path, typer.Option(help="Folder of the reports.", metavar="FOLDER")] = Path("results"),
    out: Annotated[Path, typer.Option("--out", help="Folder of the figures.", metavar="FOLDER")] = Path("figures/out"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.", metavar="")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Errors only.", metavar="")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="After an error, show where it arose.", metavar="")] = False,
) -> None:
    """Run the paper's analyses that are missing, draw their figures, and say what came out in SUMMARY.md."""
    from emcog.errors import DataError
    from emcog.files import write_files
    from emcog.options import check_choice
    from emcog.reproduce import ANALYSES, FIGURES, Setting, find_stories, summary_page
    from emcog.reproduce.stories import own_files

    known = list(dict.fromkeys([*ANALYSES, *FIGURES]))
    wanted = {check_choice("analysis or figure", name, known) for name in names or known}
    needed = wanted | {FIGURES[name].report for name in wanted if name in FIGURES}
    analyses = [name for name in ANALYSES if name in needed]
    figures = [name for name in FIGURES if name in wanted or FIGURES[name].report in wanted]
    find_shared_data()
    marks = None if human is None else str(human)
    # A model that is not there, and files that cannot be read or do not fit, are told at once.
    if own := own_files(data, marks):
        find_stories([str(path) for path in own], people=False, human=marks)
    if any(ANALYSES[name].model for name in analyses):
        _ = Setting(model).lm
    settings = {"model": model, "data": data, "human": marks, "seed": seed, "quick": not full, "force": force}
    missing = _make(analyses, results, settings, quiet)
    drawn, not_drawn = _draw(figures, results, out)
    failed = not_drawn | missing
    if failed and not drawn:
        raise DataError(f"nothing could be made: {next(iter((missing or failed).values()))}")
    (page,) = write_files(results, {"SUMMARY.md": summary_page(results).encode()})
    if as_json:
        show_json({"summary": str(page), "files": drawn, "missing": failed})
    elif not quiet:
        show_line(f"{page}; {len(drawn) // 3} figures in {out}" + (f"; without {', '.join(failed)}" if failed else ""))


def _make(names: list[str], results: Path, settings: dict[str, Any], quiet: bool) -> dict[str, str]:
    """Make the reports that are missing, and say what was not there; of those that cannot be made, why."""
    from numpy.linalg import LinAlgError

    from emcog.errors import EmcogError
    from emcog.reproduce import make_report, read_report

    failed: dict[str, str] = {}
    for name in names:
        try:
            with steps(quiet) as tell:
                made = make_report(name, results, tell=tell, **settings)
            if not quiet:
                say(f"{name}: report {'made' if made else 'was there already'}")
                for line in read_report(results / name).attrs["provenance"]["missing"] if made else []:
                    say(f"{name}: not there: {line}")
        except (EmcogError, LinAlgError) as error:  # what is missing is named, and the others are made
            failed[name] = str(error)
            say(f"{name}: no report: {error}")
    return failed


def _draw(names: list[str], results: Path, out: Path) -> tuple[list[str], dict[str, str]]:
    """Draw figures; the files, and of those that cannot be drawn, why."""
    from numpy.linalg import LinAlgError

    from emcog.errors import EmcogError
    from emcog.reproduce import draw

    drawn: list[str] = []
    failed: dict[str, str] = {}
    for name in names:
        try:
            drawn += [str(path) for path in draw(name, results, out)]
        except (EmcogError, LinAlgError) as error:
            failed[name] = str(error)
            say(f"{name}: no figure: {error}")
    return drawn, failed
