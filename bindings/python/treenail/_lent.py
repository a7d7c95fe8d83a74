"""Messages, and memory that the library lends: views to read in, loans to write into."""

from __future__ import annotations

from ctypes import byref, c_uint32, string_at
from weakref import finalize

from . import _buffers
from ._abi import NOTHING, TN_AGAIN, TN_INVALID, TN_MESSAGE_REPLY, TN_MESSAGE_REQUEST
from ._abi import TN_TIMED_OUT, TN_UNSUPPORTED, library, tn_loan, tn_message
from ._owner import refuse_to_pickle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, Optional

    from ._abi import Handle
    from ._sending import Sending

    _List = list[bytes]
else:
    _List = list


TAG_MAX = 2**32 - 1
# After a commit that came to one of these the loan is open still.
_LENT_STILL = (TN_AGAIN, TN_TIMED_OUT, TN_INVALID, TN_UNSUPPORTED)


def tag_of(tag: int) -> c_uint32:
    """A tag for the library; ctypes would cut off what is too much."""
    if not 0 <= tag <= TAG_MAX:
        raise ValueError(f"a tag is from 0 to {TAG_MAX}, not {tag}")
    return c_uint32(tag)


class Message:
    """A received message: its bytes, and what it was sent with."""

    __slots__ = ("data", "tag", "id", "flags")

    data: bytes
    """The bytes."""
    tag: int
    """The sender's message type; 0 where none was given."""
    id: int
    """Which request this is, or answers; else 0."""
    flags: int
    """MESSAGE_REQUEST, MESSAGE_REPLY or 0."""

    def __init__(self, data: bytes, tag: int = 0, id: int = 0, flags: int = 0) -> None:
        self.data, self.tag, self.id, self.flags = data, tag, id, flags

    @property
    def is_request(self) -> bool:
        """Whether the sender waits for a reply; see Channel.reply."""
        return self.flags == TN_MESSAGE_REQUEST

    @property
    def is_reply(self) -> bool:
        """Whether this answers the request with the same id."""
        return self.flags == TN_MESSAGE_REPLY

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        return self._all() == other._all()

    def __hash__(self) -> int:
        return hash(self._all())

    def _all(self) -> tuple[bytes, int, int, int]:
        return self.data, self.tag, self.id, self.flags

    def __repr__(self) -> str:
        return f"Message({self.data!r}, tag={self.tag}, id={self.id}, flags={self.flags})"


class Messages(_List):
    """What recv_many received: a list of the bytes of each message."""

    __slots__ = ("_data", "_natives")

    _data: list[bytes]
    _natives: Any  # a tn_message for each

    @classmethod
    def _of(cls, data: list[bytes], natives: Any) -> Messages:
        messages = cls(data)
        messages._data, messages._natives = data, natives
        return messages

    @classmethod
    def _one(cls, message: Message) -> Messages:
        native = tn_message(tag=message.tag, id=message.id, flags=message.flags)
        return cls._of([message.data], native)

    @property
    def messages(self) -> list[Message]:
        """The messages with their tags, ids and flags; requests among them can be answered. What
        was done to the list doesn't change these."""
        natives = (tn_message * len(self._data)).from_buffer_copy(self._natives)
        pairs = zip(self._data, natives)
        return [Message(data, native.tag, native.id, native.flags) for data, native in pairs]

    def __reduce__(self) -> Any:
        return Messages._of, (self._data, bytes(self._natives))


def when_gone(base: object, call: Callable[..., None], *arguments: object) -> None:
    """Has it called when nobody uses the memory any more; at the exit somebody may still do so."""
    setattr(finalize(base, call, *arguments), "atexit", False)


class _Lent:
    """Memory that the library lends until it is given back.

    It is made before the library fills in what it lends: so nothing is lost if an exception comes
    in between. Giving back what was never lent, or twice, is refused and does no harm.
    """

    __slots__ = ("_handle", "_lent", "_data", "_base", "__weakref__")

    _handle: Handle  # NOTHING when there is nothing to give back
    _lent: Any
    _data: Optional[memoryview]
    _base: Any

    _writable = False

    @property
    def data(self) -> memoryview:
        """The bytes. Raises ValueError when they were given back."""
        if self._data is None:
            if self.released:
                raise ValueError(f"this {type(self).__name__} was given back")
            if self._lent.len:
                self._data, self._base = _buffers.lend(
                    self._lent.data, self._lent.len, self._writable
                )
            else:
                self._data = memoryview(bytearray() if self._writable else b"")
        return self._data

    @property
    def released(self) -> bool:
        """Whether it was given back."""
        return self._data is None and not self._handle.value

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: Any) -> Any:
        return self.data[index]

    def __iter__(self) -> Iterator[int]:
        return iter(self.data)

    def __bytes__(self) -> bytes:
        return bytes(self.data)

    def __eq__(self, other: object) -> bool:
        return self.data == (other.data if isinstance(other, _Lent) else other)

    __hash__ = object.__hash__

    def __buffer__(self, flags: int) -> memoryview:
        """The buffer protocol, from Python 3.12 on; before it, `data` has it."""
        return self.data

    def tobytes(self) -> bytes:
        """A copy of the bytes."""
        return self.data.tobytes()

    def __reduce__(self) -> Any:
        refuse_to_pickle(self)

    def _withdraw(self) -> None:
        """Makes the memoryview useless; BufferError while something else was made of it."""
        try:
            if self._data is not None:
                self._data.release()
            if self._base is not None and not _buffers.is_alone(self):
                raise BufferError
        except BufferError:
            raise BufferError(
                f"the bytes of this {type(self).__name__} are still in use, by a slice or an array "
                "made of them: delete that first, or make a copy"
            ) from None
        self._data = self._base = None

    def _give_back(self) -> None:
        raise NotImplementedError

    def __del__(self) -> None:
        if not getattr(self, "_handle", NOTHING).value:  # it wasn't even made
            return
        self._data = None
        if self._base is None or _buffers.is_alone(self):
            self._give_back()
        else:
            # Somebody uses it without us: another gives it back when the last of that is gone.
            heir = object.__new__(type(self))
            heir._handle, heir._lent, heir._data, heir._base = self._handle, self._lent, None, None
            when_gone(self._base, heir._give_back)


