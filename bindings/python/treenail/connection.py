"""Client, Listener, Pipe and wait in the shape of multiprocessing.connection: only the import
changes.

    from treenail.connection import Client, Listener, Pipe, wait

    with Listener("chat") as listener, listener.accept() as connection:
        print(connection.recv())
        connection.send({"any": "object"})

Objects are pickled, so take them only from whom you trust. An address is a name such as "chat", the
path of a socket file, or an endpoint such as "local:chat" or "shm:chat?ring=1MiB".

What differs: an end of a Pipe goes to another process only before its first use, and a connection
of Client or Listener.accept doesn't at all. Programs on other machines can't connect.
"""

from __future__ import annotations

import os
import select

from . import _channel, _listener
from ._connection import Connection
from ._errors import Closed
from ._pipe import OPTIONS, PipeEnd, pipe_ends
from ._waiting import deadline_of, timeout_left

TYPE_CHECKING = False
if TYPE_CHECKING:
    from multiprocessing import AuthenticationError as AuthenticationError
    from multiprocessing import BufferTooShort as BufferTooShort
    from multiprocessing.connection import answer_challenge as answer_challenge
    from multiprocessing.connection import deliver_challenge as deliver_challenge
    from typing import Any, Dict, Iterable, List, Optional, Tuple

__all__ = ["Client", "Connection", "Listener", "Pipe", "wait"]

families = ["AF_UNIX"]
"""The families of addresses that there are."""

Connection.__module__ = __name__  # where users find it

_SCHEMES = ("shm:", "local:", "fd:")
_BACKLOG_MIN = 128


class Listener:
    """A listener: clients connect to its address, and accept gives a Connection for each."""

    def __init__(
        self,
        address: Optional[str] = None,
        family: Optional[str] = None,
        backlog: int = 1,
        authkey: Optional[bytes] = None,
    ) -> None:
        """Starts to listen; without an address it chooses one. With `authkey` only clients that
        know the same key are accepted."""
        _check_key(authkey)
        self._address = f"shm:py-{os.urandom(8).hex()}" if address is None else address
        endpoint = _endpoint(self._address, family)
        limits = "" if "backlog=" in endpoint else f"&backlog={max(backlog, _BACKLOG_MIN)}"
        self._listener = _listener.Listener(endpoint + limits)
        self._authkey = authkey

    def accept(self) -> Connection:
        """Waits for the next client. AuthenticationError: it doesn't know the key."""
        try:
            connection = Connection(self._listener.accept())
        except Closed as error:
            raise OSError("listener is closed") from error
        if self._authkey is not None:
            _authenticate(connection, self._authkey, ("deliver_challenge", "answer_challenge"))
        return connection

    @property
    def address(self) -> str:
        """The address that clients connect to."""
        return self._address

    @property
    def last_accepted(self) -> None:
        """The address of the last client, which has none on one machine."""
        return None

    def close(self) -> None:
        """Stops to listen. Connections that were accepted stay."""
        self._listener.close()

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"connection.{self._listener!r}"


def Client(
    address: str, family: Optional[str] = None, authkey: Optional[bytes] = None
) -> Connection:
    """Connects to a listener's address. FileNotFoundError, which is a ConnectionRefusedError too:
    nobody listens there. AuthenticationError: the listener has another key."""
    _check_key(authkey)
    connection = Connection(_channel.connect(_endpoint(address, family)))
    if authkey is not None:
        _authenticate(connection, authkey, ("answer_challenge", "deliver_challenge"))
    return connection


def Pipe(duplex: bool = True) -> Tuple[Connection, Connection]:
    """Returns two connections that belong together. If not `duplex`, the first one only receives
    and the second one only sends. Each goes to other processes before its first use, as an argument
    of a Process or through another pipe or a queue."""
    one, other = pipe_ends()
    return Connection(one, writable=duplex), Connection(other, readable=duplex)


def wait(object_list: Iterable[Any], timeout: Optional[float] = None) -> List[Any]:
    """Waits until some of these are ready, and returns them; after `timeout` seconds an empty list.
    They are connections, sockets, descriptors, and others with a fileno(), such as a process'
    sentinel."""
    objects = list(object_list)
    deadline = deadline_of(timeout)
    while True:
        ready = {id(one) for one in objects if isinstance(one, Connection) and one.poll(0)}
        left = 0 if ready else timeout_left(deadline)
        watched: Dict[int, List[Any]] = {}
        poll = select.poll()
        for one in objects:
            if id(one) not in ready:
                fd = one if isinstance(one, int) else _descriptor(one)
                watched.setdefault(fd, []).append(one)
                poll.register(fd, select.POLLIN)
        events = poll.poll(None if left is None else left * 1000)
        found = [one for fd, _ in events for one in watched[fd]]
        ready.update(id(one) for one in found if not isinstance(one, Connection))
        if ready or not events:
            return [one for one in objects if id(one) in ready]


def _descriptor(one: Any) -> int:
    """Where to wait for it; waiting is no use of a pipe's end."""
    end = one._end if isinstance(one, Connection) else None
    fd: int = end.socket if type(end) is PipeEnd else one.fileno()
    return fd


def _endpoint(address: str, family: Optional[str]) -> str:
    """The endpoint of an address as multiprocessing has them."""
    if family not in (None, "AF_UNIX"):
        raise ValueError(f"Family {family} is not recognized: treenail joins programs on one machine")
    if not isinstance(address, str) or address[:1] == "\0":
        raise ValueError(
            f"address type of {address!r} unrecognized: write a name, the path of a socket file, "
            "or an endpoint such as 'local:chat'"
        )
    if not address.startswith(_SCHEMES):
        address = "shm:" + address.replace("%", "%25").replace("?", "%3F")
    if "max_message=" in address:
        return address
    return f"{address}{'&' if '?' in address else '?'}{OPTIONS}"


def _check_key(authkey: Optional[bytes]) -> None:
    if authkey is not None and not isinstance(authkey, bytes):
        raise TypeError("authkey should be a byte string")


def _authenticate(connection: Connection, authkey: bytes, steps: Tuple[str, str]) -> None:
    """Both sides show that they know the key, by multiprocessing's own challenges."""
    from multiprocessing import connection as theirs

    try:
        for step in steps:
            getattr(theirs, step)(connection, authkey)
    except BaseException:
        connection.close()
        raise


def __getattr__(name: str) -> Any:
    """What multiprocessing.connection has besides, without importing it for those who don't use
    it."""
    if name in ("AuthenticationError", "BufferTooShort", "answer_challenge", "deliver_challenge"):
        from multiprocessing import connection as theirs

        return getattr(theirs, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
