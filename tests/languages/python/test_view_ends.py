"""What is lent is given back at once: without the garbage collector, and whatever a signal ends."""

import gc
import sys

import pytest
from conftest import SOON, Interrupt, Step, joined, program
from test_taking import Storm, exact, interrupted

import treenail

# Python only prints what a handler raises while it collects an object.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def uncollected():
    """Nothing is collected meanwhile, and nothing of before is garbage."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def interrupt():
    raise Interrupt


def ends(channel, name):
    """What one does with what is lent, by `with`, whose variable stays, or without."""
    global lent
    if name == "loan":
        with channel.loan(8, timeout=SOON) as lent:
            lent.data[:] = b"8 bytes."
    elif name == "a loan that is not sent":
        with pytest.raises(KeyError):
            with channel.loan(8, timeout=SOON) as lent:
                raise KeyError
    elif name == "commit":
        channel.loan(8, timeout=SOON).commit(3)
    elif name == "discard":
        channel.loan(8, timeout=SOON).discard()
    elif name == "forgotten":
        channel.loan(8, timeout=SOON)[0] = 1


LOANS = ["loan", "a loan that is not sent", "commit", "discard", "forgotten"]


def calls(ours, theirs):
    """Every call of a channel, where it comes to something."""

    def answer():
        theirs.request_start(b"?", timeout=SOON)
        ours.reply(ours.recv_message(timeout=SOON), b"x", timeout=SOON)

    yield from ((name, lambda name=name: ends(ours, name)) for name in LOANS)
    yield "send", lambda: ours.send(b"x" * 5000, timeout=SOON, tag=1)
    yield "sendv", lambda: ours.sendv([b"x", bytearray(5)], timeout=SOON)
    yield "send_many", lambda: ours.send_many([b"x", memoryview(b"y")], timeout=SOON)
    yield "reply", answer
    yield "request", lambda: ours.request_cancel(ours.request_start(b"x", timeout=SOON))
    yield "flush", lambda: ours.flush(timeout=SOON)
    for name in ("recv", "recv_message", "recv_view"):
        yield name, lambda name=name: (ours.send(b"x"), getattr(theirs, name)(timeout=SOON))
    yield "recv_into", lambda: (ours.send(b"x"), theirs.recv_into(bytearray(9), timeout=SOON))
    yield "recv_many", lambda: (ours.send(b"x", timeout=SOON), theirs.recv_many(3, timeout=SOON))
    large = b"x" * 99000
    yield "a large one", lambda: (received(theirs), ours.send(large), theirs.recv(timeout=SOON))


def refused_calls(ours, _):
    """Every call that waits, where there is nothing to wait for."""
    for name in ("recv", "recv_message", "recv_view"):
        for time in (0, 0.001, 0.03):
            yield name, lambda name=name, time=time: getattr(ours, name)(timeout=time)
    yield "recv_into", lambda: ours.recv_into(bytearray(9), timeout=0.03)
    yield "recv_many", lambda: ours.recv_many(3, timeout=0.03)
    yield "request", lambda: ours.request(b"x", timeout=0.03)
    yield "request_view", lambda: ours.request_view(b"x", timeout=0)


@pytest.mark.parametrize("every", [calls, refused_calls])
def test_no_call_leaves_garbage(pair, uncollected, every):
    for name, call in every(*pair):
        for _ in range(3):
            try:
                call()
            except (treenail.Again, treenail.TimedOut):
                pass
        assert gc.collect() == 0, name


CYCLES = """
import gc
with treenail.Listener(sys.argv[1]) as listener:
    ours, theirs = treenail.connect(sys.argv[1]), listener.accept()
gc.disable()
theirs.send(b"x")
for made in ("ours.loan(4)", "ours.recv_view()"):
    cycle = [eval(made)]
    cycle.append(cycle)
