"""Showing the beginning of a text on one line, whatever is in it."""

# Joiners and variation selectors: not printable by themselves, but emoji and several scripts fall apart without them.
_JOINERS = "\u200c\u200d\ufe0e\ufe0f"


def one_line(text: str) -> str:
    """The text with white space collapsed and control characters (escape codes among them) left out."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable() or c in _JOINERS)


def first_words(text: str, width: int) -> str:
    """The beginning of a text on one line of at most `width` characters, cut between words where that is possible."""
    line = one_line(text[: 8 * width + 64])
    if len(line) <= width:
        return line
    cut = line[: width - 1]
    head = cut if line[width - 1] == " " else cut.rpartition(" ")[0]
    return (head if len(head) > width // 2 else cut).rstrip(" .,;:") + "…"
