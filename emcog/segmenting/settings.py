"""Every setting of a segmentation, and the methods that have names of their own."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from emcog.boundaries import PROPOSALS
from emcog.boundaries.hierarchy import check_levels
from emcog.boundaries.lengths import check_max_event
from emcog.boundaries.refinement import REFINEMENTS
from emcog.boundaries.threshold import MIN_SAMPLES
from emcog.errors import OptionError
from emcog.options import check_choice, check_number
from emcog.segmentation import THRESHOLD_DECIDES
from emcog.signals import SIGNALS

SNAPS = ("word", "sentence")
ALL_PROPOSALS = [*PROPOSALS, "optimal"]
DISTANCE = 25
"""Tokens between peaks, where no distance is given."""


class Method(NamedTuple):
    """What a method's name stands for."""

    propose: str
    refine: str | None
    doc: str


METHODS: dict[str, Method] = {
    "S": Method("threshold", None, "surprise above a running threshold (Fountas et al. 2025)"),
    "SM": Method("threshold", "modularity", "S, refined by modularity"),
    "SC": Method("threshold", "conductance", "S, refined by conductance"),
    "F": Method("fixed", None, "equal lengths"),
    "FM": Method("fixed", "modularity", "F, refined by modularity"),
    "FC": Method("fixed", "conductance", "F, refined by conductance"),
    "R": Method("random", None, "the lengths of S in random order"),
    "RM": Method("random", "modularity", "R, refined by modularity"),
    "RC": Method("random", "conductance", "R, refined by conductance"),
    "sentence": Method("sentence", None, "every sentence"),
    "lexical": Method("lexical", None, "valleys in the lexical cohesion of neighbouring windows (after Hearst 1997)"),
    "optimal": Method("optimal", None, "the exact optimum of modularity in the key graph"),
}


@dataclass(frozen=True)
class SegmentSettings:
    """Every setting of a segmentation; see `segment` for what each means. Wrong values are refused at once."""

    signal: str = "surprisal"
    propose: str = "threshold"
    gamma: float = 1.0
    window: int = 512
    refine: str | None = None
    n_events: int | None = None
    min_event: int = 1
    max_event: int | None = None
    distance: int | None = None
    snap: str | None = None
    seed: int = 0
    layers: tuple[int, ...] | None = None
    heads: tuple[int, ...] | None = None
    levels: tuple[int, ...] | None = None
    penalty: float | None = None

    def __post_init__(self) -> None:
        check_choice("signal", self.signal, SIGNALS)
        check_choice("propose", self.propose, ALL_PROPOSALS)
        for name, allowed in (("refine", REFINEMENTS), ("snap", SNAPS)):
            if (
                getattr(self, name) is not None
                and check_choice(name, getattr(self, name), (*allowed, "none")) == "none"
            ):
                object.__setattr__(self, name, None)
        # What is kept is what was checked: plain numbers, which JSON can hold, also where NumPy's were given.
        object.__setattr__(self, "gamma", check_number("gamma", self.gamma))
        for name, low in (("window", MIN_SAMPLES), ("min_event", 1), ("seed", 0)):
            object.__setattr__(self, name, check_number(name, getattr(self, name), low=low, integer=True))
        for name in ("n_events", "distance"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, check_number(name, getattr(self, name), low=1, integer=True))
        for name in ("layers", "heads"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _indices(name, getattr(self, name)))
        if self.levels is not None:
            object.__setattr__(self, "levels", check_levels(_listed(self.levels)))
            if self.n_events not in (None, self.levels[-1]):
                raise OptionError("levels says how many events there are: leave n_events out")
        self._check_together()

    def _check_together(self) -> None:
        if self.max_event is not None:
            object.__setattr__(self, "max_event", check_max_event(self.max_event, self.min_event))
            if self.wanted is not None and self.propose != "optimal":
                raise OptionError(
                    "max_event and n_events (or levels, match) cannot both hold: splitting events changes their number"
                )
        if self.propose == "top" and self.wanted is None:
            raise OptionError("propose='top' needs the number of events: give n_events (--n-events K)")
        if self.penalty is not None:
            object.__setattr__(self, "penalty", check_number("penalty", self.penalty, low=0))
            if self.propose != "optimal" or self.wanted is not None:
                raise OptionError("penalty is for propose='optimal' without n_events, levels and match: leave it out")
        self._check_effect()

    def _check_effect(self) -> None:
        """Refuse options that would change nothing, where they differ from what they are by themselves."""
        scored = self.uses_gamma or self.propose in ("threshold", "random")
        for name, used, needed in (
            ("gamma", self.uses_gamma, f"propose={', '.join(THRESHOLD_DECIDES)} without n_events, levels and match"),
            ("window", scored, "propose=threshold, random, and without n_events peaks, fixed"),
            ("distance", self.propose == "peaks", "propose=peaks"),
            ("layers", self.needs_keys, "the graph of refine, levels or propose=optimal"),
            ("heads", self.needs_keys, "the graph of refine, levels or propose=optimal"),
        ):
            if not used and getattr(self, name) != getattr(SegmentSettings, name):
                raise OptionError(
                    f"{name} has no effect with these settings: it is for {needed}; leave {name} (--{name}) out"
                )

    @property
    def uses_gamma(self) -> bool:
        """Whether the threshold decides how many boundaries are proposed."""
        return self.propose in THRESHOLD_DECIDES and self.wanted is None

    @property
    def wanted(self) -> int | None:
        """How many events were asked for, if a number was."""
        return self.levels[-1] if self.levels is not None else self.n_events

    @property
    def needs_graph(self) -> bool:
        """Whether the graph of all keys is needed, which only a short text can have."""
        return self.propose == "optimal" or self.levels is not None

    @property
    def needs_keys(self) -> bool:
        """Whether the model's keys are needed beside its predictions."""
        return self.refine is not None or self.needs_graph


def make_settings(method: str | None = None, **settings: Any) -> SegmentSettings:
    """Settings from keywords, where `method` may stand for a proposal and a refinement.

    Raises an OptionError wherever `segment` would refuse them; needs neither transcript nor model.
    """
    if method is not None:
        chosen = METHODS[check_choice("method", method, METHODS)]
        for name in ("propose", "refine"):
            given, default = settings.get(name), getattr(SegmentSettings, name)
            if given not in (None, "none", default, getattr(chosen, name)):
                raise OptionError(f"method={method!r} sets {name} itself: leave {name}={given!r} out")
            settings[name] = getattr(chosen, name)
    return SegmentSettings(**settings)


def _indices(name: str, values: Any) -> tuple[int, ...]:
    given = _listed(values)
    if not given:
        raise OptionError(f"{name} is empty: give at least one number")
    numbers = tuple(int(check_number(name, value, low=0, integer=True)) for value in given)
    if twice := [number for number in numbers if numbers.count(number) > 1]:
        raise OptionError(f"{name} names {twice[0]} more than once: give each number once")
    return numbers


def _listed(values: Any) -> list[Any]:
    """Numbers as Python gives them (one or several) or as the command line does: "4,5"."""
    return values.split(",") if isinstance(values, str) else [values] if isinstance(values, int) else list(values)
