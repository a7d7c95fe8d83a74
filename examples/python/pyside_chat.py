"""A guest of the room in a window, with PySide6.

    python3 examples/python/pyside_chat.py client shm:chat ann

Who types a line says it to all others. A guest's first message is its name (tag JOIN); all others
are talk (tag SAY). Any host will do: that of Qt in C++, or chat or aio_chat in any language.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable

from PySide6.QtCore import QObject, QSocketNotifier, Signal
from PySide6.QtWidgets import QApplication, QLineEdit, QListWidget, QVBoxLayout, QWidget

import treenail

JOIN, SAY = 1, 2
A_TURN = 100  # messages, after which the event loop sees to the rest of the window


class QtChannel(QObject):
    """A channel in Qt's event loop: nothing here waits, and what comes is signalled."""

    received = Signal(bytes, int)
    ended = Signal(treenail.Error)

    def __init__(self, endpoint: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._channel = treenail.connect_start(endpoint)
        self._waiting: deque[tuple[bytes, int]] = deque()
        # Readable is all that a channel's descriptors ever are; that for room to send is so all the
        # time, and is looked at only while something waits.
        read = QSocketNotifier.Type.Read
        self._notifier = QSocketNotifier(self._channel.fileno(), read, self)
        self._notifier.activated.connect(lambda: self._guard(self._receive))
        self._room = QSocketNotifier(self._channel.send_fileno(), read, self)
        self._room.activated.connect(lambda: self._guard(self._send_waiting))

    def send(self, data: bytes, tag: int = 0) -> None:
        """Sends at once what there is room for; the rest waits."""
        self._waiting.append((data, tag))
        if len(self._waiting) == 1:
            self._guard(self._send_waiting)

    def close(self) -> None:
        self._notifier.setEnabled(False)  # before the descriptors go
        self._room.setEnabled(False)
        self._channel.close()

    def _send_waiting(self) -> None:
        try:
            while self._waiting:
                data, tag = self._waiting[0]
                self._channel.send(data, timeout=0, tag=tag)
                self._waiting.popleft()
            self._room.setEnabled(False)
        except treenail.Again:
            self._room.setEnabled(True)

    def _receive(self) -> None:
        for _ in range(A_TURN):
            message = self._channel.recv_message(timeout=0)
            self.received.emit(message.data, message.tag)

    def _guard(self, call: Callable[[], None]) -> None:
        """Not now is an ordinary answer: the notifier calls again."""
        try:
            call()
        except treenail.Again:
            pass
        except treenail.Error as error:
            if self._notifier.isEnabled():
                self.close()
                self.ended.emit(error)


class Window(QWidget):
    def __init__(self, endpoint: str, name: str) -> None:
        super().__init__()
        self.name = name
        self.lines = QListWidget()
        self.input = QLineEdit(placeholderText="Say something")
        layout = QVBoxLayout(self)
        layout.addWidget(self.lines)
        layout.addWidget(self.input)
        self.setWindowTitle(f"{name} - {endpoint}")
        self.input.returnPressed.connect(self.say)
        self.channel = QtChannel(endpoint, self)
        self.channel.received.connect(self.hear)
        self.channel.ended.connect(self.end)
        self.channel.send(name.encode(), JOIN)

    def say(self) -> None:
        line = self.input.text()
        self.input.clear()
        self.channel.send(line.encode(), SAY)
        self.show_line(f"{self.name}: {line}")

    def hear(self, data: bytes, _tag: int) -> None:
        self.show_line(bytes(data).decode(errors="replace"))

    def end(self, error: treenail.Error) -> None:
        closed = isinstance(error, treenail.Closed)
        self.show_line("* the host has closed the room" if closed else f"* {error}")
        self.input.setEnabled(False)

    def show_line(self, text: str) -> None:
        self.lines.addItem(text)
        self.lines.scrollToBottom()


def main() -> int:
    if len(sys.argv) != 4 or sys.argv[1] != "client":
        sys.exit("usage: pyside_chat.py client ENDPOINT NAME")
    app = QApplication(sys.argv)
    try:
        window = Window(sys.argv[2], sys.argv[3])
    except treenail.Error as error:
        sys.exit(f"pyside_chat: {error}")
    window.show()
    return app.exec()


if __name__ == "__main__":
    sys.exit(main())
