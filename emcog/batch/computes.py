"""What can be computed: a registry by name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emcog.batch.analysing import analysis
from emcog.batch.compute import Compute, Made, Work
from emcog.batch.recalling import recall_task
from emcog.errors import OptionError
from emcog.files import sha256_file
from emcog.options import check_choice, check_number
from emcog.reproduce import ANALYSES
from emcog.tasks import TASKS


def _segment(work: Work) -> Made:
    from emcog.segmentation import file_stem
    from emcog.segmenting import segment

    transcript = work.transcript()
    segmentation = segment(transcript, work.lm(), checkpoint=work.kept, **work.settings)
    stem = file_stem(transcript.name)
    return Made(lambda folder: segmentation.save(folder, stem), segmentation.events, len(segmentation.tokens))


def _compare(work: Work) -> Made:
    from emcog.stats import compare, save

    options = dict(work.options)
    human = options.pop("human").replace("{name}", work.transcript().name)
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
    **{name: recall_task(name) for name in TASKS},
    **{name: analysis(name) for name in ANALYSES},
}
