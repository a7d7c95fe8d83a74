"""Every size, offset, count and time: it works, or is refused with a text that says the limit."""

import array
import ctypes
import math
import mmap
import os
import threading

import pytest
from conftest import SOON, joined, started

import treenail
from treenail import _buffers

numpy = pytest.importorskip("numpy")

HUGE = 2**64 + 5  # of which ctypes would leave a 5
SPARSE_BYTES = 5 << 30
NORESERVE = 0x4000  # mmap's flag, which Python doesn't name


class Record(ctypes.Structure):
    _fields_ = [("number", ctypes.c_int), ("letter", ctypes.c_char)]


# In one piece, to be read and written: items of more than a byte, more than one dimension, another
# byte order, structures, none.
PIECES = {
    "array": lambda: array.array("d", [1, 2]),
    "ctypes array": lambda: (ctypes.c_int * 5)(1, 2, 3),
    "ctypes of two dimensions": lambda: ((ctypes.c_int * 2000) * 2)(),
    "structure": lambda: Record(1, b"x"),
    "memoryview of two dimensions": lambda: memoryview(bytearray(24)).cast("i", [2, 3]),
    "mmap": lambda: mmap.mmap(-1, 16384),
    "numpy of two dimensions": lambda: numpy.arange(4000, dtype="f4").reshape(40, 100),
    "numpy of another byte order": lambda: numpy.arange(4000, dtype=">i4"),
    "numpy record": lambda: numpy.zeros(3, dtype=[("number", "i4"), ("real", "f8")]),
    "numpy of no dimension": lambda: numpy.array(5),
    "numpy of nothing": lambda: numpy.zeros((0, 3)),
}
# Not in one piece.
SCATTERED = {
    "transposed": lambda: numpy.arange(2000).reshape(20, 100).T,
    "every other": lambda: numpy.arange(12)[::2],
    "backwards": lambda: memoryview(bytes(range(100)))[::-1],
}


@pytest.mark.parametrize("kind", [*PIECES, *SCATTERED])
def test_all_bytes_of_any_object_are_sent(pair, kind):
    ours, theirs = pair
    whole = {**PIECES, **SCATTERED}[kind]()
    expected = memoryview(whole).tobytes()
    ours.send(whole, timeout=SOON)
    ours.sendv([whole, b"and", whole], timeout=SOON)
    assert ours.send_many([whole, b"x"], timeout=SOON) == 2
    ours.request_start(whole, timeout=SOON)
    assert theirs.recv(timeout=SOON) == expected
    assert theirs.recv(timeout=SOON) == expected + b"and" + expected
    assert theirs.recv(timeout=SOON) == expected
    assert theirs.recv(timeout=SOON) == b"x"
    request = theirs.recv_message(timeout=SOON)
    assert request.data == expected
    theirs.reply(request, whole, timeout=SOON)
    assert ours.recv(timeout=SOON) == expected


@pytest.mark.parametrize("kind", PIECES)
def test_all_bytes_of_any_object_are_received_into(pair, kind):
    ours, theirs = pair
    target = PIECES[kind]()
    sent = os.urandom(memoryview(target).nbytes)
    ours.send(sent, timeout=SOON)
    assert theirs.recv_into(target, timeout=SOON) == len(sent)
    assert memoryview(target).tobytes() == sent
    ours.send(sent + b"x", timeout=SOON)
    with pytest.raises(treenail.TooLarge) as refused:
        theirs.recv_into(target, timeout=SOON)
    assert refused.value.needed == len(sent) + 1


@pytest.mark.parametrize("kind", PIECES)
def test_all_bytes_of_any_object_are_written_and_read(name, kind):
    source, target = PIECES[kind](), PIECES[kind]()
    with treenail.Segment.create(name, 100_000) as segment:
        segment.write(source, 10, timeout=SOON)
        segment.read_into(target, 10, timeout=SOON)
        assert memoryview(target).tobytes() == memoryview(source).tobytes()


@pytest.mark.parametrize("kind", SCATTERED)
def test_what_is_not_in_one_piece_is_not_received_into(pair, kind):
    ours, theirs = pair
    ours.send(b"x", timeout=SOON)
    with pytest.raises(BufferError, match="not in one piece"):
        theirs.recv_into(SCATTERED[kind](), timeout=SOON)
    assert theirs.recv(timeout=SOON) == b"x"


def test_no_length_of_a_loan_is_cut_off(pair):
    ours, theirs = pair
    with pytest.raises(treenail.TooLarge, match="the peer takes 67108864"):
        ours.loan(HUGE, timeout=0)
    with pytest.raises(ValueError, match="at least 0, not -1"):
        ours.loan(-1, timeout=0)
    loan = ours.loan(10, timeout=SOON)
    with pytest.raises(treenail.Invalid, match="of a loan of 10"):
        loan.commit(HUGE)
    with pytest.raises(ValueError, match="at least 0, not -1"):
        loan.commit(-1)
    loan.length = HUGE
    with pytest.raises(treenail.Invalid, match="of a loan of 10"):
        loan.commit()
    loan.commit(3)
    assert len(theirs.recv(timeout=SOON)) == 3


