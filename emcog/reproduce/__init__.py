"""The paper again, by script: what the analyses share, which there are, their reports, and what came out."""

from emcog.reproduce.heard import Heard, hear
from emcog.reproduce.listed import ANALYSES, FIGURES, Analysis, Drawing
from emcog.reproduce.reports import is_done, read_report, records, report_table, write_report
from emcog.reproduce.running import analyse, draw, load_script, make_report
from emcog.reproduce.setting import Setting
from emcog.reproduce.stories import Stimulus, find_stories
from emcog.reproduce.summary import summary_page

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
    "load_script",
    "make_report",
    "read_report",
    "records",
    "report_table",
    "summary_page",
    "write_report",
]
