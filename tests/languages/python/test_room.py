"""Room to send: a descriptor of its own tells of it, and everything that sends waits for that."""

import asyncio
import contextlib
import itertools
import select
import sys
import threading

import pytest
from conftest import SOON, ended, joined, started
from test_aio import meet, run
from test_aio_cancel import cancelled

import treenail
from treenail import aio

SMALL = "?ring=4KiB"  # as little room as there can be
PIECE = bytes(1000)
LONG = bytes(range(256)) * 20000


def fill(channel):
    """Sends until there is no room for another piece: how many went."""
    for count in itertools.count():
        try:
            channel.send(PIECE, timeout=0)
        except treenail.Again:
            return count


def empty(channel):
    with contextlib.suppress(treenail.Again):
        while True:
            channel.recv(timeout=0)


def hide_messages(channel):
    """Has its first descriptor unreadable: who waits for that doesn't see room."""
    fd = channel.fileno()
    with pytest.raises(treenail.Again):
        channel.recv(timeout=0)
    assert not is_readable(fd)


def is_readable(fd, timeout=0):
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(timeout * 1000))


@pytest.fixture
def ends(endpoint):
    """Two ends of a channel with as little room as there can be."""
    ours, theirs = joined(endpoint, SMALL if endpoint.startswith("shm") else "")
    with ours, theirs:
        yield ours, theirs


def test_the_second_descriptor_is_readable_while_there_is_room(ends):
    ours, theirs = ends
    room, messages = ours.send_fileno(), ours.fileno()
    assert room == ours.send_fileno() != messages
    hide_messages(ours)
    assert is_readable(room) and not is_readable(messages)
    fill(ours)
    assert not is_readable(room)
    empty(theirs)
    assert is_readable(room, SOON)
    ours.send(PIECE, timeout=0)


def test_messages_and_room_have_two_keys_in_a_poller(ends):
    ours, theirs = ends
    with treenail.Poller() as poller:
        poller.add(ours, "messages")
        poller.add_send(ours, "room")
        with pytest.raises(treenail.Exists):
            poller.add_send(ours, "room again")
        with pytest.raises(treenail.Again):
            ours.recv(timeout=0)
        assert poller.wait(timeout=0) == ["room"]
        fill(ours)
        with pytest.raises(treenail.Again):
            poller.wait(timeout=0)
        empty(theirs)
        assert "room" in poller.wait(timeout=SOON)
        with pytest.raises(treenail.Again):
            ours.recv(timeout=0)
        assert poller.wait(timeout=0) == ["room"]
        poller.remove_send(ours)
        with pytest.raises(treenail.Again):
            poller.wait(timeout=0)
        with pytest.raises(treenail.NotFound):
            poller.remove_send(ours)
        theirs.send(b"x")
        assert poller.wait(timeout=SOON) == ["messages"]
        poller.remove(ours)
        with pytest.raises(treenail.NotFound):
            poller.remove(ours)


SENDS = {
    "send": lambda channel, _: channel.send(PIECE),
    "send with a time": lambda channel, _: channel.send(PIECE, timeout=SOON, tag=1),
    "a long one": lambda channel, _: channel.send(LONG),
    "sendv": lambda channel, _: channel.sendv([PIECE, PIECE]),
    "send_many": lambda channel, _: channel.send_many([PIECE] * 100),
    "request_start": lambda channel, _: channel.request_start(PIECE),
    "reply": lambda channel, question: channel.reply(question, PIECE),
    "loan": lambda channel, _: channel.loan(2000).commit(),
}


def asked(theirs, ours):
    """A request that waits for its answer."""
    theirs.request_start(b"?")
    return ours.recv_message(timeout=SOON)


@pytest.mark.parametrize("way", SENDS)
def test_a_send_that_waits_goes_on_when_there_is_room(ends, way, monkeypatch):
    ours, theirs = ends
    question = asked(theirs, ours)
    hide_messages(ours)
    fill(ours)
    is_at_descriptor = threading.Event()

    def send_fileno(channel):
        is_at_descriptor.set()
        return fileno(channel)

    fileno = treenail.Channel.send_fileno
    monkeypatch.setattr(treenail.Channel, "send_fileno", send_fileno)

    def receive():
        assert is_at_descriptor.wait(SOON)
        while theirs.recv(timeout=SOON) != b"the end":
            pass

    receiving = started(receive)
    SENDS[way](ours, question)
    assert ours.stats().pending_bytes == 0
    ours.send(b"the end")
    ended(receiving)


@pytest.mark.parametrize("is_full", [True, False])
def test_a_request_reads_while_it_sends(ends, is_full):
    ours, theirs = ends
    if is_full:
        fill(ours)
    got = []

    def ask_too():
        number = theirs.request_start(LONG, timeout=SOON)
        while not got or not got[-1].is_request:
            got.append(theirs.recv_message(timeout=SOON))
        theirs.reply(got[-1], b"answer")
        got.append(theirs.recv_message(timeout=SOON))
        assert got[-1].is_reply and got[-1].id == number

    asking = started(ask_too)
    assert ours.request(LONG, timeout=SOON) == b"answer"
    question = ours.recv_message(timeout=SOON)
    assert question.data == LONG
    ours.reply(question, b"done")
    ended(asking)
    assert got[-1].data == b"done"