class View(_Lent):
    """A received message in place. Use it with `with`, or call release().

    Its bytes can be had as `data`, a memoryview, or directly: view[0], len(view), bytes(view).
    After the release nothing made of it can be read any more; so a release raises BufferError
    while a slice or an array made of it is there, and the view stays open until that is gone.
    """

    __slots__ = ()

    _lent: tn_message

    def __init__(self, handle: Handle) -> None:
        self._lent, self._data, self._base = tn_message(), None, None
        self._lent.len = _buffers.UNTAKEN
        self._handle = handle

    @classmethod
    def _of(cls, message: Message) -> View:
        """A view of a message that has bytes of its own."""
        view = cls(NOTHING)
        view._data = memoryview(message.data)
        view._lent.tag, view._lent.id, view._lent.flags = message.tag, message.id, message.flags
        return view

    @property
    def tag(self) -> int:
        """The sender's message type; 0 where none was given."""
        return self._lent.tag

    @property
    def id(self) -> int:
        """Which request this is, or answers; else 0."""
        return self._lent.id

    @property
    def flags(self) -> int:
        """MESSAGE_REQUEST, MESSAGE_REPLY or 0."""
        return self._lent.flags

    @property
    def is_request(self) -> bool:
        """Whether the sender waits for a reply; see Channel.reply."""
        return self.flags == TN_MESSAGE_REQUEST

    @property
    def is_reply(self) -> bool:
        """Whether this answers the request with the same id."""
        return self.flags == TN_MESSAGE_REPLY

    def release(self) -> None:
        """Gives the view back; from here on its bytes can't be read. Twice is fine.

        Raises BufferError, and leaves it open, while a slice or an array made of it is there.
        """
        self._withdraw()
        if self._handle.value:
            self._give_back()

    def _give_back(self) -> None:
        library.tn_channel_release(self._handle, byref(self._lent))
        self._handle = NOTHING

    def _message(self) -> Message:
        """A copy, with what it was sent with."""
        lent = self._lent
        if self._data is None and lent.len:
            data = string_at(lent.data, lent.len)
        else:
            data = self.tobytes()
        return Message(data, lent.tag, lent.id, lent.flags)

    def __enter__(self) -> View:
        return self

    def __exit__(self, kind: Optional[type[BaseException]], *_: object) -> None:
        leave(self.release, kind)


class Loan(_Lent):
    """Room to write a message in place. With `with` it is sent at the end, whole, or given back
    unsent if there was an exception; or call commit() or discard().

    Write to `data`, a memoryview, or directly: loan[:5] = b"hello". While something made of it is
    there, an array say, commit and discard raise BufferError: delete that first.
    """

    __slots__ = ("_channel", "_tag", "length")

    length: Optional[int]
    """How many bytes are sent, from the first on; None: all."""
    _lent: tn_loan
    _writable = True

    def __init__(self, channel: Sending, tag: c_uint32) -> None:
        self._lent, self._data, self._base = tn_loan(), None, None
        self._channel, self._tag, self.length = channel, tag, None
        self._handle = channel._handle

    def __setitem__(self, index: Any, value: Any) -> None:
        self.data[index] = value

    def commit(
        self,
        length: Optional[int] = None,
        timeout: Optional[float] = None,
        *,
        tag: Optional[int] = None,
    ) -> None:
        """Sends the first `length` bytes as a message, with this tag or that of the loan. Waits as
        a send does; after Again and TimedOut the loan is there still."""
        if self.released:
            raise ValueError("this Loan was given back")
        if length is None:
            length = self._lent.len if self.length is None else self.length
        size, kind = length, self._tag if tag is None else tag_of(tag)
        self._withdraw()
        handle, lent = self._handle, byref(self._lent)

        def attempt(ms: int) -> int:
            status: int = library.tn_channel_commit(handle, lent, kind, size, ms)
            if status not in _LENT_STILL:
                self._handle = NOTHING
            return status

        self._channel._deliver(attempt, size, timeout)

    def discard(self) -> None:
        """Gives the loan back unsent. Twice, or after a commit, is fine."""
        self._withdraw()
        if self._handle.value:
            self._give_back()

    def _give_back(self) -> None:
        library.tn_channel_discard(self._handle, byref(self._lent))
        self._handle = NOTHING

    def __enter__(self) -> Loan:
        return self

    def __exit__(self, kind: Optional[type[BaseException]], *_: object) -> None:
        if kind is not None:
            leave(self.discard, kind)
        elif not self.released:
            self.commit()


def leave(end: Callable[[], None], kind: object) -> None:
    """Ends a `with`; where another exception is on its way, that is the one to see."""
    try:
        end()
    except BufferError:
        if kind is None:
            raise
