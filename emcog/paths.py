"""Where the files that are not code lie: datasets, analyses and figures."""

from pathlib import Path

from emcog.errors import DataError
from emcog.options import check_choice

DATA_FOLDERS = ("datasets", "analyses", "figures")


def data_folder(name: str) -> Path:
    """Folder of emcog's own data files, in a checkout as in an installed package.

    Parameters
    ----------
    name : "datasets", "analyses" or "figures". A checkout has them beside the package, a wheel carries them inside it.

    Raises
    ------
    OptionError : another name.
    DataError : this installation does not have the folder.
    """
    check_choice("data folder", name, DATA_FOLDERS)
    package = Path(__file__).resolve().parent
    installed = package / "_data" / name
    if installed.is_dir():
        return installed
    # An installed package's neighbours are strangers' (Hugging Face's `datasets` among them): without the
    # project file beside it, a folder of the right name is not ours.
    beside = package.parent / name
    if beside.is_dir() and (package.parent / "pyproject.toml").is_file():
        return beside
    raise DataError(f"this installation of emcog has no {name} folder: install it again, or work from a checkout")
