"""emcog: where a story's events begin and end, by surprise and by memory.

    import emcog
    story = emcog.read_transcript("story.txt")
    events = emcog.segment(story).events

Importing this package loads nothing heavy: each public name is fetched from its room when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOMES = {
    "read_transcript": "emcog.transcript",
    "Transcript": "emcog.transcript",
    "load_lm": "emcog.lm",
    "listen": "emcog.lm",
    "Listening": "emcog.lm",
    "segment": "emcog.segmenting",
    "segment_features": "emcog.series",
    "Segmentation": "emcog.segmentation",
    "EpisodicLM": "emcog.memory",
    "MemoryConfig": "emcog.memory",
    "AnnotationSet": "emcog.human",
    "load_dataset": "emcog.human",
    "compare": "emcog.stats",
    "EmcogError": "emcog.errors",
}

_ROOMS = ("human", "stats", "tasks", "viz")
"""Packages that need no import of their own: emcog.stats.regress(...)."""

__all__ = ["__version__", *_HOMES]

if TYPE_CHECKING:
    from emcog.errors import EmcogError
    from emcog.human import AnnotationSet, load_dataset
    from emcog.lm import Listening, listen, load_lm
    from emcog.memory import EpisodicLM, MemoryConfig
    from emcog.segmentation import Segmentation
    from emcog.segmenting import segment
    from emcog.series import segment_features
    from emcog.stats import compare
    from emcog.transcript import Transcript, read_transcript


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _ROOMS:
        return import_module(f"emcog.{name}")
    raise AttributeError(f"module 'emcog' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_ROOMS])
