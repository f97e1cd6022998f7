"""The straight line: a transcript is listened to, boundaries are proposed and refined, and told as events."""

from typing import TYPE_CHECKING

from emcog.segmenting.settings import METHODS, SegmentSettings, make_settings

if TYPE_CHECKING:
    from emcog.segmenting.straight import segment

__all__ = ["METHODS", "SegmentSettings", "make_settings", "segment"]


def __getattr__(name: str) -> object:
    # Settings are checked before anything heavy is loaded; `segment` brings torch along.
    if name == "segment":
        from emcog.segmenting.straight import segment

        return segment
    raise AttributeError(f"module 'emcog.segmenting' has no attribute {name!r}")
