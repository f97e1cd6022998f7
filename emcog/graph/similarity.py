"""From keys to the similarity graph: A_ij = k_i . k_j, summed over the chosen heads and layers.

Keys may be numpy arrays or torch tensors, and A comes back as what the keys were, on the device where they were.
Torch is never imported here: a tensor brings its own methods.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from emcog.errors import DataError, OptionError
from emcog.options import check_choice

if TYPE_CHECKING:
    from emcog.graph.banded import BandedGraph

KINDS = ("dot", "cosine")


def is_tensor(array: object) -> bool:
    """Whether this is a torch tensor, told without importing torch."""
    return type(array).__module__.partition(".")[0] == "torch"


def to_numpy(array: Any) -> np.ndarray:
    """A numpy array of what was given; a tensor is detached and comes over to the CPU once (bfloat16 as float32)."""
    if is_tensor(array):
        array = array.detach()
        if str(array.dtype) == "torch.bfloat16":
            array = array.float()
        return array.cpu().numpy()
    return np.asarray(array)


def similarity(
    keys: Any,
    layers: int | slice | Sequence[int] | None = None,
    heads: int | slice | Sequence[int] | None = None,
    kind: str = "dot",
    band: int | None = None,
    pool: bool = True,
) -> "Any | BandedGraph":
    """Similarity graph of a sequence of keys.

    Parameters
    ----------
    keys : array or tensor, shape (layers, kv_heads, n, head_dim), (kv_heads, n, head_dim) or (n, features); or a list
        with one (kv_heads, n, head_dim) array a layer. Un-rotated keys, as collected in the listening pass.
    layers, heads : which ones to use (an index, indices or a slice); None for all.
    kind : "dot" sums k_i . k_j over heads and layers; "cosine" is the mean over heads and layers of each head's cosine,
        so that it lies in -1 to 1 (a zero key has cosine 0 with everything).
    band : None for the dense graph. A number of tokens for the banded one, which keeps A_ij for \\|i-j\\| < band only.
    pool : False leaves heads and layers apart: shape (layers, kv_heads, n, n). Dense graphs only.

    Returns
    -------
    array or tensor, shape (n, n), of the keys' float type (float32 for half precision and integers from torch); or a
    `BandedGraph`.

    Raises DataError on keys of another shape, OptionError on layers, heads or kinds that do not exist.

    Source: Fountas et al. (2025), the graph of attention keys.

    >>> similarity(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 2.0]]))
    array([[1., 1., 0.],
           [1., 1., 0.],
           [0., 0., 4.]])
    """
    check_choice("kind", kind, KINDS)
    if band is not None:
        from emcog.graph.banded import BandedGraph

        if not pool:
            raise OptionError("pool=False needs the dense graph: leave band out, or build one banded graph a head")
        return BandedGraph.from_keys(keys, band, layers=layers, heads=heads, kind=kind)
    if pool:
        rows = key_rows(keys, layers, heads, kind)
        return rows @ rows.T
    chosen = _choose(_as_layers(keys), layers, heads)
    shapes = {tuple(layer.shape) for layer in chosen}
    if len(shapes) > 1:
        raise DataError(f"pool=False needs layers of one shape, got {sorted(shapes)}: choose among them with layers=")
    scaled = [_unit(layer) if kind == "cosine" else layer for layer in map(_as_float, chosen)]
    return join([(layer @ layer.swapaxes(-1, -2))[None] for layer in scaled])


def key_rows(keys: Any, layers: Any = None, heads: Any = None, kind: str = "dot") -> Any:
    """One row a token, shape (n, features), whose dot products are the pooled similarity."""
    chosen = [_as_float(layer) for layer in _choose(_as_layers(keys), layers, heads)]
    if kind == "cosine":
        parts = sum(layer.shape[0] for layer in chosen)
        chosen = [_unit(layer) / parts**0.5 for layer in chosen]
    n = chosen[0].shape[1]
    rows = [layer.swapaxes(0, 1).reshape(n, layer.shape[0] * layer.shape[2]) for layer in chosen]
    return rows[0] if len(rows) == 1 else join(rows, 1)


def _as_layers(keys: Any) -> list[Any]:
    """Keys as a list of (kv_heads, n, head_dim) arrays, one a layer."""
    if isinstance(keys, (list, tuple)) and len(keys) and getattr(keys[0], "ndim", 0) == 3:
        layers = list(keys)
        if len({layer.shape[1] for layer in layers}) > 1:
            raise DataError(
                "the layers of keys have different numbers of tokens: give one (kv_heads, n, head_dim) a layer"
            )
    else:
        array = keys if is_tensor(keys) else np.asarray(keys)
        if array.ndim not in (2, 3, 4):
            raise DataError(
                f"keys have shape {tuple(array.shape)}: give (layers, kv_heads, n, head_dim), (kv_heads, n, head_dim) "
                "or (n, features)"
            )
        while array.ndim < 4:
            array = array[None]
        layers = [array[i] for i in range(array.shape[0])]
    if not layers or min(layers[0].shape[0], layers[0].shape[2]) == 0:
        raise DataError("keys are empty: give at least one layer, one head and one dimension")
    return layers


def _choose(keys: list[Any], layers: Any, heads: Any) -> list[Any]:
    chosen = [keys[i] for i in _indices("layers", layers, len(keys))]
    if heads is None:
        return chosen
    return [layer[_indices("heads", heads, layer.shape[0])] for layer in chosen]


def _indices(name: str, wanted: Any, count: int) -> list[int]:
    if wanted is None:
        return list(range(count))
    if isinstance(wanted, slice):
        found = list(range(count))[wanted]
    else:
        found = [int(i) for i in np.atleast_1d(to_numpy(wanted)).ravel()]
    if not found or min(found) < -count or max(found) >= count:
        raise OptionError(f"{name}={wanted!r} chooses none or more than there are: allowed are 0 to {count - 1}")
    return [i % count for i in found]


def _as_float(array: Any) -> Any:
    """The same numbers in float32 at least: sums of half-precision products would lose the differences that matter."""
    if is_tensor(array):
        array = array.detach()
        return array if str(array.dtype) in ("torch.float32", "torch.float64") else array.float()
    if array.dtype in (np.float32, np.float64):
        return array
    return array.astype(np.float32 if array.dtype == np.float16 else np.float64)


def _unit(array: Any) -> Any:
    # By its largest magnitude first: squares of very large or small numbers would be infinite or 0.
    largest = abs(array).amax(-1, True) if is_tensor(array) else abs(array).max(-1, keepdims=True)
    array = array / (largest + (largest == 0))
    norm = (array * array).sum(-1)[..., None] ** 0.5
    return array / (norm + (norm == 0))


def join(arrays: list[Any], axis: int = 0) -> Any:
    """Arrays or tensors end to end; torch is there already if a tensor is."""
    return sys.modules["torch"].cat(arrays, axis) if is_tensor(arrays[0]) else np.concatenate(arrays, axis)
