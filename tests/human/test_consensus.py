import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emcog.errors import DataError, OptionError
from emcog.human import ConsensusRule, crowd_of_marks, segmentation_magnitude


def test_magnitude_is_segmags():
    # segmag's documentation: six people, a film of 30 s, Gaussians of 1 s. One lone press is 1 / sqrt(2 pi) at its peak
    # (and 0.4986779 with a Gaussian of 0.8 s: the value in segmag's source).
    assert segmentation_magnitude([np.array([0.0])], np.array([0.0]), 0.8)[0] == pytest.approx(0.4986779, abs=1e-7)
    people = [[7, 12, 18, 25], [12.1, 24.9], [6.9, 10, 25.2, 29], [7.2, 12.05, 17.5], [7.05, 25], [6.9, 16.1, 25]]
    at = np.round(np.arange(0, 30.001, 0.01), 2)
    brute = np.zeros(len(at))
    for own in people:  # the largest Gaussian within a person, then the sum: segmag's definition
        bells = [np.where(np.abs(at - t) <= 6, np.exp(-0.5 * (at - t) ** 2) / np.sqrt(2 * np.pi), 0) for t in own]
        brute += np.max(bells, axis=0)
    ours = segmentation_magnitude([np.array(own) for own in people], at)
    np.testing.assert_allclose(ours, brute, atol=1e-12)
    peak = at[np.argmax(ours)]
    assert 24.9 <= peak <= 25.1  # segmag's own example finds its strongest boundary there


@settings(max_examples=40)
@given(st.lists(st.floats(0, 50), min_size=1, max_size=20))
def test_nobody_counts_twice(times):
    at = np.linspace(0, 50, 101)
    once = segmentation_magnitude([np.array(times)], at)
    np.testing.assert_allclose(segmentation_magnitude([np.array(times * 3)], at), once)
    assert once.max() <= 1 / np.sqrt(2 * np.pi) + 1e-12


def crowd(people, rule, length=40):
    return crowd_of_marks(
        [np.array(p, dtype=float) for p in people], np.arange(float(length)), float(length), rule=rule
    )


PEOPLE = [[10, 20], [10.2, 30], [9.9, 20.1, 35], [10]]


def test_density_keeps_as_many_peaks_as_people_pressed():
    # Two marks a person on average: the two highest of four peaks, at 10 (four people) and 20 (two).
    assert crowd(PEOPLE, ConsensusRule("density")).starts.tolist() == [10, 20]


def test_density_keeps_what_passes_a_threshold():
    height = 1 / np.sqrt(2 * np.pi)
    assert crowd(PEOPLE, ConsensusRule("density", threshold=0.5 * height)).starts.tolist() == [10, 20, 30, 35]
    assert crowd(PEOPLE, ConsensusRule("density", threshold=3 * height)).starts.tolist() == [10]


def test_proportion_counts_who_marked_a_word():
    assert crowd(PEOPLE, ConsensusRule("proportion", threshold=0.5)).starts.tolist() == [10, 20]
    assert crowd(PEOPLE, ConsensusRule("proportion", threshold=1.0)).starts.tolist() == [10]
    assert crowd(PEOPLE, ConsensusRule("proportion")).starts.tolist() == [10, 20]  # two a person
    # Among equals the earlier: one mark each, at three places.
    assert crowd([[5], [7], [9]], ConsensusRule("proportion")).starts.tolist() == [5]


@settings(max_examples=40)
@given(st.lists(st.lists(st.floats(0.6, 39), max_size=6), min_size=2, max_size=5), st.integers(0, 4))
def test_without_an_observer_is_as_if_they_had_never_been_there(people, who):
    who %= len(people)
    others = [own for i, own in enumerate(people) if i != who]
    for rule in (ConsensusRule("density"), ConsensusRule("proportion", threshold=0.4)):
        left, never = crowd(people, rule).without(who), crowd(others, rule)
        assert left.starts.tolist() == never.starts.tolist()
        np.testing.assert_array_equal(left.marked, never.marked)
        assert len(left.names) == len(people) - 1


def test_a_release_list_was_made_with_everybody():
    places = np.arange(40.0)
    whole = crowd_of_marks([np.array([10.0]), np.array([10.0, 20.0])], places, 40.0, release=np.array([33.0]),
                           rule=ConsensusRule("release"))  # fmt: skip
    assert whole.starts.tolist() == [33]
    assert whole.without(0).starts.tolist() == [10, 20]
    assert whole.without(0).rule.rule == "density"
    with pytest.raises(DataError, match="two or more"):
        whole.without(0).without(0)


def test_rules_are_checked():
    with pytest.raises(OptionError, match=r"consensus rule 'majority'.*density, proportion, release"):
        ConsensusRule("majority")
    with pytest.raises(OptionError, match="bandwidth"):
        ConsensusRule(bandwidth=0)
    with pytest.raises(DataError, match="no list of their own"):
        crowd_of_marks([np.array([1.0])], np.arange(3.0), 3.0, rule=ConsensusRule("release"))
    with pytest.raises(DataError, match="do not decrease"):
        crowd_of_marks([np.array([1.0])], np.array([0.0, 2.0, 1.0]), 3.0)
