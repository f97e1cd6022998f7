"""What a memory holds, as tables."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from emcog.memory.text import Encoded

if TYPE_CHECKING:
    from emcog.memory.episodic import EpisodicLM


def token_table(found: Encoded, begins: np.ndarray, start: int, first: int, surprisal: np.ndarray) -> pd.DataFrame:
    """The tokens of a source from `start` on; see `EpisodicLM.read`."""
    n = len(found.ids) - start
    begins, ends = begins[start:], found.char_end[start:]
    table = pd.DataFrame({"token": np.arange(first, first + n), "token_id": found.ids[start:]})
    pieces = [found.text[a:b] for a, b in zip(begins.tolist(), ends.tolist(), strict=True)]
    table["text"] = pd.Series(pieces, index=table.index, dtype=str)
    table["char_start"], table["char_end"] = begins, ends
    table["surprisal"] = surprisal[:n]
    return table


def event_table(memory: "EpisodicLM") -> pd.DataFrame:
    """See `EpisodicLM.events`."""
    reader, n_bos = memory.reader, memory.n_bos
    end = n_bos + memory.n_tokens
    starts, ends = reader.starts.rows, reader.ends.rows
    if not reader.reference:
        near = reader.former.settled()
        starts, ends = np.concatenate([starts, near[:, 0]]), np.concatenate([ends, near[:, 1]])
        done = int(ends[-1]) if len(ends) else 0
        if done < end:
            starts, ends = np.append(starts, done), np.append(ends, end)
    at = starts + 1 if reader.reference else np.maximum(starts, n_bos)
    surprisal = np.append(reader.surprisal.rows, np.nan)
    counts = np.bincount(reader.recalls.rows["event"] + reader.skipped, minlength=len(starts))
    return pd.DataFrame(
        {
            "event": np.arange(len(starts)),
            "start_token": np.maximum(starts - n_bos, 0),
            "end_token": ends - n_bos,
            "text": pd.Series(memory.words.of(starts, ends), dtype=str),
            "surprise": surprisal[np.minimum(at, len(surprisal) - 1)],
            "n_recalled": counts[: len(starts)],
        }
    )


def recall_table(memory: "EpisodicLM") -> pd.DataFrame:
    """See `EpisodicLM.recalls`."""
    reader = memory.reader
    rows = reader.recalls.rows
    names = {layer: reader.config.policy_of(layer) for layer in reader.layers}
    policy = np.array([names.get(layer, "none") for layer in range(max(names) + 1)], dtype=object)
    by = np.where(rows["similar"], policy[rows["layer"]], "contiguity")
    return pd.DataFrame(
        {
            "step": rows["step"].astype(np.int64),
            "layer": rows["layer"].astype(np.int64),
            "event": rows["event"].astype(np.int64) + reader.skipped,
            "rank": rows["rank"].astype(np.int64),
            "score": rows["score"].astype(np.float64),
            "by": pd.Series(by, dtype=str),
        }
    )
