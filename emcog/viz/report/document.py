"""The HTML report: a page, its style sheet, its script and the data, put into one file."""

import base64
import hashlib
import html
import json
import os
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from emcog.excerpts import counted
from emcog.files import write_files
from emcog.viz.report.payload import ReportMethod, ReportPeople, as_json, payload
from emcog.viz.report.results import results_section

SCRIPTS = ("data.js", "transcript.js", "timeline.js", "numbers.js", "report.js")
"""In the order in which they stand in the page, as one module."""


def html_report(
    methods: Sequence[ReportMethod],
    *,
    title: str,
    people: Sequence[ReportPeople] = (),
    results: pd.DataFrame | None = None,
    units: Mapping[str, str] | None = None,
    meanings: Mapping[str, str] | None = None,
) -> str:
    """A report as one self-contained HTML page that needs no network.

    The same arguments give the same page. Whatever stands in the tables is shown as text and never run: the page's
    content security policy allows nothing but its own script and style sheet, by their hashes.

    Parameters
    ----------
    methods : the segmentations of one story that can be switched between; the first is shown first.
    title : the story's name.
    people : people's boundaries on the same words, for the margin and the timeline.
    results : a table of results with the columns of `emcog.stats.COLUMNS`; its p_bh are shown as they are.
    units : of each signal; "bits" where none is given.
    meanings : what each measure of `results` says, by its metric.

    Returns
    -------
    str, the page.

    Raises
    ------
    DataError : no segmentations, a story without words, segmentations or people of different stories.
    OptionError : a method's signal is none of its columns.
    """
    units = {signal: (units or {}).get(signal, "bits") for method in methods for signal in method.signals}
    data = as_json(payload(methods, people, results, units, title))
    style = _asset("style.css")
    script = "\n".join(_asset(name) for name in SCRIPTS)
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'"
    parts = {
        "title": html.escape(title),
        "policy": policy,
        "style": style,
        "counts": html.escape(_counts(methods, people)),
        "people": "" if people else " hidden",
        "results": "" if results is None else results_section(results, meanings or {}),
        "results_link": "" if results is None else '<a href="#statistics">Statistics</a>',
        "results_button": "" if results is None else '<button type="button" data-csv="results">Statistics</button>',
        "provenance": "\n".join(map(_provenance, methods)),
        "data": data,
        "script": script,
    }
    # In one go, so that a mark that stands in a story is not taken for one of the page's.
    return re.sub(r"\{\{(\w+)\}\}", lambda mark: parts[mark[1]], _asset("page.html"))


def save_report(path: str | os.PathLike[str], page: str) -> Path:
    """Write a page, whole or not at all. StorageError where the folder cannot be written to."""
    path = Path(path)
    return write_files(path.parent, {path.name: page.encode()})[0]


def _asset(name: str) -> str:
    return (files("emcog.viz.report") / name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _counts(methods: Sequence[ReportMethod], people: Sequence[ReportPeople]) -> str:
    n = len(methods[0].words)
    told = [counted(n, "word"), *dict.fromkeys(_model(method.provenance) for method in methods)]
    for one in people:
        who = counted(one.n_observers, "observer") if one.n_observers else "a list of boundaries"
        told.append(f"people: {one.name}, {who}")
    return " · ".join(part for part in told if part)


def _model(provenance: Mapping[str, Any]) -> str:
    model = provenance.get("model", "")
    name = str(model.get("name", "")) if isinstance(model, Mapping) else str(model)
    return "embedded language model" if name == "embedded" else name


def _provenance(method: ReportMethod) -> str:
    record = json.dumps(method.provenance, indent=2, ensure_ascii=False, default=str)
    return f"<details><summary>{html.escape(method.name)}</summary><pre>{html.escape(record)}</pre></details>"
