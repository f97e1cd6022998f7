"""A finding, and how its numbers are written."""

from dataclasses import dataclass
from typing import Any

LEVEL = 0.05


@dataclass(frozen=True)
class Finding:
    """What came out for one set of data.

    Attributes
    ----------
    data : on which data. said : in words with numbers.
    interval : of the first number, 95%; or what stands in for it, by name ("chance 0.04 to 0.09"); or "".
    agrees : whether it agrees with the claim; None where the data cannot tell. why : why they cannot, or "".
    """

    data: str
    said: str
    interval: str
    agrees: bool | None
    why: str = ""


def interval(row: Any, scale: float = 1.0) -> str:
    """The interval of a row, or ""."""
    known = row["ci_low"] == row["ci_low"]
    return f"[{scale * row['ci_low']:.3g}, {scale * row['ci_high']:.3g}]" if known else ""


def interval_or_chance(row: Any) -> str:
    """The interval of a row; where it has none, what chance gives."""
    half = 1.96 * row["null_sd"]
    if interval(row) or half != half:
        return interval(row)
    return f"none; chance {row['null_mean'] - half:.3g} to {row['null_mean'] + half:.3g} (mean ± 1.96 SD)"


def p_is(value: float) -> str:
    """p as text, with its sign."""
    return "unknown" if value != value else "< .001" if value < 0.001 else f"= {value:.3f}"


def plain(name: str) -> str:
    """A name without underscores."""
    return name.replace("_", " ")


def data_of(row: Any) -> str:
    """Which data a row is of."""
    return f"{row['dataset']}/{row['story']}" if row["story"] else str(row["dataset"])


def judged(row: Any) -> str:
    """The data, and whose boundaries they have where these are not people's."""
    return data_of(row) + (" (the author's scene breaks)" if row["dataset"] == "demo" else "")
