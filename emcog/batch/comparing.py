"""Comparisons of a batch: each segmentation against people, as `emcog compare` does it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emcog.batch.compute import Made, Work
from emcog.batch.transcripts import place
from emcog.errors import OptionError
from emcog.excerpts import first_words
from emcog.options import check_choice, check_number

KEYS = (
    "human", "metrics", "null", "n_null", "seed", "tolerance", "tolerance_unit", "reaction_time", "consensus", "grade",
    "signals",
)  # fmt: skip
READING_KEYS = (
    "format", "stimulus", "duration", "time_unit", "sampling_hz", "observers_in", "event", "tier", "observer_column",
    "time_column", "word_column", "grade_column", "value_column", "stimulus_column",
)  # fmt: skip
"""What the reader of a file of people's marks may have to be told: options of `read_annotations`."""


def run_compare(work: Work) -> Made:
    """What `emcog compare` writes."""
    from emcog.human import ConsensusRule
    from emcog.stats import AgreementSettings, compare, save

    options, story = dict(work.options), work.transcript().name
    people, dataset = _people(options.pop("human"), options.pop("reading"), story)
    consensus = options.pop("consensus")
    table = compare(
        work.segmentation(), people, dataset=dataset,
        settings=AgreementSettings(tolerance=options.pop("tolerance"), tolerance_unit=options.pop("tolerance_unit")),
        rule=None if consensus is None else ConsensusRule(consensus),
        reaction_time_s=options.pop("reaction_time"), **options,
    )  # fmt: skip
    return Made(lambda folder: save(table, folder), table, 0)


def _people(human: str, reading: Mapping[str, Any], story: str) -> tuple[Any, str]:
    """The annotations, and what they are called in the table. What is no path is a dataset, whatever lies beside it."""
    from emcog.human import load_dataset, read_annotations

    human = human.replace("{name}", story)
    if Path(human).is_absolute():
        told: dict[str, Any] = {
            key: v.replace("{name}", story) if isinstance(v, str) else v for key, v in reading.items()
        }
        return read_annotations(Path(human), **told), Path(human).name
    dataset, _, item = human.partition("/")
    return load_dataset(dataset).annotations_of(story, item), dataset


def check_compare(given: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """The options in [compare], checked."""
    from emcog.human import RULES
    from emcog.signals import SIGNALS
    from emcog.stats import MEASURES, NULLS, AgreementSettings

    for key in given:
        check_choice("key of [compare]", key, (*KEYS, *READING_KEYS))
    plain = AgreementSettings()
    options: dict[str, Any] = {
        "human": _human(given.get("human"), base),
        "metrics": _names("metric", given["metrics"], MEASURES) if "metrics" in given else None,
        "null": check_choice("null", given["null"], NULLS) if "null" in given else None,
        "n_null": check_number("n_null", given.get("n_null", 10_000), low=1, integer=True),
        "seed": check_number("seed", given.get("seed", 0), low=0, integer=True),
        "tolerance": check_number("tolerance", given.get("tolerance", plain.tolerance), low=0),
        "tolerance_unit": check_choice(
            "tolerance_unit", given.get("tolerance_unit", plain.tolerance_unit), ("unit", "s")
        ),
        "reaction_time": check_number("reaction_time", given.get("reaction_time", 0.0)),
        "consensus": check_choice("consensus", given["consensus"], RULES) if "consensus" in given else None,
        "grade": _text("grade", given["grade"]) if "grade" in given else None,
        "signals": _names("signal", given["signals"], ("all", *SIGNALS)) if "signals" in given else [],
        "reading": _reading({key: value for key, value in given.items() if key in READING_KEYS}),
    }
    if options["reading"] and not Path(options["human"]).is_absolute():
        raise OptionError(f"[compare] {next(iter(options['reading']))} is for a file of marks: leave it out")
    return options


def _human(human: Any, base: Path) -> str:
    """A dataset's name or NAME/ITEM, or the absolute path of people's marks."""
    from emcog.human.datasets.cards import card_names

    if not isinstance(human, str) or not human or "\0" in human:
        raise OptionError("[compare] has no human: name a dataset, or a file of annotations ({name} is the story's)")
    path = place(base, human)
    try:
        is_file = path.exists()
    except OSError:  # a name that is too long for one
        is_file = False
    if not is_file and human.partition("/")[0] in card_names():
        return human
    if is_file or "{name}" in human:
        return str(path)
    there_are = ", ".join(card_names())
    raise OptionError(
        f"[compare] human: there is no file {first_words(str(path), 200)} and no dataset of that name: {there_are}"
    )


def _reading(given: Mapping[str, Any]) -> dict[str, Any]:
    """Options of `read_annotations`, as far as they can be wrong by themselves."""
    from emcog.human import ANNOTATION_FORMATS

    choices = {"format": tuple(ANNOTATION_FORMATS), "time_unit": ("s", "ms"), "observers_in": ("columns", "rows")}
    reading: dict[str, Any] = {}
    for key, value in given.items():
        if key in ("duration", "sampling_hz"):
            reading["duration_s" if key == "duration" else key] = check_number(key, value, above=0)
        else:
            reading[key] = check_choice(key, value, choices[key]) if key in choices else _text(key, value)
    return reading


def _names(what: str, given: Any, known: Any) -> list[str]:
    names = given if isinstance(given, list) else [given]
    if not names:
        raise OptionError(f"[compare] {what}s is an empty list: name at least one, or leave it out")
    return [check_choice(what, name, known) for name in names]


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise OptionError(f"[compare] {name} must be a name in quotes, got {first_words(repr(value), 100)}")
    return value


def identify_compare(options: dict[str, Any], story: str) -> dict[str, Any]:
    """People's marks go by their content, so that corrected ones are compared anew."""
    from emcog.human.datasets import find_dataset
    from emcog.reproduce.inputs import file_checksum, folder_checksum

    named = options["human"].replace("{name}", story)
    is_path = Path(named).is_absolute()
    path = Path(named) if is_path else find_dataset(named.partition("/")[0])
    try:
        content = None if path is None else folder_checksum(path) if path.is_dir() else file_checksum(path)
    except OSError:  # the job itself will say what is wrong
        content = None
    return options | {"human": [Path(named).name if is_path else named, content]}
