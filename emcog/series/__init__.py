"""Any series of vectors cut into events: fMRI parcels, embeddings of video frames or of sentences.

The room is not called segment_features, as its one function is: Python would put the module in the function's place as
`emcog.segment_features` once it is imported.
"""

from emcog.series.features import FeatureSegmentation, segment_features
from emcog.series.settings import SERIES_KINDS, SERIES_PROPOSALS, SeriesSettings

__all__ = ["SERIES_KINDS", "SERIES_PROPOSALS", "FeatureSegmentation", "SeriesSettings", "segment_features"]
