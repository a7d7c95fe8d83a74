"""A channel in a PySide6 window: the example's own classes, in its own event loop, offscreen."""

import os
import subprocess
import sys
import time

import pytest
from conftest import ROOT, SOON

import treenail

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(ROOT / "examples" / "python"))

pytest.importorskip("PySide6", reason="PySide6 IS NOT THERE: pip install PySide6_Essentials")
import pyside_chat  # noqa: E402
from PySide6.QtCore import QEventLoop, QTimer  # noqa: E402
from PySide6.QtWidgets import QApplication  # noqa: E402


@pytest.fixture(scope="module")
def app():
    return QApplication.instance() or QApplication([])


@pytest.fixture
def listener(endpoint):
    with treenail.Listener(endpoint + "?ring=16KiB") as listener:
        yield listener


def until(app, condition):
    """Runs the event loop, which the timer wakes for what isn't an event of Qt's."""
    deadline = time.monotonic() + SOON
    timer = QTimer(interval=10)
    timer.start()
    while not condition():
        assert time.monotonic() < deadline
        app.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)


def now_or_none(call):
    try:
        return call(timeout=0)
    except treenail.Again:
        return None


def received(app, there):
    """A message that the window's side may have yet to send, in the same thread's event loop."""
    messages = []
    until(app, lambda: messages.append(now_or_none(there.recv_message)) or messages[-1])
    return messages[-1]


def lines_of(window):
    return [window.lines.item(i).text() for i in range(window.lines.count())]


@pytest.fixture
def both(app, listener):
    """A window whose channel is connected, and the other end."""
    window = pyside_chat.Window(listener.endpoint(), "ann")
    window.show()
    accepted = []
    until(app, lambda: accepted.append(now_or_none(listener.accept)) or accepted[-1])
    with accepted[-1] as there:
        yield window, there
        window.channel.close()


def test_a_window_talks(app, both):
    window, there = both
    joined = received(app, there)
    assert (joined.data, joined.tag) == (b"ann", pyside_chat.JOIN)
    window.input.setText("typed here")
    window.input.returnPressed.emit()
    said = received(app, there)
    assert (said.data, said.tag) == (b"typed here", pyside_chat.SAY)
    there.send("grüße".encode(), tag=pyside_chat.SAY)
    until(app, lambda: lines_of(window) == ["ann: typed here", "grüße"])
    there.close()
    until(app, lambda: lines_of(window)[-1] == "* the host has closed the room")
    assert not window.input.isEnabled()


def test_what_finds_no_room_waits_and_a_flood_leaves_the_loop_its_turns(app, both):
    window, there = both
    assert received(app, there).data == b"ann"
    count = 2000
    for number in range(count):
        window.channel.send(b"%d" % number + bytes(1000))
    heard, ticks = [], []
    window.channel.received.disconnect(window.hear)  # whose lines would take their time
    window.channel.received.connect(lambda data, tag: heard.append(tag))
    timer = QTimer(interval=0)
    timer.timeout.connect(lambda: ticks.append(len(heard)))
    timer.start()

    def turn():
        """The other end sends one for each that it receives."""
        message = now_or_none(there.recv)
        if message is not None:
            number = int(message.rstrip(b"\0"))
            assert number == turn.next
            turn.next += 1
            there.send(message, timeout=SOON, tag=number)
        return len(heard) == count

    turn.next = 0
    until(app, turn)
    assert heard == list(range(count)) and len(ticks) > 10


HOST = """
import sys, treenail
with treenail.Listener(sys.argv[1]) as listener, listener.accept() as channel:
    channel.send(channel.recv() + b" is here")
    channel.recv()
"""


def test_a_killed_host_ends_it(app, endpoint):
    with subprocess.Popen([sys.executable, "-c", HOST, endpoint]) as host:
        try:
            window = pyside_chat.Window(endpoint + "?retry=1", "ann")
            until(app, lambda: lines_of(window) == ["ann is here"])
        finally:
            host.kill()
        until(app, lambda: not window.input.isEnabled())
        assert len(lines_of(window)) == 2 and "closed" not in lines_of(window)[-1]
