"""Run the code of a page as a reader would, and write what it prints below each block.

    python docs/tools/running.py --write    run the pages of PAGES and write their outputs anew

A block of `csv` with a title is written as that file, a block of `python` goes on where the one before ended, a line
of `sh` that begins with `emcog` is given to the command. A `text` block titled Output, right below, holds what was
printed.
"""

import argparse
import contextlib
import io
import os
import re
import shlex
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("tutorial.md", "own-data.md", "measures/regression.md")
BLOCK = re.compile(r'^```(python|sh|csv)(?: title="([^"]+)")?\n(.*?)^```\n(?:\n```text title="Output"\n(.*?)^```\n)?',
                   re.DOTALL | re.MULTILINE)  # fmt: skip


@dataclass(frozen=True)
class Ran:
    """A block of a page: its place in the page, language, code, the output that stands below, and what it printed."""

    start: int
    end: int
    language: str
    title: str
    code: str
    shown: str
    printed: str


def run_page(page: Path, folder: Path) -> list[Ran]:
    """Run all blocks of a page in one go, in `folder`, where datasets/demo is laid first.

    Raises what the code raises, with the page's name and the line of the block.
    """
    text = page.read_text(encoding="utf-8")
    demo = folder / "datasets" / "demo"
    demo.mkdir(parents=True, exist_ok=True)
    for file in (ROOT / "datasets" / "demo").iterdir():
        shutil.copy(file, demo / file.name)
    names: dict[str, object] = {"__name__": "page"}
    out = []
    with contextlib.chdir(folder):
        for found in BLOCK.finditer(text):
            language, title, code, shown = found[1], found[2] or "", found[3], found[4] or ""
            line = text.count("\n", 0, found.start()) + 2
            try:
                printed = _run(language, title, code, f"{page.name}, line {line}", names)
            except Exception as error:
                error.add_note(f"in the block of {page.name} at line {line}")
                raise
            out.append(Ran(found.start(), found.end(), language, title, code, shown, printed))
    return out


def _run(language: str, title: str, code: str, where: str, names: dict[str, object]) -> str:
    printed = io.StringIO()
    if language == "csv":
        Path(title).write_text(code, encoding="utf-8")
    elif language == "python":
        with contextlib.redirect_stdout(printed):
            exec(compile(code, where, "exec"), names)
    else:
        from emcog.cli import main

        for line in code.splitlines():
            if line.startswith("emcog "):
                with contextlib.redirect_stdout(io.StringIO()):
                    status = main([*shlex.split(line, comments=True)[1:], "--quiet"])
                if status != 0:
                    raise RuntimeError(f"{line!r} ended with {status}")
    return printed.getvalue()


def with_outputs(text: str, ran: list[Ran]) -> str:
    """The page with what was printed below each block of Python."""
    for one in reversed(ran):
        if one.language == "python":
            lines = "\n".join(line.rstrip() for line in one.printed.rstrip().splitlines())
            shown = f'\n```text title="Output"\n{lines}\n```\n' if lines else ""
            text = text[: one.start] + f"```python\n{one.code}```\n" + shown + text[one.end :]
    return text


def main() -> int:
    """Run the pages; with --write their outputs are written anew."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--write", action="store_true", help="write what was printed into the pages")
    parser.add_argument("pages", nargs="*", default=PAGES, help=f"default: {', '.join(PAGES)}")
    given = parser.parse_args()
    os.environ.setdefault("MPLBACKEND", "Agg")
    for name in given.pages:
        page = ROOT / "docs" / name
        with tempfile.TemporaryDirectory() as folder:
            ran = run_page(page, Path(folder))
        if given.write:
            page.write_text(with_outputs(page.read_text(encoding="utf-8"), ran), encoding="utf-8")
        sys.stderr.write(f"{name}: {len(ran)} blocks ran\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
