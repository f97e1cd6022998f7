"""Are two workers of `emcog batch` nearly twice as fast as one?

    python analyses/batch_throughput.py --stories 40

Runs the same plan (one setting, the embedded model, 40 stories) with one and with two workers of one thread each,
into fresh folders, and prints tokens, seconds and the ratio of the throughputs. Run it on a machine that does nothing
else: the seconds are those of the clock, starting the workers and loading the model included.
"""

import argparse
import tempfile
import time
from pathlib import Path

from emcog.batch import run_batch
from emcog.paths import data_folder


def measure(folder: Path, workers: int) -> tuple[int, float]:
    """Tokens and seconds of one run."""
    plan = folder / f"plan{workers}.toml"
    plan.write_text(f'[plan]\ntranscripts = "in/*.txt"\nout = "out{workers}"\n', encoding="utf-8")
    started = time.monotonic()
    table = run_batch(plan, workers=workers)
    seconds = time.monotonic() - started
    if set(table["state"]) != {"done"}:
        raise RuntimeError(f"not all jobs were done:\n{table['error'].unique()}")
    return int(table["n_tokens"].sum()), seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stories", type=int, default=40)
    parser.add_argument("--copies", type=int, default=4, help="of the demo story in each of them")
    given = parser.parse_args()
    text = (data_folder("datasets") / "demo" / "late_letter.txt").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="emcog-batch-") as place:
        folder = Path(place)
        (folder / "in").mkdir()
        for i in range(given.stories):
            (folder / "in" / f"story{i:03}.txt").write_text(f"Story {i}. " + text * given.copies, encoding="utf-8")
        speeds = []
        for workers in (1, 2):
            tokens, seconds = measure(folder, workers)
            speeds.append(tokens / seconds)
            print(f"workers: {workers}, tokens: {tokens:,}, seconds: {seconds:.1f}, tokens/s: {speeds[-1]:,.0f}")
        print(f"ratio {speeds[1] / speeds[0]:.2f}")


if __name__ == "__main__":
    main()
