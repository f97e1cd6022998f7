"""Ten million tokens in one go: does the time of a token or the memory grow with the text?

    python analyses/long_text.py TEXT... [--tokens 10000000] [--method SM] [--minutes N] [--write]

The texts (.txt, or .txt.xz as for emcog train-lm) are joined to one file of so many tokens, which is listened to and
segmented as `emcog segment` does it. Interrupted (Ctrl-C, kill, or --minutes, after which it stops at the next
checkpoint), the same command goes on there; times are taken chunk by chunk, so pauses do not count. Run it on a quiet
machine. Joined text, columns and results take some 200 bytes a token on the disk.

Writes chunks.csv (CPU seconds and anonymous memory of every chunk), report.csv (stretches) and the segmentation to
results/long_text; prints the table, of a piece too, and with --write puts it into docs/robustness.md. The exit status
is 0, 1 if a promise was not kept, 3 where more is to come.
"""

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from emcog import load_lm
from emcog.cli.console import log_to_stderr, reading, say
from emcog.errors import DataError, EmcogError
from emcog.lm import LM
from emcog.lm.training.corpus import read_documents
from emcog.pages import docs_page, fill, markdown_table, measured_on
from emcog.segmenting.long import segment_long

CHUNKS = "chunks.csv"
STRETCHES = 20
PROMISED = 0.05
SAMPLE = 800_000
"""Characters by whose density of tokens the text is cut."""


class PieceDone(Exception):  # noqa: N818
    """The minutes of this piece are over, and what it did is kept."""


def join_texts(texts: Iterable[Path], path: Path, n_tokens: int, count: Callable[[str], int]) -> None:
    """Write documents end to end until there are about so many tokens; what is there already is kept.

    count : tokens in a text.
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part, sample, enough, written = path.with_suffix(".part"), "", None, 0
    with open(part, "w", encoding="utf-8") as file:
        for document in (document for text in texts for document in read_documents(text)):
            more = document + "\n\n"
            if enough is None:
                sample += more
                if len(sample) < SAMPLE:
                    continue
                enough, more, sample = int(n_tokens * len(sample) / count(sample)), sample, ""
            written += file.write(more[: enough - written])
            if written == enough:
                break
        else:
            found = count(sample) if enough is None and sample else int(n_tokens * written / (enough or 1))
            if found < n_tokens:
                raise DataError(f"the texts have {found:,} tokens of the {n_tokens:,} asked for: give more of them")
            file.write(sample[: int(len(sample) * n_tokens / found)])
    part.rename(path)


class Clock:
    """Notes CPU seconds and memory of every chunk, in a file that goes on where it was."""

    def __init__(self, folder: Path, minutes: float | None = None):
        folder.mkdir(parents=True, exist_ok=True)
        self.kept = folder / "listening"
        self.file = open(folder / CHUNKS, "a", encoding="utf-8")  # noqa: SIM115
        if self.file.tell() == 0:
            self.file.write("tokens,n,cpu_s,anonymous_mb,n_tokens\n")
        self.before: tuple[int, float] | None = None
        self.until = None if minutes is None else time.monotonic() + 60 * minutes
        self.states: set[str] | None = None

    def __call__(self, done: int, total: int) -> None:
        """Called after each chunk; the first of a piece has no time of its own."""
        now = time.process_time()
        if self.before is not None:
            then, at = self.before
            self.file.write(f"{done},{done - then},{now - at:.6f},{anonymous_mb():.1f},{total}\n")
            self.file.flush()
        self.before = done, time.process_time()
        if self.until is not None and time.monotonic() > self.until:
            states = {path.name for path in self.kept.glob("state-*")}
            self.states = states if self.states is None else self.states
            if states != self.states:  # a checkpoint was just written
                raise PieceDone


def anonymous_mb() -> float:
    """Memory of this process that is no file's; NaN elsewhere than on Linux."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon")), float("nan"))


