"""emcog batch: many transcripts, many models, many settings."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from emcog.cli.console import few_enough, now_and_then, say, show_json, show_line, show_list

if TYPE_CHECKING:
    import pandas as pd

    from emcog.batch.run import Tally

EXAMPLE = (
    "Example, a plan of two settings for each story in a folder:\n\n"
    "mkdir -p in && echo 'He slept. Years on, a ship came.' > in/ship.txt\n\n"
    "printf '[plan]\\ntranscripts = \"in/*.txt\"\\n[settings]\\ngamma = [1, 2]\\n' > plan.toml\n\n"
    "emcog batch plan.toml --workers 1"
)
SOME_FAILED = 1


def batch(
    plan: Annotated[Path, typer.Argument(metavar="PLAN.toml", help="What to compute of what; see docs/batch.md.")],
    scheduler: Annotated[
        str | None, typer.Option(help="Use this Dask scheduler's workers.", metavar="tcp://HOST:PORT")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes to start here; default: one a processor, or a GPU.", metavar="N")
    ] = None,
    status: Annotated[bool, typer.Option("--status", help="Say how far it is; do nothing.", metavar="")] = False,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Let models run code of their own.", metavar="")
    ] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Do failed jobs again too.", metavar="")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.", metavar="")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No table, no progress; errors only.", metavar="")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="After an error, show where it arose.", metavar="")] = False,
) -> int:
    """Run every combination of transcripts, models and settings of a plan, and gather the results.

    What is there already is not done again. One transcript that cannot be read fails alone. The exit status is 0 if all
    is done, 1 if some failed or are missing.
    """
    from emcog.batch import batch_status, read_plan, run_batch

    what = read_plan(plan, trust_remote_code)
    if status:
        table = batch_status(what)
    else:
        with _progress(quiet) as report:
            table = run_batch(what, scheduler, workers, retry_failed=retry_failed, progress=report)
    if as_json:
        show_json({"jobs": table.to_dict("records"), "out": str(what.out)})
    elif not quiet:
        _show(table, what.out, written=not status)
    return 0 if (table["state"] == "done").all() else SOME_FAILED


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[["Tally"], None] | None]:
    """How far it is: a bar on a terminal, now and then a line elsewhere."""
    console = Console(stderr=True)
    if quiet:
        yield None
    elif console.is_terminal and not console.is_dumb_terminal:
        from rich.progress import BarColumn, Progress, TextColumn

        columns = (BarColumn(bar_width=20), TextColumn("{task.description}"))
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("starting workers", total=1.0)
            yield lambda tally: bar.update(task, completed=tally.share, description=told(tally))
    else:
        due = now_and_then()

        def report(tally: "Tally") -> None:
            """A line, if it is time."""
            if due():
                say(told(tally))

        yield report


def told(tally: "Tally") -> str:
    """A tally in words: jobs, speed, time left, failures."""
    finished = tally.done + tally.failed
    parts = [f"{finished:,} of {tally.total:,} jobs"]
    if tally.n_tokens:
        parts.append(f"{tally.tokens_per_s:,.0f} tokens/s")
    if tally.seconds_left is not None and finished < tally.total:
        parts.append(f"{_span(tally.seconds_left)} left")
    if tally.failed:
        parts.append(f"{tally.failed:,} failed")
    return ", ".join(parts)


def _span(seconds: float) -> str:
    minutes = seconds / 60
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def _show(table: "pd.DataFrame", out: Path, written: bool) -> None:
    counts = table.groupby(["model", "compute"], sort=False).agg(
        done=("state", lambda s: (s == "done").sum()),
        failed=("state", lambda s: (s == "failed").sum()),
        missing=("state", lambda s: (s == "missing").sum()),
        n_tokens=("n_tokens", "sum"),
    )
    rows = [[f"{r.done:,}", f"{r.failed:,}", f"{r.missing:,}", f"{r.n_tokens:,}", r.Index[1], r.Index[0]]
            for r in counts.itertuples()]  # fmt: skip
    show_list(["done", "failed", "missing", "tokens", "compute", "model"], rows)
    failed = table[table["state"] == "failed"]
    if len(failed):
        settings = [c for c in table.columns if c.startswith("setting_")]
        lines = [[row["transcript"] or row["compute"], _why(row, settings)] for _, row in failed.iterrows()]
        show_line("")
        show_list(["failed", "why"], few_enough(lines, more="jobs.tsv"))
        show_line("\nMend what can be mended, then run it again with --retry-failed.")
    if written:
        show_line(f"\nThe jobs are in {out / 'jobs.tsv'}, their results in {out / 'results'}:")
        show_line(f"  pandas.read_parquet({str(out / 'results')!r})")


def _why(row: Any, settings: list[str]) -> str:
    given = [name for name in settings if row[name] is not None and row[name] == row[name]]
    values = ", ".join(f"{name.removeprefix('setting_')}={row[name]}" for name in given)
    return f"{row['error']} ({', '.join(filter(None, [row['model'], values]))})"
