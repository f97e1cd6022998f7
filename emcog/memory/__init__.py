"""Episodic memory: a language model that reads without end, forms events, and recalls them."""

from emcog.memory.config import MemoryConfig
from emcog.memory.episodic import EpisodicLM
from emcog.memory.saving import read_manifest, read_tables

__all__ = ["EpisodicLM", "MemoryConfig", "read_manifest", "read_tables"]
