"""Messages through a channel, in all the ways to send and to receive them."""

import array
import ctypes
import mmap
import os
import select
import time

import pytest
from conftest import SOON, ended, joined, meet, started

import treenail

BUFFERS = {
    "bytes": b"some bytes",
    "empty": b"",
    "bytearray": bytearray(b"some bytes"),
    "memoryview": memoryview(b"some bytes")[2:7],
    "non-contiguous": memoryview(b"some bytes")[::2],
    "backwards": memoryview(b"some bytes")[::-1],
    "array of doubles": array.array("d", [1.5, -2.5]),
    "two dimensions": memoryview(b"abcdef").cast("B", (2, 3)),
    "ctypes": (ctypes.c_uint16 * 3)(1, 2, 3),
    "long bytes": bytes(range(256)) * 40,
    "long bytearray": bytearray(range(256)) * 40,
    "long array": array.array("q", range(5000)),
    "long and non-contiguous": memoryview(bytes(range(256)) * 400)[::3],
    "larger than the ring": bytearray(range(256)) * 12000,
}


@pytest.mark.parametrize("data", BUFFERS.values(), ids=BUFFERS.keys())
def test_every_buffer_can_be_sent(pair, data):
    ours, theirs = pair
    expected = memoryview(data).tobytes()
    sends = [
        lambda: ours.send(data),
        lambda: ours.send(data, timeout=SOON),
        lambda: ours.send(data, tag=7),
        lambda: ours.sendv([data]),
        lambda: ours.send_many([data]),
    ]
    for send in sends:
        sender = started(send)  # it may be longer than there is room
        assert theirs.recv(timeout=SOON) == expected
        ended(sender)


def test_numpy_arrays_can_be_sent(pair):
    numpy = pytest.importorskip("numpy")
    ours, theirs = pair
    values = numpy.arange(24, dtype=numpy.float32).reshape(4, 6)
    for sent in (values, values.T, values[::2, ::3], values[:0], numpy.asfortranarray(values)):
        ours.send(sent)
        received = numpy.frombuffer(theirs.recv(timeout=SOON), numpy.float32).reshape(sent.shape)
        assert (received == sent).all()


def test_a_read_only_mapping_can_be_sent(pair):
    ours, theirs = pair
    with mmap.mmap(-1, 100000) as memory:
        memory[:5] = b"hello"
        ours.send(memory)
        assert theirs.recv(timeout=SOON) == memory[:]


@pytest.mark.parametrize("data", ["text", None, 5, [1, 2], object()])
def test_what_has_no_bytes_is_a_type_error(pair, data):
    ours, _ = pair
    sends = (ours.send, ours.request, lambda data: ours.sendv([data]), ours.request_start)
    for send in sends:
        with pytest.raises(TypeError):
            send(data)
    with pytest.raises(TypeError):
        ours.send_many([b"fine", data])


def test_the_sender_may_change_its_buffer_at_once(pair):
    ours, theirs = pair
    for size in (5, 50000):
        data = bytearray(b"a" * size)
        ours.send(data)
        data[:] = b"b" * size
        data.append(1)  # nobody holds it any more
        assert theirs.recv(timeout=SOON) == b"a" * size


def test_tags_and_parts_arrive(pair):
    ours, theirs = pair
    ours.send(b"tagged", tag=0xFFFFFFFF)
    ours.sendv([b"in ", bytearray(b"three "), memoryview(b"parts")], tag=3)
    ours.sendv([])
    assert theirs.recv_message(timeout=SOON) == treenail.Message(b"tagged", 0xFFFFFFFF)
    assert theirs.recv_message(timeout=SOON) == treenail.Message(b"in three parts", 3)
    message = theirs.recv_message(timeout=SOON)
    assert message == treenail.Message(b"") and "tag=0" in repr(message)
    assert message != b"" and hash(message) == hash(treenail.Message(b""))


def test_recv_into_fills_any_writable_buffer(pair):
    ours, theirs = pair
    for size in (0, 5, 70000):  # 70000 doesn't go by way of our own buffer
        zeros = bytes(80000)
        for buffer in (bytearray(zeros), array.array("d", zeros), memoryview(bytearray(zeros))):
            ours.send(b"x" * size)
            assert theirs.recv_into(buffer, timeout=SOON) == size
            assert memoryview(buffer).cast("B")[: size + 1].tobytes() == b"x" * size + b"\0"
    with pytest.raises(BufferError):
        theirs.recv_into(b"read only", timeout=0)
    with pytest.raises(BufferError):
        theirs.recv_into(memoryview(bytearray(10))[::2], timeout=0)


def test_what_does_not_fit_stays(pair):
    ours, theirs = pair
    for size in (20, 100000):
        ours.send(b"x" * size)
        for _ in range(2):
            with pytest.raises(treenail.TooLarge) as raised:
                theirs.recv_into(bytearray(size - 1), timeout=SOON)
            assert raised.value.needed == size and str(size) in str(raised.value)
        assert theirs.recv_into(bytearray(size), timeout=SOON) == size


