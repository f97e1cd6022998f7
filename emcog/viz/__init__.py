"""Figures as functions of tables: nothing here computes statistics or loads a model."""

from emcog.viz.story import plot_segmentation
from emcog.viz.style import figure_bytes, save_figure

__all__ = ["figure_bytes", "plot_segmentation", "save_figure"]
