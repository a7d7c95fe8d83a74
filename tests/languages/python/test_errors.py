"""Every status is an exception of its own, and one that a Python programmer would catch."""

import os
import pickle
import signal
import subprocess
import sys

import pytest
from conftest import SOON, joined

import treenail

CLASSES = {
    treenail.Again: (-1, "TN_AGAIN", [BlockingIOError]),
    treenail.TimedOut: (-2, "TN_TIMED_OUT", [TimeoutError]),
    treenail.Closed: (-3, "TN_CLOSED", [ConnectionError, ConnectionAbortedError, EOFError]),
    treenail.PeerLost: (-4, "TN_PEER_LOST", [ConnectionError, ConnectionResetError]),
    treenail.NotFound: (-5, "TN_NOT_FOUND", [FileNotFoundError, ConnectionRefusedError]),
    treenail.Exists: (-6, "TN_EXISTS", [FileExistsError]),
    treenail.Denied: (-7, "TN_DENIED", [PermissionError]),
    treenail.Invalid: (-8, "TN_INVALID", [ValueError]),
    treenail.TooLarge: (-9, "TN_TOO_LARGE", [ValueError]),
    treenail.NoSpace: (-10, "TN_NO_SPACE", [MemoryError, OSError]),
    treenail.Protocol: (-11, "TN_PROTOCOL", [ConnectionError]),
    treenail.Unsupported: (-12, "TN_UNSUPPORTED", [OSError]),
    treenail.Io: (-13, "TN_IO", [OSError]),
    treenail.Internal: (-14, "TN_INTERNAL", [RuntimeError]),
}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_a_status_is_an_exception(kind):
    status, name, builtin = CLASSES[kind]
    error = kind("what happened")
    assert (error.status, error.name, str(error)) == (status, name, "what happened")
    assert isinstance(error, treenail.Error)
    assert all(isinstance(error, base) for base in builtin)
    if isinstance(error, OSError):
        assert error.errno
    assert treenail._errors._CLASSES[status] is kind
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind and str(copy) == str(error)


def test_every_status_has_its_exception():
    statuses = {value for name, value in vars(treenail._abi).items() if name.startswith("TN_")}
    failures = {status for status in statuses if isinstance(status, int) and status < 0}
    assert failures == set(treenail._errors._CLASSES)


def test_nobody_listens(endpoint):
    with pytest.raises(FileNotFoundError, match="nobody listens at"):
        treenail.connect(endpoint, timeout=SOON)
    with pytest.raises(treenail.NotFound):
        treenail.connect_start(endpoint)
    with pytest.raises(treenail.TimedOut):
        treenail.connect(endpoint + "?retry=1", timeout=0.05)


def test_somebody_listens_already(endpoint):
    with treenail.Listener(endpoint):
        with pytest.raises(FileExistsError):
            treenail.Listener(endpoint)
        with pytest.raises(FileExistsError):
            treenail.create(endpoint, timeout=SOON)
    treenail.Listener(endpoint).close()


@pytest.mark.parametrize("bad", ["", "nowhere", "tcp:host", "shm:a?ring=1", "shm:a?b=c", "shm:\0",
                                 "shm:a\0?ring=8KiB", "shm:a?group=b\0c", "shm://a"])  # fmt: skip
def test_a_wrong_endpoint_is_a_value_error(bad):
    for use in (treenail.Listener, treenail.connect, treenail.create, treenail.connect_start):
        with pytest.raises(ValueError):
            use(bad)


def test_a_time_below_zero_is_a_value_error(pair, name):
    ours, theirs = pair
    ours.send_many([b"x"] * 3)  # also where nothing would have to be waited for
    segment, semaphore = treenail.Segment.create(name, 8), treenail.Semaphore(name, 5)
    request = treenail.Message(b"", id=1, flags=treenail.MESSAGE_REQUEST)
    for time in (-1, -0.001, float("nan")):
        for call in (
            lambda: theirs.recv(timeout=time), lambda: theirs.recv_message(timeout=time),
            lambda: theirs.recv_view(timeout=time),
            lambda: theirs.recv_into(bytearray(9), timeout=time),
            lambda: theirs.recv_many(3, timeout=time), lambda: ours.send(b"x", timeout=time),
            lambda: ours.send(b"x" * 5000, timeout=time, tag=1),
            lambda: ours.sendv([b"x"], timeout=time),
            lambda: ours.send_many([b"x"], timeout=time), lambda: ours.loan(3, timeout=time),
            lambda: ours.request(b"x", timeout=time),
            lambda: ours.request_start(b"x", timeout=time),
            lambda: ours.reply(request, b"x", timeout=time), lambda: ours.flush(timeout=time),
            lambda: segment.lock(timeout=time), lambda: segment.lock_shared(timeout=time),
            lambda: segment.read(1, 0, timeout=time), lambda: segment.write(b"x", 0, timeout=time),
            lambda: segment.wait(7, timeout=time), lambda: semaphore.acquire(1, timeout=time),
            lambda: treenail.Poller().wait(timeout=time),
            lambda: treenail.connect("shm:x?retry=1", timeout=time),
            lambda: treenail.create(f"shm:{name}", timeout=time),
        ):  # fmt: skip
            with pytest.raises(ValueError, match="at least 0 seconds"):
                call()
    assert theirs.recv_many(9, timeout=0) == [b"x"] * 3
    segment.close()
    semaphore.close()


