"""Do people's events hold together in the model's keys? Graph scores of segmentations against random ones like them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from emcog.errors import DataError
from emcog.graph import METRICS, BlockSums, block_sums, similarity
from emcog.graph.scores import score
from emcog.graph.similarity import to_numpy
from emcog.options import check_choice, check_number
from emcog.stats.nulls import DEFAULT_NULL, NULLS, against, draws
from emcog.stats.rows import tidy

DENSE = 2048
"""Tokens of a text whose graphs are kept whole; of a longer one pairs less than `BAND` apart."""
BAND = 512
GRID_NULLS = {"F": "uniform", "FM": "shuffled_lengths", "FC": "shuffled_lengths"}
"""Null models of events that begin at 0 on purpose, of fixed lengths or such refined: a shift would change them."""
EVEN = {
    "circular_shift": "no z and p, since moved around the text one of them is cut in two and another doubled",
    "shuffled_lengths": "no z and p, since in another order they are the same events",
    "uniform": "no p, since random ones have other lengths, whatever the text",
}
"""Why events of one length have no p, by null model."""


class Keys:
    """Collects a text's keys while it is listened to: `listen(text, lm, on_keys=keys)`, then `cohesion(keys, ...)`.

    layers : which to keep; None for all. They are kept as float32 on the CPU: layers x kv_heads x head_dim x 4 bytes a
    token.
    """

    def __init__(self, layers: Sequence[int] | None = None):
        self.layers = None if layers is None else list(layers)
        self._pieces: list[np.ndarray] = []

    def __call__(self, start: int, keys: Any, signals: dict[str, np.ndarray]) -> None:
        """Take the keys of the tokens from `start` on, (layers, kv_heads, n, head_dim)."""
        chosen = keys if self.layers is None else keys[self.layers]
        self._pieces.append(to_numpy(chosen.float() if hasattr(chosen, "float") else chosen).astype(np.float32))

    def array(self) -> np.ndarray:
        """All keys, float32 (layers, kv_heads, n_tokens, head_dim)."""
        if not self._pieces:
            raise DataError("no keys were collected: listen(text, lm, on_keys=keys) first")
        return np.concatenate(self._pieces, axis=2)


def cohesion(
    keys: Any,
    segmentations: Mapping[str, Any],
    *,
    metrics: Sequence[str] = METRICS,
    null: str | Mapping[str, str] = DEFAULT_NULL,
    n_null: int = 1000,
    seed: int = 0,
    layers: Sequence[int] | None = None,
    per_head: bool = True,
    **about: str,
) -> pd.DataFrame:
    """How well each segmentation's events cohere in the key graph, as the difference from random ones like it.

    Parameters
    ----------
    keys : `Keys` that listened, or an array (layers, kv_heads, n_tokens, head_dim), un-rotated.
    segmentations : by name ("people", "SM", ...), the first token of each event; 0 may be left out.
    metrics : of "modularity", "conductance" and "intra_inter" (see `emcog.graph`).
    null, n_null, seed : the null model that makes the matched segmentations (a name in `emcog.stats.NULLS`); or by
        segmentation, the default for those that are not named: `GRID_NULLS` for events of fixed length, refined or not.
    layers : numbers to call the layers by, where not all were kept.
    per_head : also each head alone.
    about : dataset=, story=, model= for the table.

    Returns
    -------
    DataFrame with the columns of `emcog.stats.COLUMNS`, a row for each segmentation, metric and graph (variant
    "layer 3", "layer 3 head 1", "all layers"). estimate is the score minus the mean of the random ones: above 0 is more
    cohesive for modularity and intra_inter, below 0 for conductance. The interval is the middle 95% of
    the differences from single random segmentations, which is the test turned round: what may be taken off the score
    until the null model would give it. It says how far chance moves the difference in this text, not what other texts
    would give.
    null_mean is the random segmentations' own mean score, z the estimate over their standard deviation. n counts
    events. Events of one length (they differ by a token at most) have no p, nor z and interval but with null="uniform":
    see docs/measures/chance.md.

    Source: Fountas et al. (2025), Table 1 and Figure 4, where the comparison is with random boundaries; the interval:
    Garthwaite (1996).
    """
    for metric in metrics:
        check_choice("metric", metric, METRICS)
    nulls = {name: null if isinstance(null, str) else null.get(name, DEFAULT_NULL) for name in segmentations}
    for model in nulls.values():
        check_choice("null", model, NULLS)
    seed = int(check_number("seed", seed, low=0, integer=True))
    given = keys.array() if isinstance(keys, Keys) else to_numpy(keys)
    names = keys.layers if isinstance(keys, Keys) and layers is None else layers
    if given.ndim != 4:
        raise DataError(f"keys have shape {given.shape}: give (layers, kv_heads, n_tokens, head_dim)")
    n = given.shape[2]
    starts = {name: _starts(name, value, n) for name, value in segmentations.items()}
    random = {name: np.pad(draws(value, n, nulls[name], n_null, seed), ((0, 0), (1, 0)))
              for name, value in starts.items()}  # fmt: skip
    even = {name: np.ptp(np.diff(np.append(value, n))) <= 1 for name, value in starts.items()}
    rows = []
    for variant, sums in _graphs(given, names, per_head):
        for name, value in starts.items():
            for metric in metrics:
                row = _row(sums, value, random[name], metric)
                if even[name]:
                    row |= _told_apart_by_length(row, nulls[name])
                rows.append({"analysis": "cohesion", "method": name, "metric": metric, "variant": variant,
                             "null_model": nulls[name], "seed": seed, **about} | row)  # fmt: skip
    return tidy(rows)


def _row(sums: BlockSums, starts: np.ndarray, random: np.ndarray, metric: str) -> dict[str, Any]:
    """A segmentation's score in one graph, and what random ones score."""
    observed, note = score(sums, starts, metric)
    null = np.asarray(score(sums, random, metric).value)
    found = against(observed, null)
    low, high = _limits(observed - null)
    unit = {"modularity": "modularity", "conductance": "conductance", "intra_inter": "ratio"}[metric]
    return found | {"unit": f"{unit}, difference", "estimate": observed - found["null_mean"], "ci_low": low,
                    "ci_high": high, "n": len(starts), "note": note or "n: events"}  # fmt: skip


