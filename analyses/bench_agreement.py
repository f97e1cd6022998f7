"""How long does a comparison with 10,000 null segmentations take? One made-up story of 10,000 words, all measures.

    python analyses/bench_agreement.py [--quick] [--write]

A segmentation of 400 events against 40 observers with 120 marks each: every measure with its null draws, its interval
over observers and its ceiling, which is all that `emcog.compare` does for one segmentation. --write fills the marked
place of docs/human.md.
"""

import argparse
import time

import numpy as np

from emcog.human import crowd_of_marks
from emcog.pages import docs_page, fill, measured_on
from emcog.stats.agreement import AgreementSettings, ceilings
from emcog.stats.comparing import compare_rows, measures_of

WORDS, EVENTS, OBSERVERS, MARKS, N_NULL = 10_000, 400, 40, 120, 10_000
PROMISED_S = 30.0


def run(n_words: int = WORDS, n_null: int = N_NULL, seed: int = 0) -> dict[str, float]:
    """Seconds of wall clock and of processor time, and what was computed (rows, n_words, n_null)."""
    rng = np.random.default_rng(seed)
    at = np.cumsum(rng.uniform(0.2, 0.6, n_words))
    marks = [np.sort(rng.uniform(1, at[-1], MARKS)) for _ in range(OBSERVERS)]
    starts = np.sort(rng.choice(np.arange(1, n_words), EVENTS * n_words // WORDS, replace=False))
    crowd = crowd_of_marks(marks, at, float(at[-1] + 1), sentences=np.arange(0, n_words, 15))
    wall, processor = time.perf_counter(), time.process_time()
    chosen, _ = measures_of(None, crowd)
    found = ceilings(chosen, crowd, AgreementSettings())
    means = {(m.name, v): one.mean for (m, v), one in zip(chosen, found, strict=True)}
    rows = compare_rows(starts, crowd, n_null=n_null, seed=seed, ceilings=means)
    return {"wall_s": time.perf_counter() - wall, "processor_s": time.process_time() - processor, "rows": len(rows),
            "n_words": n_words, "n_null": n_null}  # fmt: skip


def page_block(found: dict[str, float]) -> str:
    """The text of the marked place in docs/human.md."""
    return (
        f"{found['n_null']:,} null segmentations of {found['n_words']:,} words, all measures and variants with their "
        f"intervals and ceilings ({EVENTS} events, {OBSERVERS} observers with {MARKS} marks each): "
        f"{found['processor_s']:.1f} s of processor time, {found['wall_s']:.1f} s on the clock (promised: under "
        f"{PROMISED_S:g} s on two quiet cores).\n\n{measured_on()}"
    )


def main() -> None:
    """Measure, print, and write the page where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the words and of the draws")
    parser.add_argument("--write", action="store_true", help="fill the marked place of docs/human.md")
    options = parser.parse_args()
    found = run(WORDS // 10, N_NULL // 10) if options.quick else run()
    print(page_block(found))
    if options.write:
        fill(docs_page("human.md"), "bench-agreement", page_block(found))


if __name__ == "__main__":
    main()
