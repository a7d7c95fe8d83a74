"""Memory that the library lends: views to read in, loans to write into."""

from __future__ import annotations

from ctypes import byref, c_uint32
from functools import partial

from . import _buffers
from ._abi import NOTHING, TN_AGAIN, TN_INVALID, TN_MESSAGE_REPLY, TN_MESSAGE_REQUEST
from ._abi import TN_TIMED_OUT, TN_UNSUPPORTED, Ending, library, tn_loan, tn_message
from ._errors import call_made, unnamed
from ._messages import Message
from ._owner import refuse_to_pickle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, List, NoReturn, Optional

    from ._abi import Handle
    from ._sending import Sending

    Partial = partial[None]
else:
    Partial = partial


TAG_MAX = 2**32 - 1
# After a commit that came to one of these the loan is open still.
_STILL_OPEN = (TN_AGAIN, TN_TIMED_OUT, TN_INVALID, TN_UNSUPPORTED)


def tag_of(tag: int) -> c_uint32:
    """A tag for the library; ctypes would cut off what is too much."""
    if not 0 <= tag <= TAG_MAX:
        raise ValueError(f"{call_made()}: a tag is from 0 to {TAG_MAX}, not {tag}")
    return c_uint32(tag)


class _Hold:
    """What a View or a Loan holds of the library until it is given back."""

    __slots__ = ("handle", "ticket", "data", "_base")

    handle: Handle
    ticket: Ending  # gives it back when nobody uses it any more, not even what was made of it
    data: Optional[memoryview]
    _base: Any


class _Leaving(Partial):
    """The __exit__ of one `with`, which alone refers to it: so this ends with the `with`, even if a
    signal handler raises before the first step of __exit__. Then nothing is held any more."""

    __slots__ = ("__del__",)


class _Exit:
    """Makes the __exit__ for each `with`."""

    def __get__(self, view: Optional[_ViewBase], kind: object = None) -> Any:
        if view is None:  # contextlib.ExitStack asks the class
            return lambda view, *raised: view.__exit__(*raised)
        leaving, held = _Leaving(_leave, view), view._held
        if held:
            data = held[0].data
            held.append(None if data is None else Ending(data.release))
        setattr(leaving, "__del__", held.clear)
        return leaving


def _leave(view: _ViewBase, kind: object, *_: object) -> None:
    """Ends a `with`; where another exception is on its way, that is the one to see."""
    held = view._held
    try:
        if kind is None:
            view._end()
        else:
            view._drop()
    except BufferError:  # it stays open
        view._held = held[:1]
        for ending in filter(None, held[1:]):
            ending.cancel()
        if kind is None:
            raise


class _ViewBase:
    """What views and loans have in common: memory that the library lends until it is given back.

    It is made before the library fills in what it lends: so nothing is lost if an exception comes
    in between. Giving back what was never lent, or twice, is refused and does no harm.
    """

    __slots__ = ("_native", "_held", "__weakref__")

    _native: Any
    _held: List[Any]  # empty when it was given back; else a _Hold, and in a `with` what ends there

    _writable = False

    def _hold(self, handle: Handle, give_back: Callable[..., int]) -> None:
        hold = _Hold()
        hold.handle, hold.data, hold._base = handle, None, None
        hold.ticket = Ending(partial(give_back, handle, self._native))
        self._held = [hold]

    @property
    def data(self) -> memoryview:
        """The bytes. Raises ValueError when they were given back."""
        for hold in self._held[:1]:
            if hold.data is None:
                if self._native.len:
                    hold.data, hold._base = _buffers.lend(
                        self._native.data, self._native.len, self._writable, hold.ticket
                    )
                else:
                    hold.data = memoryview(bytearray() if self._writable else b"")
                if len(self._held) > 1:
                    self._held.append(Ending(hold.data.release))
            data: memoryview = hold.data
            return data
        raise ValueError(f"this {type(self).__name__} was given back")

    @property
    def released(self) -> bool:
        """Whether it was given back."""
        return not self._held

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: Any) -> Any:
        return self.data[index]

    def __iter__(self) -> Iterator[int]:
        return iter(self.data)

    def __bytes__(self) -> bytes:
        return bytes(self.data)

    def __eq__(self, other: object) -> bool:
        return self.data == (other.data if isinstance(other, _ViewBase) else other)

    __hash__ = object.__hash__

    def __buffer__(self, flags: int) -> memoryview:
        """The buffer protocol, from Python 3.12 on; before it, `data` has it."""
        return self.data

    def __repr__(self) -> str:
        state = "given back" if self.released else f"{self._native.len} bytes"
        return f"{type(self).__name__}({', '.join([state, *self._facts()])})"

    def _facts(self) -> list[str]:
        """What a repr says of it besides."""
        raise NotImplementedError

    def tobytes(self) -> bytes:
        """A copy of the bytes."""
        return self.data.tobytes()

    def __reduce__(self) -> Any:
        refuse_to_pickle(self)

    def _withdraw(self) -> None:
        """Makes the memoryview useless; BufferError while something else was made of it."""
        for hold in self._held[:1]:
            try:
                if hold.data is not None:
                    hold.data.release()
                if hold._base is not None and not _buffers.is_alone(hold):
                    raise BufferError
            except BufferError:
                if hold._base is not None and _buffers.is_released(hold.data):
                    hold.data = _buffers.reborrowed(hold._base, self._native.len, self._writable)
                raise BufferError(
                    f"the bytes of this {type(self).__name__} are still in use, by a slice or an "
                    "array made of them: delete that first, or make a copy"
                ) from None
            hold.data = hold._base = None

    def _drop(self) -> None:
        """Gives it back; BufferError while something made of it is there."""
        self._withdraw()
        self._held.clear()

    def _end(self) -> None:
        """What a `with` does at its end."""
        raise NotImplementedError

    __exit__ = _Exit()


