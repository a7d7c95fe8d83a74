"""treenail.connection, where it differs from multiprocessing.connection, and where CPython's own tests
of that leave something out."""

import multiprocessing
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading

import pytest
from conftest import SOON, descriptors, started

from treenail import connection
from treenail.connection import Client, Listener, Pipe, wait

METHODS = ["fork", "spawn", "forkserver"]


@pytest.fixture
def address(tmp_path):
    return f"{tmp_path}/socket"


@pytest.fixture(params=["pipe", "client", "local"])
def both(request, address):
    """Two connections that belong together."""
    if request.param == "pipe":
        ours, theirs = Pipe()
    else:
        place = address if request.param == "client" else f"local:{address}"
        with Listener(place) as listener:
            ours, theirs = Client(place), listener.accept()
    with ours, theirs:
        yield ours, theirs


OBJECTS = [None, 7, "text", b"bytes", {"a": [1, (2.5, None)]}, b"x" * 3_000_000, [b"y" * 70_000] * 3,
           len, ValueError("x"), os.stat_result(range(10))]  # fmt: skip


def test_objects_go_both_ways(both):
    ours, theirs = both
    for one in OBJECTS:
        sender = started(ours.send, one)
        got = theirs.recv()
        assert type(got) is type(one) and (got == one or repr(got) == repr(one))
        sender.join(SOON)
        theirs.send(len(OBJECTS))
        assert ours.recv() == len(OBJECTS)


def test_either_end_may_be_first_and_no_end_waits_for_the_other():
    for first in (0, 1):
        ends = Pipe()
        with ends[0], ends[1]:
            for number in range(100):
                ends[first].send(number)
            ends[first].close()
            assert ends[1 - first].poll()
            assert [ends[1 - first].recv() for _ in range(100)] == list(range(100))
            with pytest.raises(EOFError):
                ends[1 - first].recv()


def test_both_ends_may_be_first_at_once():
    for _ in range(50):
        ours, theirs = Pipe()
        with ours, theirs:
            sender = started(ours.send, "from here")
            theirs.send("from there")
            assert (ours.recv(), theirs.recv()) == ("from there", "from here")
            sender.join(SOON)


def test_a_poll_is_no_use_of_an_end_unless_something_came():
    ours, theirs = Pipe()
    with ours, theirs:
        assert not ours.poll() and not ours.poll(0.01) and not wait([ours, theirs], 0.01)
        assert repr(ours) == repr(theirs) == "Connection(unused)"
        theirs.send(1)
        assert ours.poll(SOON) and wait([ours, theirs]) == [ours]
        assert ours.recv() == 1 and not ours.poll()


def test_nothing_is_left_open():
    before = descriptors()
    for use in (lambda *_: None, lambda ours, _: ours.send(1), lambda ours, theirs: (
        ours.send(1), theirs.recv())):  # fmt: skip
        ours, theirs = Pipe()
        use(ours, theirs)
        ours.close()
        del theirs  # also without a close
        assert descriptors() == before


def test_a_closed_end_says_so(both):
    ours, theirs = both
    ours.close()
    ours.close()
    assert ours.closed and repr(ours) == "Connection(closed)"
    for call in (
        lambda: ours.send(1), ours.recv, lambda: ours.send_bytes(b""), ours.recv_bytes, ours.poll,
        lambda: ours.recv_bytes_into(bytearray(1)), ours.fileno, lambda: wait([ours]),
    ):  # fmt: skip
        with pytest.raises(OSError, match="handle is closed"):
            call()
    assert theirs.poll() and wait([theirs]) == [theirs]
    with pytest.raises(EOFError):
        theirs.recv()
    with pytest.raises(BrokenPipeError, match=r"^\[Errno 32\] Connection.send "):
        theirs.send(1)


def test_one_way():
    reader, writer = Pipe(duplex=False)
    with reader, writer:
        assert (reader.readable, reader.writable) == (True, False)
        assert (writer.readable, writer.writable) == (False, True)
        for call in (writer.recv, writer.poll, writer.recv_bytes):
            with pytest.raises(OSError, match="write-only"):
                call()
        with pytest.raises(OSError, match="read-only"):
            reader.send(1)
        writer.send(1)
        assert reader.recv() == 1


def test_what_is_too_long(both):
    ours, theirs = both
    ours.send_bytes(b"0123456789")
    with pytest.raises(multiprocessing.BufferTooShort) as raised:
        theirs.recv_bytes_into(bytearray(12), 3)
    assert raised.value.args == (b"0123456789",) and raised.type is connection.BufferTooShort
    ours.send_bytes(b"0123456789")
    with pytest.raises(OSError, match="bad message length"):
        theirs.recv_bytes(9)
    assert not theirs.readable and theirs.writable
    theirs.send(1)
    assert ours.recv() == 1


