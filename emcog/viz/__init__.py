"""Figures as functions of tables: nothing here computes statistics or loads a model."""

from emcog.viz.report import ReportMethod, ReportPeople, html_report, save_report
from emcog.viz.story import plot_segmentation
from emcog.viz.style import figure_bytes, save_figure

__all__ = [
    "ReportMethod",
    "ReportPeople",
    "figure_bytes",
    "html_report",
    "plot_segmentation",
    "save_figure",
    "save_report",
]
