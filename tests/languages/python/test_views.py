"""Views and loans: memory that is lent, and can't be reached once it was given back."""

import gc
import weakref

import pytest
from conftest import SOON, ended, started

import treenail

SIZES = (1, 64, 5000, 300000)  # the last comes in fragments


def test_a_view_is_used_like_a_memoryview(pair):
    ours, theirs = pair
    ours.send(b"hello", tag=4)
    with theirs.recv_view(timeout=SOON) as view:
        assert bytes(view) == view.tobytes() == b"hello" and view == b"hello" and view != b"help"
        assert (len(view), view[0], bytes(view[1:3]), list(view)[-1]) == (5, 104, b"el", 111)
        assert (view.tag, view.id, view.flags, view.is_request) == (4, 0, 0, False)
        assert view.data.readonly and view.data.format == "B" and view.data.nbytes == 5
        assert view.data is view.data
        with pytest.raises(TypeError):
            view.data[0] = 1


def test_an_empty_view_is_one_too(pair):
    ours, theirs = pair
    ours.send(b"")
    with theirs.recv_view(timeout=SOON) as view:
        assert bytes(view) == b"" and len(view) == 0
    with ours.loan(0) as loan:
        assert len(loan) == 0
    assert theirs.recv(timeout=SOON) == b""


def test_nothing_can_be_read_after_the_release(pair):
    ours, theirs = pair
    for size in SIZES:
        sender = started(ours.send, b"x" * size)
        with theirs.recv_view(timeout=SOON) as view:
            data = view.data
        for use in (
            lambda: view.data,
            lambda: bytes(view),
            lambda: view[0],
            lambda: len(view),
            lambda: bytes(data),
            lambda: data[0],
            lambda: data[:1],
            lambda: memoryview(data),
            lambda: treenail.Channel.send(ours, timeout=view),
        ):
            with pytest.raises((ValueError, TypeError)):
                use()
        view.release()  # twice is fine
        assert view.tag == 0
        ended(sender)


USES = {
    "a slice": lambda data: data[1:],
    "an empty slice": lambda data: data[:0],
    "a slice of a slice": lambda data: data[1:][1:],
    "a memoryview": lambda data: memoryview(data),
    "a cast": lambda data: data.cast("b"),
    "read only": lambda data: data.toreadonly(),
    "an array": lambda data: pytest.importorskip("numpy").frombuffer(data, "u1"),
    "a slice of an array": lambda data: pytest.importorskip("numpy").frombuffer(data, "u1")[2:],
}


@pytest.mark.parametrize("make", USES.values(), ids=USES.keys())
def test_a_view_stays_open_while_something_made_of_it_is_there(pair, make):
    ours, theirs = pair
    ours.send(b"abcdef")
    view = theirs.recv_view(timeout=SOON)
    made = make(view.data)
    before = bytes(made)
    for _ in range(2):
        with pytest.raises(BufferError, match="still in use"):
            view.release()
    ours.send(b"other")
    assert theirs.recv(timeout=SOON) == b"other" and bytes(made) == before
    del made
    view.release()
    with pytest.raises(ValueError):
        view.data


@pytest.mark.parametrize("make", USES.values(), ids=USES.keys())
def test_what_outlives_its_view_keeps_the_memory(pair, make):
    ours, theirs = pair
    for _ in range(20):  # each holds a tenth of the ring
        ours.send(b"y" * 25000)
        with pytest.raises(BufferError, match="slice or an array"):
            with theirs.recv_view(timeout=SOON) as view:
                made = make(view.data)
        handle = weakref.ref(view._held[0].handle)
        del view
        gc.collect()
        assert bytes(made) == b"y" * len(made)
        assert handle() is not None
        del made
    assert theirs.stats().messages_received == 20


def test_memory_outlives_even_its_channel(pair):
    ours, theirs = pair
    ours.send(b"to the end")
    handle = weakref.ref(theirs._handle)
    made = theirs.recv_view(timeout=SOON).data[3:]  # the View itself is gone at once
    theirs.close()
    assert handle() is not None and bytes(made) == b"the end"
    del made
    assert handle() is None


def test_an_exception_is_not_hidden_by_what_it_leaves_behind(pair):
    ours, theirs = pair
    ours.send(b"abc")
    with pytest.raises(ZeroDivisionError):
        with theirs.recv_view(timeout=SOON) as view:
            made = view.data[1:]
            1 / 0
    assert bytes(made) == b"bc"


def test_a_view_that_is_forgotten_is_given_back(pair, endpoint):
    ours, theirs = pair
    for _ in range(100):
        ours.send(b"z" * 50000)
        theirs.recv_view(timeout=SOON)
    if endpoint.startswith("shm"):
        ours.send(b"last")
        theirs.recv(timeout=SOON)
        assert ours.stats().ring_used < 60000


