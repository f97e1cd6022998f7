"""Telling the C library to keep freed memory, which training asks for again at once."""

import ctypes

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8


def keep_freed_memory() -> None:
    """Let glibc reuse large blocks rather than hand each back to the system and fault it in again.

    A training step frees and asks for gigabytes in blocks of megabytes; without this a tenth of the time goes to page
    faults. On other C libraries nothing is done.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    for parameter, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 2**28), (_ARENA_MAX, 1)):
        mallopt(parameter, value)
