"""Every setting of the segmentation of a series."""

from dataclasses import dataclass

from emcog.boundaries.features import DISTANCES, PREDICTIONS
from emcog.boundaries.hierarchy import check_levels
from emcog.boundaries.lengths import check_max_event
from emcog.boundaries.refinement import REFINEMENTS
from emcog.boundaries.threshold import MIN_SAMPLES
from emcog.errors import OptionError
from emcog.graph import NEGATIVE
from emcog.options import check_choice, check_number

SERIES_PROPOSALS = ("threshold", "peaks", "top", "fixed", "random", "optimal")
SERIES_KINDS = ("cosine", "correlation", "dot")


@dataclass(frozen=True)
class SeriesSettings:
    """Every setting of `segment_features`, which says what each means. Wrong values are refused at once."""

    propose: str = "threshold"
    gamma: float = 1.0
    window: int = 512
    prediction: str = "exponential"
    half_life: float = 5.0
    prediction_window: int = 10
    distance_kind: str = "euclidean"
    refine: str | None = None
    kind: str = "cosine"
    negative: str = "clip"
    n_events: int | None = None
    penalty: float | None = None
    min_event: int = 1
    max_event: int | None = None
    distance: int = 10
    levels: tuple[int, ...] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("propose", self.propose, SERIES_PROPOSALS)
        check_choice("prediction", self.prediction, PREDICTIONS)
        check_choice("distance_kind", self.distance_kind, DISTANCES)
        check_choice("kind", self.kind, SERIES_KINDS)
        check_choice("negative", self.negative, NEGATIVE)
        if self.refine is not None:
            check_choice("refine", self.refine, REFINEMENTS)
        # What is kept is what was checked: plain numbers, which JSON can hold, also where NumPy's were given.
        object.__setattr__(self, "gamma", check_number("gamma", self.gamma))
        object.__setattr__(self, "half_life", check_number("half_life", self.half_life, above=0))
        least = {"window": MIN_SAMPLES, "prediction_window": 1, "min_event": 1, "distance": 1, "seed": 0}
        for name, low in least.items():
            object.__setattr__(self, name, check_number(name, getattr(self, name), low=low, integer=True))
        if self.n_events is not None:
            object.__setattr__(self, "n_events", check_number("n_events", self.n_events, low=1, integer=True))
        if self.levels is not None:
            object.__setattr__(self, "levels", check_levels(self.levels))
            if self.n_events not in (None, self.levels[-1]):
                raise OptionError("levels says how many events there are: leave n_events out")
        self._check_together()

    def _check_together(self) -> None:
        if self.max_event is not None:
            object.__setattr__(self, "max_event", check_max_event(self.max_event, self.min_event))
            if self.wanted is not None and self.propose != "optimal":
                raise OptionError(
                    "max_event cannot hold beside n_events or levels: splitting long events changes their number"
                )
        if self.propose == "top" and self.wanted is None:
            raise OptionError("propose='top' needs the number of events: give n_events")
        if self.penalty is not None:
            object.__setattr__(self, "penalty", check_number("penalty", self.penalty, low=0))
            if self.propose != "optimal" or self.wanted is not None:
                raise OptionError("penalty is for propose='optimal' without n_events and levels: leave it out")

    @property
    def wanted(self) -> int | None:
        """How many events were asked for, if a number was."""
        return self.levels[-1] if self.levels is not None else self.n_events

    @property
    def needs_graph(self) -> bool:
        """Whether the rows are compared with each other, or their signal is enough."""
        return self.refine is not None or self.propose == "optimal" or self.levels is not None
