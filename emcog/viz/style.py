"""The one style sheet: sizes, colours and file settings that every figure of the project shares."""

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib import rc_context, rcdefaults, rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

from emcog.files import write_files
from emcog.options import check_choice

MM = 1 / 25.4  # inches
WIDTH_MM = 180.0  # a full page's width in most journals
COLUMN_MM = 85.0  # one column's
DPI = 300

# Wong (2011, Nature Methods 8:441): colours that people with any colour vision tell apart. Their lightness differs
# too (ink < boundary < line < bar < tint), so that a greyscale print says the same.
INK = "#222222"
QUIET = "#6B6B6B"
BAR = "#96A3AF"
LINE = "#0072B2"
BOUNDARY = "#B54A00"  # Wong's vermilion, a little darker: it is also used for small type
TINT = "#E9EEF3"
PAPER = "#FFFFFF"

# DejaVu comes with matplotlib, so that a figure looks the same everywhere; the others lend what it lacks (Chinese,
# Japanese and Korean script, emoji) where they are installed.
_LENDERS = ("Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Zen Hei", "PingFang SC",
            "Hiragino Sans", "Microsoft YaHei", "Noto Emoji", "Symbola")  # fmt: skip

STYLE: dict[str, Any] = {
    "font.size": 7,
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a story is a dollar sign
    "text.usetex": False,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.labelsize": 7,
    "axes.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "axes.formatter.useoffset": False,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2,
    "ytick.major.size": 2,
    "xtick.major.pad": 1.5,
    "ytick.major.pad": 1.5,
    "legend.frameon": False,
    "legend.fontsize": 6.5,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "pdf.fonttype": 42,  # whole TrueType outlines, so that text in a PDF can be searched and edited
    "ps.fonttype": 42,
    "svg.hashsalt": "emcog",
}


@contextmanager
def emcog_style() -> Iterator[None]:
    """The style sheet, in force inside the `with` block only; the caller's own matplotlib settings come back after."""
    installed = {font.name for font in fontManager.ttflist}
    families = ["DejaVu Sans", *[name for name in _LENDERS if name in installed]]
    with rc_context(), warnings.catch_warnings():
        rcdefaults()
        rcParams.update(STYLE | {"font.family": families})  # type: ignore[arg-type]
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        yield


def new_figure(height_mm: float, width_mm: float = WIDTH_MM) -> Figure:
    """An empty figure, as wide as a page unless told otherwise, that no global state knows of."""
    figure = Figure(figsize=(width_mm * MM, height_mm * MM), dpi=DPI / 2)
    FigureCanvasAgg(figure)
    return figure


def figure_bytes(figure: Figure, format: str = "png") -> bytes:
    """A figure as a file's bytes, the same for the same figure: no dates, 300 dots per inch, fonts embedded.

    Raises
    ------
    OptionError : `format` is not png, pdf or svg.
    """
    metadata = {"png": {"Software": "emcog"}, "pdf": {"CreationDate": None, "Producer": "emcog", "Creator": "emcog"},
                "svg": {"Date": None, "Creator": "emcog"}}  # fmt: skip
    check_choice("figure format", format, metadata)
    out = io.BytesIO()
    with emcog_style():
        figure.savefig(out, format=format, dpi=DPI, metadata=metadata[format])
    return out.getvalue()


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a figure in the format that its path ends in (.png, .pdf or .svg), whole or not at all.

    Raises
    ------
    OptionError : another ending.
    StorageError : the folder cannot be written to.
    """
    path = Path(path)
    content = figure_bytes(figure, path.suffix.lstrip(".").lower())
    return write_files(path.parent, {path.name: content})[0]
