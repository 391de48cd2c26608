"""Keeps the memory of a process flat, however many threads have answers in it."""

import gc
import itertools
from contextlib import suppress
from ctypes import CDLL

# Rows and payloads hold each other in no circles: looking for such after every 2,000 objects finds next to nothing.
# SQLAlchemy's statements do, and hold with them the ids that they ask for: `give_back` looks for these.
OBJECTS_BETWEEN_COLLECTIONS = 50_000
# glibc gives each thread a heap, which keeps what the largest answer took, and lets only large pieces go back at once;
# how large, it learns from the first ones, unless it is told (mallopt(3)).
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
LARGE, HEAPS = 2**18, 2
# Some seconds of reading as fast as can be: a long first load else comes to hold a tenth more.
PAGES_BETWEEN_LOOKS = 50
_pages = itertools.count(1)


def settle() -> None:
    """Have all threads share heaps, where the C library is glibc, and look for garbage seldom."""
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    with suppress(OSError, AttributeError):
        for option, value in ((M_MMAP_THRESHOLD, LARGE), (M_ARENA_MAX, HEAPS)):
            CDLL(None).mallopt(option, value)


def after_page() -> None:
    """Give back what can be, after so many pages of conversations that any thread of the process has taken in."""
    if next(_pages) % PAGES_BETWEEN_LOOKS == 0:
        give_back()


def give_back() -> None:
    """Give back what only circles hold, and what lies free between pieces in use.

    Python looks for circles by the number of objects, however long the lists in them are; by itself glibc gives back
    only what is behind the last piece. Takes some milliseconds: only the youngest objects are looked at.
    """
    gc.collect(0)
    with suppress(OSError, AttributeError):
        CDLL(None).malloc_trim(0)


def end() -> None:
    """Leave what is there out of the last look for garbage: it is thrown away anyhow."""
    gc.freeze()
