"""What can be computed of a transcript: a registry by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emcog.errors import DataError, OptionError
from emcog.files import sha256_file
from emcog.options import check_choice, check_number

if TYPE_CHECKING:
    import pandas as pd

    from emcog.segmentation import Segmentation
    from emcog.transcript import Transcript


@dataclass
class Work:
    """What a compute is given, in the worker that does it.

    Attributes
    ----------
    transcript : the story. lm : gives the language model, which is loaded when first asked for.
    settings : every setting of the segmentation. options : of the compute.
    segmentation : gives the segmentation of these settings, where the compute needs it.
    """

    transcript: "Transcript"
    lm: Callable[[], Any]
    settings: dict[str, Any]
    options: dict[str, Any]
    segmentation: Callable[[], "Segmentation"]


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
    needs : computes whose results it uses.
    """

    doc: str
    run: Callable[[Work], Made]
    check: Callable[[Mapping[str, Any], Path], dict[str, Any]] = no_options
    identity: Callable[[dict[str, Any], str], dict[str, Any]] = _same
    needs: tuple[str, ...] = field(default=())


def _segment(work: Work) -> Made:
    from emcog.segmentation import file_stem
    from emcog.segmenting import segment

    segmentation = segment(work.transcript, work.lm(), **work.settings)
    stem = file_stem(work.transcript.name)
    return Made(lambda folder: segmentation.save(folder, stem), segmentation.events, len(segmentation.tokens))


def _compare(work: Work) -> Made:
    from emcog.stats import compare, save

    options = dict(work.options)
    human = options.pop("human").replace("{name}", work.transcript.name)
    table = compare(work.segmentation(), human, **options)
    return Made(lambda folder: save(table, folder), table, 0)


def _check_compare(given: Mapping[str, Any], base: Path) -> dict[str, Any]:
    from emcog.stats import DEFAULT_NULL, MEASURES, NULLS

    for key in given:
        check_choice("key of [compare]", key, ("human", "metrics", "null", "n_null", "seed"))
    human = given.get("human")
    if not isinstance(human, str) or not human or "\0" in human:
        raise OptionError("[compare] has no human: name a dataset, or a file of annotations ({name} is the story's)")
    # A name with a suffix or a folder is a file's; others are datasets', which `emcog datasets list` shows.
    place = base / human
    options: dict[str, Any] = {"human": str(place) if "{name}" in human or place.exists() or "/" in human else human}
    metrics = given.get("metrics")
    if metrics is not None:
        names = metrics if isinstance(metrics, list) else [metrics]
        options["metrics"] = [check_choice("metric", name, MEASURES) for name in names]
    options["null"] = check_choice("null", given.get("null", DEFAULT_NULL), NULLS)
    options["n_null"] = check_number("n_null", given.get("n_null", 10_000), low=1, integer=True)
    options["seed"] = check_number("seed", given.get("seed", 0), low=0, integer=True)
    return options


def _identify_compare(options: dict[str, Any], story: str) -> dict[str, Any]:
    """People's marks go by their content, so that a corrected file is compared anew."""
    path = Path(options["human"].replace("{name}", story))
    try:
        return options | {"human": sha256_file(path) if path.is_file() else options["human"]}
    except OSError:
        return options


COMPUTES: dict[str, Compute] = {
    "segment": Compute("what emcog segment writes", _segment),
    "compare": Compute(
        "what emcog compare writes, against [compare] human", _compare, _check_compare, _identify_compare, ("segment",)
    ),
}


def check_rows(rows: Any, name: str) -> "pd.DataFrame":
    """The rows of a compute, or a DataError if they are no table."""
    if not hasattr(rows, "columns"):
        raise DataError(f"compute {name!r} gave no table of results")
    return rows
