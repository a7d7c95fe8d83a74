"""Channels, views and messages without number leave nothing behind.

TREENAIL_LEAKS says how many of each.
"""

import asyncio
import gc
import os

import pytest
from conftest import SOON, descriptors, joined, meet

import treenail
from treenail import aio

COUNT = int(os.environ.get("TREENAIL_LEAKS", "20000"))
# What the memory may grow by: caches that fill up, and the allocator's own.
SLACK_KIB = 8192


def resident_kib():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def check(use, count):
    """After a warm-up, many uses take no more memory and descriptors than there were."""
    for number in range(count // 10):
        use(number)
    gc.collect()
    before, memory = descriptors(), resident_kib()
    for number in range(count):
        use(number)
    gc.collect()
    assert descriptors() <= before
    assert resident_kib() <= memory + SLACK_KIB


def test_channels(endpoint):
    with treenail.Listener(endpoint) as listener:

        def use(number):
            ours = treenail.connect_start(endpoint)
            theirs = meet(listener, ours)
            theirs.send(b"x")
            if number % 2:
                assert ours.recv(timeout=SOON) == b"x"
            if number % 3:
                ours.fileno()
                ours.send_fileno()
                ours.close()

        check(use, COUNT // 2)  # two ends each


def test_failures(endpoint):
    def use(number):
        with pytest.raises(treenail.NotFound):
            treenail.connect(endpoint, timeout=0)
        with pytest.raises(treenail.Invalid):
            treenail.connect(f"shm:a?{number}=1")

    check(use, COUNT // 10)


def uses(ours, theirs):
    buffer = bytearray(100)

    def view(number):
        ours.send(b"x" * (number % 3000))
        with theirs.recv_view() as view:
            assert len(view) == number % 3000

    def forgotten(number):
        ours.send(b"x")
        part = theirs.recv_view().data[:]
        ours.loan(10)
        return part

    def large(number):
        ours.send(bytearray(9000))
        ours.send(b"x" * 70000)
        theirs.recv()
        theirs.recv()

    def tagged(number):
        ours.send(b"x", tag=number)
        with ours.loan(10) as loan:
            loan[:] = b"0123456789"
        assert theirs.recv_message().tag == number
        assert theirs.recv_into(buffer) == 10

    def batch(number):
        ours.send_many([b"x", b"yy", bytearray(b"z")])
        ours.sendv([b"v", b"v"])
        received = []
        while len(received) < 4:
            received += theirs.recv_many()

    def refused(number):
        for receive in (theirs.recv, theirs.recv_view, theirs.recv_message):
            with pytest.raises(treenail.Again):
                receive(timeout=0)

    def request(number):
        asked = ours.request_start(b"?")
        theirs.reply(theirs.recv_message(), b"!")
        assert ours.recv_message().id == asked
        with pytest.raises(treenail.Again):
            ours.request(b"?", timeout=0)
        theirs.recv()

    return {"view": view, "forgotten": forgotten, "large": large, "tagged": tagged,
            "batch": batch, "refused": refused, "request": request}  # fmt: skip


@pytest.mark.parametrize("name", ["view", "forgotten", "large", "tagged", "batch", "refused"])
def test_messages(endpoint, name):
    ours, theirs = joined(endpoint)
    check(uses(ours, theirs)[name], COUNT)


def test_requests(endpoint):
    ours, theirs = joined(endpoint)
    # Of those that are never answered the library keeps 65536.
    check(uses(ours, theirs)["request"], min(COUNT, 20000))


def test_segments(name):
    with treenail.Segment.create(name, 100):

        def use(number):
            segment = treenail.Segment.open(name)
            with segment.lock(timeout=1):
                segment.buf[0] = 1
            if number % 3 == 0:
                segment.fileno()
            if number % 2:
                segment.close()

        check(use, COUNT // 10)


def test_calls_of_a_segment(name):
    with treenail.Segment.create(name, 10000) as segment:
        semaphore = treenail.Semaphore(name, 3)

        def use(number):
            with segment.lock(), semaphore:
                segment.buf[:4] = b"abcd"
            with segment.lock_shared(timeout=1):
                part = segment.buf[number % 100 :]
            segment.write(bytes(part))
            assert segment.read(9, 5) == bytes(9)
            segment.wait(number)
            with pytest.raises(treenail.Again):
                segment.wait(segment.version, timeout=0)
            semaphore.acquire(2, timeout=1)
            semaphore.release(2)

        check(use, COUNT)


def test_semaphores(name):
    kept = treenail.Semaphore(name, 1)

    def use(number):
        semaphore = treenail.Semaphore(name)
        semaphore.acquire(timeout=0)
        if number % 3 == 0:
            semaphore.fileno()
        if number % 2:
            semaphore.close()

    check(use, COUNT // 10)
    assert kept.value == 1


def test_asyncio(endpoint):
    async def exchange(listener):
        connecting = asyncio.ensure_future(aio.connect(endpoint))
        theirs, ours = await listener.accept(), await connecting
        waiting = asyncio.ensure_future(theirs.recv())
        await ours.send(b"x")
        assert await waiting == b"x"
        waiting = asyncio.ensure_future(ours.recv())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        ours.close()

    loop = asyncio.new_event_loop()
    with treenail.Listener(endpoint + "2"):
        listener = aio.Listener(endpoint)
        check(lambda _: loop.run_until_complete(exchange(listener)), COUNT // 20)
        listener.close()
    loop.close()