def test_views_are_released_in_any_order_and_after_close(pair):
    ours, theirs = pair
    for number in range(5):
        ours.send(b"%d" % number)
    views = [theirs.recv_view(timeout=SOON) for _ in range(5)]
    for index in (3, 0, 4):
        assert bytes(views[index]) == b"%d" % index
        views[index].release()
    theirs.close()
    for index in (2, 1):
        assert bytes(views[index]) == b"%d" % index
        views[index].release()


def test_a_view_can_be_sent_on(pair):
    ours, theirs = pair
    for size in SIZES:
        sender = started(ours.send, b"v" * size)
        with theirs.recv_view(timeout=SOON) as view:
            other = started(theirs.send, view.data)
            assert ours.recv(timeout=SOON) == b"v" * size
            ended(sender, other)


def test_a_loan_is_sent_at_the_end(pair):
    ours, theirs = pair
    received = []
    for size in SIZES:
        receiver = started(lambda: received.append(theirs.recv_message(timeout=SOON)))
        with ours.loan(size, timeout=SOON, tag=6) as loan:
            assert len(loan) == size and not loan.data.readonly
            loan[:] = b"L" * size
            loan[0] = 0
            data = loan.data
        for write in (lambda: data[:1], lambda: loan.data, lambda: len(loan), loan.commit):
            with pytest.raises(ValueError):
                write()
        loan.discard()  # after a commit it is nothing
        ended(receiver)
        assert received[-1] == treenail.Message(b"\0" + b"L" * (size - 1), 6)


def test_a_loan_is_given_back_on_an_exception(pair):
    ours, theirs = pair
    with pytest.raises(ZeroDivisionError):
        with ours.loan(10) as loan:
            1 / 0
    ours.loan(10)  # forgotten
    ours.loan(10).discard()
    ours.send(b"next")
    assert theirs.recv(timeout=SOON) == b"next"


def test_a_loan_can_be_shortened(pair):
    ours, theirs = pair
    with ours.loan(100) as loan:
        loan[:3] = b"abc"
        with pytest.raises(treenail.Invalid):
            loan.commit(101)
        loan[3:4] = b"d"  # it was left as it was
        loan.commit(4)
    with ours.loan(100) as loan:
        loan[:2] = b"ef"
        loan.length = 2
    assert theirs.recv(timeout=SOON) + theirs.recv(timeout=SOON) == b"abcdef"
    with pytest.raises(ValueError):
        ours.loan(-1)


def test_a_commit_may_say_another_tag(pair):
    ours, theirs = pair
    ours.loan(1, tag=3).commit(tag=4)
    ours.loan(1, tag=3).commit()
    assert [theirs.recv_message(timeout=SOON).tag for _ in range(2)] == [4, 3]
    with ours.loan(1) as loan:
        with pytest.raises(ValueError):
            loan.commit(tag=-1)


def test_a_loan_that_finds_no_room_stays(pair):
    ours, theirs = pair
    loan, count = ours.loan(4_000_000, tag=5), 0
    loan[:2] = b"xy"
    with pytest.raises(treenail.Again):
        while True:
            ours.send(bytes(1000), timeout=0)
            count += 1
    with pytest.raises(treenail.Again):
        loan.commit(timeout=0)
    with pytest.raises(treenail.TimedOut):
        loan.commit(timeout=0.01)
    assert not loan.released and bytes(loan[:2]) == b"xy"
    committer = started(lambda: loan.commit(timeout=SOON))
    for _ in range(count):
        assert theirs.recv(timeout=SOON) == bytes(1000)
    message = theirs.recv_message(timeout=SOON)
    assert (len(message.data), message.data[:2], message.tag) == (4_000_000, b"xy", 5)
    ended(committer)
    assert loan.released and ours.stats().pending_bytes == 0


def test_a_loan_is_filled_as_an_array(pair):
    numpy = pytest.importorskip("numpy")
    ours, theirs = pair
    values = numpy.arange(1000.0)
    with ours.loan(values.nbytes) as loan:
        numpy.frombuffer(loan.data)[:] = values
    with theirs.recv_view(timeout=SOON) as view:
        assert numpy.frombuffer(view.data).sum() == values.sum()
    with pytest.raises(BufferError, match="delete that first"):
        with ours.loan(8) as loan:
            array = numpy.frombuffer(loan.data)
    with pytest.raises(BufferError):
        loan.discard()
    array[0] = 1.5
    del array
    loan.commit()
    assert numpy.frombuffer(theirs.recv(timeout=SOON))[0] == 1.5


def test_what_outlives_its_loan_holds_back_what_is_sent_after_it(pair):
    ours, theirs = pair
    memory = ours.loan(8).data[1:]
    memory[0] = 2
    ours.send(b"next", timeout=SOON)
    if theirs.peer().transport == treenail.TRANSPORT_SHM:
        with pytest.raises(treenail.Again):
            theirs.recv(timeout=0)
    del memory
    assert theirs.recv(timeout=SOON) == b"next"

