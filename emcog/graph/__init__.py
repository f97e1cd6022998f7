"""The similarity graph of keys: how it is formed, and how well a segmentation fits it. Arrays only."""

from emcog.graph.banded import BandedGraph
from emcog.graph.scores import METRICS, Score, conductance, intra_inter_similarity, modularity, score
from emcog.graph.similarity import similarity
from emcog.graph.sums import NEGATIVE, BlockSums, block_sums

__all__ = [
    "METRICS",
    "NEGATIVE",
    "BandedGraph",
    "BlockSums",
    "Score",
    "block_sums",
    "conductance",
    "intra_inter_similarity",
    "modularity",
    "score",
    "similarity",
]
