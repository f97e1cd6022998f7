"""One checker for each kind of option value, so that every wrong one is answered in the same words."""

import difflib
import math
from collections.abc import Iterable

from emcog.errors import OptionError


def check_choice(name: str, value: object, allowed: Iterable[str]) -> str:
    """Return `value` if it is one of `allowed`, else raise an OptionError that lists the right ones."""
    choices = list(allowed)
    if isinstance(value, str) and value in choices:
        return value
    near = difflib.get_close_matches(str(value), choices, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise OptionError(f"unknown {name} {value!r}{hint}: choose from {', '.join(choices)}")


def check_number(
    name: str,
    value: object,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    above: float | None = None,
    integer: bool = False,
) -> float:
    """Return `value` if it is a finite number in [low, high] (and > `above`), else raise an OptionError.

    With `integer=True` the result is an int, and 2.5 is refused.
    """
    kind = "a whole number" if integer else "a number"
    limits = [f"above {above:g}"] if above is not None else []
    limits += [f"at least {low:g}"] if low > -math.inf else []
    limits += [f"at most {high:g}"] if high < math.inf else []
    wanted = " ".join([kind, " and ".join(limits)]).strip()
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    bad = isinstance(value, bool) or not math.isfinite(number) or not low <= number <= high
    if bad or (above is not None and number <= above) or (integer and number != int(number)):
        raise OptionError(f"{name} must be {wanted}, got {value!r}")
    return int(number) if integer else number
