"""Both ends of a channel at once, sockets that a program was given, and names of a listener's own."""

import asyncio
import os
import socket
import subprocess
import sys

import pytest
from conftest import SOON, descriptors, ended, started

import treenail
from treenail import aio

CHILD = """
import sys, treenail
with getattr(treenail, sys.argv[1])("fd:" + sys.argv[2], timeout=10) as channel:
    for message in channel:
        channel.send(message * 2)
"""
SERVICE = """
import os, sys
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
import treenail
with treenail.Listener("fd:systemd") as listener, listener.accept(timeout=10) as channel:
    channel.send(listener.endpoint().encode())
    channel.recv(timeout=10)
"""


def assert_joined(one, other):
    for sender, receiver in ((one, other), (other, one)):
        sender.send(b"across")
        assert receiver.recv(timeout=SOON) == b"across"


@pytest.mark.parametrize("options", ["", "ring=64KiB&spin=0", "shm=off"])
def test_a_pair_has_both_ends(options):
    one, other = treenail.pair(options)
    with one, other:
        assert_joined(one, other)
        shared = options != "shm=off"
        expected = treenail.TRANSPORT_SHM if shared else treenail.TRANSPORT_LOCAL
        assert one.peer().transport == other.peer().transport == expected
        assert one.peer().address == "pair" and one.peer().pid == os.getpid()
        answering = started(lambda: other.reply(other.recv_message(timeout=SOON), b"!"))
        assert one.request(b"?", timeout=SOON) == b"!"
        ended(answering)
        one.close()
        with pytest.raises(treenail.Closed):
            other.recv(timeout=SOON)


def test_a_pair_leaves_nothing():
    treenail.pair()
    before = descriptors()
    for _ in range(10):
        one, other = treenail.pair()
        assert_joined(one, other)
        del one, other
    assert descriptors() == before


def test_a_pair_takes_options_alone():
    for options in ("nonsense=1", "ring=tiny", "shm:name", "a\0b"):
        with pytest.raises(treenail.Invalid):
            treenail.pair(options)


def test_a_pair_in_asyncio():
    async def main():
        one, other = await aio.pair("ring=64KiB")
        async with one, other:
            received = asyncio.ensure_future(other.recv())
            await asyncio.sleep(0)
            await one.send(b"across")
            assert await received == b"across"

    asyncio.run(asyncio.wait_for(main(), SOON))


@pytest.mark.parametrize("call", ["connect", "create"])
def test_a_child_is_given_its_end(call):
    ours, theirs = socket.socketpair()
    number = theirs.fileno()
    child = subprocess.Popen([sys.executable, "-c", CHILD, call, str(number)], pass_fds=[number])
    theirs.close()
    own = {"connect": treenail.create, "create": treenail.connect}[call]
    with own(f"fd:{ours.detach()}", timeout=6 * SOON) as channel:
        for _ in range(5):  # it moves into shared memory within the first messages
            channel.send(b"ab")
            assert channel.recv(timeout=6 * SOON) == b"abab"
        assert channel.peer().transport == treenail.TRANSPORT_SHM
    assert child.wait(SOON) == 0


def test_a_killed_child_is_lost():
    ours, theirs = socket.socketpair()
    number = theirs.fileno()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, "connect", str(number)], pass_fds=[number]
    )
    theirs.close()
    with treenail.create(f"fd:{ours.detach()}", timeout=6 * SOON) as channel:
        child.kill()
        with pytest.raises(treenail.PeerLost):
            channel.recv(timeout=SOON)
    child.wait()


def test_a_socketpair_in_asyncio():
    async def main():
        ends = [f"fd:{end.detach()}" for end in socket.socketpair()]
        creating = asyncio.ensure_future(aio.create(ends[0]))
        async with await aio.connect(ends[1]) as one, await creating as other:
            await one.send(b"across")
            assert await other.recv() == b"across"

    asyncio.run(asyncio.wait_for(main(), SOON))


def test_what_carries_no_channel_stays_open(tmp_path):
    with open(tmp_path / "file", "w") as file, pytest.raises(treenail.Invalid, match="no socket"):
        treenail.connect(f"fd:{file.fileno()}")
    with socket.socket() as tcp:
        with pytest.raises(treenail.Unsupported, match="TCP"):
            treenail.connect(f"fd:{tcp.fileno()}")
        assert tcp.fileno() >= 0 and os.fstat(tcp.fileno())
    with pytest.raises(treenail.NotFound, match="LISTEN_FDS"):
        treenail.Listener("fd:systemd")


def test_two_alike_are_told():
    one, other = (f"fd:{end.detach()}" for end in socket.socketpair())
    with treenail.create_start(one) as first:
        with pytest.raises(treenail.Protocol, match="let one of them connect"):
            treenail.create(other, timeout=SOON)
        with pytest.raises(treenail.Protocol):
            first.recv(timeout=SOON)


def test_a_service_listens_at_what_it_was_passed(tmp_path):
    path = f"{tmp_path}/service.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        number = listening.fileno()

        def pass_as_3():
            os.dup2(number, 3)
            os.set_inheritable(3, True)

        child = subprocess.Popen(
            [sys.executable, "-c", SERVICE], close_fds=False, preexec_fn=pass_as_3
        )
    with treenail.connect(f"shm:{path}", timeout=SOON) as channel:
        assert channel.recv(timeout=6 * SOON).decode() == f"shm:{path}"
        channel.send(b"done")
    assert child.wait(SOON) == 0
    assert os.path.exists(path)


@pytest.mark.parametrize("scheme", ["shm", "local"])
def test_a_listener_chooses_its_name(scheme):
    with treenail.Listener(f"{scheme}:*") as listener:
        assert listener.endpoint().startswith(f"{scheme}:") and "*" not in listener.endpoint()
        one = treenail.connect(listener.endpoint(), timeout=SOON)
        with one, listener.accept(timeout=SOON) as other:
            assert_joined(one, other)
    with pytest.raises(treenail.Invalid):
        treenail.connect(f"{scheme}:*")
