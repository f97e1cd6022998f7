"""Showing a text on one line, whatever is in it: cleaned for readers, or with what cannot be seen spelt out."""

import re

# Joiners and variation selectors: not printable by themselves, but emoji and several scripts fall apart without them.
_JOINERS = "\u200c\u200d\ufe0e\ufe0f"

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def one_line(text: str) -> str:
    """The text with white space collapsed and control characters (escape codes among them) left out."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable() or c in _JOINERS)


def escaped(value: object, limit: int = 400) -> str:
    """The value with its control characters, line ends and lone surrogates spelt out (\\n, \\x1b), cut at `limit`."""
    text = _UNSEEN.sub(lambda found: found.group().encode("unicode_escape").decode(), str(value))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def counted(number: int, one: str, many: str = "") -> str:
    """A number of things in words: 1 event, 2 events; `many` where an s does not make it."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def quoted(value: object, limit: int = 40) -> str:
    """A piece of input in quotation marks, for an error message."""
    return f"'{escaped(value, limit)}'"


def first_words(text: str, width: int) -> str:
    """The beginning of a text on one line of at most `width` characters, cut between words where that is possible."""
    line = one_line(text[: 8 * width + 64])
    if len(line) <= width:
        return line
    cut = line[: width - 1]
    head = cut if line[width - 1] == " " else cut.rpartition(" ")[0]
    return (head if len(head) > width // 2 else cut).rstrip(" .,;:") + "…"
