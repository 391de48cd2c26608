"""What a process holds goes back to the system, also from between what is still in use."""

import platform
import subprocess
import sys

import pytest

from tests.waits import LONGEST

# Prints the bytes that are held before and after, when of each hundred pieces of 8 KB one is still in use.
MEASURED = """
from pathlib import Path
from resource import getpagesize
from etl import steady_memory

def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * getpagesize()

steady_memory.settle()
pieces = [bytes(8_000) for _ in range(10_000)]
del pieces[::2], pieces[::2], pieces[::2], pieces[::2], pieces[::2]
before = held()
steady_memory.give_back()
print(before, held())
"""

# Prints how many numbers are kept alive by statements that nobody holds, before the last of so many pages and after it.
CIRCLES = """
import sys
from etl import steady_memory
from etl.database.bookkeeping import LedgerEntry
from etl.database.engine import any_of
from sqlalchemy import select

steady_memory.settle()
select(LedgerEntry).where(LedgerEntry.conversation_id == any_of(range(10)))
at_rest = sys.getallocatedblocks()
for first in range(1_000, 101_000, 1_000):
    select(LedgerEntry).where(LedgerEntry.conversation_id == any_of(range(first, first + 1_000)))
for _ in range(steady_memory.PAGES_BETWEEN_LOOKS - 1):
    steady_memory.after_page()
before = sys.getallocatedblocks()
steady_memory.after_page()
print(before - at_rest, sys.getallocatedblocks() - at_rest)
"""


def _numbers(program: str) -> tuple[int, int]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=LONGEST, check=True)
    before, after = map(int, done.stdout.split())
    return before, after


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has heaps of another kind")
def test_what_lies_free_between_pieces_in_use_is_given_back():
    before, after = _numbers(MEASURED)
    assert before - after > 50_000_000


def test_lists_that_only_circles_hold_are_given_back_after_so_many_pages():
    before, after = _numbers(CIRCLES)
    assert before > 50_000, "SQLAlchemy's statements hold themselves no longer: what looks for them can go"
    assert after < 10_000
