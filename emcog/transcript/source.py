"""What a reader is given: decoded text, where it came from, the caller's wishes; and how bytes become that text."""

import codecs
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from emcog.errors import OptionError, TranscriptError
from emcog.excerpts import escaped
from emcog.files import is_device

BOMS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

MAGIC = (  # (offset, bytes, what it is)
    (0, b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"GIF87a", "a GIF image"),
    (0, b"GIF89a", "a GIF image"),
    (0, b"%PDF-", "a PDF: export its text first"),
    (0, b"{\\rtf", "an RTF document: save it as plain text first"),
    (0, b"PK\x03\x04", "a zip archive, or a Word, Excel or EPUB file: save it as plain text or CSV first"),
    (0, b"PK\x05\x06", "an empty zip archive"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Word or Excel file: save it as plain text or CSV first"),
    (0, b"PAR1", "a Parquet table: save it as CSV first"),
    (0, b"ARROW1", "an Arrow table: save it as CSV first"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (0, b"SQLite format 3\0", "an SQLite database"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"\x1f\x8b", "a gzip archive: unpack it first"),
    (0, b"BZh9", "a bzip2 archive: unpack it first"),
    (0, b"\xfd7zXZ\0", "an xz archive: unpack it first"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive: unpack it first"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"),
    (0, b"\x7fELF", "a program"),
    (8, b"WAVEfmt", "a WAV recording: transcribe it first"),
    (0, b"OggS", "an Ogg recording: transcribe it first"),
    (0, b"fLaC", "a FLAC recording: transcribe it first"),
    (0, b"ID3\x03", "an MP3 recording: transcribe it first"),
    (0, b"ID3\x04", "an MP3 recording: transcribe it first"),
    (4, b"ftyp", "an MP4 recording: transcribe it first"),
    (0, b"\x1a\x45\xdf\xa3", "a Matroska or WebM recording: transcribe it first"),
    (0, b"ooBinaryFile", "a binary Praat file: save it in Praat as a text file first"),
)


@dataclass(frozen=True)
class Source:
    """A decoded transcript file and the options that its reader may need."""

    label: str
    content: str
    tier: str | None = None
    word_column: str | None = None
    onset_column: str | None = None
    offset_column: str | None = None
    speaker_column: str | None = None
    time_unit: str | None = None

    def error(self, message: str) -> TranscriptError:
        """Make the one-line error that names this file."""
        return TranscriptError(escaped(f"{self.label}: {message}"))


class WrongFormatError(TranscriptError):
    """The content is not in the format that it was read as; read_transcript adds what it looks like."""


def wrong_format(source: Source, message: str) -> WrongFormatError:
    """Make the error of a reader that finds a file of another format."""
    return WrongFormatError(escaped(f"{source.label}: {message}"))


def read_bytes(path: str | Path) -> tuple[bytes, str, str]:
    """Bytes of a file ("-": standard input), its label for messages and its short name.

    Raises
    ------
    TranscriptError: if the file is missing, a folder, a device, unreadable or empty.
    """
    if str(path) == "-":
        label, name = "standard input", "stdin"
        stream = getattr(sys.stdin, "buffer", None)
        data = stream.read() if stream is not None else sys.stdin.read().encode("utf-8", "surrogatepass")
    else:
        if str(path) == "":
            raise TranscriptError("the transcript's path is empty: name a file, or give - for standard input")
        label = escaped(path)
        try:
            if is_device(path):
                raise TranscriptError(f"{label}: a device, not a file: name a file, or give - for standard input")
            data, name = Path(path).read_bytes(), short_name(path)
        except FileNotFoundError:
            raise TranscriptError(f"{label}: no such file: check the path") from None
        except IsADirectoryError:
            raise TranscriptError(f"{label}: a folder, not a file: name one transcript in it") from None
        except (OSError, ValueError) as error:
            raise unreadable(label, error) from None
    if not data:
        raise TranscriptError(f"{label}: the file is empty: give a transcript with at least one word")
    return data, label, name


def unreadable(label: str, error: Exception) -> TranscriptError:
    """The error that says why a file that is there cannot be read."""
    return TranscriptError(escaped(f"{label}: cannot be read: {getattr(error, 'strerror', None) or error}"))


def short_name(path: str | Path) -> str:
    """A file's name without its suffix; bytes of it that are no text here are spelt out (\\xe9)."""
    return os.fsencode(Path(path).stem).decode(sys.getfilesystemencoding(), "backslashreplace")


def decode(data: bytes, label: str, encoding: str | None = None) -> str:
    """Text of a file's bytes: without its byte order mark, every line end (CRLF, CR) made a line feed.

    The encoding is that of the byte order mark (UTF-8, UTF-16, UTF-32) or else UTF-8, unless one is given.

    Raises
    ------
    TranscriptError: a known binary format, undecodable bytes (with their offset), NUL characters.
    OptionError: an encoding that Python does not know.
    """
    for start, magic, what in MAGIC:
        if data.startswith(magic, start):
            raise TranscriptError(f"{label}: not a transcript but {what}")
    mark, found = next(((mark, name) for mark, name in BOMS if data.startswith(mark)), (b"", "utf-8"))
    try:
        text = data.decode(encoding) if encoding else data[len(mark) :].decode(found)
    except LookupError:
        message = f"{label}: unknown encoding {encoding!r}: try utf-8, latin-1 or cp1252"
        raise OptionError(escaped(message)) from None
    except (UnicodeError, ValueError) as error:
        shift = 0 if encoding else len(mark)
        raise TranscriptError(undecodable(data, label, encoding or found, error, shift)) from None
    text = text.removeprefix("\ufeff") if encoding else text
    nul = text.find("\0")
    if nul >= 0:
        hint = "" if encoding or mark else "; if it is UTF-16 text, give encoding='utf-16-le' (--encoding utf-16-le)"
        raise TranscriptError(
            f"{label}: a NUL character at character {nul}: a binary file, or damaged text; remove it{hint}"
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def undecodable(data: bytes, label: str, encoding: str, error: Exception, shift: int) -> str:
    """Say which byte of a file is not in its encoding, and which encoding to try."""
    if not isinstance(error, UnicodeDecodeError):
        return escaped(f"{label}: cannot be decoded as {encoding}: {error}")
    offset = error.start + shift
    head = f"{label}: byte 0x{data[offset]:02x} at offset {offset} is not {encoding}"
    if b"\0" in data and encoding == "utf-8":
        return f"{head} and there are NUL bytes: this is a binary file; give a transcript, as text"
    other = "utf-8" if encoding not in ("utf-8", "utf_8", "UTF-8") else "latin-1"
    return f"{head}: give the encoding it is in, such as encoding='{other}' (--encoding {other})"
