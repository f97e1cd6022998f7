"""Which event of a story is each sentence of a spoken recall about? By the likeness of their words, or one given."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from emcog.boundaries import sentence_characters
from emcog.errors import DataError
from emcog.options import check_number

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")


def match_recall(
    recall: str | Sequence[str],
    events: Sequence[str],
    *,
    similarity: np.ndarray | None = None,
    floor: float = 0.1,
    monotone: bool = False,
) -> pd.DataFrame:
    """Match the sentences of a recall with the events of the story.

    The rule: each sentence goes to the event most similar to it (of equals the earliest), if the similarity is at
    least `floor`; else to none. With `monotone` no sentence may go to an event before that of the sentence before it:
    of all such matchings the one with the largest summed similarity above the floor is taken (dynamic programming).
    That decides the order of recall by itself, so that it is no use for lag curves.

    Parameters
    ----------
    recall : a text, which is split into sentences, or the sentences.
    events : the texts of the story's events, in order.
    similarity : float (n_sentences, n_events), such as cosines of sentence embeddings; None: cosine of TF-IDF vectors.
    floor : similarity below which a sentence is about nothing in the story; between -1 and 1.
    monotone : see above.

    Returns
    -------
    DataFrame, one row a sentence: sentence (from 0), event (float; NaN for none), similarity (with that event, or the
    largest there is), text.

    Raises DataError where the similarity has another shape, or there is nothing to match.
    """
    floor = check_number("floor", floor, low=-1, high=1)
    sentences = _sentences(recall) if isinstance(recall, str) else list(recall)
    if not sentences or not events:
        raise DataError("matching needs at least one sentence of recall and one event of the story")
    alike = tfidf_cosine(sentences, events) if similarity is None else np.asarray(similarity, dtype=np.float64)
    if alike.shape != (len(sentences), len(events)) or not np.isfinite(alike).all():
        raise DataError(
            f"the similarity must be finite numbers of shape ({len(sentences)}, {len(events)}), got {alike.shape}"
        )
    best = _monotone(alike - floor) if monotone else np.where(alike.max(1) >= floor, alike.argmax(1), -1)
    found = np.where(best >= 0, alike[np.arange(len(best)), np.maximum(best, 0)], alike.max(1))
    event = np.where(best >= 0, best.astype(float), np.nan)
    return pd.DataFrame({"sentence": np.arange(len(sentences)), "event": event, "similarity": found, "text": sentences})


def recall_trial(matched: pd.DataFrame, n_items: int, subject: str, trial: str = "0") -> pd.DataFrame:
    """A matched recall as rows for `emcog.stats.recall_curves`: sentences about the same event in a row are one item.

    Sentences about nothing stay, as NaN: what comes after them does not follow from what came before.
    """
    items = matched["event"].to_numpy(dtype=float)
    kept = items[np.r_[True, np.diff(items) != 0]] if len(items) else items
    return pd.DataFrame({"subject": subject, "trial": trial, "order": np.arange(len(kept)), "item": kept,
                         "n_items": n_items})  # fmt: skip


def tfidf_cosine(texts: Sequence[str], events: Sequence[str]) -> np.ndarray:
    """Cosine of TF-IDF vectors, float64 (n_texts, n_events); 0 where one has no word in common with any event.

    Words in lower case; idf = log((1 + n) / (1 + events with the word)) + 1 over the events (smooth, as in
    scikit-learn); words that no event has do not count.

    Source: Salton & Buckley (1988).
    """
    counts = [Counter(_WORD.findall(text.lower())) for text in events]
    held = Counter(word for one in counts for word in one)
    place = {word: i for i, word in enumerate(held)}
    idf = np.log((1 + len(events)) / (1 + np.array([held[word] for word in place], dtype=float))) + 1

    def vectors(many: Sequence[Counter[str]]) -> np.ndarray:
        """Weighted counts of words, a row a text."""
        out = np.zeros((len(many), len(place)))
        for row, one in zip(out, many, strict=True):
            for word, n in one.items():
                if word in place:
                    row[place[word]] = n
        out *= idf
        norm = np.linalg.norm(out, axis=1, keepdims=True)
        return out / np.where(norm > 0, norm, 1)

    return vectors([Counter(_WORD.findall(text.lower())) for text in texts]) @ vectors(counts).T


def _monotone(gain: np.ndarray) -> np.ndarray:
    """The event of each sentence, never going back, or -1, so that the summed gain is largest. int64 (n_sentences,)."""
    n, k = gain.shape
    best = np.zeros(k)  # the largest sum so far with the last event at most this one
    taken = np.zeros((n, k), dtype=np.int64)  # the event that sentence t then has, or -1
    for t in range(n):
        with_t = best + gain[t]
        reached = np.maximum.accumulate(with_t)
        at = np.maximum.accumulate(np.where(with_t == reached, np.arange(k), 0))
        take = reached > best
        taken[t] = np.where(take, at, -1)
        best = np.where(take, reached, best)
    out, limit = np.full(n, -1, dtype=np.int64), k - 1
    for t in range(n - 1, -1, -1):
        if taken[t, limit] >= 0:
            out[t] = limit = int(taken[t, limit])
    return out


def _sentences(text: str) -> list[str]:
    starts = [*sentence_characters(text).tolist(), len(text)]
    return [piece for a, b in pairwise(starts) if (piece := text[a:b].strip())]
