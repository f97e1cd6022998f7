"""Docstrings as Markdown: the house's plain layout (sections underlined, `name : what`) becomes headings and lists."""

import re
from typing import Any

import griffe

ENTRY = re.compile(r'^(\*{0,2}[A-Za-z_][\w.]*(?:, \*{0,2}[A-Za-z_][\w.]*)*|"[^"]+")( : |: )(?=\S)')
CODE = re.compile(r"(`[^`]*`)")


class Lines:
    """Markdown in the making: paragraphs and list items, each gathered until the next begins."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.depth = -1  # of the list item that is being gathered; -1 for a paragraph
        self.text = ""

    def close(self) -> None:
        """End the paragraph or item that is being gathered."""
        if self.text:
            self.out.append(self.text if self.depth < 0 else "    " * self.depth + "- " + self.text)
        self.text = ""

    def paragraph(self) -> None:
        """Begin a paragraph."""
        self.close()
        if self.out and self.out[-1]:
            self.out.append("")
        self.depth = -1

    def item(self, depth: int, text: str) -> None:
        """Begin an item of a list, at most one step deeper than the one before."""
        self.close()
        if self.depth < 0 and self.out and self.out[-1]:
            self.out.append("")
        self.depth, self.text = min(depth, self.depth + 1), text

    def add(self, text: str) -> None:
        """Go on with what is being gathered."""
        self.text = f"{self.text} {text}".strip()

    def block(self, lines: list[str], language: str) -> None:
        """A block of code."""
        self.paragraph()
        self.out += [f"```{language}", *lines, "```", ""]


def to_markdown(docstring: str) -> str:
    """One docstring as Markdown.

    >>> print(to_markdown("Count.\\n\\nParameters\\n----------\\nx, y : places,\\n    in words.\\n\\nSource: nobody."))
    Count.
    <BLANKLINE>
    **Parameters**
    <BLANKLINE>
    - `x, y`: places, in words.
    <BLANKLINE>
    Source: nobody.
    """
    given, made, i = docstring.splitlines(), Lines(), 0
    while i < len(given):
        line = given[i]
        text, indent = line.strip(), len(line) - len(line.lstrip())
        rule = given[i + 1].strip() if i + 1 < len(given) else ""
        if text and len(rule) > 2 and set(rule) == {"-"}:
            made.paragraph()
            made.out += [f"**{text}**", ""]
            i += 2
        elif text.startswith(">>>"):
            end = next((k for k in range(i, len(given)) if not given[k].strip()), len(given))
            made.block([one[indent:] for one in given[i:end]], "pycon")
            i = end
        elif text and indent >= 4 and not made.text and made.out and _introduces_code(made.out):
            end = next((k for k in range(i, len(given)) if given[k].strip() and given[k][:4].strip()), len(given))
            made.block([one[4:] for one in given[i:end]], "python")
            i = end
        else:
            _line(made, text, indent)
            i += 1
    made.paragraph()
    return "\n".join(made.out).strip()


def _line(made: Lines, text: str, indent: int) -> None:
    entry = ENTRY.match(text)
    if not text:
        made.paragraph()
    elif entry and (indent or entry[2] == " : "):
        made.item(indent // 4, f"`{entry[1]}`: {plain(text[entry.end() :])}")
    else:
        made.add(plain(text))


def _introduces_code(out: list[str]) -> bool:
    """Whether the last paragraph ends in a colon: what is indented below it is code."""
    said = [line for line in out if line]
    return bool(said) and said[-1].endswith(":")


def plain(text: str) -> str:
    """Text in which no star, angle bracket or dollar means anything to Markdown, but for what stands in backticks.

    >>> plain("mean + gamma * sd of <name>, `a * b`")
    'mean + gamma \\\\* sd of &lt;name>, `a * b`'
    """
    parts = CODE.split(text)
    parts[::2] = [re.sub(r"([*$])", r"\\\1", part).replace("<", "&lt;") for part in parts[::2]]
    return "".join(parts)


class PlainDocstrings(griffe.Extension):
    """Rewrites every docstring of the package before it is shown."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Called by griffe for each module, class, function and attribute."""
        if obj.docstring is not None and not obj.is_module:
            obj.docstring.value = to_markdown(obj.docstring.value)
