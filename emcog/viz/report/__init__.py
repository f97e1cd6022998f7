"""The HTML report: one file that opens offline, made of tables."""

from emcog.viz.report.document import html_report, save_report
from emcog.viz.report.payload import ReportMethod, ReportPeople

__all__ = ["ReportMethod", "ReportPeople", "html_report", "save_report"]
