"""Counts what was fuzzed, and limits the time of each input."""

import signal
from collections import Counter
from contextlib import contextmanager

import pytest

LIMIT_S = 10.0
FUZZED: Counter[str] = Counter()


@contextmanager
def _limited(name):
    """Count an input, and stop it when it has taken ten seconds of the processor."""

    def late(*_):
        raise TimeoutError(f"{name}: more than {LIMIT_S:g} s for one input")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
    try:
        FUZZED[name] += 1
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


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
