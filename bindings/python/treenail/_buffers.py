"""Bytes between Python and the library: what is sent, where is received, memory that is lent."""

from __future__ import annotations

from array import array
from ctypes import POINTER, Structure, addressof, byref, c_char_p, c_int, c_size_t, c_ssize_t
from ctypes import c_ubyte, c_void_p, create_string_buffer, memmove, py_object, pythonapi, sizeof
from itertools import accumulate, chain
from operator import index
from struct import iter_unpack
from sys import getrefcount

from ._abi import hot, tn_message
from ._errors import call_made

try:
    from _pickle import PickleBuffer  # without all that pickle imports
except ImportError:
    from pickle import PickleBuffer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, Tuple, Union

    from ._abi import Handle

    Bytes = Union[bytes, memoryview]
    Slot = Tuple[Any, Any, tn_message, Any, Tuple[Any, ...]]

BUFFER_BYTES = 65536
_SIZE_MAX = 2**64 - 1
UNTAKEN = 2**64 - 1  # a length that the library overwrites when it hands out a message
_ALL_BYTES = {bytes}
COPY_BYTES_MAX = 8192  # up to here a copy takes less time than asking for an address
_recv_many = hot("tn_channel_recv_many")
_SIMPLE = 0


class _Buffer(Structure):
    """Py_buffer of Python's C API."""

    _fields_ = [
        ("buf", c_void_p),
        ("obj", c_void_p),
        ("len", c_ssize_t),
        ("itemsize", c_ssize_t),
        ("readonly", c_int),
        ("ndim", c_int),
        ("format", c_void_p),
        ("shape", c_void_p),
        ("strides", c_void_p),
        ("suboffsets", c_void_p),
        ("internal", c_void_p),
    ]


_get_buffer = pythonapi.PyObject_GetBuffer
_get_buffer.argtypes, _get_buffer.restype = [py_object, POINTER(_Buffer), c_int], c_int
_release_buffer = pythonapi.PyBuffer_Release
_release_buffer.argtypes, _release_buffer.restype = [POINTER(_Buffer)], None
# The same as ctypes.string_at, whose size is an int: it cuts off what is over 2 GiB.
_bytes_at = pythonapi.PyBytes_FromStringAndSize
_bytes_at.argtypes, _bytes_at.restype = [c_void_p, c_ssize_t], py_object


def size_of(number: int) -> int:
    """A size or an offset for the library; ctypes would cut off what is too much."""
    size = index(number)
    if size < 0:
        raise ValueError(f"a size or an offset is at least 0, not {size}")
    return min(size, _SIZE_MAX)


def bytes_at(address: int, length: int) -> bytes:
    """A copy of this memory."""
    copy: bytes = _bytes_at(address, length)
    return copy


def _refuse_addresses(view: memoryview) -> None:
    """What is in a buffer must mean something to another program, and be no danger to this one."""
    types = "".join(view.format.split(":")[::2])  # without the names of fields
    for number in "Zf", "Zd", "Zg":
        types = types.replace(number, "")
    if any(letter in types for letter in "OPXZz&"):
        raise TypeError(
            f"{call_made()}: the buffer's format {view.format!r} says that it holds addresses, as "
            "an array of objects does; they mean nothing to others. Use an array of numbers, or "
            "send pickle.dumps() of it"
        )


def readable(data: Any) -> Bytes:
    """The bytes of any object with the buffer protocol, in C order: a copy where that is quicker,
    or where they don't lie in one piece. While it is there they stay where they are."""
    if type(data) is bytes:
        return data
    view = memoryview(data)
    if view.format != "B":
        _refuse_addresses(view)
    if view.nbytes <= COPY_BYTES_MAX or not view.c_contiguous:
        return view.tobytes()
    return view


def length_of(data: Bytes) -> int:
    """How many they are."""
    return len(data) if type(data) is bytes else data.nbytes  # type: ignore[union-attr]


def address_of(data: Bytes) -> int:
    """Where they are. Keep `data` while it is used."""
    buffer = _Buffer()
    _get_buffer(data, byref(buffer), _SIMPLE)
    address: int = buffer.buf or 0
    _release_buffer(byref(buffer))
    return address


def place_of(data: Bytes) -> tuple[Any, int]:
    """Where they are, as an argument for the library, and how many. Keep `data` until after it."""
    if type(data) is bytes:
        return c_char_p(data), len(data)
    return c_void_p(address_of(data)), length_of(data)


def writable(buffer: Any) -> memoryview:
    """The bytes of a buffer to write to."""
    view = memoryview(buffer)
    if view.readonly or not view.c_contiguous:
        raise BufferError("the buffer to receive into is not writable, or not in one piece")
    _refuse_addresses(view)
    return view.cast("B") if view.nbytes else memoryview(bytearray())


# One type for each power of two, as making one takes long. Of what is too much nobody hears.
_SPANS: list[Any] = [c_ubyte * (1 << bits) for bits in range(48)]


def lend(address: int, length: int, writable: bool, owner: object) -> tuple[memoryview, Any]:
    """A memoryview of this memory, and what it is based on: that lives as long as the memoryview, a
    slice of it or anything else that was made of it, and keeps the owner of the memory."""
    base = _SPANS[length.bit_length()].from_address(address)
    base.owner = owner
    return reborrowed(base, length, writable), base


def reborrowed(base: Any, length: int, writable: bool) -> memoryview:
    """Another memoryview of the same base. No other memoryview may be between the two: up to 3.12
    Python crashes when it collects both as garbage."""
    view = PickleBuffer(base).raw()[:length]
    return view if writable else view.toreadonly()


def is_released(view: Any) -> bool:
    """Whether the memoryview can't be used any more."""
    try:
        view.readonly
        return False
    except ValueError:
        return True