def test_batches_mix_all_buffers_and_sizes(pair):
    ours, theirs = pair
    messages = list(BUFFERS.values())
    sender = started(ours.send_many, iter(messages))
    received = []
    while len(received) < len(messages):
        received += theirs.recv_many(timeout=SOON)
    assert received == [memoryview(data).tobytes() for data in messages]
    ended(sender)


def test_a_request_is_answered_once(pair):
    ours, theirs = pair
    ours.request_start(b"?", timeout=SOON)
    question = theirs.recv_message(timeout=SOON)
    with pytest.raises(treenail.Invalid):
        ours.reply(question, b"astray")
    theirs.reply(question, b"!", timeout=SOON)
    with pytest.raises(treenail.Invalid):
        theirs.reply(question, b"once more", timeout=SOON)
    assert ours.recv(timeout=SOON) == b"!"
    with pytest.raises(treenail.Again):
        ours.recv(timeout=0)


def test_iteration_ends_at_an_orderly_close(pair):
    ours, theirs = pair
    ours.send_many([b"one", b"two"])
    ours.close()
    assert list(theirs) == [b"one", b"two"]
    assert list(theirs) == []
    theirs.close()
    assert list(theirs) == []


def test_requests_are_answered(pair):
    ours, theirs = pair

    def serve():
        for size in (5, 100000):
            message = theirs.recv_message(timeout=SOON)
            assert message.is_request and not message.is_reply and message.tag == 9
            theirs.send(b"something else")
            theirs.reply(message, message.data[::-1])
            assert message.data == b"?" * size
        with theirs.recv_view(timeout=SOON) as view:
            assert view.is_request
        theirs.reply(view, b"after the release")

    server = started(serve)
    assert ours.request(b"?????", timeout=SOON, tag=9) == b"?????"
    with ours.request_view(bytearray(b"?" * 100000), timeout=SOON, tag=9) as reply:
        assert reply.is_reply and reply.tag == 9 and bytes(reply) == b"?" * 100000
    number = ours.request_start(b"by hand", timeout=SOON)
    assert [ours.recv(timeout=SOON), ours.recv(timeout=SOON)] == [b"something else"] * 2
    message = ours.recv_message(timeout=SOON)
    assert message.is_reply and message.id == number and message.data == b"after the release"
    ended(server)


def test_a_late_reply_is_dropped(pair):
    ours, theirs = pair
    with pytest.raises(treenail.TimedOut):
        ours.request(b"?", timeout=0.03)
    with pytest.raises(treenail.Again):
        ours.request(b"?", timeout=0)
    for _ in range(2):
        theirs.reply(theirs.recv_message(timeout=SOON), b"late")
    theirs.send(b"next")
    assert ours.recv(timeout=SOON) == b"next"
    assert ours.stats().late_replies == 2


def test_only_a_request_can_be_answered(pair):
    ours, theirs = pair
    ours.send(b"no question")
    with pytest.raises(treenail.Invalid):
        theirs.reply(theirs.recv_message(timeout=SOON), b"no answer")


def test_timeouts_are_kept(pair):
    ours, _ = pair
    many = lambda *, timeout: ours.recv_many(9, timeout=timeout)  # noqa: E731
    for wait in (ours.recv, ours.recv_message, ours.recv_view, many):
        for timeout in (0.001, 0.01, 0.06):
            begin = time.monotonic()
            with pytest.raises(treenail.TimedOut):
                wait(timeout=timeout)
            assert timeout <= time.monotonic() - begin < SOON
        with pytest.raises(treenail.Again):
            wait(timeout=0)
        with pytest.raises(ValueError):
            wait(timeout=-1)
        with pytest.raises(ValueError):
            wait(timeout=float("nan"))
        with pytest.raises(TypeError):
            wait(timeout="soon")


def test_a_busy_poll_leaves_what_it_finds(pair):
    ours, theirs = pair
    assert not ours.busy_poll()
    theirs.send(b"x")
    for _ in range(2):
        assert select.select([ours], [], [], SOON)[0]
        assert ours.busy_poll()
    assert ours.recv(timeout=0) == b"x"
    assert not ours.busy_poll()
    theirs.close()
    assert select.select([ours], [], [], SOON)[0]
    assert ours.busy_poll()  # the end
    ours.close()
    with pytest.raises(treenail.Closed):
        ours.busy_poll()


