"""Made-up segmentations, small enough to count by hand; a count and a limit of time for every input that is fuzzed."""

import re
import signal
import time
from collections import Counter
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

from emcog.segmentation import Segmentation, event_texts


def _make(
    text: str = "The bell rang twice.\nAnna ran home. A year later she was back.",
    starts: tuple[int, ...] = (0, 4, 7),
    timed: bool = False,
    name: str = "bell",
) -> Segmentation:
    """One token a word, with the white space before it; word i lasts from i/2 s for 0.25 s; surprisal counts up."""
    found = list(re.finditer(r"\S+", text))
    n = len(found)
    ends = np.array([match.end() for match in found])
    ends[-1] = len(text)
    begins = np.concatenate([[0], ends[:-1]])
    times = np.arange(n) / 2 if timed else np.full(n, np.nan)
    signals = {s: np.arange(n) % 17 + 0.1 * k for k, s in enumerate(("surprisal", "entropy", "bayesian_surprise"))}
    words = pd.DataFrame(
        {
            "word": [match.group() for match in found],
            "char_start": [match.start() for match in found],
            "char_end": [match.end() for match in found],
            "onset_s": times,
            "offset_s": times + 0.25,
            "speaker": "",
            "interpolated": False,
            "n_tokens": 1,
            **signals,
        }
    )
    tokens = pd.DataFrame(
        {
            "token_id": np.arange(n),
            "text": [text[a:b] for a, b in zip(begins, ends, strict=True)],
            "char_start": begins,
            "char_end": ends,
            "word_index": np.arange(n),
            **signals,
        }
    )
    start = np.array(starts)
    end = np.append(start[1:], n)
    events = pd.DataFrame(
        {
            "event": np.arange(len(start)),
            "onset_s": times[start],
            "offset_s": times[end - 1] + 0.25,
            "start_token": start,
            "end_token": end,
            "start_word": start,
            "end_word": end,
            "n_tokens": end - start,
            "surprise": signals["surprisal"][start],
            "text": event_texts(tokens, start, end),
        }
    )
    provenance = {
        "created": "2025-01-01T00:00:00+00:00",
        "input": {"name": name, "format": "text", "sha256": "0" * 64},
        "model": {"name": "embedded"},
        "settings": {"signal": "surprisal", "propose": "threshold", "gamma": 1.0, "window": 512},
    }
    return Segmentation(events, tokens, words, provenance)


@pytest.fixture(scope="session")
def make_segmentation():
    """A function that makes a Segmentation of a text, one token a word."""
    return _make


LIMIT_S, WAIT_S = 10.0, 60.0
"""Seconds that an input may take: of the processor, and by the clock, since what waits takes none of it."""
FUZZED: Counter[str] = Counter()


@contextmanager
def _limited(name):
    """Count an input, and stop it when it has taken too long."""

    def late(*_):
        raise TimeoutError(f"{name}: more than {LIMIT_S:g} s for one input, or {WAIT_S:g} s of waiting")

    before = {kind: signal.signal(kind, late) for kind in (signal.SIGPROF, signal.SIGALRM)}
    started = time.monotonic()
    others, _ = signal.setitimer(signal.ITIMER_REAL, WAIT_S)  # pytest's own limit of a test goes by this clock too
    signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
    try:
        FUZZED[name] += 1
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for kind, handler in before.items():
            signal.signal(kind, handler)
        if others:
            signal.setitimer(signal.ITIMER_REAL, max(0.001, others - (time.monotonic() - started)))


@pytest.fixture(scope="session")
def limited():
    """A context manager for each fuzzed input, by the name of what it is given to."""
    return _limited


def pytest_terminal_summary(terminalreporter, config):
    if FUZZED:
        seed = config.getoption("hypothesis_seed", None)
        counts = ", ".join(f"{name} {count:,}" for name, count in sorted(FUZZED.items()))
        fixed = "derandomised" if seed is None else f"seed {seed}"
        terminalreporter.write_line(f"inputs fuzzed ({fixed}): {sum(FUZZED.values()):,} ({counts})")
