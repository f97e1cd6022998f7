"""Agreement of segmentations with people: a registry of measures, each for one segmentation or for thousands.

How to use it:

    from emcog.stats.agreement import MEASURES, AgreementSettings, Partitions, ceiling, ceilings

    crowd = annotations.crowd(segmentation)                  # emcog.human.Crowd: people on the words of the story
    measure = MEASURES["f1"]
    measure.missing(crowd)                                   # None, or why it cannot be computed (for the note)
    measure.score(boundaries, crowd, settings)               # float; boundaries are first units (words) of events
    measure.score_many(Partitions(mask), crowd, settings)    # float array (n_partitions,)
    ceiling(measure, crowd, settings)                        # people against each other, leave-one-out: mean, values, n
    ceilings([(measure, variant), ...], crowd, settings)     # the same for many measures at the price of one

- A batch of null partitions is a `Partitions`, made of a bool mask (n_partitions, n_units), or by `Partitions.of` of
  starts (lists, or one int matrix padded with -1 or n_units). The caller cuts 10,000 of them into batches of some MB,
  and hands the same batch to each measure: what they share (cumulative counts) is computed once. No measure loops over
  partitions in Python.
- Boundary 0 never counts: neither the segmentation's nor the crowd's.
- `measure.variants` names the forms (Wasserstein: units, s, share); score and score_many take `variant=`.
- For a row of the table: `measure.unit_of(crowd, variant)`, `crowd.bin_s`, `settings.tolerance` where
  `measure.tolerant` (its unit `settings.tolerance_unit`), `measure.higher`, and `measure.beside`, the measures that
  must be shown with it.
- What is undefined is NaN.
- `measure.tested_many(batch, crowd, settings, variant)` is what a p comes from: the value itself, but for Wasserstein.
- Two segmentations are compared by making a crowd of one: `emcog.human.crowd_of_boundaries`.
- Not in the registry, because they are of another kind: `peakiness` (of a crowd alone), `peri_event` (a signal around
  boundaries), `signal_correlation` (a signal and a crowd).
"""

from emcog.stats.agreement.ceiling import Ceiling, ceiling, ceilings
from emcog.stats.agreement.correlation import agreement_index, point_biserial, signal_correlation
from emcog.stats.agreement.edits import boundary_similarity
from emcog.stats.agreement.matched import boundary_density, matched, matched_precision, surprise_index
from emcog.stats.agreement.matching import count_matches, f1, precision, recall
from emcog.stats.agreement.measure import AgreementSettings, Measure
from emcog.stats.agreement.partitions import Partitions
from emcog.stats.agreement.peakiness import peakiness
from emcog.stats.agreement.peri_event import PeriEvent, peri_event
from emcog.stats.agreement.positions import (
    around,
    count_ratio,
    wasserstein_seconds,
    wasserstein_share,
    wasserstein_units,
)
from emcog.stats.agreement.sentences import hamming
from emcog.stats.agreement.windows import HALF_EVENT, pk, window_diff

ONE_TO_ONE = "one-to-one at the tolerance, by assignment"
EVENT_LENGTHS = "shuffled_lengths"  # as Baldassano et al. (2017) compare

MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure(
            "precision", "share of the segmentation's boundaries that match the people's, one to one",
            {ONE_TO_ONE: precision}, "share", tolerant=True, beside=("recall",),
        ),
        Measure(
            "recall", "share of the people's boundaries that are matched, one to one",
            {ONE_TO_ONE: recall}, "share", tolerant=True, beside=("precision",),
        ),
        Measure(
            "f1", "harmonic mean of precision and recall",
            {ONE_TO_ONE: f1}, "share", tolerant=True,
        ),
        Measure(
            "pk", "share of pairs of units at odds (Beeferman et al. 1999); 0 is agreement",
            {HALF_EVENT: pk}, "share", higher=False,
        ),
        Measure(
            "window_diff", "share of windows with different counts (Pevzner & Hearst 2002); 0 is agreement",
            {HALF_EVENT: window_diff}, "share", higher=False,
        ),
        Measure(
            "boundary_similarity", "one minus the cost of edits, near misses cheaper (Fournier 2013)",
            {"B": boundary_similarity}, "index",
        ),
        Measure(
            "hamming", "share of sentence ends at odds (Michelmann et al. 2025); 0 is agreement",
            {"nearest sentence end": hamming}, "share", needs=("consensus", "sentences"), higher=False,
        ),
        Measure(
            "wasserstein", "W1 between boundary positions as unit masses (after Fountas et al. 2025); 0 is agreement",
            {"units": wasserstein_units, "s": wasserstein_seconds, "share": wasserstein_share},
            {"units": "units", "s": "s", "share": "share of the story"}, higher=False, beside=("count_ratio",),
            tested={"units": around, "s": around, "share": around}, tested_name="the distance around a circle",
        ),
        Measure(
            "count_ratio", "the segmentation's number of boundaries over the people's",
            {"counts": count_ratio}, "ratio", higher=None,
        ),
        Measure(
            "agreement_index", "segmentation agreement index (Kurby & Zacks 2011)",
            {"r scaled to its attainable range": agreement_index}, "index", needs=("observers",),
        ),
        Measure(
            "point_biserial", "correlation of boundaries with the proportion of observers (Tate 1954)",
            {"proportion of observers": point_biserial}, "r", needs=("observers",),
        ),
        Measure(
            "matched", "share of the people's boundaries with one of ours near (Baldassano et al. 2017)",
            {"any within the tolerance": matched}, "share", tolerant=True, beside=("matched_precision",),
            null=EVENT_LENGTHS,
        ),
        Measure(
            "matched_precision", "share of our boundaries with one of the people's near",
            {"any within the tolerance": matched_precision}, "share", tolerant=True, beside=("matched",),
        ),
        Measure(
            "boundary_density", "people's segmentation magnitude at our boundaries over its mean; 1 is chance",
            {"segmag": boundary_density}, "ratio", needs=("observers",),
        ),
        Measure(
            "surprise_index", "-log2 chance of so many overlaps under Poisson presses (Katori et al. 2018)",
            {"Poisson": surprise_index}, "bits", tolerant=True,
        ),
    )
}  # fmt: skip
"""Every measure by name, in the order of a table."""

__all__ = [
    "MEASURES",
    "AgreementSettings",
    "Ceiling",
    "Measure",
    "Partitions",
    "PeriEvent",
    "ceiling",
    "ceilings",
    "count_matches",
    "peakiness",
    "peri_event",
    "signal_correlation",
]
