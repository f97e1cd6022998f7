"""What refinement costs while listening: its share of the time, and memory against the length of the text.

    python analyses/bench_refinement.py [--tokens 1000000] [--quick] [--write] [--method SM] [--text FILE]

Token ids of the text (the demo story by default) are repeated to the length asked for; both parts are timed in one run.
Writes report.csv to results/bench_refinement and, with --write, the table into docs/graph.md.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from emcog.lm import listen, load_lm
from emcog.pages import docs_page, fill, markdown_table, measured_on
from emcog.paths import data_folder
from emcog.segmenting.refining import OnlineRefiner
from emcog.segmenting.settings import make_settings


def run(n_tokens: int = 1_000_000, method: str = "SM", text: str | None = None) -> pd.DataFrame:
    """Listen to `n_tokens` tokens and refine online.

    Returns
    -------
    DataFrame, one row a tenth of the text: tokens (so far), listening_s and refining_s (of that tenth), share
    (refining_s / listening_s), resident_mb (anonymous memory at its end), boundaries (so far).
    """
    lm = load_lm()
    text = (data_folder("datasets") / "demo" / "late_letter.txt").read_text("utf-8") if text is None else text
    ids = np.resize(lm.encode(text)[0], n_tokens)
    refiner = OnlineRefiner(lm, make_settings(method))
    rows: list[tuple[int, float, float, float, float, int]] = []
    mark = began = time.perf_counter()
    inside = 0.0

    def push(start, keys, signals):
        nonlocal inside, mark
        at = time.perf_counter()
        refiner.push(start, keys, signals)
        inside += time.perf_counter() - at
        done = start + keys.shape[2]
        if done * 10 // n_tokens > len(rows):
            now = time.perf_counter()
            listening = now - mark - inside
            found = sum(map(len, refiner.found))
            rows.append((done, listening, inside, inside / listening, _anonymous_mb(), found))
            mark, inside = now, 0.0

    listen(ids, lm, on_keys=push)
    refiner.finish()
    table = pd.DataFrame(rows, columns=["tokens", "listening_s", "refining_s", "share", "resident_mb", "boundaries"])
    print(f"{n_tokens:,} tokens in {time.perf_counter() - began:.0f} s")
    return table


def _anonymous_mb() -> float:
    status = Path("/proc/self/status")  # elsewhere than on Linux the column stays empty
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon")), float("nan"))


def page(table: pd.DataFrame, method: str) -> str:
    """The table for the documentation, and what it comes to."""
    shown = table.assign(tokens=table.tokens.map("{:,}".format), boundaries=table.boundaries.map("{:,}".format),
                         share=table.share.map("{:.1%}".format))  # fmt: skip
    whole = table.refining_s.sum() / table.listening_s.sum()
    rise = table.resident_mb.iloc[-1] - table.resident_mb.iloc[0]
    return (
        f"{markdown_table(shown, 1)}\n\n{method}: refining costs {whole:.1%} of the listening (promised: below 25%); "
        f"memory at the end less memory after the first tenth: {rise:+.0f} MB.\n\n{measured_on()}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=1_000_000)
    parser.add_argument("--method", default="SM")
    parser.add_argument("--quick", action="store_true", help="20,000 tokens")
    parser.add_argument("--text", type=Path)
    parser.add_argument("--write", action="store_true", help="put the table into docs/graph.md")
    parser.add_argument("--out", type=Path, default=Path("results/bench_refinement"))
    given = parser.parse_args()
    text = given.text.read_text("utf-8") if given.text else None
    table = run(20_000 if given.quick else given.tokens, given.method, text)
    given.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.out / "report.csv", index=False)
    print(table.round(3).to_string(index=False))
    if given.write:
        fill(docs_page("graph.md"), "refinement", page(table, given.method))
    print(f"refining costs {table.refining_s.sum() / table.listening_s.sum():.1%} of the listening")


if __name__ == "__main__":
    main()
