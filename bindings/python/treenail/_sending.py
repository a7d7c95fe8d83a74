"""Sending."""

from __future__ import annotations

from ctypes import byref, c_size_t, c_uint32
from operator import index

from ._abi import TN_AGAIN, TN_TIMED_OUT, hot, library, tn_message
from ._buffers import SIZES, Slices, place_of, readable, size_of
from ._errors import Error, unnamed
from ._messages import Message
from ._views import TAG_MAX, Loan, View, tag_of
from ._owner import Owner
from ._waiting import PATIENCE_MS, after_patience, deadline_of, drive, timeout_left

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, NoReturn, Optional, Union

_send = hot("tn_channel_send")
_send_tagged = hot("tn_channel_send_tagged")
_sendv = hot("tn_channel_sendv")
_send_many = hot("tn_channel_send_many")
# A message of this size is never out in part: it takes less than half of the smallest ring, and
# less than the least that a socket takes at once.
_SMALL_BYTES = len(SIZES) - 1
_PATIENCE = PATIENCE_MS / 1000


def _id_of(number: int) -> int:
    """A request's id for the library, where 0 is no request's; ctypes would cut off what is too
    much."""
    return number if 0 <= index(number) <= TAG_MAX else 0


class Sending(Owner):
    """The sending half of a channel."""

    __slots__ = ()

    def send(
        self, data: Any, *extra: NoReturn, timeout: Optional[float] = None, tag: int = 0
    ) -> None:
        """Sends one message, whole or not at all: bytes, or any object with the buffer protocol.

        Waits for `timeout` seconds; None waits for ever, 0 never waits. Again, TimedOut: there is
        no room. TooLarge: the message is larger than the peer's max_message. Closed, PeerLost: the
        channel has ended. `tag` is the message's type, which the user defines.
        """
        if extra:
            unnamed(extra)
        if (
            type(data) is bytes
            and len(data) <= _SMALL_BYTES
            and 0 <= tag <= TAG_MAX
            and (timeout is None or timeout >= 0)
        ):
            handle, size = self._handle, SIZES[len(data)]
            wait = PATIENCE_MS if timeout is None or timeout > _PATIENCE else 0
            if not (
                _send_tagged(handle, tag, data, size, wait)
                if tag
                else _send(handle, data, size, wait)
            ):
                return
            if wait and timeout is not None:
                timeout = after_patience(timeout)
        source = readable(data)
        place, length = place_of(source)
        handle, size, kind = self._handle, c_size_t(length), tag_of(tag)
        send = _send_tagged
        self._deliver(lambda ms: send(handle, kind, place, size, ms), length, timeout)

    def sendv(
        self, parts: Iterable[Any], *extra: NoReturn, timeout: Optional[float] = None, tag: int = 0
    ) -> None:
        """Sends one message that is put together from parts. Waits as send does."""
        if extra:
            unnamed(extra)
        slices, handle, kind = Slices(parts), self._handle, tag_of(tag)
        first, count = slices.place(), c_size_t(slices.count)
        send = _sendv
        self._deliver(lambda ms: send(handle, kind, first, count, ms), slices.bytes, timeout)
        slices.done()

    def send_many(
        self, messages: Iterable[Any], *extra: NoReturn, timeout: Optional[float] = None
    ) -> int:
        """Sends many messages with one wake-up, and returns how many were taken.

        It waits until all are taken, or the time is over. Again, TimedOut and other failures come
        only if none was taken.
        """
        if extra:
            unnamed(extra)
        slices, handle, sent = Slices(messages), self._handle, c_size_t()
        out_sent, done = byref(sent), 0

        def attempt(ms: int) -> int:
            nonlocal done
            while True:
                left = c_size_t(slices.count - done)
                status = _send_many(handle, slices.place(done), left, ms, out_sent)
                if status < 0:
                    return status
                done += sent.value
                if done == slices.count:
                    return status

        try:
            self._deliver(attempt, slices.bytes, timeout)
        except Error:
            if not done:
                raise
        slices.done()
        return done

    def loan(
        self, length: int, *extra: NoReturn, timeout: Optional[float] = None, tag: int = 0
    ) -> Loan:
        """Lends room to write a message of up to `length` bytes in place. Waits as send does.

        Use it with `with`, which sends it at the end, or gives it back if there was an exception.
        Until then the loan holds back what is sent after it.
        """
        if extra:
            unnamed(extra)
        loan = Loan(self, tag_of(tag))
        handle, native, size = self._handle, byref(loan._native), size_of(length)
        try:
            self._drive_send(lambda ms: library.tn_channel_loan(handle, size, ms, native), timeout)
            return loan
        except:
            loan._held.clear()
            raise

    def request_start(
        self, data: Any, *extra: NoReturn, timeout: Optional[float] = None, tag: int = 0
    ) -> int:
        """Sends a request, and returns its id. recv_message or recv_view receives the reply like
        any message, with is_reply and that id. Waits as send does."""
        if extra:
            unnamed(extra)
        source = readable(data)
        place, length = place_of(source)
        handle, identity, kind = self._handle, c_uint32(), tag_of(tag)
        out = byref(identity)
        start = library.tn_channel_request_start
        self._deliver(lambda ms: start(handle, kind, place, length, ms, out), length, timeout)
        return identity.value

    def request_cancel(self, id: int) -> None:
        """Gives up a request that was started: its reply is dropped when it comes. Invalid: there
        is no such request, or its reply was received."""
        status = library.tn_channel_request_cancel(self._handle, _id_of(id))
        if status < 0:
            self._fail(status)

    def reply(
        self,
        request: Union[Message, View],
        data: Any,
        *extra: NoReturn,
        timeout: Optional[float] = None,
    ) -> None:
        """Answers a request, which may have been released. Waits as send does."""
        if extra:
            unnamed(extra)
        question = tn_message(tag=tag_of(request.tag), id=_id_of(request.id), flags=request.flags)
        source = readable(data)
        place, length = place_of(source)
        handle, asked = self._handle, byref(question)
        answer = library.tn_channel_reply
        self._deliver(lambda ms: answer(handle, asked, place, length, ms), length, timeout)

    def flush(self, *extra: NoReturn, timeout: Optional[float] = None) -> None:
        """Waits until everything that sends took is out of this process: the rest of a long
        message, and what an open loan holds back."""
        if extra:
            unnamed(extra)
        handle = self._handle
        self._drive_send(lambda ms: library.tn_channel_flush(handle, ms), timeout)

    def send_fileno(self) -> int:
        """A second descriptor, for room to send. It is readable while a send may succeed, and at
        the end. Only a send, commit or flush that raises Again or TimedOut, or leaves the rest of a
        message here, makes it unreadable.

        Wait for it to be readable, and only while there is something to send. Never read, write or
        close it.
        """
        return self._descriptor(library.tn_channel_send_fd)

    def _drive_send(self, attempt: Callable[[int], int], timeout: Optional[float]) -> None:
        """Waits for room; what it comes to is an exception, or good."""
        status = drive(attempt, self.send_fileno, timeout)
        if status < 0:
            self._fail(status)

    def _deliver(
        self, attempt: Callable[[int], int], length: int, timeout: Optional[float]
    ) -> None:
        """Sends. With time left a send waits until all of the message is out; as `drive` cuts the
        time into pieces, some of a long one may still be here after the last of them."""
        deadline = deadline_of(timeout)
        self._drive_send(attempt, timeout)
        if length > _SMALL_BYTES and timeout != 0:
            handle = self._handle
            left = timeout_left(deadline)
            status = drive(lambda ms: library.tn_channel_flush(handle, ms), self.send_fileno, left)
            if status not in (0, TN_AGAIN, TN_TIMED_OUT):
                self._fail(status)