del ours, cycle
gc.collect()
"""


def test_a_channel_and_what_it_lends_are_collected_together(endpoint):
    """Python ends what is in a cycle in any order."""
    with program(CYCLES, endpoint, stderr=-1) as child:
        assert child.communicate(timeout=SOON) == ("", "")
        assert child.returncode == 0


def received(channel):
    """What is there."""
    try:
        while True:
            channel.recv(timeout=0)
    except treenail.Again:
        pass


def sent_and_received(ours, theirs):
    """Whether nothing is in the way of a message."""
    ours.send(b"the next", timeout=SOON)
    while theirs.recv(timeout=SOON) != b"the next":
        pass
    return True


@pytest.mark.parametrize("name", LOANS)
def test_a_signal_at_any_line_leaves_no_loan(pair, uncollected, name):
    ours, theirs = pair
    for step in Step.each(interrupt):
        try:
            with step:
                ends(ours, name)
        except Interrupt:
            pass
        assert sent_and_received(ours, theirs)


def test_a_signal_at_any_line_leaves_no_view(pair, uncollected, endpoint):
    ours, theirs = pair
    for step in Step.each(interrupt):
        ours.send(b"x" * 50000, timeout=SOON)
        view = None
        try:
            with step:
                with theirs.recv_view(timeout=SOON) as view:
                    data = view.data
                    assert data[0] == ord("x")
        except Interrupt:
            pass
        received(theirs)
        if endpoint.startswith("shm"):
            assert sent_and_received(ours, theirs) and ours.stats().ring_used < 50000
        del view


def test_a_signal_while_it_is_forgotten_leaves_nothing(pair, uncollected, endpoint):
    ours, theirs = pair
    for step in Step.each(interrupt):
        ours.send(b"x" * 50000, timeout=SOON)
        views = [theirs.recv_view(timeout=SOON), ours.loan(8, timeout=SOON)]
        kept = views[0].data[3:5]
        try:
            with step:
                treenail.__dir__()
                views.clear()
                del kept
                ours.stats()  # has lines, where what the rest had not can be interrupted
        except Interrupt:
            pass
        views = kept = None
        assert sent_and_received(ours, theirs)
        if endpoint.startswith("shm"):
            assert ours.stats().ring_used < 50000


def test_a_signal_while_a_handle_is_forgotten_leaves_it_closed(endpoint, uncollected):
    for step in Step.each(interrupt):
        ours, theirs = joined(endpoint)
        owners = [ours, treenail.Poller()]
        del ours
        try:
            with step:
                owners.clear()
                theirs.stats()
        except Interrupt:
            pass
        with pytest.raises(treenail.Closed):
            theirs.recv(timeout=SOON)


@exact
@pytest.mark.parametrize("name", LOANS[:1])
def test_no_loan_is_left_behind_by_a_storm(pair, uncollected, name):
    ours, theirs = pair
    loan = None

    def body():
        nonlocal loan
        with ours.loan(8, timeout=SOON) as loan:
            loan.data[:] = b"8 bytes."

    storm = Storm(2)
    for _ in storm:
        interrupted(storm, body)
        assert sent_and_received(ours, theirs)
    assert storm.hits > 100


@exact
def test_no_view_is_left_behind_by_a_storm(pair, uncollected, endpoint):
    ours, theirs = pair
    view = None

    def body():
        nonlocal view
        ours.send(b"x" * 1000)
        with theirs.recv_view(timeout=SOON) as view:
            assert view.data[0] == ord("x")
        ours.send(b"x" * 1000)
        theirs.recv_view(timeout=SOON).data[5:].tobytes()

    storm = Storm(2)
    for _ in storm:
        interrupted(storm, body)
        received(theirs)
        if endpoint.startswith("shm"):
            assert sent_and_received(ours, theirs) and ours.stats().ring_used < 1000
    assert storm.hits > 100


def test_a_view_that_is_left_by_a_stack_is_released(pair):
    from contextlib import ExitStack

    ours, theirs = pair
    ours.send(b"x")
    with ExitStack() as stack:
        view = stack.enter_context(theirs.recv_view(timeout=SOON))
        loan = stack.enter_context(ours.loan(3))
        loan[:] = b"abc"
        assert view == b"x"
    assert view.released and loan.released and theirs.recv(timeout=SOON) == b"abc"


def test_what_is_in_use_stays_open_at_the_end_of_with(pair):
    ours, theirs = pair
    ours.send(b"xyz")
    with pytest.raises(BufferError):
        with theirs.recv_view(timeout=SOON) as view:
            made = view.data[1:]
    assert not view.released and bytes(made) == b"yz" and bytes(view) == b"xyz"
    del made
    view.release()
    assert sys.getrefcount(view) == 2
