"""A plan's settings: every combination of the values in [settings] and in [memory]."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from emcog.batch.computes import COMPUTES
from emcog.errors import EmcogError, OptionError
from emcog.excerpts import first_words
from emcog.options import check_choice
from emcog.segmenting.settings import SegmentSettings, make_settings

SETTING_KEYS = ("method", *[field.name for field in fields(SegmentSettings)])
MAX_JOBS = 100_000


@dataclass(frozen=True)
class Setting:
    """One combination of the settings: as the plan gives it, and every setting that follows from it."""

    given: dict[str, Any]
    full: dict[str, Any]


def both_settings(
    tables: dict[str, Any], compute: tuple[str, ...], n_other: int
) -> tuple[tuple[Setting, ...], tuple[Setting, ...]]:
    """Every combination of [settings] and of [memory]."""
    found = []
    for name, per, keys, make in (
        ("settings", "setting", SETTING_KEYS, _segment_settings), ("memory", "memory", None, _memory_settings),
    ):  # fmt: skip
        count = sum(COMPUTES[one].per == per for one in compute)
        if name in tables and not count:
            raise OptionError(f"[{name}] is for computes that are not asked for: leave it out, or add one to compute")
        keys = (_memory_keys() if count else ()) if keys is None else keys
        given = _combinations(name, tables.get(name, {}), keys, n_other * count)
        found.append(tuple(_setting(name, one, make) for one in given) if count else (Setting({}, {}),))
    return found[0], found[1]


def _combinations(name: str, table: Mapping[str, Any], keys: Sequence[str], n_other: int) -> Iterator[dict[str, Any]]:
    choices: dict[str, list[Any]] = {}
    for key, values in table.items():
        check_choice(f"key of [{name}]", key, keys)
        choices[key] = values if isinstance(values, list) else [values]
        if not choices[key]:
            raise OptionError(f"[{name}] {key} is an empty list: give at least one value, or leave it out")
    count = math.prod(map(len, choices.values())) * n_other
    if count > MAX_JOBS:
        raise OptionError(f"the plan has {count:,} jobs: cut it into plans of at most {MAX_JOBS:,}")
    return (dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values()))


def _setting(name: str, given: dict[str, Any], make: Callable[[dict[str, Any]], dict[str, Any]]) -> Setting:
    for key, value in given.items():
        one_by_one = value if isinstance(value, list) else [value]
        if not all(isinstance(v, str | int | float) for v in one_by_one):
            raise OptionError(f"[{name}] {key} must hold numbers and names, got {first_words(repr(value), 100)}")
    try:
        full = make(given)
    except EmcogError as error:
        raise OptionError(f"[{name}] {_told(given)}: {error}") from None
    except (TypeError, ValueError, OverflowError) as error:
        raise OptionError(f"[{name}] {_told(given)}: {first_words(str(error), 200)}") from None
    return Setting({key: as_cell(value) for key, value in given.items()}, full)


def _segment_settings(given: dict[str, Any]) -> dict[str, Any]:
    # As on the command line: boundaries move to words unless told otherwise, and "none" is how nothing is written.
    plain = {"snap": "word"} | given
    for key in ("snap", "refine"):
        if plain.get(key) == "none":
            plain[key] = None
    return asdict(make_settings(**plain))


def _memory_keys() -> tuple[str, ...]:
    from emcog.memory import MemoryConfig  # seconds of imports, so only where it is needed

    return tuple(field.name for field in fields(MemoryConfig))


def _memory_settings(given: dict[str, Any]) -> dict[str, Any]:
    from emcog.memory import MemoryConfig

    return MemoryConfig(**given).as_dict()


def as_cell(value: Any) -> Any:
    """A setting as one cell of a table: a list becomes what the command line takes, "5,20"."""
    return ",".join(map(str, value)) if isinstance(value, list) else value


def _told(given: Mapping[str, Any]) -> str:
    return first_words(", ".join(f"{key}={value!r}" for key, value in given.items()), 200)
