"""The answers under way share the memory that they may take, however many there are and however small they come in."""

import gzip
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from etl.demo.server import Answer, text_answer
from etl.errors import TooLarge
from etl.extract.memory import MEGABYTE, CrowdedError, Memory
from tests.waits import LONGEST


def packed(size: int) -> Answer:
    """JSON of that many bytes, mostly one long text, packed to a thousandth."""
    body = b'{"text": "' + b"x" * (size - 12) + b'"}'
    return Answer(200, gzip.compress(body), headers={"Content-Encoding": "gzip"})


def test_an_answer_may_take_a_quarter_of_the_memory_and_no_more(serving, client_of):
    sizes = {"fits": 2 * MEGABYTE - 100, "is-too-large": 2 * MEGABYTE + 1}
    client = client_of(serving(lambda request: packed(sizes[request.path.rpartition("/")[2]])), memory_mb=8)
    assert len(client.get("fits")["text"]) == 2 * MEGABYTE - 112
    with pytest.raises(TooLarge, match=r"/is-too-large: the answer is larger than a quarter of ETL_MEMORY_MB, with"):
        client.get("is-too-large")
    assert (client.requests, client.retries) == (2, 0)


@pytest.mark.parametrize("body", [b"[" + b"1," * 99_999 + b"1]", b"[" + b"{}," * 66_666 + b"{}]", b"[" * 200_000])
def test_an_answer_of_very_many_values_is_too_large_however_few_bytes_they_are(serving, client_of, body):
    client = client_of(serving(lambda _: Answer(200, body)), memory_mb=8)
    with pytest.raises(TooLarge):
        client.get("x")


def test_what_is_too_large_is_quoted_unless_it_is_what_people_wrote(serving, client_of):
    client = client_of(serving(lambda _: text_answer("Dana " * MEGABYTE)), memory_mb=1)
    with pytest.raises(TooLarge) as failed:
        client.get("x")
    assert failed.value.quote.startswith("Dana Dana")


# By itself, so that nothing else that the tests do is measured.
MEASURED = """
import resource, sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from etl.extract.client import Client
from etl.settings.settings import Settings

def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

threads, together = int(sys.argv[2]), Barrier(int(sys.argv[2]))
given = {"account_id": 1, "api_token": "t0ken-of-the-tests", "memory_mb": 64, "concurrency": threads}
client = Client(Settings(base_url=sys.argv[1], **given))

def get(_):
    together.wait()
    return len(client.get("x")["text"])

client.get("small")
before = most()
with ThreadPoolExecutor(threads) as pool:
    sizes = set(pool.map(get, range(threads)))
print(sizes, most() - before)
"""


@pytest.mark.long
def test_eight_large_answers_at_once_take_no_more_than_the_memory(serving):
    """Each of them is kept by nobody: what is measured is what it takes to get them."""
    size = 15 * MEGABYTE
    large, small = packed(size), packed(1000)
    url = serving(lambda request: small if request.path.endswith("small") else large)
    command = [sys.executable, "-c", MEASURED, url, "8"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=True)
    sizes, most = done.stdout.split()
    assert (sizes, int(most) < 64) == (f"{{{size - 12}}}", True), done.stdout


def test_a_large_answer_waits_for_the_one_before_it_and_holds_nothing_meanwhile():
    memory = Memory(8, 4)
    body = bytearray(memory.share + 1)
    entered, leave = Event(), Event()

    def hold():
        with memory.room() as room:
            room.take(body)
            entered.set()
            leave.wait(LONGEST)

    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(hold)
        assert entered.wait(LONGEST)
        with memory.room() as room:
            room.take(bytearray(memory.share))
            with pytest.raises(CrowdedError):
                room.take(body)
            leave.set()
            room.wait()
            room.take(bytearray(memory.largest))
            room.take_values(bytearray(memory.largest))
        held.result()
    with memory.room() as another:
        another.take(body)


def test_all_shares_and_one_large_answer_are_within_the_memory():
    for megabytes, threads in ((1, 64), (512, 8), (512, 1), (7, 3)):
        memory = Memory(megabytes, threads)
        assert 3 * (threads * memory.share + memory.largest) <= megabytes * MEGABYTE