def test_a_key_is_known_or_not(address):
    got = []

    def accept(listener):
        for _ in range(2):
            try:
                with listener.accept() as one:
                    got.append(one.recv())
            except multiprocessing.AuthenticationError as error:
                got.append(type(error))

    with Listener(address, authkey=b"secret") as listener:
        accepting = started(accept, listener)
        with pytest.raises(connection.AuthenticationError):
            Client(address, authkey=b"wrong")
        with Client(address, authkey=b"secret") as one:
            one.send("hello")
            accepting.join(SOON)
    assert got == [multiprocessing.AuthenticationError, "hello"]
    for make in (Listener, Client):
        with pytest.raises(TypeError, match="byte string"):
            make(address, authkey="text")


def test_addresses(address):
    with pytest.raises(FileNotFoundError):
        Client(address)
    with pytest.raises(ConnectionRefusedError):
        Client(address)
    with Listener(f"{address}?%") as listener, Client(f"{address}?%"):
        assert listener.address == f"{address}?%" and listener.last_accepted is None
        assert os.path.exists(f"{address}?%")
    with Listener() as one, Listener(None, "AF_UNIX") as other:
        assert one.address != other.address
        with Client(one.address), Client(other.address, "AF_UNIX"):
            pass
        one.close()
        with pytest.raises(OSError, match="listener is closed"):
            one.accept()
    for wrong in (("localhost", 6000), "\0abstract", 5):
        for make in (Listener, Client):
            with pytest.raises(ValueError, match="unrecognized"):
                make(wrong)
    with pytest.raises(ValueError, match="AF_INET is not recognized"):
        Listener(address, "AF_INET")


def test_wait_for_all_kinds(both):
    ours, theirs = both
    plain, other = socket.socketpair()
    with plain, other:
        assert wait([ours, plain], 0.01) == []
        other.send(b"x")
        assert wait([ours, plain, plain.fileno()]) == [plain, plain.fileno()]
        theirs.send(1)
        assert wait([ours, plain], SOON) == [ours, plain]
        assert ours.recv() == 1
        assert wait([ours, plain], SOON) == [plain]
        timer = threading.Timer(0.05, theirs.send, [2])
        timer.start()
        assert wait([ours], SOON) == [ours]
        timer.join()


def child(ours, number):
    while (one := ours.recv()) is not None:
        ours.send((one, number, os.getpid()))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("is_early", [False, True])
def test_an_end_goes_to_a_child(method, is_early):
    context = multiprocessing.get_context(method)
    ours, theirs = Pipe()
    with ours:
        if is_early:
            ours.send("early")
        process = context.Process(target=child, args=(theirs, 7))
        process.start()
        theirs.close()
        if not is_early:
            ours.send("late")
        assert ours.recv() == ("early" if is_early else "late", 7, process.pid)
        ours.send(None)
        process.join(SOON)
        assert process.exitcode == 0
        with pytest.raises(EOFError):
            ours.recv()


def last_words(theirs):
    theirs.send("last words")
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("method", METHODS)
def test_a_child_that_is_killed_is_the_end(method):
    ours, theirs = Pipe()
    process = multiprocessing.get_context(method).Process(target=last_words, args=(theirs,))
    process.start()
    theirs.close()
    process.join(SOON)
    assert process.exitcode == -signal.SIGKILL
    assert ours.recv() == "last words"
    with pytest.raises(EOFError):
        ours.recv()
    ours.close()


def test_an_end_goes_through_a_connection(both):
    ours, theirs = both
    one, other = Pipe()
    with one, other:
        one.send("in it")
        ours.send(other)
        with theirs.recv() as arrived:
            other.close()
            assert arrived.recv() == "in it"
        with pytest.raises(TypeError, match="before its first use"):
            ours.send(one)
        with pytest.raises(TypeError, match="before its first use"):
            pickle.dumps(ours)


PROGRAM = """
import sys
from treenail import connection
with connection.Client(sys.argv[1], authkey=b"k") as one:
    assert "multiprocessing" in sys.modules
    one.send(one.recv() * 2)
"""


def test_another_program(address):
    with Listener(address, authkey=b"k") as listener:
        child = subprocess.Popen([sys.executable, "-c", PROGRAM, address])
        with listener.accept() as one:
            one.send("ab")
            assert one.recv() == "abab"
        assert child.wait(SOON) == 0
