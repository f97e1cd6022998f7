"""People's boundaries: annotation sets and their readers, consensus, crowds on the units of a story, datasets."""

from emcog.human.align import spread_by_characters, timed_transcript
from emcog.human.annotations import AnnotationSet, make_marks, make_ratings
from emcog.human.checks import find_problems
from emcog.human.consensus import RULES, ConsensusRule, segmentation_magnitude
from emcog.human.crowd import Crowd, crowd_of_boundaries, crowd_of_marks, units_of
from emcog.human.datasets import Dataset, load_dataset
from emcog.human.given import dataset_item, of_grade, people_of
from emcog.human.observers import observer_report
from emcog.human.readers import ANNOTATION_FORMATS, read_annotations

__all__ = [
    "ANNOTATION_FORMATS",
    "RULES",
    "AnnotationSet",
    "ConsensusRule",
    "Crowd",
    "Dataset",
    "crowd_of_boundaries",
    "crowd_of_marks",
    "dataset_item",
    "find_problems",
    "load_dataset",
    "make_marks",
    "make_ratings",
    "observer_report",
    "of_grade",
    "people_of",
    "read_annotations",
    "segmentation_magnitude",
    "spread_by_characters",
    "timed_transcript",
    "units_of",
]