def _told_apart_by_length(row: dict[str, Any], null: str) -> dict[str, Any]:
    """What changes in the row of events of one length, which no null model draws like others."""
    dropped = ("p",) if null == "uniform" else ("p", "z", "ci_low", "ci_high")
    return dict.fromkeys(dropped, np.nan) | {"note": f"{row['note']}; events of one length: {EVEN[null]}"}


def _limits(differences: np.ndarray) -> tuple[float, float]:
    """Ends of the middle 95%, so placed that one difference more lies outside in 5% of cases."""
    kept = differences[~np.isnan(differences)]
    low, high = np.quantile(kept, [0.025, 0.975], method="weibull") if len(kept) else (np.nan, np.nan)
    return float(low), float(high)


def scored_graph(keys: Any) -> BlockSums:
    """The graph that "all layers" of `cohesion` are scored on: of all keys given, whole up to `DENSE` tokens.

    keys : array (layers, kv_heads, n_tokens, head_dim), un-rotated.
    """
    return block_sums(similarity(keys, band=_band(keys)))


def _band(keys: Any) -> int | None:
    return None if keys.shape[-2] <= DENSE else BAND


def _graphs(keys: np.ndarray, names: Sequence[int] | None, per_head: bool) -> Iterator[tuple[str, BlockSums]]:
    """The graphs one after the other, so that only one set of sums is in memory."""
    band = _band(keys)
    for i, layer in enumerate(keys):
        name = i if names is None else list(names)[i]
        yield f"layer {name}", block_sums(similarity(layer, band=band))
        if per_head and len(layer) > 1:
            for head, one in enumerate(layer):
                yield f"layer {name} head {head}", block_sums(similarity(one, band=band))
    if len(keys) > 1:
        yield "all layers", scored_graph(keys)


def _starts(name: str, value: Any, n: int) -> np.ndarray:
    starts = np.union1d([0], np.asarray(value, dtype=np.int64))
    if starts[0] < 0 or starts[-1] >= n:
        raise DataError(f"the segmentation {name!r} has a boundary outside the {n} tokens of the keys")
    if len(starts) < 2:
        raise DataError(f"the segmentation {name!r} has no boundary beside 0: there is nothing to compare")
    return starts
