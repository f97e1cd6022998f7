"""results/SUMMARY.md: each claim, what the paper reports, what came out here, and whether it agrees; all by code."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from emcog.errors import DataError
from emcog.pages import markdown_table
from emcog.reproduce.claims import CLAIMS, Claim
from emcog.reproduce.finding import Finding
from emcog.reproduce.listed import ANALYSES
from emcog.reproduce.reports import read_report

ANSWERS = {True: "yes", False: "no", None: "open"}


TIME = "By the clock, without drawing. What one analysis heard of a story is not heard again by the next."


def summary_page(results: Path) -> str:
    """The page as Markdown, from the reports that lie in `results`; analyses without a report are named.

    agrees : "yes" or "no" by the claim's own rule, written beside it; "open" where the data cannot tell, with why.
    """
    rows, sections, without = [], [], []
    caveats: list[str] = []
    missing: list[str] = []
    took: list[dict[str, Any]] = []
    for name in ANALYSES:
        try:
            report = read_report(results / name)
        except DataError:
            without.append(name)
            continue
        for claim in CLAIMS.get(name, ()):
            found = list(claim.find(report))
            answers = Counter(ANSWERS[one.agrees] for one in found)
            told = ", ".join(f"{answers[word]} {word}" for word in ANSWERS.values() if answers[word])
            rows.append({"claim": claim.text, "agrees, by set of data": told or "nothing to tell", "analysis": name})
            sections += _section(claim, found, report)
        caveats += [f"- {line}" for line in report.attrs["provenance"]["caveats"]]
        missing += [f"- {name}: {line}" for line in report.attrs["provenance"]["missing"]]
        took += _took(name, report.attrs["provenance"])
    if not rows:
        return "# What came out\n\nNo reports yet: emcog reproduce makes them.\n"
    lines = [
        "# What came out",
        "",
        "Written by `emcog reproduce` from the reports. What the papers say is typed in, with the place; nothing else "
        'is. A claim agrees or not by the rule beside it; "open" where the data cannot tell. The paper\'s numbers '
        "belong to far larger models and mostly to other data: compare directions, not sizes.",
        "",
        markdown_table(pd.DataFrame(rows)),
        *(["", "Without a report: " + ", ".join(without) + "."] if without else []),
        *sections,
        *(["", "## Mind", "", *dict.fromkeys(caveats)] if caveats else []),
        *(["", "## Not there", "", *dict.fromkeys(missing)] if missing else []),
        *(["", "## Time", "", TIME, "", markdown_table(pd.DataFrame(took), 1)] if took else []),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _took(name: str, told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row on how long an analysis took, where its report says so."""
    if "took" not in told:
        return []
    settings = "quick" if told["settings"]["quick"] else "full"
    return [{"analysis": name, "settings": settings, "seconds": told["took"]["seconds"],
             "cores": told["took"]["cores"]}]  # fmt: skip


def _section(claim: Claim, found: list[Finding], report: pd.DataFrame) -> list[str]:
    table = pd.DataFrame([{"data": one.data, "what came out": one.said, "95% interval": one.interval,
                           "agrees": _answer(one)} for one in found])  # fmt: skip
    told = report.attrs["provenance"]
    model = f"{told['model']['name']} (weights {told['model']['weights'][:12]})" if told["model"] else "none"
    settings = "quick" if told["settings"]["quick"] else "full"
    return [
        "", f"## {claim.text}", "",
        f"- The paper: {claim.paper} ({claim.source}).",
        f"- Agrees if: {claim.rule}.",
        f"- Model: {model}; {settings} settings, seed {told['settings']['seed']}.",
        "", markdown_table(table) if len(table) else "There is nothing to tell.",
    ]  # fmt: skip


def _answer(one: Finding) -> str:
    """yes, no, or open, with why it is open."""
    return ANSWERS[one.agrees] + (f" ({one.why})" if one.agrees is None and one.why else "")
