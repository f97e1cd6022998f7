"""Making book prose look like a speech transcript, since transcripts are what people bring."""

import re

import numpy as np

STYLES = ("lower", "lower, few marks", "few marks", "words only", "no quotes")


def as_speech(text: str, rng: np.random.Generator) -> str:
    """Rewrite prose in one of the styles of automatic or hand-made transcripts, chosen by `rng`.

    The styles: lower case with its punctuation; lower case with full stops only; mixed case with full stops only;
    lower-case words only; mixed case without quotation marks. Paragraphs are joined in all but the last.
    """
    style = STYLES[rng.integers(len(STYLES))]
    if style == "no quotes":
        return re.sub(r'"|(?<!\w)\'|\'(?!\w)', "", text)
    text = " ".join(text.replace("\u2014", " ").replace("-", " ").split())
    text = re.sub(r'["()*]|(?<!\w)\'|\'(?!\w)', "", text)
    if style == "words only":
        return re.sub(r" {2,}", " ", re.sub(r"[^\w\s']", "", text)).lower().strip()
    if style.endswith("few marks"):
        text = re.sub(r"[,;:]", "", re.sub(r"[!?]", ".", text))
    return text if style == "few marks" else text.lower()
