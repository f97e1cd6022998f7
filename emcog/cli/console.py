"""What the user sees: one-line messages and progress on standard error, tables on standard output."""

import json
import logging
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from emcog.excerpts import escaped, one_line

Progress = Callable[[int, int], None]
_SECONDS_BETWEEN_LINES = 10.0
_READABLE, _GAP = 24, 2  # columns of a terminal: for the text of a row, between two cells
_MANY = 60  # rows


def say(message: str) -> None:
    """One line on standard error."""
    line = f"emcog: {one_line(message)}"
    Console(stderr=True).print(line, markup=False, highlight=False, soft_wrap=True)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]], spare: Sequence[str] = ()) -> None:
    """A table on standard output, one line a row: numbers, then a text that is cut where the line ends.

    On a narrow terminal the `spare` columns are left out, the last of them first, until the text has room.
    """
    console = Console(highlight=False)
    widths = {c: max([len(c), *[len(row[i]) for row in rows]]) for i, c in enumerate(columns[:-1])}
    dropped = list(spare)
    while dropped and _room(console, widths) < _READABLE:
        del widths[dropped.pop()]
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
    for column, width in widths.items():
        table.add_column(Text(column), justify="right", no_wrap=True, width=width)
    table.add_column(Text(columns[-1]), no_wrap=True, overflow="ellipsis", width=max(_room(console, widths), 1))
    kept = [i for i, c in enumerate(columns) if c in widths or i == len(columns) - 1]
    for row in rows:
        table.add_row(*[Text(one_line(row[i][:400])) for i in kept])
    console.print(table)


def few_enough(rows: Sequence[Sequence[str]], more: str) -> list[Sequence[str]]:
    """The rows that one likes to scroll through: all of them, or on a terminal the first and last of very many."""
    if len(rows) <= _MANY or not Console().is_terminal:
        return list(rows)
    left_out = len(rows) - _MANY + 1
    blank = ["…", *[""] * (len(rows[0]) - 2), f"({left_out:,} more, in {more})"]
    return [*rows[: _MANY - 10], blank, *rows[-9:]]


def _room(console: Console, widths: dict[str, int]) -> int:
    return console.width - sum(width + _GAP for width in widths.values())


def show_list(names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows of which the last cell is prose: a table whose last column is wrapped, never cut."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for i, name in enumerate(names):
        table.add_column(Text(name), overflow="fold", no_wrap=i == 0)
    for row in rows:
        table.add_row(*[Text(one_line(cell)) for cell in row])
    Console(highlight=False).print(table)


def show_line(line: str) -> None:
    """A line on standard output, wrapped by the terminal only, so that paths can be copied."""
    shown = "\n".join(escaped(part.expandtabs(4), limit=sys.maxsize) for part in line.split("\n"))
    Console(highlight=False).print(shown, markup=False, soft_wrap=True)


def show_json(value: object) -> None:
    """One JSON object on standard output; numbers that JSON does not have become null."""
    sys.stdout.write(json.dumps(_plain(value), allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@contextmanager
def listening(quiet: bool) -> Iterator[Progress | None]:
    """A progress function (tokens done, tokens in all): a bar on a terminal, now and then a line elsewhere."""
    console = Console(stderr=True)
    if quiet:
        yield None
    elif console.is_terminal and not console.is_dumb_terminal:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Bar(*columns, console=console, transient=True) as bar:
            task = bar.add_task("listening", total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
    else:
        yield _lines()


def _lines() -> Progress:
    due = now_and_then()

    def report(done: int, total: int) -> None:
        """A line, if it is time."""
        if due():
            say(f"listened to {done:,} of {total:,} tokens")

    return report


def now_and_then() -> Callable[[], bool]:
    """A function that says yes when it was last yes, or made, some seconds ago: time for another line."""
    last = time.monotonic()

    def due() -> bool:
        """Whether it is time."""
        nonlocal last
        if time.monotonic() - last < _SECONDS_BETWEEN_LINES:
            return False
        last = time.monotonic()
        return True

    return due


@contextmanager
def training(quiet: bool) -> Iterator[Callable[[int, int, float, float], None]]:
    """A progress function (step, steps, loss in nats a token, tokens/s): a line now and then, with the time left."""
    due = now_and_then()
    began: list[tuple[float, int]] = []

    def report(step: int, steps: int, loss: float, speed: float) -> None:
        """A line, if it is time."""
        if not began:
            began.append((time.monotonic(), step))
        if due() and not quiet:
            seconds = (time.monotonic() - began[0][0]) / max(1, step - began[0][1]) * (steps - step)
            left = f"{seconds / 60:.0f} min left"
            say(f"step {step:,} of {steps:,}: loss {loss:.3f} nats a token, {speed:,.0f} tokens/s, {left}")

    yield report


@contextmanager
def reading(quiet: bool) -> Iterator[Progress | None]:
    """A progress function (tokens done, tokens in all) that tells the tokens/s and the time left, as `listening` does.

    What was done before the first call (in an interrupted run, say) does not count towards the speed.
    """
    began: list[tuple[float, int]] = []

    def tell(done: int, total: int) -> str:
        """Speed and time left, once there is something to go by."""
        if not began:
            began.append((time.monotonic(), done))
            return ""
        speed = (done - began[0][1]) / max(time.monotonic() - began[0][0], 1e-9)
        return f"{speed:,.0f} tokens/s, {_duration((total - done) / speed)} left" if speed else ""

    console = Console(stderr=True)
    if quiet:
        yield None
    elif console.is_terminal and not console.is_dumb_terminal:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
        with Bar(*columns, console=console, transient=True) as bar:
            task = bar.add_task("", total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total, description=tell(done, total))
    else:
        due = now_and_then()

        def report(done: int, total: int) -> None:
            """A line, if it is time."""
            told = tell(done, total)
            if due():
                say(f"read {done:,} of {total:,} tokens" + (f": {told}" if told else ""))

        yield report


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{seconds:.0f} s" if seconds < 90 else f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def log_line(line: str) -> None:
    """A line of what is going on, on standard error, unless it is to be quiet."""
    logging.getLogger("emcog").info(line)


@contextmanager
def log_to_stderr(quiet: bool) -> Iterator[None]:
    """Show what emcog logs as lines on standard error: all of it, or errors only."""
    logger = logging.getLogger("emcog")
    handler = _Lines()
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.ERROR if quiet else logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = before


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        kind = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        say(kind + record.getMessage())
