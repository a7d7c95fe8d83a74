"""Segments: named shared memory with a lock that survives its owner."""

from __future__ import annotations

from ctypes import byref, c_uint64
from operator import index

from ._abi import NOTHING, TN_DENIED, TN_NOWAIT, SegmentHandle, library
from ._buffers import is_alone, is_released, lend, place_of, readable, reborrowed, size_of
from ._buffers import writable
from ._errors import Invalid, NotFound, call_made, check, closed, unnamed
from ._views import leave
from ._list import name_of_its_own
from ._lock import HELD, Held, Locking, steps_of
from ._owner import encoded
from ._waiting import drive_in_pieces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, NoReturn, Optional, TypeVar

    Self = TypeVar("Self", bound="Segment")

_VERSION_MAX = 2**64 - 1  # which no segment comes to


class Snapshot(bytes):
    """Bytes that were read under the lock."""

    owner_died: bool = False
    """Whether an owner of the lock had died: the bytes may be half-written."""


class Segment(Locking):
    """A named piece of shared memory, with a lock, and with changes that others can wait for.

        with treenail.Segment.open_or_create("frames", 4096) as segment:
            with segment.lock() as lock:
                if lock.owner_died:
                    ...  # the data may be half-written: put them right
                segment.buf[:5] = b"hello"
            segment.notify()

    It is removed when the last program that has it open closes it or ends. Every thread may use it
    at any time. `with` closes it at the end. It also has the members of
    multiprocessing.shared_memory.SharedMemory.
    """

    _size: int

    __slots__ = ("_size", "_buf", "_base", "_writable")

    _fd = library.tn_segment_fd
    _close = library.tn_segment_close

    def __init__(
        self, name: Optional[str] = None, create: bool = False, size: int = 0, *, track: bool = True
    ) -> None:
        """Opens a segment, or with `create` makes one of `size` zero bytes. Without a name it gets
        one of its own. With track=False a segment that this makes stays until somebody calls
        unlink()."""
        if not create:
            if name is None:
                raise ValueError("a segment that is not made here needs a name")
            self._hold(library.tn_segment_open, name, name)
            return
        if name is None:
            name = name_of_its_own()
        option = "" if track else "&persist=1" if "?" in name else "?persist=1"
        self._hold(library.tn_segment_create, name, name + option, size)

    @classmethod
    def create(cls: type[Self], name: str, size: int) -> Self:
        """Makes a segment of `size` zero bytes. Exists: a live process holds one of that name."""
        return cls(name, True, size)

    @classmethod
    def open(cls: type[Self], name: str) -> Self:
        """Opens a segment. NotFound: no live process holds one of that name."""
        return cls(name)

    @classmethod
    def open_or_create(cls: type[Self], name: str, size: int) -> Self:
        """Opens a segment, or makes one of `size` zero bytes. If many call it at once, exactly one
        makes it. A segment that exists keeps its size, which is `size` or more. TooLarge: it is
        smaller. With size 0 it opens a segment of any size, and makes none. NotFound: there is
        none."""
        segment = cls.__new__(cls)
        segment._hold(library.tn_segment_open_or_create, name, name, size)
        return segment

    @classmethod
    def remove(cls, name: str) -> None:
        """Removes the name of a segment. Those that hold the segment keep it. NotFound: nothing has
        the name."""
        check(library.tn_segment_remove(encoded(name)))

    def _hold(self, function: Callable[..., int], name: str, full: str, *size: int) -> None:
        self._name, self._handle = name, SegmentHandle()
        handle = self._handle
        check(function(encoded(full), *map(size_of, size), byref(handle)))
        self._end_at_exit()
        self._size = library.tn_segment_size(handle)
        # A write that is refused either way says whether the data may be written at all.
        refusal = library.tn_segment_write(handle, self._size + 1, None, 0, TN_NOWAIT)
        address, self._writable = library.tn_segment_data(handle), refusal != TN_DENIED
        self._steps = steps_of(handle)
        self._buf, self._base = lend(address, self._size, self._writable, handle)

    @property
    def size(self) -> int:
        """The size of the data in bytes."""
        return self._size

    @property
    def buf(self) -> memoryview:
        """The data, as a memoryview, which is read-only if the segment was opened so.
        numpy.frombuffer makes an array of it. After the memoryview was released, this is a new
        one."""
        if is_released(self._buf):  # here by close() or elsewhere
            base = self._base
            if base is None:
                closed("Segment")
            self._buf = reborrowed(base, self._size, self._writable)
        return self._buf

    def write(
        self, data: Any, offset: int = 0, *extra: NoReturn, timeout: Optional[float] = None
    ) -> Held:
        """Copies bytes, or any object with the buffer protocol, to the data at `offset`, under the
        lock, and announces the change. Waits for the lock as lock() does."""
        if extra:
            unnamed(extra)
        handle, write, source = self._handle, library.tn_segment_write, readable(data)
        start, (place, length) = size_of(offset), place_of(source)
        return self._held(lambda ms: write(handle, start, place, length, ms), timeout)

    def read(
        self,
        length: Optional[int] = None,
        offset: int = 0,
        *extra: NoReturn,
        timeout: Optional[float] = None,
    ) -> Snapshot:
        """Returns a copy of `length` bytes of the data at `offset`, which it makes under the shared
        lock; None means all from there on. What one call wrote is there whole."""
        if extra:
            unnamed(extra)
        start = size_of(offset)
        size = max(0, self._size - start) if length is None else size_of(length)
        if size > self._size:  # the library's words, before there is memory for so many
            raise Invalid(
                f"{call_made()} {self._name}: {size} bytes at {start} are not within the {self._size} "
                "bytes of it"
            )
        buffer = bytearray(size)
        held = self.read_into(buffer, offset, timeout=timeout)
        snapshot = Snapshot(buffer)
        snapshot.owner_died = held.owner_died
        return snapshot

    def read_into(
        self, buffer: Any, offset: int = 0, *extra: NoReturn, timeout: Optional[float] = None
    ) -> Held:
        """Fills a buffer, such as a bytearray or an array, with the data from `offset` on, under
        the shared lock."""
        if extra:
            unnamed(extra)
        handle, read, target = self._handle, library.tn_segment_read, writable(buffer)
        start, (place, length) = size_of(offset), place_of(target)
        return self._held(lambda ms: read(handle, start, place, length, ms), timeout)

    def _held(self, attempt: Callable[[int], int], timeout: Optional[float]) -> Held:
        status = drive_in_pieces(attempt, timeout)
        if status < 0:
            self._fail(status)
        return HELD[status]

    def notify(self) -> None:
        """Announces a change: adds one to the version, and wakes whoever waits for that."""
        status = library.tn_segment_notify(self._handle)
        if status < 0:
            self._fail(status)

    @property
    def version(self) -> int:
        """How many changes were announced."""
        if self.closed:
            closed("Segment")
        version: int = library.tn_segment_version(self._handle)
        return version

    def wait(self, seen: int, *extra: NoReturn, timeout: Optional[float] = None) -> int:
        """Waits until the version differs from `seen`, and returns the version. Pass it to the next
        call, and you miss no change. Again, TimedOut: it still is `seen`."""
        if extra:
            unnamed(extra)
        handle, wait, version = self._handle, library.tn_segment_wait, c_uint64()
        number, out = index(seen), byref(version)
        known = number if 0 <= number < _VERSION_MAX else _VERSION_MAX
        status = drive_in_pieces(lambda ms: wait(handle, known, ms, out), timeout)
        if status < 0:
            self._fail(status)
        return version.value

    def fileno(self) -> int:
        """A descriptor for poll, epoll, select and event loops. It is readable while the version
        may differ from what wait(…, timeout=0) last found, so until that raises Again. Never read,
        write or close it."""
        return super().fileno()

    def lock_fileno(self) -> int:
        """A second descriptor, for the lock. It is readable while the lock may be free, so until
        taking the lock with timeout=0 raises Again."""
        return self._descriptor(library.tn_segment_lock_fd)

    @property
    def attached(self) -> int:
        """How many objects hold the segment now, this one among them. Those of dead processes don't
        count."""
        attached: int = library.tn_segment_attached(self._handle)
        return attached

    def close(self) -> None:
        """Lets go of the segment: every call raises Closed at once, in all threads. The last one
        that goes removes the segment. Closing twice is fine.

        Raises BufferError, and leaves the segment open, while a slice or an array of `buf` exists.
        These stay valid; a `buf` that you kept may not, so get it again.
        """
        if self.closed:
            return
        try:
            self._buf.release()
            # Without a base another close was interrupted at its end, or is there in a thread.
            if not is_alone(self) and self._base is not None:
                raise BufferError
        except BufferError:
            raise BufferError(
                f"the bytes of Segment {self._name!r} are still in use, by a slice or an array "
                "made of them: delete that first, or make a copy"
            ) from None
        self._base, self._steps = None, steps_of(NOTHING)
        super().close()

    def unlink(self) -> None:
        """Removes the name. Those that hold the segment keep it. It may be called after close();
        then it is fine if the segment has gone with its last holder."""
        try:
            self.remove(self._name)
        except NotFound:
            if not self.closed:
                raise

    def __exit__(self, *raised: object) -> None:
        leave(self.close, raised[0])

    def _facts(self) -> list[str]:
        return [f"size={self._size}", f"attached={self.attached}"]
