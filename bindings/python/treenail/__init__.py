"""treenail: channels of whole messages between programs on one machine, and shared memory with a
lock that survives its owner.

    import treenail

    with treenail.Listener("shm:hello") as listener, listener.accept() as channel:
        print(channel.recv().decode(), "is here")
        channel.send(b"hello from Python")

    with treenail.connect("shm:hello?retry=1", timeout=5) as channel:
        channel.send(b"Python")
        print(channel.recv().decode())

    with treenail.Segment.open_or_create("frames", 4096) as segment:
        with segment.lock() as lock:
            segment.buf[:5] = b"hello"
        segment.notify()

Timeouts are in seconds; None waits for ever, and 0 never waits. Failures are exceptions, one for
each status, which derive from Error and from the built-in exceptions that one would expect. Every
object may be used from every thread. A forked process must make its own objects. treenail.aio has
the same classes for asyncio.
"""

from ._abi import TN_MESSAGE_REPLY as MESSAGE_REPLY
from ._abi import TN_MESSAGE_REQUEST as MESSAGE_REQUEST
from ._abi import version as _version
from ._channel import TRANSPORT_LOCAL, TRANSPORT_SHM, Channel, Peer, Stats
from ._channel import connect, connect_start, create, create_start, pair
from ._errors import Again, Closed, Denied, Error, Exists, Internal, Invalid, Io, NoSpace, NotFound
from ._errors import PeerLost, Protocol, TimedOut, TooLarge, Unsupported
from ._list import list, sweep
from ._listener import Listener, ListenerStats
from ._lock import Held, Lock
from ._messages import Message, Messages
from ._poller import Poller
from ._segment import Segment, Snapshot
from ._semaphore import Semaphore
from ._single_instance import SingleInstance, Start
from ._views import Loan, View

__version__ = _version()

for _one in (
    *(Again, Channel, Closed, Denied, Error, Exists, Held, Internal, Invalid, Io, Listener, Loan),
    *(Lock, Message, Messages, NoSpace, NotFound, Peer, PeerLost, Poller, Protocol, Segment),
    *(Semaphore, SingleInstance, Snapshot, Start, Stats, TimedOut, TooLarge, Unsupported, View),
    *(ListenerStats, connect, connect_start, create, create_start, list, pair, sweep),
):
    _one.__module__ = __name__  # where users find it

__all__ = [
    "Again",
    "Channel",
    "Closed",
    "Denied",
    "Error",
    "Exists",
    "Held",
    "Internal",
    "Invalid",
    "Io",
    "Listener",
    "ListenerStats",
    "Loan",
    "Lock",
    "MESSAGE_REPLY",
    "MESSAGE_REQUEST",
    "Message",
    "Messages",
    "NoSpace",
    "NotFound",
    "Peer",
    "PeerLost",
    "Poller",
    "Protocol",
    "Segment",
    "Semaphore",
    "SingleInstance",
    "Snapshot",
    "Start",
    "Stats",
    "TRANSPORT_LOCAL",
    "TRANSPORT_SHM",
    "TimedOut",
    "TooLarge",
    "Unsupported",
    "View",
    "connect",
    "connect_start",
    "create",
    "create_start",
    "list",
    "pair",
    "sweep",
]
