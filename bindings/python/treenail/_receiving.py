"""Receiving.

Python runs a signal handler between any two of its instructions, and if that raises, as Ctrl-C
does, the message that the library has just handed out must not be lost. So each call notes in
`held` what it has, or may have, before anything can go wrong; and what it hasn't returned in the
end it puts into the channel's list of what is kept, from where the next call takes it. That is done
by one instruction, as no handler runs within one; nor does CPython run any between entering
`except:` and that instruction, or between leaving `try:` and the return. (CPython 3.9 does run one
there. But up to 3.10 it also does between our return and the caller's assignment.)
"""

from __future__ import annotations

from ctypes import byref, c_size_t

from ._abi import TN_AGAIN, TN_OK, TN_TOO_LARGE, hot, library
from ._buffers import BATCHES, BUFFER_BYTES, SLOT_BYTES, SLOTS, UNTAKEN, Batch, new_slot, writable
from ._errors import Again, Closed, TimedOut, TooLarge, error_of, unnamed
from ._messages import Message, Messages
from ._views import View
from ._owner import Owner
from ._waiting import PATIENCE_MS, after_patience, drive, first_ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator, List, NoReturn, Optional

_recv_message = hot("tn_channel_recv_message")
_FRONT = slice(0, 0)
_PATIENCE = PATIENCE_MS / 1000
_ANY = -1  # room for a message of any size