def test_no_id_of_a_request_is_cut_off(pair):
    ours, theirs = pair
    number = ours.request_start(b"?", timeout=SOON)
    request = theirs.recv_message(timeout=SOON)
    for wrong in (number + 2**32, number - 2**32):
        with pytest.raises(treenail.Invalid, match="no request"):
            ours.request_cancel(wrong)
        with pytest.raises(treenail.Invalid):
            theirs.reply(treenail.Message(b"", 0, wrong, request.flags), b"!", timeout=SOON)
    with pytest.raises(ValueError, match="a tag is from 0 to 4294967295"):
        theirs.reply(treenail.Message(b"", 2**32, request.id, request.flags), b"!", timeout=SOON)
    theirs.reply(request, b"!", timeout=SOON)
    assert ours.recv(timeout=SOON) == b"!"


def test_no_descriptor_of_a_poller_is_cut_off():
    reading, writing = os.pipe()
    with treenail.Poller() as poller:
        for wrong in (reading + 2**32, reading - 2**32, -1):
            with pytest.raises(treenail.Invalid, match=f"{wrong} is no descriptor"):
                poller.add(wrong)
        poller.add(reading)
        os.close(writing)
        for most in (1, 10**6, HUGE):
            assert poller.wait(timeout=SOON, max=most) == [reading]
        for none in (0, -1):
            with pytest.raises(ValueError, match="max is at least 1"):
                poller.wait(timeout=SOON, max=none)
        poller.remove(reading)
    os.close(reading)


def test_no_version_is_cut_off(name):
    with treenail.Segment.create(name, 1) as segment:
        segment.notify()
        for other in (0, 2, -1, 2**64 - 1, 2**64 + 1, -(2**64) + 1):
            assert segment.wait(other, timeout=0) == 1
        with pytest.raises(treenail.Again):
            segment.wait(1, timeout=0)


def test_what_is_read_is_refused_before_there_is_memory_for_it(name):
    with treenail.Segment.create(name, 100) as segment:
        for length in (101, 2**40, 2**63, HUGE):
            with pytest.raises(treenail.Invalid, match="not within the 100 bytes of it"):
                segment.read(length)
        for offset in (101, 2**63, HUGE):
            with pytest.raises(treenail.Invalid, match="not within the 100 bytes of it"):
                segment.read(offset=offset)
            with pytest.raises(treenail.Invalid, match="not within the 100 bytes of it"):
                segment.write(b"", offset)
        with pytest.raises(treenail.Invalid, match="not within the 100 bytes of it"):
            segment.read(100, 1)
        assert len(segment.read(0, 100)) == 0


def test_a_segment_of_more_than_4_gib_can_be_used_to_its_end(name):
    # An object that takes no memory, as most of it is never touched.
    path = f"/dev/shm/{name}"
    with open(path, "xb") as file:
        file.truncate(SPARSE_BYTES)
    try:
        with treenail.Segment.open(f"native:/{name}") as segment:
            assert segment.size == len(segment.buf) == SPARSE_BYTES
            for offset in (2**31 - 2, 2**32 - 2, SPARSE_BYTES - 5):
                segment.write(b"hello", offset, timeout=SOON)
                assert segment.buf[offset : offset + 5] == b"hello"
                assert segment.read(5, offset, timeout=SOON) == b"hello"
                place = bytearray(5)
                segment.read_into(place, offset, timeout=SOON)
                assert place == b"hello"
            assert segment.read(None, SPARSE_BYTES - 3) == b"llo"
            assert segment.read(5, 0) == bytes(5)
            with pytest.raises(treenail.Invalid, match=f"{SPARSE_BYTES} bytes of it"):
                segment.write(b"hello", SPARSE_BYTES - 4)
    finally:
        os.unlink(path)


def test_a_copy_of_memory_is_as_long_as_was_asked_for():
    source = ctypes.create_string_buffer(b"hello")
    address = ctypes.addressof(source)
    assert _buffers.bytes_at(address, 5) == b"hello"
    # If 5 bytes came of it, a message of so many more than 4 GiB would be cut off.
    with pytest.raises(MemoryError):
        _buffers.bytes_at(address, 2**62 + 5)


def gib_of_memory():
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 30


@pytest.mark.skipif(
    "TREENAIL_LARGE" not in os.environ or gib_of_memory() < 12,
    reason="TREENAIL_LARGE isn't set, or there are less than 12 GiB of free memory",
)
def test_messages_up_to_the_limit_are_received(endpoint):
    ours, theirs = joined(endpoint, "?max_message=4294967295")
    calls = {
        2**31 + 5: lambda: theirs.recv(timeout=SOON * 30),
        2**32 - 1: lambda: theirs.recv_view(timeout=SOON * 30),
    }
    with ours, theirs:
        for size, receive in calls.items():
            flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NORESERVE
            with mmap.mmap(-1, size, flags) as source:
                source[0], source[size - 1] = 1, 2
                sender = threading.Thread(target=ours.send, args=(source, SOON * 30))
                sender.start()
                message = receive()
                sender.join()
                assert (len(message), message[0], message[-1]) == (size, 1, 2)
                del message  # which gives it back


