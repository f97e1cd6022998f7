"""Comparisons of a batch: each segmentation against people, as `emcog compare` does it."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from emcog.batch.compute import Made, Work
from emcog.batch.transcripts import place
from emcog.errors import OptionError
from emcog.excerpts import first_words
from emcog.options import check_choice, check_number

KEYS = (
    "human", "metrics", "null", "n_null", "seed", "tolerance", "tolerance_unit", "reaction_time", "consensus",
)  # fmt: skip


def run_compare(work: Work) -> Made:
    """What `emcog compare` writes."""
    from emcog.human import ConsensusRule, load_dataset
    from emcog.stats import AgreementSettings, compare, save

    options = dict(work.options)
    human = options.pop("human").replace("{name}", work.transcript().name)
    # A dataset is named so here whatever lies in the folder that the worker was started in.
    people = human if Path(human).is_absolute() else load_dataset(human).annotations_of(work.transcript().name)
    consensus = options.pop("consensus")
    table = compare(
        work.segmentation(), people, dataset=Path(human).name,
        settings=AgreementSettings(tolerance=options.pop("tolerance"), tolerance_unit=options.pop("tolerance_unit")),
        rule=None if consensus is None else ConsensusRule(consensus),
        reaction_time_s=options.pop("reaction_time"), **options,
    )  # fmt: skip
    return Made(lambda folder: save(table, folder), table, 0)


def check_compare(given: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """The options in [compare], checked."""
    from emcog.human.consensus import RULES
    from emcog.stats import MEASURES, NULLS, AgreementSettings

    for key in given:
        check_choice("key of [compare]", key, KEYS)
    options: dict[str, Any] = {"human": _human(given.get("human"), base)}
    metrics = given.get("metrics")
    if metrics is not None:
        names = metrics if isinstance(metrics, list) else [metrics]
        if not names:
            raise OptionError("[compare] metrics is an empty list: name at least one, or leave it out for all")
        metrics = [check_choice("metric", name, MEASURES) for name in names]
    options["metrics"] = metrics
    options["null"] = check_choice("null", given["null"], NULLS) if "null" in given else None
    options["n_null"] = check_number("n_null", given.get("n_null", 10_000), low=1, integer=True)
    options["seed"] = check_number("seed", given.get("seed", 0), low=0, integer=True)
    plain = asdict(AgreementSettings())
    options["tolerance"] = check_number("tolerance", given.get("tolerance", plain["tolerance"]), low=0)
    unit = given.get("tolerance_unit", plain["tolerance_unit"])
    options["tolerance_unit"] = check_choice("tolerance_unit", unit, ("unit", "s"))
    options["reaction_time"] = check_number("reaction_time", given.get("reaction_time", 0.0))
    options["consensus"] = check_choice("consensus", given["consensus"], RULES) if "consensus" in given else None
    return options


def _human(human: Any, base: Path) -> str:
    """A dataset's name, or the absolute path of people's marks."""
    from emcog.human.datasets.cards import card_names

    if not isinstance(human, str) or not human or "\0" in human:
        raise OptionError("[compare] has no human: name a dataset, or a file of annotations ({name} is the story's)")
    path = place(base, human)
    try:
        if "{name}" in human or path.exists():
            return str(path)
    except OSError:  # a name that is too long for a file
        pass
    if human in card_names():
        return human
    raise OptionError(
        f"[compare] human: there is no file {first_words(str(path), 200)} and no dataset of that name: "
        f"{', '.join(card_names())}"
    )


def identify_compare(options: dict[str, Any], story: str) -> dict[str, Any]:
    """People's marks go by their content, so that corrected ones are compared anew."""
    from emcog.human.datasets import find_dataset
    from emcog.reproduce.inputs import file_checksum, folder_checksum

    named = options["human"].replace("{name}", story)
    path = Path(named) if Path(named).is_absolute() else find_dataset(named)
    try:
        content = None if path is None else folder_checksum(path) if path.is_dir() else file_checksum(path)
    except OSError:  # the job itself will say what is wrong
        content = None
    return options | {"human": [Path(named).name, content]}
