"""WebVTT subtitles (.vtt), https://www.w3.org/TR/webvtt1/."""

import html
import re

import pandas as pd

from emcog.transcript.formats.cues import Cue, bad_times, cue_times, spread_cues
from emcog.transcript.source import Source, wrong_format

TAG = re.compile(r"<(/?)([A-Za-z][^\s.<>/]*)?([^<>]*)>")
ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]*);")


def read_webvtt(source: Source) -> tuple[str, pd.DataFrame]:
    """Words of a WebVTT file; a cue's time is spread over its words by character count.

    Voice tags (<v Mary>) name the speaker of the words in them; other tags, notes, styles and regions are left out.
    """
    lines = source.content.split("\n")
    if not re.match(r"WEBVTT(?:[ \t]|$)", lines[0]):
        raise wrong_format(source, "not WebVTT: its first line is not WEBVTT")
    cues = []
    for number, line in enumerate(lines):
        if "-->" not in line:
            continue
        times = cue_times(line)
        if times is None:
            raise bad_times(source, number + 1, line)
        cues.append(Cue(*times, _payload(lines, number + 1), number + 1))
    if not cues:
        raise source.error("a WebVTT file without cues: give one with at least one")
    texts, speakers = [], []
    for cue in cues:
        spoken = _voices("\n".join(cue.lines))
        texts.append(" ".join(text for text, _ in spoken))
        speakers += [speaker for text, speaker in spoken for _ in text.split()]
    return spread_cues(source, cues, texts, speakers)


def _payload(lines: list[str], start: int) -> list[str]:
    """Lines of a cue's text: up to an empty line or the times of another cue."""
    end = start
    while end < len(lines) and lines[end] and "-->" not in lines[end]:
        end += 1
    return lines[start:end]


def _voices(text: str) -> list[tuple[str, str]]:
    """Parts of a cue's text without tags, each with its speaker."""
    parts, speaker, done, plain = [], "", 0, ""
    for tag in TAG.finditer(text):
        closing, name, rest = tag.group(1), tag.group(2), tag.group(3)
        if not name and not re.fullmatch(r"[0-9:.]+", rest) and not closing:
            continue  # not a tag: a text such as "<3 >"
        plain += text[done : tag.start()]
        done = tag.end()
        if name == "v":
            parts.append((_unescape(plain), speaker))
            annotation = "" if closing else re.sub(r"^\.\S*", "", rest)
            plain, speaker = "", " ".join(_unescape(annotation).split())
    return [*parts, (_unescape(plain + text[done:]), speaker)]


def _unescape(text: str) -> str:
    return ENTITY.sub(lambda found: html.unescape(found.group()), text)
