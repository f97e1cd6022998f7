"""What a compute is, what it is given and what it gives back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emcog.errors import DataError, OptionError

if TYPE_CHECKING:
    import pandas as pd

    from emcog.segmentation import Segmentation
    from emcog.transcript import Transcript

PER = ("setting", "memory", "model")
"""What there is a job for: each transcript, model and combination of [settings]; the same of [memory]; each model."""


@dataclass
class Work:
    """What a compute is given, in the worker that does it.

    Attributes
    ----------
    path : the story's file, where there is one. reading : options of `read_transcript`. transcript : reads the story.
    check : raises a DataError unless it is given the SHA-256 of the file that the plan meant.
    lm : gives the language model, which is loaded when first asked for.
    model : the model's name, as `load_lm` takes it.
    settings : every setting of this combination. options : of the compute.
    segmentation : gives the segmentation of these settings, where the compute needs it.
    kept : a folder for what an interrupted run has done so far; it is removed when the job is finished.
    """

    path: Path | None
    reading: dict[str, str]
    transcript: Callable[[], "Transcript"]
    check: Callable[[str], None]
    lm: Callable[[], Any]
    model: str
    settings: dict[str, Any]
    options: dict[str, Any]
    segmentation: Callable[[], "Segmentation"]
    kept: Path


@dataclass(frozen=True)
class Made:
    """What a compute gives back: its files, written by `fill` into a folder; its rows; tokens that were read."""

    fill: Callable[[Path], object]
    rows: "pd.DataFrame"
    n_tokens: int


def no_options(given: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """The options of a compute that has none."""
    for key in given:
        raise OptionError(f"{key!r}: this compute has no options of its own: leave it out")
    return {}


def _same(options: dict[str, Any], story: str) -> dict[str, Any]:
    return options


@dataclass(frozen=True)
class Compute:
    """A compute.

    Attributes
    ----------
    doc : one line. run : does the work.
    check : of the options in the plan's table of its name, and the plan's folder: the options, checked.
    identity : of the options and the story's name: what of them decides the result.
    needs : computes whose results it uses. per : one of `PER`.
    """

    doc: str
    run: Callable[[Work], Made]
    check: Callable[[Mapping[str, Any], Path], dict[str, Any]] = no_options
    identity: Callable[[dict[str, Any], str], dict[str, Any]] = _same
    needs: tuple[str, ...] = field(default=())
    per: str = "setting"


def check_rows(rows: Any, name: str) -> "pd.DataFrame":
    """The rows of a compute, or a DataError if they are no table."""
    if not hasattr(rows, "columns"):
        raise DataError(f"compute {name!r} gave no table of results")
    return rows