def test_what_is_over_the_limit_of_all_messages_is_refused(endpoint):
    ours, theirs = joined(endpoint, "?max_message=4294967295")
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NORESERVE
    with ours, theirs, mmap.mmap(-1, 2**32, flags) as source:
        refused = [
            lambda: ours.send(source, timeout=0),
            lambda: ours.send(source, timeout=SOON, tag=1),
            lambda: ours.sendv([source, source], timeout=0),
            lambda: ours.send_many([source], timeout=0),
            lambda: ours.request(source, timeout=SOON),
            lambda: ours.request_start(source, timeout=0),
            lambda: ours.loan(2**32, timeout=0),
        ]
        for call in refused:
            with pytest.raises(treenail.TooLarge, match="the peer takes 4294967295"):
                call()
        ours.send(b"as ever", timeout=SOON)
        assert theirs.recv(timeout=SOON) == b"as ever"


def calls_that_wait(channel, peer, listener, segment, semaphore, poller):
    """What comes to something at once with whatever time it is given."""

    def after(begin, call):
        def both(timeout):
            begin()
            return call(timeout)

        return both

    def received(call):
        return after(lambda: peer.send(b"x", timeout=SOON), call)

    def taken(lock):
        def both(timeout):
            with lock(timeout=timeout):
                pass

        return both

    def acquired(timeout):
        semaphore.acquire(1, timeout=timeout)
        semaphore.release()

    def accepted(timeout):
        if timeout >= 0:
            started(lambda: treenail.connect(listener.endpoint(), timeout=SOON))
        listener.accept(timeout=timeout).close()

    def committed(timeout):
        channel.loan(5, timeout=SOON).commit(timeout=timeout)

    return {
        "send": lambda timeout: channel.send(b"x", timeout=timeout),
        "send of much": lambda timeout: channel.send(bytes(5000), timeout=timeout),
        "sendv": lambda timeout: channel.sendv([b"x"], timeout=timeout),
        "send_many": lambda timeout: channel.send_many([b"x"], timeout=timeout),
        "loan": lambda timeout: channel.loan(5, timeout=timeout).discard(),
        "commit": committed,
        "flush": lambda timeout: channel.flush(timeout=timeout),
        "request_start": lambda timeout: channel.request_start(b"x", timeout=timeout),
        "recv": received(lambda timeout: channel.recv(timeout=timeout)),
        "recv_message": received(lambda timeout: channel.recv_message(timeout=timeout)),
        "recv_into": received(lambda timeout: channel.recv_into(bytearray(1), timeout=timeout)),
        "recv_many": received(lambda timeout: channel.recv_many(1, timeout=timeout)),
        "recv_view": received(lambda timeout: channel.recv_view(timeout=timeout).release()),
        "lock": taken(segment.lock),
        "lock_shared": taken(segment.lock_shared),
        "write": lambda timeout: segment.write(b"x", 0, timeout=timeout),
        "read": lambda timeout: segment.read(1, 0, timeout=timeout),
        "wait": lambda timeout: segment.wait(-1, timeout=timeout),
        "acquire": acquired,
        "poll": after(poller.wake, lambda timeout: poller.wait(timeout=timeout)),
        "accept": accepted,
    }


@pytest.fixture
def waiting(tmp_path, name):
    channel, peer = joined(f"shm:{tmp_path}/pair")
    drained = threading.Thread(target=list, args=(peer,))
    with treenail.Segment.create(name, 10) as segment, treenail.Poller() as poller, channel:
        semaphore = treenail.Semaphore.create(name, 1)
        with treenail.Listener(f"local:{tmp_path}/other") as listener:
            drained.start()
            yield calls_that_wait(channel, peer, listener, segment, semaphore, poller)
        semaphore.close()
    drained.join()


LONG = {"24 days": 2**31 / 1000, "a double": 1e300, "inf": math.inf, "an int": 10**400}
WRONG = {"int": -1, "small": -1e-9, "large": -(10**400), "nan": math.nan, "inf": -math.inf}


@pytest.mark.parametrize("timeout", LONG.values(), ids=LONG)
def test_no_time_is_too_long(waiting, timeout):
    for call in waiting.values():
        call(timeout)


@pytest.mark.parametrize("timeout", WRONG.values(), ids=WRONG)
def test_what_is_no_time_is_refused(waiting, timeout):
    for what, call in waiting.items():
        with pytest.raises(ValueError, match="a timeout is None or at least 0 seconds"):
            call(timeout)
            raise AssertionError(f"{what} takes {timeout}")
