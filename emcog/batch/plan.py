"""A plan: which transcripts meet which models under which settings, and what is computed of each."""

import glob
import itertools
import math
import os
import tomllib
from collections.abc import Mapping
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
    settings : every combination.
    reading : options of `read_transcript`. options : of each compute, its own.
    device, dtype, trust_remote_code : as for `load_lm`.
    """

    transcripts: tuple[Path, ...]
    models: dict[str, str]
    compute: tuple[str, ...]
    out: Path
    settings: tuple[Setting, ...]
    reading: dict[str, str]
    options: dict[str, dict[str, Any]]
    device: str = "auto"
    dtype: str = "auto"
    trust_remote_code: bool = False

    @property
    def setting_names(self) -> list[str]:
        """The settings that the plan names."""
        return list(self.settings[0].given)


def read_plan(path: str | Path) -> Plan:
    """Read a plan from a TOML file.

    `[plan]` has `transcripts` (names or patterns), `models`, `compute`, `out` and, if need be, `device`, `dtype` and
    `trust_remote_code`. `[settings]` has lists of values, of which every combination is run; "none" stands for no
    refinement and no snapping. `[reading]` has options of `read_transcript`. A compute's own options stand in a table
    of its name. Paths are relative to the plan.

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
        return tomllib.loads(content.decode().replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        raise DataError(f"byte {error.start} is not UTF-8: save the plan as UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"not TOML: {first_words(str(error), 200)}; see emcog batch --help for a plan") from None


def _plan(tables: dict[str, Any], base: Path) -> Plan:
    for name, table in tables.items():
        check_choice("table", name, ["plan", "settings", "reading", *COMPUTES])
        if not isinstance(table, dict):
            raise OptionError(f"{name} must be a table: write [{name}] above its keys")
    given = tables.get("plan", {})
    for key in given:
        check_choice("key of [plan]", key, PLAN_KEYS)
    wanted = _texts("compute", given.get("compute", "segment"))
    compute = _in_order([check_choice("compute", name, COMPUTES) for name in wanted])
    (out,) = _texts("out", given.get("out", "out"), several=False)
    target = _path(base, out)
    transcripts = _files(base, _texts("transcripts", given.get("transcripts")), target)
    names = _texts("models", given.get("models", "embedded"))
    models = {name: str(_path(base, name)) if os.path.isdir(_path(base, name)) else name for name in names}
    trust = given.get("trust_remote_code", False)
    if not isinstance(trust, bool):
        raise OptionError(f"trust_remote_code must be true or false, got {trust!r}")
    settings = _settings(tables.get("settings", {}), len(transcripts) * len(models) * len(compute))
    reading = {key: _text(key, value) for key, value in tables.get("reading", {}).items()}
    for key in reading:
        check_choice("key of [reading]", key, READING_KEYS)
    options = {}
    for name in COMPUTES:
        if name in tables and name not in compute:
            raise OptionError(f"[{name}] has options of a compute that is not asked for: add it to compute")
        if name in compute:
            options[name] = COMPUTES[name].check(tables.get(name, {}), base)
    kinds = {key: _text(key, given.get(key, "auto")) for key in ("device", "dtype")}
    return Plan(transcripts, models, compute, target, settings, reading, options, **kinds, trust_remote_code=trust)


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


def _settings(table: Mapping[str, Any], n_other: int) -> tuple[Setting, ...]:
    """Every combination of the values in [settings]."""
    choices: dict[str, list[Any]] = {}
    for key, values in table.items():
        check_choice("key of [settings]", key, SETTING_KEYS)
        choices[key] = values if isinstance(values, list) else [values]
        if not choices[key]:
            raise OptionError(f"[settings] {key} is an empty list: give at least one value, or leave it out")
    count = math.prod(map(len, choices.values())) * n_other
    if count > MAX_JOBS:
        raise OptionError(f"the plan has {count:,} jobs: cut it into plans of at most {MAX_JOBS:,}")
    return tuple(_setting(dict(zip(choices, values, strict=True))) for values in itertools.product(*choices.values()))


def _setting(given: dict[str, Any]) -> Setting:
    # As on the command line: boundaries move to words unless told otherwise, and "none" is how nothing is written.
    plain = {"snap": "word"} | given
    for key in ("snap", "refine"):
        if plain.get(key) == "none":
            plain[key] = None
    for key, value in given.items():
        one_by_one = value if isinstance(value, list) else [value]
        if not all(isinstance(v, str | int | float) for v in one_by_one):
            raise OptionError(f"[settings] {key} must hold numbers and names, got {first_words(repr(value), 100)}")
    try:
        full = asdict(make_settings(**plain))
    except EmcogError as error:
        raise OptionError(f"[settings] {_told(given)}: {error}") from None
    except (TypeError, ValueError, OverflowError) as error:
        raise OptionError(f"[settings] {_told(given)}: {first_words(str(error), 200)}") from None
    return Setting({key: as_cell(value) for key, value in given.items()}, full)


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
