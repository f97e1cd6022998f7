"""The statistics tables of the HTML report, as HTML that needs no script."""

import html
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

WIDTH, HEIGHT, EDGE = 150.0, 18.0, 7.0  # of the little picture beside each row, in CSS pixels
HEAD = ("Method", "Estimate", "95% CI", "", "People", "Chance", "z", "p", "p corrected", "n")


def results_section(results: pd.DataFrame, meanings: Mapping[str, str]) -> str:
    """The section of statistics: a table for each set of people's data, measure by measure.

    Every number stands in a `data` element whose value has all its digits; what is shown has three that count.

    Parameters
    ----------
    results : with the columns of `emcog.stats.COLUMNS`, one row a method, measure and variant.
    meanings : what each measure says.
    """
    tables = [_table(str(name), part, meanings) for name, part in results.groupby("dataset", sort=False)]
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in dict.fromkeys(_notes(results)))
    return (
        '<section id="statistics" aria-labelledby="statistics-title">'
        '<h2 id="statistics-title">Agreement with people</h2>'
        f"{_LEGEND}{''.join(tables) or '<p>There is nothing to compare.</p>'}"
        f'<ul class="notes">{notes}</ul></section>'
    )


_LEGEND = (
    '<p class="legend">Each row’s picture: '
    '<svg width="18" height="12" aria-hidden="true"><rect class="null" x="0" y="1" width="18" height="10"/></svg> '
    "chance, mean ± 2 SD; "
    '<svg width="26" height="12" aria-hidden="true"><line class="ci" x1="0" x2="26" y1="6" y2="6"/>'
    '<circle class="dot" cx="13" cy="6" r="4"/></svg> the estimate with its 95% interval; '
    '<svg width="12" height="12" aria-hidden="true"><path class="ceiling" d="M6 1 11 6 6 11 1 6Z"/></svg> '
    "people against each other. The scale is the same within a measure. Small p in bold: below .05 after correction."
    "</p>"
)


def _table(name: str, part: pd.DataFrame, meanings: Mapping[str, str]) -> str:
    head = "".join(f'<th scope="col">{column or _unseen("Picture")}</th>' for column in HEAD)
    bodies = [
        _measure(group, meanings.get(str(metric), "")) for (metric, _), group in part.groupby(
            ["metric", "variant"], sort=False
        )
    ]  # fmt: skip
    label = html.escape(f"Agreement with {name}" if name else "Agreement with people", quote=True)
    return (
        f'<div class="scroll" role="region" aria-label="{label}" tabindex="0"><table class="results">'
        f"<caption>{label}</caption><thead><tr>{head}</tr></thead>{''.join(bodies)}</table></div>"
    )


def _measure(group: pd.DataFrame, meaning: str) -> str:
    first = group.iloc[0]
    about = "; ".join(str(part) for part in (first["variant"], first["unit"], meaning) if part)
    head = (
        f'<tr><th scope="rowgroup" colspan="{len(HEAD)}"><div><b>{html.escape(_words(first["metric"]))}</b>'
        f"<small>{html.escape(about)}</small></div></th></tr>"
    )
    low, high = _scale(group)
    return f"<tbody>{head}{''.join(_row(row, low, high) for row in group.to_dict('records'))}</tbody>"


def _row(row: Mapping[str, Any], low: float, high: float) -> str:
    interval = f"{_data(row['ci_low'])} to {_data(row['ci_high'])}" if _there(row["ci_low"]) else "–"
    chance = f"{_data(row['null_mean'])} ± {_data(row['null_sd'])}" if _there(row["null_mean"]) else "–"
    small = _there(row["p_bh"]) and row["p_bh"] < 0.05
    corrected = f"<b>{_data(row['p_bh'], _p)}</b>" if small else _data(row["p_bh"], _p)
    cells = [_data(row["estimate"]), interval, _picture(row, low, high), _data(row["ceiling"]), chance, _data(row["z"]),
             _data(row["p"], _p), corrected, _data(row["n"], lambda n: f"{int(n):,}")]  # fmt: skip
    method = html.escape(str(row["method"]))
    told = "".join(f"<td>{cell}</td>" for cell in cells)
    attribute = html.escape(str(row["method"]), quote=True)
    return f'<tr data-method="{attribute}"><th scope="row">{method}</th>{told}</tr>'


def _scale(group: pd.DataFrame) -> tuple[float, float]:
    """Limits of the pictures of one measure: everything that they show fits."""
    mean, sd = (group[c].astype("float64").to_numpy() for c in ("null_mean", "null_sd"))
    shown = [group[c].astype("float64").to_numpy() for c in ("estimate", "ci_low", "ci_high", "ceiling")]
    values = np.concatenate([*shown, mean - 2 * sd, mean + 2 * sd])
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)


def _picture(row: Mapping[str, Any], low: float, high: float) -> str:
    """The row at a glance; everything in it stands in the cells beside it, so a screen reader passes over it."""
    if not _there(row["estimate"]):
        return ""
    span = (high - low) or 1.0

    def at(value: float) -> float:
        """Where a value stands, in the picture's units."""
        return round(EDGE + (float(value) - low) / span * (WIDTH - 2 * EDGE), 1)

    middle, drawn = HEIGHT / 2, []
    if _there(row["null_mean"]) and _there(row["null_sd"]):
        left, right = (at(row["null_mean"] + k * row["null_sd"]) for k in (-2, 2))
        drawn.append(f'<rect class="null" x="{left}" y="2" width="{max(right - left, 1):.1f}" height="{HEIGHT - 4}"/>')
    if _there(row["ci_low"]) and _there(row["ci_high"]):
        left, right = at(row["ci_low"]), at(row["ci_high"])
        drawn.append(f'<line class="ci" x1="{left}" x2="{right}" y1="{middle}" y2="{middle}"/>')
    if _there(row["ceiling"]):
        x = at(row["ceiling"])
        drawn.append(f'<path class="ceiling" d="M{x} {middle - 6}l6 6-6 6-6-6Z"/>')
    drawn.append(f'<circle class="dot" cx="{at(row["estimate"])}" cy="{middle}" r="4"/>')
    return f'<svg width="{WIDTH:g}" height="{HEIGHT:g}" aria-hidden="true">{"".join(drawn)}</svg>'


def _notes(results: pd.DataFrame) -> list[str]:
    notes = [str(note) for note in results["note"] if note]
    for row in results.to_dict("records"):
        if row["null_model"] and _there(row["n_null"]):
            model = _words(row["null_model"])
            notes.append(f"Chance: {model}, {int(row['n_null']):,} draws, seed {row['seed']}.")
    return notes


def _data(value: Any, show: Any = None) -> str:
    if not _there(value):
        return "–"
    exact = repr(value.item() if isinstance(value, np.generic) else value)
    return f'<data value="{exact}">{html.escape((show or number)(value))}</data>'


def number(value: float) -> str:
    """A number with three digits that count, without an exponent where that stays readable: 0.0123, 12.3, 1235.

    What arithmetic leaves over of nothing (below 1e-12) is 0.
    """
    value, size = float(value), abs(float(value))
    if size < 1e-12:
        return "0"
    return f"{value:.0f}" if size >= 100 else f"{value:#.3g}" if size >= 1e-4 else f"{value:.2e}"


def _p(value: float) -> str:
    return "< .001" if value < 0.001 else f"{value:.3f}".removeprefix("0")


def _words(name: Any) -> str:
    return str(name).replace("_", " ")


def _unseen(text: str) -> str:
    return f'<span class="unseen">{text}</span>'


def _there(value: Any) -> bool:
    return not (value is None or value is pd.NA or value != value)