class Receiving(Owner):
    """The receiving half of a channel."""

    __slots__ = ("_kept",)

    _kept: List[Any]  # messages, in order, that were taken but could not be handed out

    def recv(self, *extra: NoReturn, timeout: Optional[float] = None) -> bytes:
        """Receives one message, and returns its bytes.

        Waits for `timeout` seconds; None waits for ever, 0 never waits. Again, TimedOut: there is
        no message. Closed, PeerLost: the channel has ended, and all that had arrived has been
        received.
        """
        if extra:
            unnamed(extra)
        kept, front = self._kept, _FRONT
        held: Any = ()
        try:
            if not kept and (timeout is None or timeout > _PATIENCE or timeout == 0):
                wait = PATIENCE_MS if timeout is None or timeout > 0 else 0
                try:
                    slot = SLOTS.pop()
                except IndexError:
                    slot = new_slot()
                buffer, c_buffer, message, c_message, mark = slot
                message.len = UNTAKEN
                held = mark
                status = _recv_message(self._handle, c_buffer, SLOT_BYTES, wait, c_message)
                if not status:
                    data: bytes = buffer[: message.len]
                    held = (data,)  # not the slot, as another call may use that from here on
                    SLOTS.append(slot)
                    return data
                held = ()
                SLOTS.append(slot)
                if status == TN_AGAIN and timeout == 0:  # twice means: was at the fd in between
                    self._fail(status)
                if wait and timeout is not None:
                    timeout = after_patience(timeout)
            held = []
            self._receive(held, timeout)
            return self._message(held).data
        except:
            kept[front] = held
            raise

    def recv_message(self, *extra: NoReturn, timeout: Optional[float] = None) -> Message:
        """Receives one message with its tag, id and flags. Waits as recv does."""
        if extra:
            unnamed(extra)
        kept, front = self._kept, _FRONT
        held: List[Any] = []
        try:
            self._receive(held, timeout)
            return self._message(held)
        except:
            kept[front] = held
            raise

    def recv_into(self, buffer: Any, *extra: NoReturn, timeout: Optional[float] = None) -> int:
        """Receives one message into a writable buffer (bytearray, array, numpy …), and returns its
        length.

        TooLarge: the message is larger than the buffer, and stays; `needed` says how large.
        """
        if extra:
            unnamed(extra)
        kept, front = self._kept, _FRONT
        held: List[Any] = []
        place = writable(buffer)
        try:
            self._receive(held, timeout, len(place))
            item = held[0]
            length = len(item.data)
            if length > len(place):
                raise _too_large(f"{length} bytes don't fit a buffer of {len(place)}", length)
            place[:length] = item.data
            if type(item) is View:
                item.release()
            return length
        except:
            kept[front] = held
            raise

    def recv_view(self, *extra: NoReturn, timeout: Optional[float] = None) -> View:
        """Receives one message in place, without a copy where the transport can do that. Waits as
        recv does.

        Use it with `with`, or call its release(): it holds room in the ring. On shm: the peer can
        still change the bytes: copy before you validate.
        """
        if extra:
            unnamed(extra)
        kept, front = self._kept, _FRONT
        held: List[Any] = []
        handle, receive = self._handle, library.tn_channel_recv_view
        first_ms(timeout)
        try:
            if not kept or not self._hand_out(held):
                view = View(handle)
                native = byref(view._native)
                held[:] = (view,)
                status = drive(lambda ms: receive(handle, ms, native), self.fileno, timeout)
                if status < 0:
                    held.clear()
                    self._fail(status)
            item = held[0]
            return item if type(item) is View else View._of(item)
        except:
            kept[front] = held
            raise

    def recv_many(
        self, max: int = 1024, *extra: NoReturn, timeout: Optional[float] = None
    ) -> Messages:
        """Receives as many messages as are there, at most `max`, and at least one. It waits for the
        first only. It returns a list of the bytes of each; `messages` of that list has their tags,
        ids and flags too."""
        if extra:
            unnamed(extra)
        kept, front = self._kept, _FRONT
        held: List[Any] = []
        handle = self._handle
        if max < 1:
            raise ValueError(f"max is at least 1, not {max}")
        first_ms(timeout)
        try:
            if not kept:
                batch = BATCHES.pop() if BATCHES else Batch()
                attempt = batch.attempt(handle, max)
                held[:] = (batch,)
                status = drive(attempt, self.fileno, timeout)
                if status >= 0:
                    messages = Messages._of(*batch.received())
                    held[:] = (messages,)
                    BATCHES.append(batch)
                    return messages
                held.clear()
                BATCHES.append(batch)
                if status != TN_TOO_LARGE:
                    self._fail(status)
            self._receive(held, timeout)
            return Messages._one(self._message(held))
        except:
            kept[front] = held
            raise

    def busy_poll(self) -> bool:
        """Looks for a short while, 50 µs at most, whether there is something to receive. It is for
        an event loop of your own that has just handled a message."""
        if any(map(_messages_in, self._kept)):
            return True
        status: int = library.tn_channel_busy_poll(self._handle)
        if status not in (TN_OK, TN_AGAIN):
            self._fail(status)
        return status == TN_OK

    def __iter__(self) -> Iterator[bytes]:
        """The messages, until the other side closes; raises PeerLost if it dies."""
        try:
            yield from iter(self.recv, None)
        except Closed:
            return

    def _has_message(self, timeout: Optional[float]) -> bool:
        """Waits until there is a message, which stays there."""
        kept, front = self._kept, _FRONT
        held: List[Any] = []
        try:
            self._receive(held, timeout)
            return True
        except (Again, TimedOut):
            return False
        finally:
            kept[front] = held

    def _recv_now(self) -> Optional[Message]:
        """Receives one message if there is one, with its tag, id and flags; None if there is
        none."""
        if not self._kept:
            slot = SLOTS.pop() if SLOTS else new_slot()
            buffer, c_buffer, message, c_message, _ = slot
            status = _recv_message(self._handle, c_buffer, SLOT_BYTES, 0, c_message)
            if not status:
                data = Message(buffer[: message.len], message.tag, message.id, message.flags)
                SLOTS.append(slot)
                return data
            SLOTS.append(slot)
            if status == TN_AGAIN:
                return None
        try:
            return self.recv_message(timeout=0)
        except Again:
            return None

    def _recv_view_now(self) -> Optional[View]:
        """Receives one message in place if there is one; None if there is none."""
        try:
            return self.recv_view(timeout=0)
        except Again:
            return None

    def _receive(
        self, held: List[Any], timeout: Optional[float], room: int = _ANY
    ) -> None:
        """Leaves the next message in `held`: a Message, or a View where it is large."""
        first_ms(timeout)
        if self._kept and self._hand_out(held):
            return
        handle, slot = self._handle, SLOTS.pop() if SLOTS else new_slot()
        buffer, c_buffer, message, c_message, mark = slot
        receive = library.tn_channel_recv_view
        size = c_size_t(BUFFER_BYTES if room == _ANY else min(room, BUFFER_BYTES))

        def attempt(ms: int) -> int:
            while True:
                message.len = UNTAKEN
                held[:] = mark
                status: int = _recv_message(handle, c_buffer, size, ms, c_message)
                if status != TN_TOO_LARGE or message.len > room != _ANY:
                    return status
                view = View(handle)
                held[:] = (view,)
                status = receive(handle, 0, byref(view._native))
                if status != TN_AGAIN:  # else another thread has taken the large one
                    return status

        status = drive(attempt, self.fileno, timeout)
        if status < 0:
            held.clear()
            needed = message.len
            SLOTS.append(slot)
            if status == TN_TOO_LARGE:
                raise _too_large(str(error_of(status)), needed)
            self._fail(status)
        if held[0] is mark[0]:
            held[:] = (_message_of(mark[0]),)
        SLOTS.append(slot)

    def _message(self, held: List[Any]) -> Message:
        """The message in `held`, as one that has its bytes."""
        item = held[0]
        if type(item) is View:
            message = item._message()
            held[:] = (message,)
            item.release()
            return message
        return item  # type: ignore[no-any-return]

    def _hand_out(self, held: List[Any]) -> bool:
        """Moves the oldest message that was kept to `held`, if there is one."""
        kept = self._kept
        while kept:
            try:
                held.extend(map(kept.pop, (0,)))  # by one instruction
            except IndexError:
                break  # another thread was faster
            held[:] = _messages_in(held[0])
            if len(held) > 1:
                kept[_FRONT] = map(held.pop, [1] * (len(held) - 1))  # likewise
            if held:
                return True
        return False


def _messages_in(item: Any) -> List[Any]:
    """What was kept, as messages or views; nothing, if the library hadn't handed anything out."""
    if type(item) is View:
        return [] if item._native.len == UNTAKEN and item._held[0].data is None else [item]
    if type(item) is bytes:
        return [Message(item)]
    if type(item) is Batch:
        return Messages._of(*item.received()).messages
    if type(item) is Messages:
        return item.messages
    if type(item) is tuple:
        return [_message_of(item)] if item[1].len <= BUFFER_BYTES else []
    return [item]


def _message_of(received: Any) -> Message:
    buffer, message = received
    return Message(buffer[: message.len], message.tag, message.id, message.flags)


def _too_large(text: str, needed: int) -> TooLarge:
    error = TooLarge(text)
    error.needed = needed
    return error
