"""The straight line: a transcript is listened to, boundaries are proposed and refined, and told as events."""

from emcog.segmenting.settings import METHODS, SegmentSettings, check_settings
from emcog.segmenting.straight import segment

__all__ = ["METHODS", "SegmentSettings", "check_settings", "segment"]
