"""The texts of a drawn figure, and which of them lie on each other."""

from itertools import combinations

from matplotlib.figure import Figure
from matplotlib.text import Text

from emcog.viz.style import emcog_style

TOUCH = 1.0
"""Pixels by which two boxes may overlap: boxes have room for ascenders and descenders that a text may not have."""


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts whose boxes overlap, among those that are really drawn (not ticks beyond the axes, say)."""
    drawn = {}
    draw = Text.draw

    def noted(self, renderer, *rest, **more):
        draw(self, renderer, *rest, **more)
        if self.get_visible() and self.get_text().strip():
            drawn[id(self)] = self.get_text(), self.get_window_extent(renderer)

    try:
        Text.draw = noted
        with emcog_style():
            figure.canvas.draw()
    finally:
        Text.draw = draw
    return [(a, b) for (a, one), (b, other) in combinations(drawn.values(), 2)
            if min(one.x1, other.x1) - max(one.x0, other.x0) > TOUCH
            and min(one.y1, other.y1) - max(one.y0, other.y0) > TOUCH]  # fmt: skip