def test_a_busy_poll_finds_only_what_can_be_received(pair):
    ours, theirs = pair
    for wrong in (
        lambda: ours.recv(timeout=-1), lambda: ours.recv_message(timeout=-1),
        lambda: ours.recv_view(timeout=-1),
        lambda: ours.recv_into(bytearray(1), timeout=-1), lambda: ours.recv_many(timeout=-1),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            wrong()
        assert not ours.busy_poll()
        ours._kept.append(treenail.Message(b"taken before an interrupt"))
        for _ in range(2):
            assert ours.busy_poll()
        assert ours.recv(timeout=0) == b"taken before an interrupt"
        assert not ours.busy_poll()


def test_the_longest_timeouts_are_for_ever(pair):
    ours, theirs = pair
    for timeout in (1e300, float("inf"), 10**9):
        theirs.send(b"x")
        assert ours.recv(timeout=timeout) == b"x"
        sender = started(theirs.send, b"y")
        assert ours.recv(timeout=timeout) == b"y"
        ended(sender)


def test_the_descriptor_is_readable_until_again(pair):
    ours, theirs = pair
    poll = select.poll()
    poll.register(ours, select.POLLIN)
    with pytest.raises(treenail.Again):
        ours.recv(timeout=0)
    assert poll.poll(0) == []
    theirs.send(b"x")
    assert poll.poll(SOON * 1000)
    assert ours.recv(timeout=0) == b"x"
    assert ours.fileno() == ours.fileno()


def test_who_and_how_much_can_be_asked(pair, endpoint):
    ours, theirs = pair
    ours.send(b"12345")
    assert theirs.recv(timeout=SOON) == b"12345"
    stats, peer = ours.stats(), theirs.peer()
    assert (stats.messages_sent, stats.bytes_sent, stats.messages_received) == (1, 5, 0)
    assert theirs.stats().bytes_received == 5
    assert "messages_sent=1" in repr(stats) and "pid=" in repr(peer)
    shm = endpoint.startswith("shm")
    assert peer.transport == (treenail.TRANSPORT_SHM if shm else treenail.TRANSPORT_LOCAL)
    assert (peer.pid, peer.uid, peer.gid) == (os.getpid(), os.getuid(), os.getgid())
    assert peer.address == endpoint
    assert peer.fallback == ""


def test_a_listener_counts_its_clients(endpoint):
    with treenail.Listener(endpoint + "?max_channels=1") as listener:
        assert listener.stats().accepted == 0
        ours = treenail.connect_start(endpoint + "?early=0")
        theirs = meet(listener, ours)
        stats = listener.stats()
        assert (stats.accepted, stats.channels, stats.refused_full) == (1, 1, 0)
        with treenail.connect(endpoint, timeout=SOON) as one_more:
            with pytest.raises(treenail.Again):
                listener.accept(timeout=0)
            with pytest.raises(treenail.NoSpace):
                one_more.recv(timeout=SOON)
        assert listener.stats().refused_full == 1
        ours.close()
        theirs.close()
        assert "refused_full=1" in repr(listener.stats())


def test_a_channel_says_why_it_goes_through_its_socket(endpoint):
    if not endpoint.startswith("shm"):
        return
    with treenail.Listener(endpoint) as listener:
        with treenail.connect(endpoint.replace("shm", "local"), timeout=SOON) as ours:
            with listener.accept(timeout=SOON) as theirs:
                assert "offers no shared memory" in theirs.peer().fallback
                assert ours.peer().fallback == ""


def test_create_is_for_exactly_two(endpoint):
    made = treenail.create_start(endpoint)
    other = started(lambda: treenail.connect(endpoint, timeout=SOON).send(b"hello"))
    assert made.recv(timeout=SOON) == b"hello"
    ended(other)
    waiting = started(lambda: treenail.connect(endpoint + "?retry=1", timeout=SOON).send(b"again"))
    with treenail.create(endpoint, timeout=SOON) as channel:
        assert channel.recv(timeout=SOON) == b"again"
    ended(waiting)


def test_a_connect_can_be_started(endpoint):
    with treenail.Listener(endpoint) as listener:
        connecting = treenail.connect_start(endpoint + "?early=0")
        for ask in (connecting.peer, connecting.stats):
            with pytest.raises(treenail.Again):
                ask()
        accepting = started(lambda: listener.accept(timeout=SOON).send(b"hello"))
        assert connecting.recv(timeout=SOON) == b"hello"
        assert listener.endpoint() == endpoint
        ended(accepting)


def test_a_message_that_goes_out_in_parts_is_out_when_send_returns(endpoint):
    ours, theirs = joined(endpoint, "?ring=4KiB" if endpoint.startswith("shm") else "")
    data = bytes(range(256)) * 4000
    received = []

    def receive():
        assert select.select([theirs], [], [], SOON)[0]
        received.append(theirs.recv(timeout=SOON))

    receiver = started(receive)
    ours.send(data)
    assert ours.stats().pending_bytes == 0
    ours.close()  # which would drop what isn't out
    ended(receiver)
    assert received == [data]