class View(_ViewBase):
    """A received message in place. Use it with `with`, or call release().

    Its bytes are `data`, a memoryview, and the view itself: view[0], len(view), bytes(view). After
    the release no slice or array of it could be read any more. So a release raises BufferError
    while one exists, and the view stays open until that is gone.
    """

    __slots__ = ()

    _native: tn_message

    def __init__(self, handle: Handle) -> None:
        self._native = tn_message()
        self._native.len = _buffers.UNTAKEN
        self._hold(handle, library.tn_channel_release)

    @classmethod
    def _of(cls, message: Message) -> View:
        """A view of a message that has bytes of its own."""
        view = cls(NOTHING)
        view._held[0].data = memoryview(message.data)
        native = view._native
        native.tag, native.id, native.flags = message.tag, message.id, message.flags
        return view

    def _facts(self) -> list[str]:
        return [f"{name}={getattr(self, name)}" for name in ("tag", "id", "flags")]

    @property
    def tag(self) -> int:
        """The sender's message type; 0 where none was given."""
        return self._native.tag

    @property
    def id(self) -> int:
        """Which request this is, or answers; else 0."""
        return self._native.id

    @property
    def flags(self) -> int:
        """MESSAGE_REQUEST, MESSAGE_REPLY or 0."""
        return self._native.flags

    @property
    def is_request(self) -> bool:
        """Whether the sender waits for a reply; see Channel.reply."""
        return self.flags == TN_MESSAGE_REQUEST

    @property
    def is_reply(self) -> bool:
        """Whether this answers the request with the same id."""
        return self.flags == TN_MESSAGE_REPLY

    def release(self) -> None:
        """Gives the view back; from here on its bytes can't be read. Releasing twice is fine.

        Raises BufferError, and leaves it open, while a slice or an array of it exists.
        """
        self._drop()

    _end = release

    def _message(self) -> Message:
        """A copy, with what it was sent with."""
        native = self._native
        if self._held and self._held[0].data is None and native.len:
            data = _buffers.bytes_at(native.data, native.len)
        else:
            data = self.tobytes()
        return Message(data, native.tag, native.id, native.flags)

    def __enter__(self) -> View:
        return self


class Loan(_ViewBase):
    """Room to write a message in place. `with` sends all of it at the end, or gives it back unsent
    if there was an exception; or call commit() or discard().

    Write to `data`, a memoryview, or directly: loan[:5] = b"hello". While an array or a slice of it
    exists, commit and discard raise BufferError: delete that first.
    """

    __slots__ = ("_channel", "_tag", "length")

    length: Optional[int]
    """How many bytes are sent, from the first on; None: all."""
    _native: tn_loan
    _writable = True

    def __init__(self, channel: Sending, tag: c_uint32) -> None:
        self._native = tn_loan()
        self._channel, self._tag, self.length = channel, tag, None
        self._hold(channel._handle, library.tn_channel_discard)

    def _facts(self) -> list[str]:
        return [f"tag={self._tag.value}", f"channel={self._channel!r}"]

    def __setitem__(self, index: Any, value: Any) -> None:
        self.data[index] = value

    def commit(
        self,
        length: Optional[int] = None,
        *extra: NoReturn,
        timeout: Optional[float] = None,
        tag: Optional[int] = None,
    ) -> None:
        """Sends the first `length` bytes as a message, with this tag or that of the loan. Waits as
        a send does. After Again and TimedOut the loan stays open."""
        if extra:
            unnamed(extra)
        if self.released:
            raise ValueError("this Loan was given back")
        hold = self._held[0]
        if length is None:
            length = self._native.len if self.length is None else self.length
        size, kind = _buffers.size_of(length), self._tag if tag is None else tag_of(tag)
        self._withdraw()
        handle, native = hold.handle, byref(self._native)

        def attempt(ms: int) -> int:
            status: int = library.tn_channel_commit(handle, native, kind, size, ms)
            if status not in _STILL_OPEN:
                hold.ticket.cancel()
                self._held.clear()
            return status

        self._channel._deliver(attempt, size, timeout)

    def discard(self) -> None:
        """Gives the loan back unsent. Twice, or after a commit, is fine."""
        self._drop()

    def _end(self) -> None:
        if not self.released:
            self.commit()

    def __enter__(self) -> Loan:
        return self


def leave(end: Callable[[], None], kind: object) -> None:
    """Ends a `with`; where another exception is on its way, that is the one to see."""
    try:
        end()
    except BufferError:
        if kind is None:
            raise