def watched(channel):
    """Which descriptors of a channel are in the loop."""
    return [watch._fd is not None for watch in (channel._reading, channel._writing)]


async def until(condition):
    while not condition():
        await asyncio.sleep(0)


async def full(endpoint):
    theirs, ours = await meet(endpoint, SMALL if endpoint.startswith("shm") else "")
    hide_messages(ours._owner)
    fill(ours._owner)
    return theirs, ours


AIO_SENDS = ["send", "a long one", "sendv", "send_many", "reply"]


@pytest.mark.parametrize("way", AIO_SENDS)
def test_a_task_that_sends_goes_on_when_there_is_room(endpoint, way):
    async def main():
        theirs, ours = await meet(endpoint, SMALL if endpoint.startswith("shm") else "")
        question = asked(theirs._owner, ours._owner)
        hide_messages(ours._owner)
        fill(ours._owner)
        sending = asyncio.ensure_future(SENDS[way](ours, question))
        await until(lambda: ours._writers)
        assert watched(ours) == [False, True]
        while not sending.done():
            try:
                theirs._owner.recv(timeout=0)
            except treenail.Again:
                await asyncio.sleep(0)
        await sending
        # Room is looked for only while somebody waits for it.
        await until(lambda: watched(ours) == [False, False])

    run(main())


def test_senders_and_receivers_wait_at_their_own_descriptors(endpoint):
    async def main():
        theirs, ours = await full(endpoint)
        receiving = asyncio.ensure_future(ours.recv())
        sending = asyncio.ensure_future(ours.send(b"last"))
        await until(lambda: ours._readers and ours._writers)
        await theirs.send(b"x")
        assert await receiving == b"x" and not sending.done()
        receiving = asyncio.ensure_future(ours.recv())
        while await theirs.recv() != b"last":
            pass
        await sending
        assert not receiving.done()
        await theirs.send(b"y")
        assert await receiving == b"y"

    run(main())


def test_a_channel_without_room_is_left_alone(endpoint):
    async def main():
        theirs, ours = await full(endpoint)
        waits = [ours.send(PIECE), ours.recv(), ours.request(b"?")]
        waiting = [asyncio.ensure_future(wait) for wait in waits]
        await until(lambda: len(ours._writers) == 2 and ours._readers)
        await theirs.send(b"x")  # one wake-up may tell of messages and of room
        assert await waiting[1] == b"x"
        await theirs.send(b"y")  # for the request to read, on its way
        await until(lambda: ours._inbox)
        selects = itertools.count()
        loop = asyncio.get_running_loop()
        select = loop._selector.select
        loop._selector.select = lambda timeout: [next(selects), select(timeout)][1]
        await asyncio.wait(waiting[::2], timeout=0.3)
        assert next(selects) < 50
        for task in waiting[::2]:
            task.cancel()
        await asyncio.wait(waiting[::2])
        assert not ours._writers and not ours._reading_writers

    run(main())


@pytest.mark.parametrize("way", ["send", "request"])
def test_what_a_cancelled_task_left_goes_out(endpoint, way):
    async def main():
        theirs, ours = await meet(endpoint, SMALL if endpoint.startswith("shm") else "")
        await cancelled(getattr(ours, way)(LONG), 3)
        assert ours.stats().pending_bytes > 0
        assert await theirs.recv() == LONG  # though nobody calls anything there
        await until(lambda: watched(ours) == [False, False])

    run(main())


def test_the_end_comes_before_what_a_cancelled_task_left(endpoint):
    async def main():
        theirs, ours = await meet(endpoint, SMALL if endpoint.startswith("shm") else "")
        await cancelled(ours.send(LONG), 3)
        assert watched(ours)[1]
        theirs.close()
        await until(lambda: not watched(ours)[1])  # and nobody is told, but the next call
        with pytest.raises((treenail.Closed, treenail.PeerLost)):
            await ours.send(b"x")

    run(main())


def test_requests_fail_where_too_much_comes_in_their_way(endpoint, monkeypatch):
    async def main():
        theirs, ours = await full(endpoint)
        monkeypatch.setattr(aio, "_INBOX_BYTES_MAX", 100)
        asking = [asyncio.ensure_future(ours.request(b"?")) for _ in range(3)]
        await until(lambda: len(ours._writers) == 3)
        for _ in range(10):
            await theirs.send(bytes(90))
        for one in await asyncio.gather(*asking, return_exceptions=True):
            assert isinstance(one, treenail.NoSpace)
        assert [await ours.recv() for _ in range(10)] == [bytes(90)] * 10

    run(main())


def test_a_listener_that_could_not_be_made_leaves_nothing(monkeypatch):
    problems = []
    monkeypatch.setattr(sys, "unraisablehook", problems.append)
    with pytest.raises(ValueError):
        aio.Listener("nowhere")
    assert problems == []
