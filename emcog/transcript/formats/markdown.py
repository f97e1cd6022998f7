"""Markdown: the words are the prose, as someone who reads it aloud would say it."""

import html
import re
from collections.abc import Iterator

import pandas as pd
from markdown_it import MarkdownIt
from markdown_it.token import Token

from emcog.transcript.source import Source
from emcog.transcript.words import untimed_words, without_margins

FRONT_MATTER = re.compile(
    r"\A(?:---[^\S\n]*\n.*?\n(?:---|\.\.\.)|\+\+\+[^\S\n]*\n.*?\n\+\+\+)[^\S\n]*(?:\n|\Z)",  # YAML, TOML
    re.DOTALL,
)
HTML_TAG = re.compile(r"<!--.*?-->|</?[A-Za-z][^<>]*>", re.DOTALL)
MAX_NESTING = 100


def read_markdown(source: Source) -> tuple[str, pd.DataFrame]:
    """Prose of a Markdown file: one paragraph, heading or list item a block, an empty line between blocks.

    Left out: front matter, marks (of headings, emphasis, lists, quotes), link targets, images, rules, fenced code and
    HTML tags. Text indented by four spaces is prose: in a transcript it is rarely code.
    """
    parser = MarkdownIt("commonmark", {"maxNesting": MAX_NESTING}).enable(["table", "strikethrough"]).disable("code")
    body = FRONT_MATTER.sub("", source.content, count=1)
    blocks = [block.strip() for block in _blocks(parser.parse(body))]
    text = without_margins("\n\n".join(block for block in blocks if block))
    return text, untimed_words(text)


def _blocks(tokens: list[Token]) -> Iterator[str]:
    """Text of each block; the cells of a table's row are one block."""
    row: list[str] | None = None
    for token in tokens:
        if token.type == "tr_open":
            row = []
        elif token.type == "tr_close" and row is not None:
            yield " ".join(row)
            row = None
        elif token.type == "html_block":
            yield html.unescape(HTML_TAG.sub(" ", token.content))
        elif token.type == "inline":
            text = "".join(map(_inline, token.children or []))
            if row is None:
                yield text
            else:
                row.append(text)


def _inline(token: Token) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return "\n"
    return token.content if token.type in ("text", "text_special", "code_inline") else ""
