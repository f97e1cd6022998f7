"""What a measure of agreement is, and the settings that all of them share."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from emcog.errors import DataError
from emcog.human import Crowd
from emcog.options import check_choice, check_number
from emcog.stats.agreement.partitions import Partitions
from emcog.stats.nulls import DEFAULT_NULL

Boundaries = Iterable[int] | np.ndarray


@dataclass(frozen=True)
class AgreementSettings:
    """Fixed beforehand and told in every row.

    Attributes
    ----------
    tolerance : boundaries this far apart or less can match (precision, recall, F1, matched, surprise index).
    tolerance_unit : "unit" (words, bins: whatever the crowd's units are) or "s".
    window : units between the two ends of the probe of Pk and WindowDiff; None is half the mean event of the
        consensus.
    transposition : n_t of Boundary Similarity: boundaries up to n_t - 1 units apart are a near miss.
    bandwidth : standard deviation of the Gaussian around each press (boundary density), in seconds, or in units
        where there are no times.
    """

    tolerance: float = 5.0
    tolerance_unit: str = "unit"
    window: int | None = None
    transposition: int = 2
    bandwidth: float = 1.0

    def __post_init__(self) -> None:
        check_number("tolerance", self.tolerance, low=0)
        check_choice("tolerance_unit", self.tolerance_unit, ("unit", "s"))
        if self.window is not None:
            check_number("window", self.window, low=1, integer=True)
        check_number("transposition", self.transposition, low=1, integer=True)
        check_number("bandwidth", self.bandwidth, above=0)


Score = Callable[[Partitions, Crowd, AgreementSettings], np.ndarray]


@dataclass(frozen=True)
class Measure:
    """One measure of agreement between segmentations and a crowd.

    Attributes
    ----------
    name : its key in `MEASURES`.
    doc : what it says, with its source.
    variants : by name, how it is computed for a batch: (partitions, crowd, settings) -> float array
        (n_partitions,). The first is the default.
    unit : of the value, by variant where they differ ("share", "r", "index", "bits", "units", "s", "ratio"). A value
        in "units" is in the crowd's: `unit_of` says which.
    needs : what the crowd must have: "consensus" (a boundary or more), "observers", "sentences", "times".
    higher : whether higher means better agreement; None where neither is better (a ratio of counts).
    tolerant : whether the settings' tolerance has a say, so that a row must name it.
    beside : measures without which this one must not be shown.
    null : the null model that it is compared with where none is asked for (a name in `emcog.stats.NULLS`).
    tested : by variant, what z and p come from in place of the value, where the value's own would not hold.
    tested_name : what that is, in words.
    """

    name: str
    doc: str
    variants: Mapping[str, Score]
    unit: str | Mapping[str, str]
    needs: tuple[str, ...] = ("consensus",)
    higher: bool | None = True
    tolerant: bool = False
    beside: tuple[str, ...] = ()
    null: str = DEFAULT_NULL
    tested: Mapping[str, Score] = field(default_factory=dict)
    tested_name: str = ""

    def unit_of(self, crowd: Crowd, variant: str | None = None) -> str:
        """Unit of the value, in words: "words" where the crowd's units are words."""
        unit = self.unit if isinstance(self.unit, str) else self.unit[self._variant(variant)]
        return f"{crowd.unit}s" if unit == "units" else unit

    def missing(self, crowd: Crowd, variant: str | None = None) -> str | None:
        """Why this crowd cannot be compared with, in a few words for a note; None if it can."""
        needs = self.needs + (("times",) if self.unit_of(crowd, variant) == "s" else ())
        lacks = {
            "consensus": not crowd.consensus.any() and "the consensus has no boundary",
            "observers": not crowd.names and "there are no observers, only a list",
            "sentences": crowd.sentences is None and "sentences are unknown",
            "times": not crowd.timed and "there are no times",
        }
        return next((reason for need in needs if (reason := lacks[need])), None)

    def tested_many(self, batch: Partitions, crowd: Crowd, settings: AgreementSettings, variant: str) -> np.ndarray:
        """What is compared with chance: `score_many`, or what `tested` has in its place. float64 (n_partitions,)."""
        if variant in self.tested:
            return self.tested[variant](batch, crowd, settings)
        return self.score_many(batch, crowd, settings, variant)

    def score_many(
        self,
        partitions: Partitions | np.ndarray,
        crowd: Crowd,
        settings: AgreementSettings | None = None,
        variant: str | None = None,
    ) -> np.ndarray:
        """Value for each partition of a batch; NaN where it is undefined (no boundaries, a constant series).

        Parameters
        ----------
        partitions : a batch, or its bool mask (n_partitions, n_units); some MB a batch (500 of 10,000 units) is fast.
        crowd : on the same units.
        settings : default `AgreementSettings()`.
        variant : one of `variants`.

        Returns
        -------
        float64 array (n_partitions,).

        Raises
        ------
        DataError : another number of units, or a crowd that lacks what the measure needs.
        OptionError : an unknown variant; a tolerance in seconds where there are no times.
        """
        batch = partitions if isinstance(partitions, Partitions) else Partitions(partitions)
        if batch.n_units != crowd.n_units:
            raise DataError(
                f"{self.name}: the segmentation has {batch.n_units} units and the crowd {crowd.n_units}: "
                "lay both on the same words"
            )
        compute = self.variants[self._variant(variant)]
        reason = self.missing(crowd, variant)
        if reason:
            raise DataError(f"{self.name} needs {', '.join(self.needs)}: {reason}")
        return compute(batch, crowd, settings or AgreementSettings())

    def score(
        self,
        boundaries: Boundaries,
        crowd: Crowd,
        settings: AgreementSettings | None = None,
        variant: str | None = None,
    ) -> float:
        """Value for one segmentation, given as the first units of its events (0 may be among them: it never counts)."""
        return float(self.score_many(Partitions.of([boundaries], crowd.n_units), crowd, settings, variant)[0])

    def _variant(self, variant: str | None) -> str:
        return (
            next(iter(self.variants))
            if variant is None
            else check_choice(f"variant of {self.name}", variant, self.variants)
        )
