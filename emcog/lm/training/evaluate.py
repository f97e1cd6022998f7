"""What a trained LM can do: bits per character, look-up inside the context, calibration of its probabilities."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import torch

from emcog.lm.listen import listen
from emcog.lm.load import LM
from emcog.lm.reading import read_in_chunks
from emcog.lm.training.batches import split_sentences
from emcog.lm.training.drills import FACTS, make_drill
from emcog.lm.training.speech import as_speech


def bits_per_character(
    lm: LM, documents: Iterable[str], progress: Callable[[int, int], None] | None = None
) -> pd.DataFrame:
    """Code length of documents under the model, listening as everywhere (sliding window, one pass a document).

    Returns
    -------
    DataFrame, one row a document: document, characters, tokens, bits, bits_per_character.
    """
    rows = []
    for number, document in enumerate(documents):
        listening = listen(document, lm, progress=progress)
        bits = float(listening["surprisal"].sum())
        rows.append((number, len(document), len(listening), bits, bits / len(document)))
    return pd.DataFrame(rows, columns=["document", "characters", "tokens", "bits", "bits_per_character"])


def speech_like(documents: Iterable[str], seed: int = 0) -> Iterable[str]:
    """The documents made to look like speech, each in a style drawn by the seed; see `emcog.lm.training.speech`."""
    rng = np.random.default_rng(seed)
    for document in documents:
        yield as_speech(document, rng)


@torch.inference_mode()
def look_up(
    lm: LM, filler: str, n_drills: int = 500, seed: int = 10_000, context: int = 1024, far: int | None = None
) -> pd.DataFrame:
    """Recall drills inside the context: is the answer what the model would say, token by token?

    Parameters
    ----------
    lm : the model.
    filler : prose to hide facts in, long enough for many stretches (100,000 characters, say).
    n_drills : one fact each, depths and lengths spread evenly, names and numbers unseen in training (another seed).
    seed : of the drills. context : longest drill in tokens.
    far : all that is further back stands at this one distance, as what memory recalls does; None: all at its true one.

    Returns
    -------
    DataFrame, one row a drill: kind, depth (0 the beginning of the filler, 1 its end), tokens, correct.
    """
    sentences = split_sentences(filler)
    lengths = np.array([len(lm.tokenizer.encode(" " + s, add_special_tokens=False)) for s in sentences])
    rows = []
    for number in range(n_drills):
        rng = np.random.default_rng([seed, number])
        depth = (number + 0.5) / n_drills
        wanted = int(rng.integers(50, context - 150))
        first = int(rng.integers(0, len(sentences) // 2))
        count = int(np.searchsorted(np.cumsum(lengths[first:]), wanted, side="right"))
        kind = list(FACTS)[number % len(FACTS)]
        drill = make_drill(rng, sentences[first : first + max(1, count)], kind, depth=depth)
        before = "".join(text for text, _ in drill.pieces[:1]) + drill.pieces[1][0]
        ids = [lm.bos_id, *lm.tokenizer.encode(before, add_special_tokens=False)]
        answer = lm.tokenizer.encode(drill.pieces[2][0], add_special_tokens=False)
        # A window behind which every token stays, at the one distance that is the window's.
        given = np.array(ids + answer)
        read = read_in_chunks(lm, given, None, n_init=len(given), n_local=far or len(given), chunk=len(given))
        said = next(read).logits[len(ids) - 1 : -1].argmax(-1).tolist()
        rows.append((kind, depth, len(ids), said == answer))
    return pd.DataFrame(rows, columns=["kind", "depth", "tokens", "correct"])


@torch.inference_mode()
def calibration(lm: LM, text: str, bins: int = 10, context: int = 1024) -> pd.DataFrame:
    """Are the probabilities of the model's first choices right as often as they say?

    Returns
    -------
    DataFrame, one row a bin of confidence: low, high, n, confidence (mean), accuracy.
    """
    ids = lm.encode(text)[0]
    # As everywhere the model reads BOS first: without it a small model is sure of what it does not know.
    first = [] if lm.bos_id is None else [lm.bos_id]
    step = context - len(first)
    sure: list[np.ndarray] = []
    right: list[np.ndarray] = []
    for start in range(0, len(ids) - step + 1, step):
        row = torch.tensor([*first, *ids[start : start + step]])[None].to(lm.device)
        top = lm.model(row, use_cache=False).logits[0, :-1].float().softmax(-1).max(-1)
        sure.append(top.values.cpu().numpy())
        right.append((top.indices == row[0, 1:]).cpu().numpy())
    confidence, correct = np.concatenate(sure), np.concatenate(right)
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.digitize(confidence, edges) - 1, 0, bins - 1)
    rows: list[tuple[Any, ...]] = []
    for k in range(bins):
        inside = place == k
        n = int(inside.sum())
        values = (float(confidence[inside].mean()), float(correct[inside].mean())) if n else (np.nan, np.nan)
        rows.append((edges[k], edges[k + 1], n, *values))
    return pd.DataFrame(rows, columns=["low", "high", "n", "confidence", "accuracy"])
