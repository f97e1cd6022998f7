"""Unpacking a zip archive beside itself: whole members or none, and nothing outside its folder."""

import errno
import os
import shutil
import zipfile
from pathlib import Path

from emcog.errors import DataError
from emcog.excerpts import escaped
from emcog.files import workplace


def inside(folder: Path, name: object, source: str) -> Path:
    """The place in a folder of a file that `source` names, with forward slashes.

    Raises
    ------
    DataError : that is no name, or the name of a place elsewhere.
    """
    if not isinstance(name, str) or not all(map(_is_plain, name.split("/"))):
        raise DataError(
            f"{escaped(source)} names a file {escaped(repr(name), 100)}, which is no place in the dataset's folder: it "
            "was not written; get the files elsewhere, and tell whoever offers this one"
        )
    return folder.joinpath(*name.split("/"))


def _is_plain(part: str) -> bool:
    try:
        os.fsencode(part)
    except UnicodeError:
        return False
    return part not in ("", ".", "..") and "\0" not in part and Path(part).parts == (part,)


def unpack(archive: Path) -> None:
    """Unpack a zip archive where it lies, unless all that is in it is there already, in its size.

    Members are unpacked apart and moved into place when all of them are whole, so that one that is there is whole.

    Raises
    ------
    DataError : it is no archive that can be unpacked (it is removed then, so that it is fetched again), or it names a
        place outside its folder.
    OSError : the folder cannot be written to.
    """
    try:
        _unpack(archive)
    except DataError:
        raise
    # Cut short, encrypted, packed in an unknown way, forged: what zipfile raises then has no common class.
    except Exception as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # which is how a place before the file is told
            raise
        archive.unlink(missing_ok=True)
        raise DataError(
            f"{archive} is no zip archive that can be unpacked ({escaped(error, 120)}): it was removed; fetch it "
            "again, and if it stays so, get the files elsewhere"
        ) from error


def _unpack(archive: Path) -> None:
    folder = archive.parent
    with zipfile.ZipFile(archive) as packed:
        members = {inside(folder, one.filename, str(archive)): one for one in packed.infolist() if not one.is_dir()}
        if all(path.is_file() and path.stat().st_size == one.file_size for path, one in members.items()):
            return
        with workplace(folder) as place:
            for number, one in enumerate(members.values()):
                with packed.open(one) as content, open(place / str(number), "wb") as out:
                    shutil.copyfileobj(content, out)
                    out.flush()
                    os.fsync(out.fileno())
            for number, path in enumerate(members):
                path.parent.mkdir(parents=True, exist_ok=True)
                os.replace(place / str(number), path)
