"""emcog datasets: which people's data and texts can be had, and getting them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console

from emcog.cli.console import log_line, now_and_then, show_json, show_line, show_list

EXAMPLE = "Example:\n\nemcog datasets list\n\nemcog datasets info demo"

datasets = typer.Typer()

_Name = Annotated[str, typer.Argument(metavar="NAME", help="As emcog datasets list has it.")]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.", metavar="")]
_Debug = Annotated[bool, typer.Option("--debug", hidden=True)]


@datasets.callback(invoke_without_command=True)
def face(context: typer.Context) -> None:
    """People's boundaries and texts: list them, tell about one, fetch it."""
    if context.invoked_subcommand is None:
        context.get_help()
        raise typer.Exit


@datasets.command("list", epilog="Example:\n\nemcog datasets list")
def list_(as_json: _Json = False, debug: _Debug = False) -> None:
    """List the datasets that emcog knows, and whether they are here."""
    from emcog.human.datasets import card_names, find_dataset, read_card

    rows: list[dict[str, Any]] = []
    for name in card_names():
        card, folder = read_card(name), find_dataset(name)
        rows.append({"name": name, "here": folder is not None, "holds": card.contents, "licence": card.licence,
                     "title": card.title})  # fmt: skip
    if as_json:
        show_json({"datasets": rows})
        return
    cells = [[r["name"], "yes" if r["here"] else "no", r["holds"], r["licence"], r["title"]] for r in rows]
    show_list(["dataset", "here", "holds", "licence", "title"], cells)


@datasets.command("info", epilog="Example:\n\nemcog datasets info sherlock")
def info(name: _Name, as_json: _Json = False, debug: _Debug = False) -> None:
    """Tell a dataset's citation, licence, terms of use and files."""
    from dataclasses import asdict

    from emcog.human.datasets import find_dataset, read_card

    card, folder = read_card(name), find_dataset(name)
    if as_json:
        show_json(asdict(card) | {"here": None if folder is None else str(folder)})
        return
    told = {
        "title": card.title, "citation": card.citation, "licence": card.licence, "terms of use": card.terms,
        "doi": card.doi, "homepage": card.homepage, "holds": card.contents, "about": card.description,
        "caveat": card.caveat, "by hand": card.manual, "here": "no" if folder is None else str(folder),
    }  # fmt: skip
    show_list(["", card.name], [[key, value] for key, value in told.items() if value])
    if card.files:
        show_line("")
        rows = [[file.path, file.role, file.sha256[:16], file.url] for file in card.files]
        show_list(["file", "role", "sha256", "url"], rows)


@datasets.command("fetch", epilog="Example:\n\nemcog datasets fetch infinitebench")
def fetch(
    name: _Name,
    quiet: Annotated[bool, typer.Option("--quiet", help="Errors only.", metavar="")] = False,
    debug: _Debug = False,
) -> None:
    """Download a dataset, checked file by file; what was interrupted goes on."""
    from emcog.human.datasets import fetch_dataset

    with _fetching(quiet) as progress:
        folder = fetch_dataset(name, None if quiet else log_line, progress)
    show_line(str(folder))


@contextmanager
def _fetching(quiet: bool) -> Iterator[Callable[[str, int, int | None], None] | None]:
    """A progress function for downloads: a bar on a terminal, now and then a line elsewhere."""
    console = Console(stderr=True)
    if quiet:
        yield None
    elif console.is_terminal and not console.is_dumb_terminal:
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("fetching", total=None)
            yield lambda file, done, whole: bar.update(task, description=file, completed=done, total=whole)
    else:
        due = now_and_then()

        def report(file: str, done: int, whole: int | None) -> None:
            """A line, if it is time."""
            if due():
                log_line(f"{file}: {done / 1e6:,.0f} of {'?' if whole is None else f'{whole / 1e6:,.0f}'} MB")

        yield report


@datasets.command("path", epilog="Example:\n\nemcog datasets path demo")
def path(name: _Name, debug: _Debug = False) -> None:
    """Print the folder of a dataset that is here."""
    from emcog.human.datasets import dataset_path

    show_line(str(dataset_path(name)))
