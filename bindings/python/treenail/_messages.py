"""Messages that were received."""

from __future__ import annotations

from ._abi import TN_MESSAGE_REPLY, TN_MESSAGE_REQUEST, tn_message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    _List = list[bytes]
else:
    _List = list


class Message:
    """A received message: its bytes, tag, id and flags."""

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
    """The result of recv_many: a list of the bytes of each message."""

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
        """The messages with their tags, ids and flags; requests among them can be answered. Changes
        of the list don't change these."""
        natives = (tn_message * len(self._data)).from_buffer_copy(self._natives)
        pairs = zip(self._data, natives)
        return [Message(data, native.tag, native.id, native.flags) for data, native in pairs]

    def __reduce__(self) -> Any:
        return Messages._of, (self._data, bytes(self._natives))
