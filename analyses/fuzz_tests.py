"""How many inputs were thrown at the readers, and in how many bad environments every command was run.

    python analyses/fuzz_tests.py [--examples 2000] [--seed 1] [--write]

Runs the tests of robustness (FUZZED, below) with so many examples a test in place of
a few dozen, drawn by the seed, and tests/e2e/test_environments.py with every command in every environment. Where
atheris is installed, every reader is also given inputs that coverage guides, for --atheris-s seconds each.

Prints a table and writes it to results/fuzz_tests/report.csv, and with --write into docs/robustness.md. The exit status
is that of the tests.
"""

import argparse
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd

from emcog.pages import ROOT, docs_page, fill, markdown_table, measured_on

FUZZED = ["tests/robustness", "tests/transcript/test_fuzz.py", "tests/human/test_fuzz_sources.py"]
ENVIRONMENTS = ["tests/e2e/test_environments.py"]


def pytest(paths: list[str], environment: dict[str, str], seed: int) -> tuple[int, str]:
    """Run tests; gives the exit status and what was printed (which is shown too)."""
    words = [sys.executable, "-m", "pytest", "-q", *paths, f"--hypothesis-seed={seed}", "--hypothesis-profile=default",
             "--timeout=36000", "-p", "no:cacheprovider"]  # fmt: skip
    with subprocess.Popen(
        words, cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        lines = []
        for line in process.stdout or ():
            sys.stdout.write(line)
            lines.append(line)
    return process.returncode, "".join(lines)


def counts(printed: str, seed: int) -> list[dict[str, object]]:
    """Rows of the table: inputs by what they were given to, as the tests' summary tells them."""
    found = re.search(r"^inputs fuzzed \(.*?\): [\d,]+ \((.*)\)$", printed, re.MULTILINE)
    pairs = re.findall(r"([A-Za-z][A-Za-z ]*?) ([\d,]+)(?:, |$)", found[1]) if found else []
    return [{"what": name, "inputs": int(count.replace(",", "")), "seed": seed} for name, count in pairs]


def outcome(printed: str) -> dict[str, int]:
    """Tests passed, failed and skipped."""
    found = {name: int(n) for n, name in re.findall(r"(\d+) (\w+)", printed.strip().rpartition("\n")[2])}
    return {name: found.get(name, 0) for name in ("passed", "failed", "skipped")}


def main() -> int:
    """Fuzz, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=2000, help="of each test")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--atheris-s", type=int, default=60, help="seconds for each reader, where atheris is installed")
    parser.add_argument("--out", type=Path, default=Path("results/fuzz_tests"))
    parser.add_argument("--write", action="store_true", help="put the table into docs/robustness.md")
    given = parser.parse_args()
    status, printed = pytest(FUZZED, {"EMCOG_FUZZ": str(given.examples)}, given.seed)
    bad, environments = pytest(ENVIRONMENTS, {"EMCOG_CAMPAIGN": "1"}, given.seed)
    rows = counts(printed, given.seed)
    guided = "atheris was not installed"
    if importlib.util.find_spec("atheris"):
        script = ROOT / "analyses" / "fuzz_guided.py"
        words = ["--seconds", str(given.atheris_s), "--seed", str(given.seed)]
        done = subprocess.run([sys.executable, str(script), *words], capture_output=True, text=True)
        sys.stdout.write(done.stdout + done.stderr)
        status = status or done.returncode
        guided = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "atheris ended without a word"
    table = pd.DataFrame(rows)
    given.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.out / "report.csv", index=False)
    one, other = outcome(printed), outcome(environments)
    told = (
        f"{markdown_table(table.assign(inputs=table['inputs'].map('{:,}'.format)))}\n\n"
        f"{table['inputs'].sum():,} inputs; tests of robustness: {one['passed']} passed, {one['failed']} failed, "
        f"{one['skipped']} skipped. Bad environments: {other['passed']} runs passed, {other['failed']} failed, "
        f"{other['skipped']} skipped. Guided by coverage: {guided}.\n\n{measured_on()}"
    )
    print(told)
    if given.write:
        fill(docs_page("robustness.md"), "fuzzed", told)
    return status or bad


if __name__ == "__main__":
    sys.exit(main())
