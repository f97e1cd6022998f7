"""Every proposal by its name: starts that are starts, and exactly as many as asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emcog.boundaries import PROPOSALS, Story, nearest, propose, threshold
from emcog.boundaries.proposals import Proposal
from emcog.errors import OptionError

N = 300
WORDS = [f"{'ab'[i // 50]}{i % 7}word" for i in range(100)]


def story(step=None, n=N, made=0, **options):
    """A story of n tokens, three a word and twelve a sentence; with `step`, boundaries land on its multiples."""
    rng = np.random.default_rng(made)
    signal = rng.gamma(2, 2, n)
    signal[rng.random(n) < 0.03] = np.nan
    landing = None if step is None else nearest(np.arange(0, n, step), n)
    sentences = np.arange(0, n, 12)
    return Story(signal, sentences, (WORDS[: n // 3], np.arange(0, n, 3)), landing, **options)


@pytest.mark.parametrize("name", PROPOSALS)
@pytest.mark.parametrize("step", [None, 3])
def test_starts_are_starts(name, step):
    found = propose(name, story(step=step, n_events=7 if name == "top" else None, distance=5))
    assert found.dtype == np.int64 and found[0] == 0
    assert (np.diff(found) > 0).all() and found[-1] < N and len(found) > 1
    assert isinstance(PROPOSALS[name], Proposal) and PROPOSALS[name].doc


@settings(max_examples=120)
@given(
    name=st.sampled_from(["threshold", "top", "sentence", "fixed", "random"]), seed=st.integers(0, 99),
    n_events=st.integers(1, 20), min_event=st.sampled_from([1, 2, 10, 14]), step=st.sampled_from([None, 2, 3, 12]),
)  # fmt: skip
def test_exactly_as_many_events_as_asked_for(name, seed, n_events, min_event, step):
    told = story(step, made=seed, n_events=n_events, min_event=min_event, seed=seed)
    # Boundaries are at multiples of `unit`, and so the shortest event has `shortest` tokens.
    unit = 12 if name == "sentence" else step or 1
    shortest = -(-min_event // unit) * unit
    if n_events > (N - min_event) // shortest + 1:
        with pytest.raises(OptionError, match="cannot be had"):
            propose(name, told)
        return
    found = propose(name, told)
    assert len(set(found)) == n_events and found[0] == 0 and (found % unit == 0).all()
    assert n_events == 1 or np.diff([*found, N]).min() >= min_event


@pytest.mark.parametrize("name", ["threshold", "top", "sentence", "fixed", "random", "peaks", "lexical"])
@pytest.mark.parametrize("options", [{"n_events": N + 1}, {"n_events": 31, "min_event": 10}])
@pytest.mark.parametrize("step", [None, 3])
def test_more_events_than_fit_are_refused(name, options, step):
    with pytest.raises(OptionError, match=rf"^{options['n_events']} events.*cannot be had"):
        propose(name, story(step=step, **options))


def test_threshold_is_the_threshold():
    told = story(gamma=1.5, window=64)
    assert propose("threshold", told).tolist() == threshold(told.signal, 1.5, 64).tolist()


def test_n_events_moves_the_threshold():
    """K events by the gamma that gives them: of the scored tokens the K - 1 that exceed their threshold most."""
    told = story(gamma=1.0, window=64)
    found = propose("threshold", told)
    assert propose("threshold", story(window=64, n_events=len(found))).tolist() == found.tolist()


def test_a_text_too_short_for_a_threshold_still_has_its_events():
    found = propose("threshold", story(n=12, n_events=3))
    signal = story(n=12).signal
    best = sorted(np.argsort(-np.nan_to_num(signal[1:]), kind="stable")[:2] + 1)
    assert found.tolist() == [0, *best]


def test_top_takes_the_highest():
    told = story(n_events=6)
    found = propose("top", told)[1:]
    rest = np.delete(told.signal, [0, *found])
    assert told.signal[found].min() >= np.nanmax(rest)


def test_top_needs_a_number():
    with pytest.raises(OptionError, match="n_events"):
        propose("top", story())


def test_peaks_are_apart_and_above_the_threshold():
    told = story(distance=9, gamma=0.5, window=64)
    found = propose("peaks", told)[1:]
    assert len(found) > 2 and (np.diff(found) >= 9).all()
    assert set(found) <= set(threshold(told.signal, 0.5, 64))


def test_baselines_match_the_threshold_s_events():
    for step in (None, 3):
        told = story(step=step, window=64, min_event=6)
        starts = propose("threshold", told)
        landed = starts if step is None else np.union1d([0], told.landing[starts])
        kept = [0]
        for start in landed[1:]:
            if start - kept[-1] >= 6 and N - start >= 6:
                kept.append(start)
        assert sorted(np.diff([*propose("random", told), N])) == sorted(np.diff([*kept, N]))
        assert len(propose("fixed", told)) == len(kept)


def test_random_depends_on_its_seed():
    assert propose("random", story(seed=1)).tolist() == propose("random", story(seed=1)).tolist()
    one, other = (Story(**{**vars(story()), "seed": s}) for s in (1, 2))
    assert propose("random", one).tolist() != propose("random", other).tolist()


def test_sentences():
    assert propose("sentence", story()).tolist() == list(range(0, N, 12))
    told = story(n_events=5)
    found = propose("sentence", told)[1:]
    assert (found % 12 == 0).all()
    others = np.setdiff1d(np.arange(12, N, 12), found)
    assert told.signal[found].min() >= np.nanmax(told.signal[others])
