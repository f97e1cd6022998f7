"""The paper again, by script: what the analyses share, which there are, their reports, and what came out."""

from importlib import import_module
from typing import TYPE_CHECKING

from emcog.reproduce.listed import ANALYSES, FIGURES, Analysis, Drawing

if TYPE_CHECKING:
    from emcog.reproduce.heard import Heard, hear
    from emcog.reproduce.reports import is_done, read_report, records, report_table, write_report
    from emcog.reproduce.running import analyse, draw, load_script, make_report
    from emcog.reproduce.setting import Setting, lent_lm
    from emcog.reproduce.stories import Stimulus, find_stories
    from emcog.reproduce.summary import summary_page

# The names of the analyses cost nothing; what runs them brings torch along, and is fetched when first used.
_HOMES = {
    "Heard": "heard", "hear": "heard",
    "is_done": "reports", "read_report": "reports", "records": "reports", "report_table": "reports",
    "write_report": "reports",
    "analyse": "running", "draw": "running", "load_script": "running", "make_report": "running",
    "Setting": "setting", "lent_lm": "setting",
    "Stimulus": "stories", "find_stories": "stories",
    "summary_page": "summary",
}  # fmt: skip

__all__ = [
    "ANALYSES",
    "FIGURES",
    "Analysis",
    "Drawing",
    "Heard",
    "Setting",
    "Stimulus",
    "analyse",
    "draw",
    "find_stories",
    "hear",
    "is_done",
    "lent_lm",
    "load_script",
    "make_report",
    "read_report",
    "records",
    "report_table",
    "summary_page",
    "write_report",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f"emcog.reproduce.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'emcog.reproduce' has no attribute {name!r}")
