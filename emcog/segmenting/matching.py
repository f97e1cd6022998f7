"""As many events as people saw."""

from collections.abc import Sequence
from typing import Any

from emcog.errors import OptionError
from emcog.human import AnnotationSet, people_of
from emcog.transcript import Transcript


def matched_people(match: Any, story: Transcript, n_events: int | None, levels: Sequence[int] | None) -> AnnotationSet:
    """The people whose number of events a segmentation is to have.

    Parameters
    ----------
    match : annotations, a file of them or a dataset's name (see `emcog.human.people_of`).
    n_events, levels : as given beside it: both say how many events there are, so they must be None.

    Raises
    ------
    OptionError : n_events or levels are given too. DataError : see `people_of`.
    """
    for name, value in (("n_events", n_events), ("levels", levels)):
        if value is not None:
            option = name.replace("_", "-")
            raise OptionError(f"match takes the number of events from people: leave {name} (--{option}) out")
    return people_of(match, story.name)