def _references(owner: Any) -> int:
    return getrefcount(owner._base)


class _Owner:
    __slots__ = ("_base",)

    _base: Any


_alone = _Owner()
_alone._base = object()
_ALONE = _references(_alone)


def is_alone(owner: Any) -> bool:
    """Whether nobody but `owner` uses its base."""
    return _references(owner) <= _ALONE


def new_slot() -> Slot:
    """A buffer to receive into and the message that describes it, each with its argument for the
    library; and both in a tuple, which is what is kept if the message can't be handed out."""
    buffer, message = create_string_buffer(BUFFER_BYTES), tn_message()
    return buffer, byref(buffer), message, byref(message), ((buffer, message),)


# Slots that no call uses now: each call takes one, and brings it back. A call that is interrupted
# leaves its slot to whoever receives next, with the message that may be in it.
SLOTS: list[Slot] = []
SLOT_BYTES = c_size_t.from_param(BUFFER_BYTES)
# Arguments as a call has them in the end: made in advance, as making them takes long.
SIZES = [c_size_t.from_param(size) for size in range(1025)]


_WORD = sizeof(c_size_t)
_STRIDE = sizeof(tn_message) // _WORD  # words of each; the first is its address, then its length
BATCH_MAX = BUFFER_BYTES // 16  # as many messages as the buffer has places for


class Batch:
    """A buffer for many messages, and what and where in it they are."""

    __slots__ = ("buffer", "address", "words", "count", "layout")

    buffer: Any

    def __init__(self) -> None:
        # A message may be followed by what brings the next to a multiple of 16.
        self.buffer, self.count = create_string_buffer(BUFFER_BYTES + 16), c_size_t(UNTAKEN)
        self.address = addressof(self.buffer)
        self.words = array("L")  # a tn_message for each; where they are sent, a tn_slice
        self.layout = (0, 0)

    def attempt(self, handle: Handle, max: int) -> Callable[[int], int]:
        """What receives up to `max` messages, with a time."""
        max = min(max, BATCH_MAX)
        if len(self.words) < _STRIDE * max:
            self.words = array("L", (0,)) * (_STRIDE * max)
        count, limit = self.count, c_size_t(max)
        count.value = UNTAKEN
        buffer, out_count = byref(self.buffer), byref(count)
        places = c_void_p(self.words.buffer_info()[0])

        def receive(ms: int) -> int:
            count.value = UNTAKEN
            return _recv_many(handle, buffer, SLOT_BYTES, places, limit, ms, out_count)

        return receive

    def received(self) -> tuple[list[bytes], array[int]]:
        """What was received: the bytes of each message, and the tn_message of all."""
        count = self.count.value
        if not 0 < count < UNTAKEN:
            return [], array("L")
        natives = self.words[: _STRIDE * count]
        places, sizes = natives[::_STRIDE], natives[1::_STRIDE]
        size, first = sizes[0], places[0] - self.address
        stride = size + -size % 16
        extent = stride * count
        if (
            0 < size
            and places[-1] - places[0] == extent - stride
            and sizes.tobytes() == sizes[:1].tobytes() * count
        ):
            memory = memoryview(self.buffer)[first : first + extent]
            unpacked = iter_unpack(f"{size}s{stride - size}x", memory)
            return list(chain.from_iterable(unpacked)), natives
        data = self.buffer[: places[-1] + sizes[-1] - self.address]
        starts = [place - self.address for place in places]
        return [data[at : at + size] for at, size in zip(starts, sizes)], natives

    def fill(self, items: list[Any], size: int) -> None:
        """Takes in messages that are all of this size, to be sent."""
        count = len(items)
        memmove(self.address, b"".join(items), size * count)
        if self.layout != (size, count):  # mostly it is that of the last time
            self.layout = size, count
            self.words = array("L", (0,)) * (2 * count)
            end = self.address + size * count
            if size:
                self.words[0::2] = array("L", range(self.address, end, size))
            self.words[1::2] = array("L", (size,)) * count


# Batches that no call uses now, as with SLOTS.
BATCHES: list[Batch] = []
SENT_BATCHES: list[Batch] = []


class Slices:
    """Many messages, or parts of one, to send: as an array of tn_slice."""

    __slots__ = ("count", "bytes", "_words", "_sources")

    _sources: Any

    def __init__(self, messages: Iterable[Any]) -> None:
        items: list[Any] = list(messages)
        if set(map(type, items)) == _ALL_BYTES:
            lengths = list(map(len, items))
        else:
            items = list(map(readable, items))
            lengths = list(map(length_of, items))
        self.count, self.bytes = len(items), sum(lengths)
        if self.bytes > COPY_BYTES_MAX * self.count:
            self._sources = items
            addresses = array("L", map(address_of, items))
        elif items and lengths.count(lengths[0]) == len(items) and self.bytes <= BUFFER_BYTES:
            self._sources = batch = SENT_BATCHES.pop() if SENT_BATCHES else Batch()
            batch.fill(items, lengths[0])
            self._words = batch.words
            return
        else:  # to put them together takes less time than to ask for each one's address
            self._sources = joined = b"".join(items)
            addresses = array("L", accumulate(lengths, initial=address_of(joined)))[:-1]
        self._words = array("L", (0,)) * (2 * self.count)
        self._words[0::2], self._words[1::2] = addresses, array("L", lengths)

    def place(self, start: int = 0) -> Any:
        """Where the slices from this one on are."""
        return c_void_p(self._words.buffer_info()[0] + 2 * self._words.itemsize * start)

    def done(self) -> None:
        """They were sent."""
        if type(self._sources) is Batch:
            SENT_BATCHES.append(self._sources)
