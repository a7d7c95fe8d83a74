"""Channels of whole messages between two programs."""

from __future__ import annotations

from ctypes import Structure, byref, c_uint32, sizeof

from . import _abi
from ._abi import ChannelHandle, library, tn_peer, tn_stats
from ._buffers import place_of, readable
from ._errors import Again, Closed, Error, PeerLost, check, unnamed
from ._views import View, tag_of
from ._owner import encoded
from ._receiving import Receiving
from ._sending import Sending
from ._waiting import deadline_of, drive_in_pieces, first_ms, timeout_left

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, NoReturn, Optional, Tuple

TRANSPORT_SHM, TRANSPORT_LOCAL = _abi.TN_TRANSPORT_SHM, _abi.TN_TRANSPORT_LOCAL


class Peer:
    """Who is at the other end, as the kernel says."""

    __slots__ = ("transport", "pid", "uid", "gid", "address", "fallback")

    transport: int
    """TRANSPORT_SHM or TRANSPORT_LOCAL: how messages cross. A shm: channel may use its socket."""
    pid: int
    """The process that connected or listened; 0 if it can't be seen from here."""
    uid: int
    """Its user."""
    gid: int
    """Its group."""
    address: str
    """The address at which the two sides met."""
    fallback: str
    """Why the messages of a shm: channel go through its socket, for good or not moved yet. Empty if
    they go through shared memory, and for local:."""

    def __init__(self, peer: tn_peer) -> None:
        self.transport, self.pid, self.uid, self.gid = peer.transport, peer.pid, peer.uid, peer.gid
        self.address = peer.address.decode(errors="replace")
        self.fallback = peer.fallback.decode(errors="replace")

    def __repr__(self) -> str:
        return f"Peer({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"


class Stats(tn_stats):
    """Counts of what has gone through a channel: messages, bytes, waits and wake-ups."""

    messages_sent: int
    messages_received: int
    bytes_sent: int
    bytes_received: int
    send_waits: int
    recv_waits: int
    wakeups_sent: int
    pending_bytes: int
    ring_bytes: int
    ring_used: int
    ring_used_max: int
    late_replies: int

    def __repr__(self) -> str:
        return counts_text(self)


def counts_text(stats: Structure) -> str:
    """All counts of a structure of the library, behind its first two fields."""
    fields = (name for name, _ in stats._fields_[2:])  # type: ignore[misc]
    texts = (f"{name}={getattr(stats, name)}" for name in fields)
    return f"{type(stats).__name__}({', '.join(texts)})"


class Channel(Sending, Receiving):
    """A two-way channel of messages to one peer, from connect, create or Listener.accept.

    Every thread may use it at any time. `with` closes it at the end; `for message in channel`
    receives until the other side closes.
    """

    __slots__ = ("_endpoint",)

    _endpoint: str

    _fd = library.tn_channel_fd
    _close = library.tn_channel_close

    def __init__(self) -> None:
        raise TypeError("a Channel comes from connect, create or Listener.accept")

    @classmethod
    def _of(cls, handle: ChannelHandle, endpoint: str) -> Channel:
        channel = object.__new__(cls)
        channel._handle, channel._kept, channel._endpoint = handle, [], endpoint
        return channel

    def _origin(self) -> list[str]:
        return [repr(self._endpoint)]

    def _facts(self) -> list[str]:
        try:
            peer = self.peer()
        except Error as error:
            return ["connecting" if isinstance(error, Again) else type(error).__name__]
        way = "shm" if peer.transport == TRANSPORT_SHM else "local"
        return [f"peer={peer.pid}", f"through={way}"]

    def request(
        self, data: Any, *extra: NoReturn, timeout: Optional[float] = None, tag: int = 0
    ) -> bytes:
        """Sends a request, waits for the reply to it, and returns the bytes of that.

        Any number of threads may ask at once. Other messages that come meanwhile wait for a
        receiving call. TimedOut: the request has been sent, but no reply came; a late reply is
        dropped. NoSpace: too many other messages came (inbox=).
        """
        if extra:
            unnamed(extra)
        with self.request_view(data, timeout=timeout, tag=tag) as reply:
            return reply.tobytes()

    def request_view(
        self, data: Any, *extra: NoReturn, timeout: Optional[float] = None, tag: int = 0
    ) -> View:
        """Sends a request, waits for the reply to it, and returns that in place: a View, to be
        released like any other."""
        if extra:
            unnamed(extra)
        handle, source, number = self._handle, readable(data), c_uint32()
        place, length = place_of(source)
        kind = tag_of(tag)
        out, deadline = byref(number), deadline_of(timeout)
        begin, end = library.tn_channel_request_begin, library.tn_channel_request_end
        view = View(handle)
        native = byref(view._native)
        try:
            # In two halves, as a wait that is cut into pieces must not ask anew each time. While
            # there is no room the library reads, and for both no single descriptor tells.
            status = drive_in_pieces(
                lambda ms: begin(handle, kind, place, length, ms, out), timeout
            )
            if status < 0:
                self._fail(status)
            self._drive(lambda ms: end(handle, number, ms, native), timeout_left(deadline))
            return view
        except:
            if number.value:
                library.tn_channel_request_cancel(handle, number)
            raise

    def peer(self) -> Peer:
        """Who is at the other end. Again: the channel is still connecting."""
        peer = tn_peer(struct_size=sizeof(tn_peer))
        status = library.tn_channel_peer(self._handle, byref(peer))
        if status < 0:
            self._fail(status)
        return Peer(peer)

    def stats(self) -> Stats:
        """Counts of what has gone through the channel. Again: the channel is still connecting."""
        stats = Stats(struct_size=sizeof(Stats))
        status = library.tn_channel_stats(self._handle, byref(stats))
        if status < 0:
            self._fail(status)
        return stats


