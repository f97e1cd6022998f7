"""The command lines of analyses/*.py and figures/*.py, all alike, and the progress that they show."""

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from emcog.cli.console import now_and_then, say, show_line
from emcog.errors import EmcogError
from emcog.pages import ROOT

Tell = Callable[[str, int, int], None]


def find_shared_data() -> None:
    """Where EMCOG_DATA is not set and people's data lie beside this checkout, take those."""
    beside = ROOT.parent / "shared" / "human"
    if "EMCOG_DATA" not in os.environ and beside.is_dir():
        os.environ["EMCOG_DATA"] = str(beside)


@contextmanager
def steps(quiet: bool) -> Iterator[Tell]:
    """A function tell(what, done, in all): a bar on a terminal, now and then a line elsewhere."""
    console = Console(stderr=True)
    if quiet:
        yield lambda what, done, total: None
    elif console.is_terminal and not console.is_dumb_terminal:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            tasks: dict[str, object] = {}

            def tell(what: str, done: int, total: int) -> None:
                """A bar for each thing that is done."""
                if what not in tasks:
                    tasks[what] = bar.add_task(what, total=total)
                bar.update(tasks[what], completed=done, total=total)  # type: ignore[arg-type]

            yield tell
    else:
        due = now_and_then()

        def line(what: str, done: int, total: int) -> None:
            """A line, if it is time."""
            if due():
                say(f"{what}: {done:,} of {total:,}")

        yield line


def analysis(name: str, doc: str | None) -> int:
    """The command line of one analysis; 2 after an error of the user's."""
    from emcog.reproduce import ANALYSES, make_report, read_report
    from emcog.reproduce.stories import STORIES

    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.set_defaults(model=None, data=None, human=None)
    if ANALYSES[name].model:
        parser.add_argument("--model", help="name or folder; default: the embedded LM")
    if ANALYSES[name].stories:
        parser.add_argument("--data", action="append", metavar="NAME|FILE",
                            help=f"{', '.join(STORIES)}, or a transcript; repeatable")  # fmt: skip
        parser.add_argument("--human", metavar="FILE", help="people's marks in the one transcript that --data names")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="few draws, short texts")
    parser.add_argument("--force", action="store_true", help="also where the report is there already")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder of all reports")
    parser.add_argument("--quiet", action="store_true", help="errors only")
    given = parser.parse_args()
    find_shared_data()
    try:
        with steps(given.quiet) as tell:
            made = make_report(name, given.out, model=given.model, data=given.data, human=given.human,
                               seed=given.seed, quick=given.quick, force=given.force, tell=tell)  # fmt: skip
        table = read_report(given.out / name)
    except EmcogError as error:
        say(f"error: {error}")
        return 2
    if not given.quiet:
        for line in table.attrs["provenance"]["missing"]:
            say(f"not there: {line}")
        show_line(
            f"{given.out / name}: {len(table)} rows" + ("" if made else ", there already (--force makes it anew)")
        )
    return 0


def figure(name: str, doc: str | None) -> int:
    """The command line of one figure; 2 after an error of the user's."""
    from emcog.reproduce import draw

    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of the reports")
    parser.add_argument("--out", type=Path, default=Path("figures/out"))
    given = parser.parse_args()
    try:
        for path in draw(name, given.results, given.out):
            show_line(str(path))
    except EmcogError as error:
        say(f"error: {error}")
        return 2
    return 0
