"""Segments: named shared memory with a lock that survives its owner."""

from __future__ import annotations

from ctypes import byref, c_uint64
from functools import partial
from operator import index

from ._abi import TN_DENIED, TN_NOWAIT, TN_OK, TN_OWNER_DIED, SegmentHandle, hot, library
from ._buffers import is_alone, is_released, lend, place_of, readable, reborrowed, size_of
from ._buffers import writable
from ._errors import Invalid, NotFound, check, closed
from ._views import leave
from ._list import name_of_its_own
from ._named import Named
from ._owner import encoded
from ._taking import ForStacks, giver, taker
from ._waiting import drive_in_pieces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional, TypeVar

    from ._abi import Handle

    Self = TypeVar("Self", bound="Segment")

_VERSION_MAX = 2**64 - 1  # which no segment comes to
_lock, _lock_shared = hot("tn_segment_lock"), hot("tn_segment_lock_shared")
_unlock = giver("tn_segment_unlock", SegmentHandle)


class Held:
    """The lock, while it is held."""

    __slots__ = ("owner_died",)

    owner_died: bool
    """Whether somebody died with the lock, and nobody has had it alone since: the data may be
    half-written."""

    def __init__(self, owner_died: bool) -> None:
        self.owner_died = owner_died

    def __repr__(self) -> str:
        return f"Held(owner_died={self.owner_died})"


_HELD = {TN_OK: Held(False), TN_OWNER_DIED: Held(True)}


class Lock(metaclass=ForStacks):
    """A segment's lock, for `with`, which takes it and gives it back. It can be used any number of
    times, and in any number of threads.

    `with` gives a Held. Again, TimedOut: others have the lock. Closed: the segment was closed.
    """

    if TYPE_CHECKING:

        def __enter__(self) -> Held: ...

        def __exit__(self, *_: object) -> None: ...

    else:
        __slots__ = ("__enter__", "__exit__")

    def __init__(
        self, function: Callable[..., int], handle: Handle, timeout: Optional[float]
    ) -> None:
        give_back = partial(_unlock, handle)
        take = taker(function, handle, results=_HELD, give_back=give_back, timeout=timeout)
        setattr(self, "__enter__", take)
        setattr(self, "__exit__", give_back)


_ENDED = Lock.__new__(Lock)
for _name in ("__enter__", "__exit__"):
    setattr(_ENDED, _name, partial(closed, "Segment"))


class Snapshot(bytes):
    """Bytes that were read under the lock."""

    owner_died: bool = False
    """Whether an owner of the lock had died: the bytes may be half-written."""


class Segment(Named):
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

    __slots__ = ("_size", "_buf", "_base", "_writable", "_lock", "_lock_shared")

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

    @staticmethod
    def remove(name: str) -> None:
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
        self._buf, self._base = lend(address, self._size, self._writable, handle)
        self._lock = Lock(_lock, handle, None)
        self._lock_shared = Lock(_lock_shared, handle, None)

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

    def lock(self, timeout: Optional[float] = None) -> Lock:
        """The lock, which `with segment.lock() as lock` takes exclusively.

        Waits there for `timeout` seconds; None waits for ever, 0 never waits. The lock belongs to
        this object: it excludes other threads that use the object, and locking twice waits. If a
        `with` doesn't fit, use contextlib.ExitStack.
        """
        if timeout is None:
            return self._lock
        return self._timed(_lock, timeout)

    def lock_shared(self, timeout: Optional[float] = None) -> Lock:
        """The lock, which `with segment.lock_shared() as lock` takes shared with other readers:
        nobody has it exclusively meanwhile."""
        if timeout is None:
            return self._lock_shared
        return self._timed(_lock_shared, timeout)

    def _timed(self, function: Callable[..., int], timeout: float) -> Lock:
        return _ENDED if self.closed else Lock(function, self._handle, timeout)

    def write(self, data: Any, offset: int = 0, timeout: Optional[float] = None) -> Held:
        """Copies bytes, or any object with the buffer protocol, to the data at `offset`, under the
        lock, and announces the change. Waits for the lock as lock() does."""
        handle, write, source = self._handle, library.tn_segment_write, readable(data)
        start, (place, length) = size_of(offset), place_of(source)
        return self._held(lambda ms: write(handle, start, place, length, ms), timeout)

    def read(
        self, length: Optional[int] = None, offset: int = 0, timeout: Optional[float] = None
    ) -> Snapshot:
        """Returns a copy of `length` bytes of the data at `offset`, which it makes under the shared
        lock; None means all from there on. What one call wrote is there whole."""
        start = size_of(offset)
        size = max(0, self._size - start) if length is None else size_of(length)
        if size > self._size:  # the library's words, before there is memory for so many
            raise Invalid(
                f"read {self._name}: {size} bytes at {start} are not within the {self._size} bytes "
                "of it"
            )
        buffer = bytearray(size)
        held = self.read_into(buffer, offset, timeout)
        snapshot = Snapshot(buffer)
        snapshot.owner_died = held.owner_died
        return snapshot

    def read_into(self, buffer: Any, offset: int = 0, timeout: Optional[float] = None) -> Held:
        """Fills a buffer, such as a bytearray or an array, with the data from `offset` on, under
        the shared lock."""
        handle, read, target = self._handle, library.tn_segment_read, writable(buffer)
        start, (place, length) = size_of(offset), place_of(target)
        return self._held(lambda ms: read(handle, start, place, length, ms), timeout)

    def _held(self, attempt: Callable[[int], int], timeout: Optional[float]) -> Held:
        status = drive_in_pieces(attempt, timeout)
        if status < 0:
            self._fail(status)
        return _HELD[status]

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

    def wait(self, seen: int, timeout: Optional[float] = None) -> int:
        """Waits until the version differs from `seen`, and returns the version. Pass it to the next
        call, and you miss no change. Again, TimedOut: it still is `seen`."""
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
        self._base, self._lock, self._lock_shared = None, _ENDED, _ENDED
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

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r}, size={self._size})"
