"""Are two workers of `emcog batch` nearly twice as fast as one, and is no job lost when one of them is killed?

    python analyses/batch_throughput.py [--stories 40] [--copies 3] [--write]

Runs the same plan (one setting, the embedded model, 40 stories) with one and with two workers of one thread each, into
fresh folders, and prints tokens, seconds and the ratio of the throughputs; then with two workers again, of which one is
killed (kill -9) when half of the jobs are done. The seconds are those of the clock, starting the workers and loading
the model included, so run it on a machine of at least two cores that does nothing else: about ten minutes.

Writes results/batch_throughput/report.csv and, with --write, the table into docs/batch.md. The exit status is 1 if the
ratio is below 1.7 or a job was lost.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from emcog.batch import run_batch
from emcog.batch.run import Tally
from emcog.pages import docs_page, fill, markdown_table, measured_on
from emcog.paths import data_folder

PROMISED = 1.7


def measure(folder: Path, name: str, workers: int, progress: Callable[[Tally], None] | None = None) -> dict:
    """One run: what; workers; stories done; tokens; seconds; tokens_per_s."""
    plan = folder / f"{name}.toml"
    plan.write_text(f'[plan]\ntranscripts = "in/*.txt"\nout = "{name}"\n', encoding="utf-8")
    started = time.monotonic()
    table = run_batch(plan, workers=workers, progress=progress)
    seconds = time.monotonic() - started
    tokens = int(table["n_tokens"].sum())
    row = {"run": name, "workers": workers, "stories": len(table), "done": int((table["state"] == "done").sum()),
           "tokens": tokens, "seconds": seconds, "tokens_per_s": tokens / seconds}  # fmt: skip
    print(", ".join(f"{key}: {value}" for key, value in row.items()), flush=True)
    return row


class Killer:
    """Kills a worker process when half of the jobs are done."""

    def __init__(self) -> None:
        self.killed = 0

    def __call__(self, tally: Tally) -> None:
        """Called with the tally now and then."""
        import psutil

        if not self.killed and tally.done * 2 >= tally.total:
            workers = [p for p in psutil.Process().children(recursive=True) if "spawn_main" in " ".join(p.cmdline())]
            self.killed = workers[0].pid
            os.kill(self.killed, signal.SIGKILL)


def run(stories: int, copies: int) -> pd.DataFrame:
    """All three runs, a row each."""
    text = (data_folder("datasets") / "demo" / "late_letter.txt").read_text(encoding="utf-8")
    killer = Killer()
    with tempfile.TemporaryDirectory(prefix="emcog-batch-") as place:
        folder = Path(place)
        (folder / "in").mkdir()
        for i in range(stories):
            (folder / "in" / f"story{i:03}.txt").write_text(f"Story {i}. " + text * copies, encoding="utf-8")
        rows = [measure(folder, "one", 1), measure(folder, "two", 2), measure(folder, "one of two killed", 2, killer)]
    if not killer.killed:
        raise RuntimeError("no worker was killed: give more stories")
    return pd.DataFrame(rows)


def ratio(table: pd.DataFrame) -> float:
    """Throughput of two workers against one."""
    speed = table.set_index("run")["tokens_per_s"]
    return float(speed["two"] / speed["one"])


def page(table: pd.DataFrame) -> str:
    """The table for the documentation, and what it comes to."""
    shown = table.assign(
        tokens=table["tokens"].map("{:,}".format), tokens_per_s=table["tokens_per_s"].map("{:,.0f}".format)
    )
    lost = int((table["stories"] - table["done"]).sum())
    return (
        f"{markdown_table(shown, 1)}\n\nTwo workers against one: {ratio(table):.2f} times the throughput (promised: at "
        f"least {PROMISED}). Jobs lost: {lost}.\n\n{measured_on()}"
    )


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stories", type=int, default=40)
    parser.add_argument("--copies", type=int, default=3, help="of the demo story in each of them")
    parser.add_argument("--out", type=Path, default=Path("results/batch_throughput"))
    parser.add_argument("--write", action="store_true", help="put the table into docs/batch.md")
    given = parser.parse_args()
    table = run(given.stories, given.copies)
    given.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.out / "report.csv", index=False)
    print(page(table))
    if given.write:
        fill(docs_page("batch.md"), "throughput", page(table))
    return 0 if ratio(table) >= PROMISED and (table["done"] == table["stories"]).all() else 1


if __name__ == "__main__":
    sys.exit(main())
