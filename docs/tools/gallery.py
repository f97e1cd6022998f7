"""Bring the figures and what came out into the documentation: docs/gallery.md, and small copies of the pictures.

    python docs/tools/gallery.py [--results results] [--figures figures/out]

The page and its pictures are kept with the sources, so that the site shows them without anything being computed.
"""

import argparse
import io
import re
import sys
from pathlib import Path

from PIL import Image

from emcog.errors import DataError
from emcog.files import write_files
from emcog.reproduce import FIGURES

DOCS = Path(__file__).resolve().parents[1]
SMALLER, COLOURS = 2, 256
NARROW_PX = 600  # of a small copy: a figure of one column, which is not to fill the page
INTRODUCTION = """# Gallery

Drawn by `emcog reproduce` from its reports, and brought here by `docs/tools/gallery.py`; the captions and the numbers
in them were written by the same run. `make figures` draws all of them anew, as PDF and as PNG. The numbers are those of
the model that each caption names: read [what the embedded one can show](embedded-lm.md) first.
"""


def gallery(results: Path, figures: Path) -> dict[str, bytes]:
    """Path below docs/ -> content: the page and its pictures. DataError where nothing has been drawn."""
    drawn = [name for name in FIGURES if (figures / f"{name}.png").is_file()]
    if not drawn:
        raise DataError(f"{figures}: no figures here: draw them with make figures")
    files: dict[str, bytes] = {}
    lines = [INTRODUCTION]
    for name in drawn:
        picture, width = small_copy(figures / f"{name}.png")
        files[f"gallery/{name}.png"] = picture
        title = name.replace("_", " ").capitalize()
        narrow = f'{{ width="{width * 4 // 5}" }}' if width < NARROW_PX else ""
        about, *details = (figures / f"{name}.txt").read_text(encoding="utf-8").strip().splitlines()
        lines += [f"## {title}", "", f"![{title}](gallery/{name}.png){narrow}", "", plain(about), ""]
        lines += [f"- {plain(line)}" for line in details] + [""]
    summary = (results / "SUMMARY.md").read_text(encoding="utf-8")
    lines.append(re.sub(r"^(#+ )", r"#\1", summary, flags=re.MULTILINE))
    return files | {"gallery.md": "\n".join(lines).encode()}


def small_copy(picture: Path) -> tuple[bytes, int]:
    """A picture in half its size and few colours, and its width in pixels."""
    image = Image.open(picture).convert("RGB")
    small = image.resize((image.width // SMALLER, image.height // SMALLER), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    # The octree keeps thin coloured lines as they are; the median cut, which counts pixels, makes them grey.
    small.quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(out, format="PNG", optimize=True)
    return out.getvalue(), small.width


def plain(text: str) -> str:
    """A line of a caption as Markdown that shows it as it stands."""
    return re.sub(r"([*_<])", r"\\\1", text)


def main() -> int:
    """Write the page and its pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--figures", type=Path, default=Path("figures/out"))
    given = parser.parse_args()
    files = gallery(given.results, given.figures)
    write_files(DOCS / "gallery", {Path(name).name: content for name, content in files.items() if "/" in name})
    write_files(DOCS, {"gallery.md": files["gallery.md"]})
    sys.stderr.write(f"docs/gallery.md: {len(files) - 1} figures\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
