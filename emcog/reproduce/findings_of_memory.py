"""What came out about memory, its speed, and the tests: each claim's answer, read off its report."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from emcog.reproduce.finding import LEVEL, Finding, data_of, interval, p_is
from emcog.stats.defaults import is_default

LITTLE = 0.1
"""A difference between shares of right answers that is called little."""
CAREFUL = 0.1
"""A test is taken to be right when its interval ends below this share of false alarms."""


def contiguity(report: pd.DataFrame) -> Iterator[Finding]:
    """Temporal clustering of what memory, and people, recall one after the other."""
    yield from _recalls(report, "temporal_clustering", "percentile rank", "temporal clustering")


def asymmetry(report: pd.DataFrame) -> Iterator[Finding]:
    """Whether recall goes forward more often than back."""
    yield from _recalls(report, "forward_asymmetry", "lag 1", "forward asymmetry of steps of one event")


def _recalls(report: pd.DataFrame, metric: str, variant: str, name: str) -> Iterator[Finding]:
    rows = report[(report["metric"] == metric) & (report["variant"] == variant)]
    for row in rows.to_dict("records"):
        said = f"{row['method']}: {name} {row['estimate']:.3g}"
        if row["p"] != row["p"]:
            yield Finding(data_of(row), said, interval(row), None, "by construction")
            continue
        agrees = bool(row["estimate"] > row["null_mean"]) if row["p"] < LEVEL else None
        said += f", chance {row['null_mean']:.3g}, p {p_is(row['p'])}"
        yield Finding(data_of(row), said, interval(row), agrees)


def beyond_window(report: pd.DataFrame) -> Iterator[Finding]:
    """Memory against the sliding window alone, of what lies beyond it."""
    yield from _against(report, "window")


def beyond_fixed(report: pd.DataFrame) -> Iterator[Finding]:
    """Memory of events against memory of fixed blocks, of what lies beyond the window."""
    yield from _against(report, "F")


def _against(report: pd.DataFrame, other: str) -> Iterator[Finding]:
    for row in _differences(report):
        if row["against"] != other:
            continue
        agrees = bool(row["estimate"] > 0) if row["p"] < LEVEL else None
        yield Finding(f"emcog.tasks/{row['story']}", _compared(row, f"beyond {row['window']:,.0f} tokens"),
                      interval(row), agrees, _ceiling(row))  # fmt: skip


def budget(report: pd.DataFrame) -> Iterator[Finding]:
    """The largest budget of recalled tokens against the smallest: whether the difference is little."""
    for row in _differences(report):
        if not row["method"].startswith("SM ") or row["n_mem"] == 0:
            continue
        agrees = None
        if row["ci_low"] > -LITTLE and row["ci_high"] < LITTLE:
            agrees = True
        elif row["ci_low"] > LITTLE or row["ci_high"] < -LITTLE:
            agrees = False
        yield Finding(f"emcog.tasks/{row['story']}", _compared(row, "n_mem"), interval(row), agrees, _ceiling(row))


def any_budget(report: pd.DataFrame) -> Iterator[Finding]:
    """The largest budget of recalled tokens against none."""
    for row in _differences(report):
        if row["method"].startswith("SM ") and row["n_mem"] == 0:
            agrees = bool(row["estimate"] > 0) if row["p"] < LEVEL else None
            yield Finding(f"emcog.tasks/{row['story']}", _compared(row, "n_mem"), interval(row), agrees, _ceiling(row))


def _differences(report: pd.DataFrame) -> list[dict[str, Any]]:
    return report[report["metric"] == "correct_difference"].to_dict("records")


def _compared(row: Any, where: str) -> str:
    return (
        f"{where}: {row['method']} says {row['share']:.0%} exactly, {row['against']} {row['share_against']:.0%}; "
        f"difference {row['estimate']:+.2f}, p {p_is(row['p'])}, {row['n']} questions each"
    )


def _ceiling(row: Any) -> str:
    return "both at ceiling" if row["share"] == row["share_against"] == 1 else ""


def speed(report: pd.DataFrame) -> Iterator[Finding]:
    """Reading speed at the longest length: whether the quartiles of memory and of full attention are apart."""
    rows = report[report["metric"] == "speed"]
    last = rows[rows["length"] == rows["length"].max()].set_index("method")
    crossing = report[report["metric"] == "crossover"].iloc[0]
    memory, full = last.loc["memory, SM"], last.loc["full attention"]
    told = ", ".join(f"{name} {row['estimate']:,.0f} tokens/s" for name, row in last.iterrows())
    said = f"after {rows['length'].max():,.0f} tokens {told}; {crossing['note'].split('; ')[1]}"
    agrees = None
    if memory["ci_low"] > full["ci_high"]:
        agrees = True
    elif memory["ci_high"] < full["ci_low"]:
        agrees = False
    spread = "; ".join(f"{row['ci_low']:,.0f} to {row['ci_high']:,.0f}" for row in (memory, full))
    yield Finding("random tokens", said, f"quartiles {spread}", agrees)


def calibrated(report: pd.DataFrame) -> Iterator[Finding]:
    """Tests that say too often that there is something, each under its own null model."""
    from scipy.stats import binom

    rows = report[~report["test"].isin(["power", "coverage"])]
    rows = rows[[is_default(metric, null) for metric, null in zip(rows["metric"], rows["null_model"], strict=True)]]
    if rows.empty:
        return
    worst = rows.loc[rows["estimate"].idxmax()]
    hits = (rows["estimate"] * rows["n"]).astype(float).round()
    above = len(rows) * binom.sf(hits - 1, rows["n"].astype(float), LEVEL) < LEVEL
    high = sorted({f"{one['metric']} ({one['kind']})" for one in rows[above].to_dict("records")})
    said = (
        f"of {len(rows)} tests the worst says p < .05 in {worst['estimate']:.1%} of {worst['n']} runs "
        f"({worst['metric']}, {worst['kind']}); upper limits reach {rows['ci_high'].max():.0%}; "
        f"above 5% after correction: {', '.join(high) or 'none'}"
    )
    agrees = False if high else True if rows["ci_high"].max() < CAREFUL else None
    yield Finding("simulated", said, interval(worst), agrees, "" if agrees is not None else "too few runs to tell")
