"""Where events begin: proposals by name, refinement by the similarity graph, words and sentences to snap to."""

from emcog.boundaries.baselines import fixed, shuffled
from emcog.boundaries.lengths import merge_short, split_long
from emcog.boundaries.peaks import peaks
from emcog.boundaries.proposals import PROPOSALS, Story, propose
from emcog.boundaries.ranked import by_rank, place_apart, take_ranked
from emcog.boundaries.refinement import refine
from emcog.boundaries.threshold import running_scores, threshold, too_few
from emcog.boundaries.units import (
    nearest,
    sentence_characters,
    sentence_tokens,
    sentence_tokens_in_pieces,
    word_tokens,
    word_tokens_in_pieces,
)

__all__ = [
    "PROPOSALS",
    "Story",
    "by_rank",
    "fixed",
    "merge_short",
    "nearest",
    "peaks",
    "place_apart",
    "propose",
    "refine",
    "running_scores",
    "sentence_characters",
    "sentence_tokens",
    "sentence_tokens_in_pieces",
    "shuffled",
    "split_long",
    "take_ranked",
    "threshold",
    "too_few",
    "word_tokens",
    "word_tokens_in_pieces",
]
