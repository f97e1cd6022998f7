"""results/SUMMARY.md: each claim, what the paper reports, what came out here, and whether it agrees; all by code."""

from pathlib import Path

import pandas as pd

from emcog.errors import DataError
from emcog.pages import markdown_table
from emcog.reproduce.claims import CLAIMS, Claim, Finding
from emcog.reproduce.listed import ANALYSES
from emcog.reproduce.reports import read_report


def summary_page(results: Path) -> str:
    """The page as Markdown, from the reports that lie in `results`; analyses without a report are named.

    agrees : "yes" or "no" by the claim's own rule, written beside it; "open" where the data cannot tell.
    """
    rows, without, told = [], [], []
    for name in ANALYSES:
        try:
            report = read_report(results / name)
        except DataError:
            without.append(name)
            continue
        for claim in CLAIMS.get(name, ()):
            rows += [_row(claim, finding, report) for finding in claim.find(report)]
        missing = report.attrs["provenance"]["missing"]
        caveats = report.attrs["provenance"]["caveats"]
        told += [f"- {name}: not there: {line}" for line in missing] + [f"- {name}: {line}" for line in caveats]
    lines = [
        "# What came out",
        "",
        "Written by `emcog reproduce` from the reports; nothing here is typed by hand. The paper is Fountas et al. "
        "(2025, ICLR), unless another is named; its claims are given in words, without its numbers, which belong "
        "to far larger models and to other data. An interval is 95% and in brackets.",
        "",
        markdown_table(pd.DataFrame(rows)) if rows else "No reports yet.",
        "",
        "How agreement is decided:",
        "",
        *[f"- {claim.text}: {claim.rule}" for name in ANALYSES for claim in CLAIMS.get(name, ())],
        "",
        *(["Without a report: " + ", ".join(without) + ".", ""] if without else []),
        *dict.fromkeys(told),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _row(claim: Claim, finding: Finding, report: pd.DataFrame) -> dict[str, str]:
    provenance = report.attrs["provenance"]
    agrees = {True: "yes", False: "no", None: "open"}[finding.agrees]
    settings = "quick" if provenance["settings"]["quick"] else "full"
    return {"claim": claim.text, "the paper": f"{claim.paper} ({claim.source})", "here": finding.said,
            "data": finding.data, "model": (provenance["model"] or {}).get("name", "none"),
            "settings": settings, "agrees": agrees}  # fmt: skip
