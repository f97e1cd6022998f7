"""Writing files so that a reader never meets a half-written one."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from emcog.errors import StorageError

Content = bytes | Callable[[Path], None]


def write_files(folder: str | os.PathLike[str], contents: Mapping[str, Content]) -> list[Path]:
    """Write several files into `folder`, all or none.

    Every file is first written and flushed to disk in a hidden temporary folder beside its place, and only
    when all of them are whole are they moved over, in the mapping's order. Put the file that vouches for the
    others (a manifest) last.

    Parameters
    ----------
    folder : made if it is missing (and removed again if it was made here and the writing failed).
    contents : file name -> its bytes, or a function that writes the file at the path it is given.

    Returns
    -------
    The paths written.

    Raises
    ------
    StorageError : the folder or a file cannot be written (no permission, disk full, ...).
    """
    folder = Path(folder)
    try:
        made = [p for p in [folder, *folder.parents] if not p.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with tempfile.TemporaryDirectory(prefix=".emcog-", dir=folder) as temporary:
                for name, content in contents.items():
                    _write(Path(temporary) / name, content)
                _move(Path(temporary), folder, list(contents))
        except BaseException:
            for p in made:
                if p.is_dir() and not any(p.iterdir()):
                    p.rmdir()
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"cannot write to {folder}: {reason}; choose another folder or free some space") from error
    return [folder / name for name in contents]


def _move(temporary: Path, folder: Path, names: list[str]) -> None:
    """Move the finished files to their places; if one cannot be moved, put back what was there before."""
    kept = temporary / "before"
    kept.mkdir()
    for name in names:
        if (folder / name).is_file():
            shutil.copy2(folder / name, kept / name)
    moved: list[str] = []
    try:
        for name in names:
            os.replace(temporary / name, folder / name)
            moved.append(name)
    except BaseException:
        for name in moved:
            (folder / name).unlink(missing_ok=True)
            if (kept / name).exists():
                shutil.move(kept / name, folder / name)
        raise


def _write(path: Path, content: Content) -> None:
    if callable(content):
        content(path)
    else:
        path.write_bytes(content)
    with open(path, "rb+") as handle:
        os.fsync(handle.fileno())
    path.chmod(0o644)


def sha256_file(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, as hexadecimal digits."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
