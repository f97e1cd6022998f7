"""One checker for each kind of option value, so that every wrong one is answered in the same words."""

import difflib
import math
import operator
from collections.abc import Iterable

from emcog.errors import OptionError


def check_choice(name: str, value: object, allowed: Iterable[str]) -> str:
    """Return `value` if it is one of `allowed`, else raise an OptionError that lists the right ones."""
    choices = list(allowed)
    if isinstance(value, str) and value in choices:
        return value
    folded = {choice.casefold(): choice for choice in choices}
    near = difflib.get_close_matches(str(value).casefold(), folded, n=1)
    hint = f" (did you mean {folded[near[0]]!r}?)" if near else ""
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
        number = exact = float(value)  # type: ignore[arg-type]
        if integer and hasattr(value, "__index__"):
            # Whole numbers above 2**53 (seeds) must not lose digits on a way through floats.
            exact = operator.index(value)
    except (TypeError, ValueError, OverflowError):
        number = exact = math.nan
    # NumPy's truth values are called bool too, and are as little numbers as Python's.
    bad = type(value).__name__ == "bool" or not math.isfinite(number) or not low <= number <= high
    if bad or (above is not None and number <= above) or (integer and number != int(number)):
        raise OptionError(f"{name} must be {wanted}, got {value!r}")
    return int(exact) if integer else number
