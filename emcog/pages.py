"""Pages whose numbers are written by the scripts that measured them, never by hand.

A page holds marked places; a script fills its own and leaves the rest alone:

    <!-- begin planted: written by analyses/planted_boundaries.py --write -->
    ...
    <!-- end planted -->
"""

import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emcog.errors import DataError
from emcog.files import write_files

ROOT = Path(__file__).resolve().parents[1]


def docs_page(name: str) -> Path:
    """A page of a checkout's docs folder; DataError where there is none (an installed package has no docs)."""
    page = ROOT / "docs" / name
    if not page.is_file():
        raise DataError(f"there is no page docs/{name} beside this installation of emcog: write pages from a checkout")
    return page


def fill(page: Path, block: str, text: str) -> None:
    """Put `text` between the page's marks of `block`, in place of what stood there; DataError if it has no such marks.

    >>> import tempfile
    >>> page = Path(tempfile.mkdtemp()) / "page.md"
    >>> _ = page.write_text("before <!-- begin a: by hand --> old <!-- end a --> after")
    >>> fill(page, "a", "new")
    >>> print(page.read_text())
    before <!-- begin a: by hand -->
    <BLANKLINE>
    new
    <BLANKLINE>
    <!-- end a --> after
    """
    marks = re.compile(rf"(<!-- begin {re.escape(block)}\b[^>]*-->)(.*?)(<!-- end {re.escape(block)} -->)", re.DOTALL)
    old = page.read_text(encoding="utf-8")
    new, count = marks.subn(lambda found: f"{found[1]}\n\n{text.strip()}\n\n{found[3]}", old)
    if count != 1:
        raise DataError(f"{page.name} has {count} places marked 'begin {block}' to 'end {block}': it must have one")
    write_files(page.parent, {page.name: new.encode("utf-8")})


def markdown_table(table: Any, digits: int = 3) -> str:
    """A DataFrame as a Markdown table, its index left out; floats with `digits` decimals, NaN as an empty cell."""
    rows = [list(table.columns), ["---"] * len(table.columns)]
    rows += [[_cell(value, digits) for value in row] for row in table.itertuples(index=False)]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)


def _cell(value: Any, digits: int) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float):
        return f"{value:.{digits}f}"
    return str(value).replace("|", "\\|")


def measured_on(device: str = "cpu") -> str:
    """Date, device, threads, load and commit, as one line to stand under a table."""
    if device.startswith("cuda"):
        torch = sys.modules["torch"]  # what was measured on a GPU has loaded it; pages do not
        return (
            f"Measured on {datetime.now(UTC):%Y-%m-%d}, GPU: {torch.cuda.get_device_name(device)}, "
            f"torch {torch.__version__}; {commit()}."
        )
    load = f", load {os.getloadavg()[0]:.1f} from all that ran" if hasattr(os, "getloadavg") else ""
    threads = os.environ.get("OMP_NUM_THREADS")
    told = "threads as many as cores" if threads is None else f"{threads} thread{'s' * (threads != '1')}"
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d}, CPU: {processor()}, {os.cpu_count()} cores, {told}{load}; "
        f"{commit()}."
    )


def processor() -> str:
    """The processor's name, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"^model name\s*:\s*(.+)$", info.read_text(), re.MULTILINE) if info.is_file() else []
    return names[0].strip() if names else platform.processor() or platform.machine()


def commit() -> str:
    """The checkout's commit, and whether files differed from it; where there is no git, what EMCOG_COMMIT says."""
    if told := os.environ.get("EMCOG_COMMIT"):
        return f"commit {told}"
    if not (ROOT / ".git").exists():  # git would look further up, and find somebody else's checkout
        return "no commit known"
    try:
        head = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "--", "emcog", "analyses")
    except (OSError, subprocess.CalledProcessError):
        return "no commit known"
    return f"commit {head}" + (" with changes not yet committed" if changed else "")


def _git(*words: str) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True).stdout.strip()
