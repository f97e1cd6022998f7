"""Writing files so that a reader never meets a half-written one."""

import hashlib
import os
import re
import shutil
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from emcog.errors import StorageError

try:
    import fcntl
except ImportError:  # Windows: folders are not locked, and what a killed process left behind stays
    fcntl = None  # type: ignore[assignment]

Content = bytes | Callable[[Path], None]


def write_files(folder: str | os.PathLike[str], contents: Mapping[str, Content]) -> list[Path]:
    """Write several files into `folder`, all or none.

    Every file is first written and flushed to disk in a hidden temporary folder beside its place, and only
    when all of them are whole are they moved over, in the mapping's order, by one process at a time. Put the file
    that vouches for the others (a manifest) last. What a killed process left in hiding is cleared away.

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
            with workplace(folder) as place:
                for name, content in contents.items():
                    _write(place / name, content)
                with _locked(folder):
                    _move(place, folder, list(contents))
        except BaseException:
            _remove_empty(made)
            raise
    except OSError as error:
        raise cannot_write(folder, error) from error
    return [folder / name for name in contents]


def write_folder(folder: str | os.PathLike[str], fill: Callable[[Path], None]) -> bool:
    """Write a new folder in one step: at every moment it is there whole, or not at all.

    Parameters
    ----------
    folder : must not exist. fill : writes the files into the empty folder that it is given.

    Returns
    -------
    False if another process made it in the meantime: its files stay, ours are thrown away.

    Raises
    ------
    StorageError : the folder or a file cannot be written (no permission, disk full, ...).
    """
    folder = Path(folder)
    try:
        made = [p for p in folder.parents if not p.exists()]
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            with workplace(folder.parent) as place:
                whole = place / "whole"
                whole.mkdir()
                fill(whole)
                try:
                    whole.rename(folder)
                except OSError:
                    if folder.is_dir():
                        return False
                    raise
        except BaseException:
            _remove_empty(made)
            raise
    except OSError as error:
        raise cannot_write(folder, error) from error
    return True


def check_folder(folder: str | os.PathLike[str]) -> None:
    """Refuse, before any work, a folder that could not be written to; one that is missing could be made.

    Raises
    ------
    StorageError : a file lies where it, or a folder above it, should be; it cannot be written to.
    """
    folder = Path(folder)
    try:
        nearest = next(p for p in [folder, *folder.absolute().parents] if p.exists())
        if not nearest.is_dir():
            raise NotADirectoryError
        # Permissions do not say all (read-only and virtual file systems): what can be made can be made.
        with workplace(nearest):
            pass
    except OSError as error:
        raise cannot_write(folder, error) from error


def cannot_write(folder: Path, error: OSError) -> StorageError:
    """The error that says why a folder cannot be written to."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        blocking = next((p for p in [folder, *folder.absolute().parents] if p.is_file()), None)
        if blocking is not None:
            return StorageError(f"cannot write to {folder}: {blocking} is a file; choose another folder")
    reason = error.strerror or str(error)
    return StorageError(f"cannot write to {folder}: {reason}; choose another folder or free some space")


@contextmanager
def told_by_rust() -> Iterator[None]:
    """Within this context what a library written in Rust (safetensors, tokenizers) tells of the disk is an OSError."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        found = re.search(r"\(os error (\d+)\)", str(error))
        if found is None:
            raise
        raise OSError(int(found[1]), os.strerror(int(found[1]))) from error


def _remove_empty(folders: list[Path]) -> None:
    for p in folders:
        with suppress(OSError):  # not empty: another process has written there
            p.rmdir()


@contextmanager
def scratch(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """A workplace in a folder that is made if it is missing, and removed again if nothing else came into it.

    Raises
    ------
    StorageError : the folder cannot be written to.
    """
    folder = Path(folder)
    with ExitStack() as stack:
        try:
            stack.callback(_remove_empty, [p for p in [folder, *folder.parents] if not p.exists()])
            folder.mkdir(parents=True, exist_ok=True)
            place = stack.enter_context(workplace(folder))
        except OSError as error:
            raise cannot_write(folder, error) from error
        yield place  # what goes wrong in there is not always the writing


@contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """A hidden folder in `folder` (which is there) to write in, cleared away afterwards, also those of processes that
    were killed."""
    prefix = f".emcog-{socket.gethostname().replace('/', '_')}-"  # locks do not reach other machines everywhere
    for abandoned in folder.glob(f"{prefix}*"):
        with _locked(abandoned, wait=False) as mine:
            if mine:
                shutil.rmtree(abandoned, ignore_errors=True)
    while True:
        place = Path(tempfile.mkdtemp(prefix=prefix, dir=folder))
        with _locked(place):
            if not place.exists():  # another process thought it abandoned before it was locked
                continue
            try:
                yield place
                return
            finally:
                shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _locked(folder: Path, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of a folder; the operating system lets it go when the process dies. False: it could not be had."""
    handle, held = None, True
    try:
        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except (OSError, AttributeError):  # some network file systems have no locks for folders
        held = False
    try:
        yield held
    finally:
        if handle is not None:
            os.close(handle)


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


def is_device(path: str | os.PathLike[str]) -> bool:
    """Whether a path names a device, such as /dev/zero, whose bytes may never end; False if nothing is there."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode)


def sha256_file(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, as hexadecimal digits."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
