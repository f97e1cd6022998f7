"""Segmentations that a command is given."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emcog.segmentation import Segmentation


def load_segmentations(paths: Sequence[str | Path]) -> dict[str, "Segmentation"]:
    """Segmentations by what their methods are called; where two are called the same, by their place too.

    Parameters
    ----------
    paths : of each, the folder that holds it, or folder and name (with or without .json).

    Raises
    ------
    StorageError : there is none; files that do not belong together.
    """
    from emcog.segmentation import Segmentation
    from emcog.stats.compare import method_name

    loaded = []
    for given in paths:
        path = Path(str(given).removesuffix(".json"))
        loaded.append(Segmentation.load(path) if path.is_dir() else Segmentation.load(path.parent, path.name))
    names = [method_name(one) for one in loaded]
    told = [name if names.count(name) == 1 else f"{name} ({at})" for name, at in zip(names, paths, strict=True)]
    return dict(zip(told, loaded, strict=True))
