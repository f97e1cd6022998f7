"""A plan: which transcripts meet which models under which settings, and what is computed of each."""

import glob
import itertools
import math
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from emcog.batch.computes import COMPUTES
from emcog.errors import DataError, EmcogError, OptionError
from emcog.excerpts import first_words, one_line
from emcog.options import check_choice
from emcog.segmenting.settings import SegmentSettings, make_settings

PLAN_KEYS = ("transcripts", "models", "compute", "out", "device", "dtype", "trust_remote_code")
READING_KEYS = (
    "format", "encoding", "tier", "word_column", "onset_column", "offset_column", "speaker_column", "time_unit",
)  # fmt: skip
SETTING_KEYS = ("method", *[field.name for field in fields(SegmentSettings)])
MAX_BYTES, MAX_JOBS = 2**20, 100_000
DEEP_KEY = re.compile(r"""(?<![\w"'-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){100}""")


@dataclass(frozen=True)
class Setting:
    """One combination of the settings: as the plan gives it, and every setting that follows from it."""

    given: dict[str, Any]
    full: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What a batch is to do. Paths are absolute.

    Attributes
    ----------
    transcripts : files, each once, in the order of the plan's patterns and then of their names.
    models : what the plan calls a model -> what `load_lm` is given.
    compute : names in `emcog.batch.computes.COMPUTES`, each after those that it needs.
    out : folder of the results.
    settings : every combination of [settings]. memory : of [memory], for memory tasks.
    reading : options of `read_transcript`. options : of each compute, its own.
    device, dtype, trust_remote_code : as for `load_lm`.
    """

    transcripts: tuple[Path, ...]
    models: dict[str, str]
    compute: tuple[str, ...]
    out: Path
    settings: tuple[Setting, ...]
    memory: tuple[Setting, ...]
    reading: dict[str, str]
    options: dict[str, dict[str, Any]]
    device: str = "auto"
    dtype: str = "auto"
    trust_remote_code: bool = False

    @property
    def setting_names(self) -> list[str]:
        """The settings that the plan names, for segmentations and for memories."""
        return list(dict.fromkeys([*self.settings[0].given, *self.memory[0].given]))

    def combinations(self, compute: str) -> tuple[Setting, ...]:
        """The settings that there is a job of this compute for."""
        return {"setting": self.settings, "memory": self.memory, "model": (Setting({}, {}),)}[COMPUTES[compute].per]


def read_plan(path: str | Path) -> Plan:
    """Read a plan from a TOML file.

    `[plan]` has `transcripts` (names or patterns), `models`, `compute`, `out` and, if need be, `device`, `dtype` and
    `trust_remote_code`. `[settings]` has lists of values, of which every combination is run; "none" stands for no
    refinement and no snapping. `[memory]` has such lists for memory tasks. `[reading]` has options of
    `read_transcript`. A compute's own options stand in a table of its name. Paths are relative to the plan.

    Raises
    ------
    OptionError, DataError : one line that says what is wrong and where: no such file, no TOML, an unknown key or value,
        a pattern that no file matches, settings that cannot go together.
    """
    path = Path(path)
    label = one_line(str(path))
    try:
        return _plan(_toml(path), path.absolute().parent)
    except EmcogError as error:
        kind = OptionError if isinstance(error, OptionError) else DataError
        raise kind(one_line(f"{label}: {error}")) from error


def _toml(path: Path) -> dict[str, Any]:
    try:
        if path.is_dir() or (path.exists() and not path.is_file()):
            raise DataError("not a file: give a plan in TOML")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise DataError("no such file: check the path") from None
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > MAX_BYTES:
        raise DataError(f"larger than {MAX_BYTES:,} bytes: this is no plan")
    try:
        text = content.decode().replace("\r\n", "\n")
        if DEEP_KEY.search(text):  # Python's reader takes hours over a megabyte of them
            raise DataError("a key of a hundred parts (a.b.c...): this is no plan")
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise DataError(f"byte {error.start} is not UTF-8: save the plan as UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"not TOML: {first_words(str(error), 200)}; see emcog batch --help for a plan") from None


def _plan(tables: dict[str, Any], base: Path) -> Plan:
    for name, table in tables.items():
        check_choice("table", name, ["plan", "settings", "memory", "reading", *COMPUTES])
        if not isinstance(table, dict):
            raise OptionError(f"{name} must be a table: write [{name}] above its keys")
    given = tables.get("plan", {})
    for key in given:
        check_choice("key of [plan]", key, PLAN_KEYS)
    wanted = _texts("compute", given.get("compute", "segment"))
    compute = _in_order([check_choice("compute", name, COMPUTES) for name in wanted])
    (out,) = _texts("out", given.get("out", "out"), several=False)
    target = _path(base, out)
    kinds = {COMPUTES[name].per for name in compute}
    patterns = [] if kinds == {"model"} else _texts("transcripts", given.get("transcripts"))
    transcripts = _files(base, patterns, target)
    names = _texts("models", given.get("models", "embedded"))
    models = {name: str(_path(base, name)) if os.path.isdir(_path(base, name)) else name for name in names}
    trust = given.get("trust_remote_code", False)
    if not isinstance(trust, bool):
        raise OptionError(f"trust_remote_code must be true or false, got {trust!r}")
    settings, memory = _both_settings(tables, compute, len(transcripts) * len(models))
    reading = {key: _text(key, value) for key, value in tables.get("reading", {}).items()}
    for key in reading:
        check_choice("key of [reading]", key, READING_KEYS)
    options = {}
    for name in COMPUTES:
        if name in tables and name not in compute:
            raise OptionError(f"[{name}] has options of a compute that is not asked for: add it to compute")
        if name in compute:
            options[name] = COMPUTES[name].check(tables.get(name, {}), base)
    where = {key: _text(key, given.get(key, "auto")) for key in ("device", "dtype")}
    return Plan(
        transcripts, models, compute, target, settings, memory, reading, options, **where, trust_remote_code=trust
    )


def _in_order(names: list[str]) -> tuple[str, ...]:
    """The computes asked for with those they need, each after what it needs."""
    needed = [need for name in names for need in COMPUTES[name].needs]
    return tuple(name for name in COMPUTES if name in names or name in needed)


def _files(base: Path, patterns: list[str], out: Path) -> tuple[Path, ...]:
    found: dict[Path, None] = {}
    for pattern in patterns:
        literal = _path(base, pattern)
        try:
            if os.path.isfile(literal):
                matches = [literal]
            else:
                matches = [_path(base, name) for name in sorted(glob.glob(pattern, root_dir=base, recursive=True))]
            files = [match for match in matches if os.path.isfile(match) and not match.is_relative_to(out / "jobs")]
        except (OSError, ValueError, RecursionError) as error:
            raise OptionError(f"transcripts: {pattern!r} cannot be looked up: {first_words(str(error), 200)}") from None
        if not files:
            raise OptionError(f"transcripts: no file matches {pattern!r}: patterns are relative to the plan")
        found |= dict.fromkeys(files)
    return tuple(found)


def _both_settings(
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


def _path(base: Path, name: str) -> Path:
    try:
        return Path(base, Path(name).expanduser())
    except RuntimeError:  # "~someone", or ~ where nobody is at home
        return Path(base, name)


def _texts(name: str, value: Any, several: bool = True) -> list[str]:
    if value is None:
        raise OptionError(f"[plan] has no {name}: add {name} = ...")
    values = value if isinstance(value, list) and several else [value]
    if not values:
        raise OptionError(f"{name} is an empty list: name at least one")
    return list(dict.fromkeys(_text(name, v) for v in values))


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise OptionError(f"{name} must be a name in quotes, got {first_words(repr(value), 100)}")
    return value
