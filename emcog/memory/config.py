"""Every setting of an episodic memory."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

from emcog.errors import OptionError
from emcog.options import check_choice, check_number

SEGMENTATIONS = ("S", "SM", "SC", "F", "sentence")
REPRESENTATIVES = ("top", "mean", "all")
POLICIES = ("similarity", "recency", "random", "none")
TIERS = ("accelerator", "host", "file")
COMPATS = ("reference",)
STORAGES = ("full", "8bit")


@dataclass(frozen=True)
class MemoryConfig:
    """Settings of an `EpisodicLM`; wrong values are refused at once.

    Attributes
    ----------
    n_init : initial tokens that stay in sight (attention sinks).
    n_local : tokens of the sliding window, the token itself among them; None: 4,096, or half of the model's limit if
        that is less: then window and recalled tokens together are no more than it was made for.
    n_mem : tokens of recalled events that a chunk sees; None: half of n_local.
    chunk : tokens read at once; one recall serves a chunk. None: 512, or half of n_local if that is less.
    min_event, max_event : tokens of the shortest and longest event; None: 128, or n_mem if that is less.
    gamma, window : an event begins where surprise exceeds its mean + gamma * sd over the `window` tokens before.
    segmentation : "S" (surprise), "SM", "SC" (S, refined by modularity or conductance), "F" (equal lengths, max_event
        tokens each; this is InfLLM), "sentence", or the starts of the events as token positions (people's events).
    refine_layers : whose keys make the graph of "SM" and "SC": layer numbers; one number: from that layer on; None: the
        upper half.
    representative : how an event is found. "top": the mean key, head by head, of the `n_representative` tokens that
        received most attention while they were in the window; "mean": of all its tokens; "all": head by head by its
        best token, for which every key is looked at: finds most, and takes time in proportion to what was read.
    contiguity : share of n_mem for the neighbours in time of events recalled by similarity; 1 or more: so many tokens.
    policy : "similarity", "recency", "random" or "none", for all layers; or a sequence with one for each layer.
    tier : where keys and values lie: "accelerator" (the model's device), "host" (pinned where there is an accelerator)
        or "file" (memory-mapped).
    budget : bytes of each tier, such as {"accelerator": 2**31, "host": 2**35}; a number stands for the tier itself.
        Faster tiers that are given bytes hold the newest part of what lies in `tier`. None: no limit.
    storage : "full", or "8bit": keys in 8 bits by channel, values by token.
    compat : "reference" for the behaviour of the authors' released code, slips included.

    Source: Fountas et al. (2025); "F" is InfLLM, Xiao et al. (2024).
    """

    n_init: int = 128
    n_local: int | None = None
    n_mem: int | None = None
    chunk: int | None = None
    min_event: int = 8
    max_event: int | None = None
    gamma: float = 1.0
    window: int = 512
    segmentation: Any = "SM"
    refine_layers: Any = None
    representative: str = "top"
    n_representative: int = 4
    contiguity: float = 0.3
    policy: Any = "similarity"
    tier: str = "accelerator"
    budget: Any = None
    storage: str = "full"
    compat: str | None = None

    def __post_init__(self) -> None:
        for name, low in (
            ("n_init", 0), ("n_local", 8), ("n_mem", 0), ("chunk", 1), ("min_event", 1), ("max_event", 1),
            ("window", 32), ("n_representative", 1),
        ):  # fmt: skip
            if getattr(self, name) is not None or name in ("n_init", "min_event", "window", "n_representative"):
                self._set(name, check_number(name, getattr(self, name), low=low, integer=True))
        self._set("gamma", check_number("gamma", self.gamma))
        self._set("contiguity", check_number("contiguity", self.contiguity, low=0))
        check_choice("representative", self.representative, REPRESENTATIVES)
        check_choice("tier", self.tier, TIERS)
        check_choice("storage", self.storage, STORAGES)
        if self.compat is not None:
            check_choice("compat", self.compat, COMPATS)
        self._check_lists()
        self._check_together()

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _check_lists(self) -> None:
        if not isinstance(self.segmentation, str):
            starts = _numbers("segmentation", self.segmentation)
            if any(b <= a for a, b in pairwise(starts)):
                raise OptionError("segmentation: given boundaries must be token positions that increase")
            self._set("segmentation", starts)
        else:
            check_choice("segmentation", self.segmentation, SEGMENTATIONS)
        if self.refine_layers is not None and not isinstance(self.refine_layers, int):
            self._set("refine_layers", _numbers("refine_layers", self.refine_layers))
        if isinstance(self.policy, str):
            check_choice("policy", self.policy, POLICIES)
        else:
            self._set("policy", tuple(check_choice("policy", one, POLICIES) for one in self.policy))
        if self.budget is not None:
            given = self.budget if isinstance(self.budget, Mapping) else {self.tier: self.budget}
            for name in given:
                check_choice("budget's tier", name, TIERS[: TIERS.index(self.tier) + 1])
            sizes = {name: int(check_number(f"budget of {name}", n, low=1, integer=True)) for name, n in given.items()}
            self._set("budget", sizes)

    def _check_together(self) -> None:
        for small, large in (("min_event", "max_event"), ("max_event", "n_mem"), ("chunk", "n_local")):
            low, high = getattr(self, small), getattr(self, large)
            if low is not None and high is not None and low > high and not (large == "n_mem" and high == 0):
                raise OptionError(f"{small}={low} must not exceed {large}={high}")
        if self.max_event is not None and self.max_event < 2 * self.min_event - 1:
            raise OptionError(
                f"max_event={self.max_event} must be at least 2 * min_event - 1 = {2 * self.min_event - 1}, "
                "so that a long event can be split"
            )
        if self.compat == "reference":
            if self.representative != "top":
                raise OptionError('compat="reference" has representative="top" only')
            if self.segmentation not in ("S", "SM", "SC", "F"):
                raise OptionError('compat="reference" knows the segmentations S, SM, SC and F only')
        elif self.n_mem:
            if self.contiguity > max(1, self.n_mem):
                raise OptionError(f"contiguity={self.contiguity:g} tokens exceed n_mem={self.n_mem}")
            left = self.n_mem - share_of(self.contiguity, self.n_mem)
            if left < self.min_event:
                raise OptionError(
                    f"contiguity={self.contiguity:g} leaves {left} of n_mem={self.n_mem} tokens for similar events, "
                    f"fewer than min_event={self.min_event}: give less to neighbours, or a larger n_mem"
                )

    def resolve(self, limit: int, n_layers: int) -> "MemoryConfig":
        """The same settings with every None that depends on a model filled in.

        Parameters
        ----------
        limit : longest context in tokens that the model was made for.
        n_layers : of the model.
        """
        n_local = max(8, min(4096, limit // 2)) if self.n_local is None else self.n_local
        n_mem = n_local // 2 if self.n_mem is None else self.n_mem
        chunk = max(1, min(512, n_local // 2)) if self.chunk is None else self.chunk
        max_event = self.max_event
        if max_event is None:  # what fits beside neighbours in time
            fits = n_mem if self.compat == "reference" else n_mem - share_of(self.contiguity, n_mem)
            max_event = max(min(128, fits or 128), 2 * self.min_event - 1)
            if 0 < n_mem < max_event:
                raise OptionError(
                    f"with min_event={self.min_event} an event may need {max_event} tokens, and n_mem={n_mem}: give a "
                    "smaller min_event, or a larger n_mem"
                )
        layers = self.refine_layers
        if layers is None:
            layers = n_layers // 2
        if isinstance(layers, int):
            layers = tuple(range(layers, n_layers))
        if not layers or max(layers) >= n_layers or min(layers) < 0:
            raise OptionError(f"refine_layers={self.refine_layers!r}: the model has layers 0 to {n_layers - 1}")
        if not isinstance(self.policy, str) and len(self.policy) != n_layers:
            raise OptionError(f"policy names {len(self.policy)} layers, but the model has {n_layers}")
        filled = {"n_local": n_local, "n_mem": n_mem, "chunk": chunk, "max_event": max_event, "refine_layers": layers}
        return replace(self, **filled)

    def policy_of(self, layer: int) -> str:
        """The policy of one layer."""
        return self.policy if isinstance(self.policy, str) else self.policy[layer]

    def as_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold; `MemoryConfig(**values)` gives the same settings."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}


def share_of(contiguity: float, n_mem: int) -> int:
    """Tokens of `n_mem` that are for neighbours in time: a share of them, or so many if that is 1 or more."""
    return int(contiguity * n_mem) if contiguity < 1 else min(int(contiguity), n_mem)


def _numbers(name: str, values: Sequence[Any]) -> tuple[int, ...]:
    try:
        return tuple(int(check_number(name, value, low=0, integer=True)) for value in values)
    except TypeError:
        raise OptionError(f"{name} must be a name or a sequence of whole numbers, got {values!r}") from None
