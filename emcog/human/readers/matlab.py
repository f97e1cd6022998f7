"""A variable of a MATLAB file, read in a process of its own.

scipy's reader, which is the well-kept one, crashes at some files that are damaged (a segmentation fault, no exception).
There it takes nothing with it.
"""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np

from emcog.errors import DataError

LIMIT_S = 120
"""Seconds that reading a file may take."""
MISSING, TOO_NEW, DAMAGED = 3, 4, 5


def read_matlab(path: Path, variable: str) -> np.ndarray:
    """A variable of a MATLAB file (version 7 or older).

    Returns
    -------
    array of numbers; of a cell array of texts, an array of str.

    Raises
    ------
    DataError : no such file or variable, a file that is damaged or of version 7.3.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file: the release is not complete; fetch it again")
    words = [sys.executable, "-P", __file__, str(path.absolute()), variable]  # not -m, which imports all of emcog.human
    try:
        done = subprocess.run(words, capture_output=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise DataError(f"{path}: cannot be read as a MATLAB file: it takes more than {LIMIT_S} s") from None
    told = " ".join(done.stderr.decode(errors="replace").split())[:120]
    if done.returncode == 0:
        return np.load(io.BytesIO(done.stdout), allow_pickle=False)
    if done.returncode == MISSING:
        raise DataError(f"{path}: no variable {variable!r}: is it another release?")
    if done.returncode == TOO_NEW:
        raise DataError(f"{path}: a MATLAB 7.3 file: save it as version 7 (save -v7)")
    reason = told if done.returncode == DAMAGED else "it is damaged"
    raise DataError(f"{path}: cannot be read as a MATLAB file: {reason}")


def main() -> int:
    """Read what the command line names; the array goes to standard output, as a .npy file."""
    from scipy.io import loadmat

    path, variable = sys.argv[1:]
    try:
        found = loadmat(path, variable_names=[variable])
        if variable not in found:
            return MISSING
        values = np.asarray(found[variable])
        if values.dtype == object:
            cells = [str(np.asarray(cell).ravel()[0]) if np.asarray(cell).size else "" for cell in values.ravel()]
            values = np.array(cells, dtype=str)
        np.save(sys.stdout.buffer, values, allow_pickle=False)
    except NotImplementedError:
        return TOO_NEW
    except Exception as error:
        sys.stderr.write(str(error))
        return DAMAGED
    return 0


if __name__ == "__main__":
    sys.exit(main())