def test_texts_say_what_was_asked_for(endpoint, tmp_path):
    with treenail.Listener(endpoint):
        for time, error in ((0, treenail.Again), (0.01, treenail.TimedOut)):
            with pytest.raises(error, match="^connect .* does it call accept") as raised:
                treenail.connect(endpoint + "?early=0", timeout=time)
            assert "fd" not in str(raised.value)
    for open in (treenail.Listener, treenail.connect, treenail.create):
        with pytest.raises(FileNotFoundError, match="no directory .*nodir; make it"):
            open(f"local:{tmp_path}/nodir/x")
        with pytest.raises(ValueError, match="no slashes behind shm:; write shm:chat"):
            open("shm://chat")


def test_a_place_without_rights_is_a_permission_error(tmp_path, monkeypatch):
    place = tmp_path / "open"
    place.mkdir()
    place.chmod(0o777)
    monkeypatch.setenv("TREENAIL_DIR", str(place))
    with pytest.raises(PermissionError):
        treenail.Listener("shm:name")


def test_the_peer_says_how_much_it_takes(endpoint):
    ours, _ = joined(endpoint, "?max_message=1000")
    with pytest.raises(treenail.TooLarge):
        ours.send(bytes(1001))
    ours.send(bytes(1000))


def test_raw_channels_have_no_tags(tmp_path):
    ours, theirs = joined(f"local:{tmp_path}/socket", "?raw=1")
    for use in (lambda: ours.send(b"x", tag=1), lambda: ours.request(b"x", timeout=SOON)):
        with pytest.raises(treenail.Unsupported):
            use()
    ours.send(b"bytes")
    assert theirs.recv(timeout=SOON) == b"bytes"


def test_everything_says_closed_after_a_close(endpoint):
    listener = treenail.Listener(endpoint)
    poller = treenail.Poller()
    ours, theirs = joined(endpoint + "2")
    poller.add(ours)
    for owner in (ours, listener, poller):
        assert not owner.closed
        with owner:
            pass
        owner.close()
        assert owner.closed
    message = treenail.Message(b"", id=1, flags=treenail.MESSAGE_REQUEST)
    for call in (
        lambda: ours.send(b""), lambda: ours.send(bytes(10000)), lambda: ours.send(b"", tag=1),
        lambda: ours.sendv([b""]), lambda: ours.send_many([b""]), lambda: ours.loan(1),
        lambda: ours.recv(), lambda: ours.recv(timeout=0), lambda: ours.recv_message(),
        lambda: ours.recv_view(), lambda: ours.recv_into(bytearray(1)), lambda: ours.recv_many(),
        lambda: ours.request(b""), lambda: ours.request_start(b""), lambda: ours.flush(),
        lambda: ours.reply(message, b""), lambda: ours.peer(), lambda: ours.stats(),
        lambda: ours.fileno(), lambda: ours.send_fileno(), lambda: listener.accept(),
        lambda: listener.endpoint(), lambda: listener.fileno(), lambda: poller.wait(),
        lambda: poller.wake(),
        lambda: poller.add(theirs), lambda: poller.add_send(theirs, 1), lambda: poller.fileno(),
    ):  # fmt: skip
        with pytest.raises(treenail.Closed, match="closed"):
            call()
    assert list(ours) == [] and list(listener) == []
    with pytest.raises(treenail.Closed):
        theirs.recv(timeout=SOON)
    with pytest.raises(ConnectionError):
        theirs.send(b"")


PEER = """
import sys, treenail
channel = treenail.connect(sys.argv[1], timeout=10)
channel.send(b"last words")
channel.recv()
"""


def test_a_peer_that_is_killed_is_lost(endpoint):
    with treenail.Listener(endpoint) as listener:
        peer = subprocess.Popen([sys.executable, "-c", PEER, endpoint])
        channel = listener.accept(timeout=SOON)
        received = []
        with pytest.raises(ConnectionResetError):
            for message in channel:
                received.append(message)
                os.kill(peer.pid, signal.SIGKILL)
        assert received == [b"last words"]
        with pytest.raises(treenail.PeerLost):
            channel.send(b"")
        assert peer.wait(SOON) == -signal.SIGKILL


def test_channels_come_from_connect_alone():
    with pytest.raises(TypeError, match="connect"):
        treenail.Channel()
