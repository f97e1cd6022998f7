"""Boundaries that are refused, and what the message says of them."""

import pytest

from emcog.errors import DataError
from emcog.graph.partitions import as_starts


@pytest.mark.parametrize(
    ("starts", "fault"),
    [([0, 4], "boundary 4 lies outside the 4 tokens"), ([0, 3, 2], "boundary 3 is not below the next one, 2")],
)
def test_the_message_says_what_is_wrong_with_which_boundary(starts, fault):
    with pytest.raises(DataError, match=fault):
        as_starts(starts, 4)