def connect(endpoint: str, *extra: NoReturn, timeout: Optional[float] = None) -> Channel:
    """Connects to a listener, such as "shm:chat", and is done when somebody listens there. What is
    sent before the other side accepts waits in the socket, and arrives first. If the handshake is
    refused, the next call raises the reason; with early=0 this call waits for the handshake.

    Waits for `timeout` seconds; None waits for ever. NotFound: nobody listens there; with retry=1
    it keeps trying until the timeout instead.
    """
    if extra:
        unnamed(extra)
    return _opened("connect", endpoint, timeout)


def connect_start(endpoint: str) -> Channel:
    """Begins to connect to a listener, and returns the channel at once. It may be unconnected for a
    while: the listener's backlog is full, nobody listens yet with retry=1, or early=0. Until it is
    connected, its calls raise Again, or wait if their timeout allows. If connecting fails, they
    raise the reason."""
    return _started(library.tn_channel_connect_start, endpoint)


def create(endpoint: str, *extra: NoReturn, timeout: Optional[float] = None) -> Channel:
    """Makes a channel between exactly two programs: listens, accepts the first program that
    connects, and stops listening. Waits for `timeout` seconds; None waits for ever."""
    if extra:
        unnamed(extra)
    return _opened("create", endpoint, timeout)


def create_start(endpoint: str) -> Channel:
    """Begins to listen for the one program that the channel is for, and returns the channel at
    once. Until that program has connected, the channel is as one from connect_start."""
    return _started(library.tn_channel_create_start, endpoint)


def pair(options: str = "") -> Tuple[Channel, Channel]:
    """Makes a private channel and returns both its ends, for tests and for threads of one process:
    `one, other = treenail.pair()`.

    The options are as behind the ? of an endpoint, such as "ring=4MiB". The ends share memory,
    unless "shm=off". Nothing waits, and nobody else can connect. Another process can be given an
    end of a socketpair, which it adopts by connect("fd:NUMBER").
    """
    one, other = ChannelHandle(), ChannelHandle()
    check(library.tn_channel_pair(encoded(options), byref(one), byref(other)))
    endpoint = f"pair?{options}" if options else "pair"
    return Channel._of(one, endpoint), Channel._of(other, endpoint)


def has_ended(channel: Channel, error: Error) -> bool:
    """Whether a channel that was created failed only as its peer has come and gone: what that sent
    is still to be received."""
    try:
        return isinstance(error, (Closed, PeerLost)) and bool(channel.peer())
    except Error:
        return False


def _started(start: Callable[..., int], endpoint: str) -> Channel:
    handle = ChannelHandle()
    check(start(encoded(endpoint), byref(handle)))
    return Channel._of(handle, endpoint)


def _opened(call: str, endpoint: str, timeout: Optional[float]) -> Channel:
    first_ms(timeout)
    if timeout == 0:
        handle = ChannelHandle()
        check(getattr(library, f"tn_channel_{call}")(encoded(endpoint), 0, byref(handle)))
        return Channel._of(handle, endpoint)
    channel = _started(getattr(library, f"tn_channel_{call}_start"), endpoint)
    try:
        channel.flush(timeout=timeout)  # which waits for the handshake, and then has nothing to do
        return channel
    except Error as error:
        if call == "create" and has_ended(channel, error):
            return channel
        channel.close()
        raise
    except:
        channel.close()
        raise
