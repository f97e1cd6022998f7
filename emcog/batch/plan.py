"""A plan: which transcripts meet which models under which settings, and what is computed of each."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emcog.batch.computes import COMPUTES
from emcog.batch.settings import Setting, both_settings
from emcog.batch.transcripts import find_transcripts, place
from emcog.errors import DataError, EmcogError, OptionError
from emcog.excerpts import first_words, one_line
from emcog.options import check_choice
from emcog.transcript import FORMATS
from emcog.transcript.recognise import SUFFIXES

PLAN_KEYS = ("transcripts", "models", "compute", "out", "device", "dtype", "trust_remote_code")
READING_KEYS = (
    "format", "encoding", "tier", "word_column", "onset_column", "offset_column", "speaker_column", "time_unit",
)  # fmt: skip
DTYPES = ("auto", "float32", "bfloat16", "float16")
MAX_BYTES = 2**20
DEEP_KEY = re.compile(r"""(?<![\w"'-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){100}""")


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


def read_plan(path: str | Path, trust_remote_code: bool = False) -> Plan:
    """Read a plan from a TOML file.

    `[plan]` has `transcripts` (names or patterns), `models`, `compute`, `out` and, if need be, `device`, `dtype` and
    `trust_remote_code`. `[settings]` has lists of values, of which every combination is run; "none" stands for no
    refinement and no snapping. `[memory]` has such lists for memory tasks. `[reading]` has options of
    `read_transcript`. A compute's own options stand in a table of its name. Paths are relative to the plan.

    Parameters
    ----------
    trust_remote_code : let models run code of their own, where the plan does not forbid it. A plan cannot by itself.

    Raises
    ------
    OptionError, DataError : one line that says what is wrong and where: no such file, no TOML, an unknown key or value,
        a pattern that no file matches, settings that cannot go together, a plan that wants models' own code unasked.
    """
    path = Path(path)
    label = one_line(str(path))
    try:
        return _plan(_toml(path), path.absolute().parent, trust_remote_code)
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


def _plan(tables: dict[str, Any], base: Path, trusted: bool) -> Plan:
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
    target = place(base, out)
    kinds = {COMPUTES[name].per for name in compute}
    patterns = [] if kinds == {"model"} else _texts("transcripts", given.get("transcripts"))
    transcripts = find_transcripts(base, patterns, target)
    names = _texts("models", given.get("models", "embedded"))
    models = {name: str(place(base, name)) if os.path.isdir(place(base, name)) else name for name in names}
    settings, memory = both_settings(tables, compute, len(transcripts) * len(models))
    options = {}
    for name in COMPUTES:
        if name in tables and name not in compute:
            raise OptionError(f"[{name}] has options of a compute that is not asked for: add it to compute")
        if name in compute:
            options[name] = COMPUTES[name].check(tables.get(name, {}), base)
    return Plan(
        transcripts, models, compute, target, settings, memory, _reading(tables.get("reading", {})), options,
        device=_device(given.get("device", "auto")),
        dtype=check_choice("dtype", given.get("dtype", "auto"), DTYPES),
        trust_remote_code=_trust(given.get("trust_remote_code", trusted), trusted),
    )  # fmt: skip


def _trust(wanted: Any, trusted: bool) -> bool:
    if not isinstance(wanted, bool):
        raise OptionError(f"trust_remote_code must be true or false, got {first_words(repr(wanted), 100)}")
    if wanted and not trusted:
        raise OptionError("the plan wants a model's own code: add --trust-remote-code if you trust it")
    return wanted


def _device(name: Any) -> str:
    """A device's name, if there is such a kind; whether a worker has one shows there."""
    if name in ("auto", "cpu", "cuda", "spread"):
        return str(name)
    import torch  # seconds of imports, so only where it is needed

    try:
        if torch.device(_text("device", name)).type != "meta":
            return str(name)
    except RuntimeError:
        pass
    raise OptionError(
        f"unknown device {first_words(repr(name), 100)}: choose from auto, cpu, cuda, cuda:0, spread, ..."
    )


def _reading(table: Mapping[str, Any]) -> dict[str, str]:
    """Options of `read_transcript`, as far as they can be wrong by themselves."""
    for key, value in table.items():
        check_choice("key of [reading]", key, READING_KEYS)
        _text(key, value)
    reading = dict(table)
    if "format" in reading:
        reading["format"] = check_choice(
            "format", SUFFIXES.get(f".{reading['format']}".lower(), reading["format"]), FORMATS
        )
    if "time_unit" in reading:
        check_choice("time_unit", reading["time_unit"], ("s", "ms"))
    try:
        b"a".decode(reading.get("encoding", "utf-8"))
    except UnicodeError:  # not all are of one byte
        pass
    except LookupError:
        raise OptionError(f"unknown encoding {reading['encoding']!r}: try utf-8, latin-1 or cp1252") from None
    return reading


def _in_order(names: list[str]) -> tuple[str, ...]:
    """The computes asked for with those they need, each after what it needs."""
    needed = [need for name in names for need in COMPUTES[name].needs]
    return tuple(name for name in COMPUTES if name in names or name in needed)


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
