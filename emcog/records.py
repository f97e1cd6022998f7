"""Reading JSON that anybody may have written."""

import json
from typing import Any

DEEPEST = 100
"""Lists and objects in each other: far more than any record of emcog's has, far fewer than Python can follow."""


def parse_json(content: bytes | str) -> Any:
    """What some JSON says.

    Raises
    ------
    ValueError : it is not JSON, not UTF-8, holds a number of thousands of digits, or is nested deeper than DEEPEST.
    """
    try:
        found = json.loads(content)
    except RecursionError:
        raise ValueError("lists or objects in each other without end") from None
    level = [found]
    for _ in range(DEEPEST):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return found
    raise ValueError(f"lists or objects in each other, more than {DEEPEST} deep")


def _inside(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
