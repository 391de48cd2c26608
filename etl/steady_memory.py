"""Keeps the memory of a process flat, however many threads have answers in it."""

import gc
from contextlib import suppress
from ctypes import CDLL

# Rows and payloads hold each other in no circles: looking for such after every 2,000 of them finds nothing.
OBJECTS_BETWEEN_COLLECTIONS = 50_000
# glibc gives each thread a heap, which keeps what the largest answer took, and lets only large pieces go back at once;
# how large, it learns from the first ones, unless it is told (mallopt(3)).
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
LARGE, HEAPS = 2**18, 2


def settle() -> None:
    """Have all threads share heaps, where the C library is glibc, and look for garbage seldom."""
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    with suppress(OSError, AttributeError):
        for option, value in ((M_MMAP_THRESHOLD, LARGE), (M_ARENA_MAX, HEAPS)):
            CDLL(None).mallopt(option, value)


def give_back() -> None:
    """Give back what lies free between pieces in use; by itself glibc gives back only what is behind the last one.

    Takes some milliseconds.
    """
    with suppress(OSError, AttributeError):
        CDLL(None).malloc_trim(0)


def end() -> None:
    """Leave what is there out of the last look for garbage: it is thrown away anyhow."""
    gc.freeze()