@contextmanager
def peak_of_memory() -> Iterator[list[float]]:
    """A list whose only number is the most anonymous memory, MB, that was seen inside the context."""
    peak, over = [anonymous_mb()], threading.Event()

    def look() -> None:
        """Look twice a second."""
        while not over.wait(0.5):
            peak[0] = max(peak[0], anonymous_mb())

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def stretches(folder: Path, count: int = STRETCHES) -> pd.DataFrame:
    """The chunks in `count` stretches of the text.

    Returns
    -------
    DataFrame, one row a stretch: tokens (at its end), chunks (that were timed), us_per_token (CPU, median over its
    chunks), anonymous_mb (median).
    """
    chunks = pd.read_csv(folder / CHUNKS).drop_duplicates("tokens", keep="last").sort_values("tokens")
    total = int(chunks["n_tokens"].iloc[-1])
    number = ((chunks["tokens"] - 1) * count // total).rename("stretch")
    timed = chunks.assign(us=chunks["cpu_s"] / chunks["n"] * 1e6)
    found = timed.groupby(number).agg(
        tokens=("tokens", "max"), chunks=("n", "size"), us_per_token=("us", "median"),
        anonymous_mb=("anonymous_mb", "median"),
    )  # fmt: skip
    return found.reset_index(drop=True)


def drift(table: pd.DataFrame, share: float = 0.1) -> float:
    """CPU time of a token at the end against the start, less 1: medians over the first and last tenth of stretches."""
    n = max(1, round(len(table) * share))
    return float(table["us_per_token"].tail(n).median() / table["us_per_token"].head(n).median() - 1)


def page(table: pd.DataFrame, told: dict[str, float | str]) -> str:
    """The table for the documentation, and what it comes to; `told` as `run` tells it."""
    shown = table.assign(tokens=table["tokens"].map("{:,}".format))
    changed = drift(table)
    rise = table["anonymous_mb"].iloc[-1] - table["anonymous_mb"].iloc[0]
    events = f"{told['events']:,} events" if "events" in told else f"listened to {table['tokens'].iloc[-1]:,} so far"
    return (
        f"{markdown_table(shown, 1)}\n\n"
        f"{told['tokens']:,} tokens, method {told['method']}, {events}. CPU time of a token at the "
        f"end against the start: {changed:+.1%} (promised: within {PROMISED:.0%}). Memory while listening, last "
        f"stretch less the first: {rise:+.0f} MB; the most that the last piece needed, from encoding to the files of "
        f"the result: {told['peak_mb']:,.0f} MB.\n\n{measured_on()}"
    )


def run(path: Path, lm: LM, method: str, folder: Path, minutes: float | None, quiet: bool) -> dict:
    """Listen and segment, or go on with it.

    Returns
    -------
    dict: tokens; method; peak_mb; events, unless the minutes are over (or it was interrupted) before the end.
    """
    clock = Clock(folder, minutes)
    told: dict[str, float | str] = {"method": method}
    with reading(quiet) as shown, peak_of_memory() as peak:

        def progress(done: int, total: int) -> None:
            """Take the time, and show where we are."""
            told["tokens"] = total
            clock(done, total)
            if shown is not None:
                shown(done, total)

        try:
            made = segment_long(
                path, lm, folder / "segmentation", "long", method=method, snap="word", progress=progress,
                checkpoint=folder / "listening",
            )  # fmt: skip
            told |= {"tokens": made.n_tokens, "events": made.n_events}
        except (PieceDone, KeyboardInterrupt):
            say("a piece is done: the same command goes on")
    return told | {"peak_mb": peak[0]}


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=Path, nargs="+")
    parser.add_argument("--tokens", type=int, default=10_000_000)
    parser.add_argument("--method", default="SM")
    parser.add_argument("--model", help="default: the embedded one")
    parser.add_argument("--minutes", type=float, help="stop after so many; the same command goes on")
    parser.add_argument("--out", type=Path, default=Path("results/long_text"))
    parser.add_argument("--write", action="store_true", help="put the table into docs/robustness.md")
    parser.add_argument("--quiet", action="store_true")
    given = parser.parse_args()
    with log_to_stderr(given.quiet):
        try:
            lm = load_lm(given.model)
            story = given.out / "long.txt"
            join_texts(given.texts, story, given.tokens, lambda text: len(lm.encode(text)[0]))
            told = run(story, lm, given.method, given.out, given.minutes, given.quiet)
        except EmcogError as error:
            say(f"error: {error}")
            return 2
    if "tokens" not in told:
        return 3  # nothing was heard yet
    table = stretches(given.out)
    table.to_csv(given.out / "report.csv", index=False)
    text = page(table, told)
    print(text)
    if given.write:
        fill(docs_page("robustness.md"), "long", text)
    if "events" not in told:
        return 3
    return 0 if abs(drift(table)) <= PROMISED else 1


if __name__ == "__main__":
    sys.exit(main())
