"""Readers of people's boundaries: one module a family of formats, and one door for all of them."""

from emcog.human.readers.kumar import read_kumar_transcript
from emcog.human.readers.reading import ANNOTATION_FORMATS, AnnotationFormat, read_annotations

__all__ = ["ANNOTATION_FORMATS", "AnnotationFormat", "read_annotations", "read_kumar_transcript"]
