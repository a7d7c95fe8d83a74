"""The wire format of treenail over a plain Unix socket: all that a program without the library
needs to join a `shm:` or `local:` channel. Standard modules only; docs/wire-format.md is the law.

We leave the shared-memory feature bit unset in our HELLO, so a `shm:` peer sends its frames through
the socket instead of a ring.
"""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import struct
from urllib.parse import unquote

HELLO, DATA, PING, PONG, CLOSE = 1, 2, 3, 4, 5
REQUEST, REPLY, MORE = 1, 2, 4
CONNECTS, LISTENS = 0, 2  # the feature bit of the side that takes the listener's part
HEADER = struct.Struct("<IBBHII")  # length, kind, flags, zero, tag, id
HELLO_BODY = struct.Struct("<8sHHIQII")  # magic, major, minor, max_message, features, ring, pid
MESSAGE_MAX = 64 << 20
EARLY_MAX = 64 << 10  # the largest message as long as the other side's HELLO has not come


class Closed(Exception):
    """The peer closed in good order, or refuses us; the text is its reason, often empty."""


class Lost(Exception):
    """The peer died, or does not speak this format."""


def places() -> list[str]:
    """The directories that names of this user may be in, in the order of connecting."""
    if os.environ.get("TREENAIL_DIR"):
        return [os.environ["TREENAIL_DIR"]]
    return [f"/run/user/{os.getuid()}/treenail", f"/tmp/treenail-{os.getuid()}"]


def is_ours(place: str) -> bool:
    """Whether it is a directory that nobody else can change."""
    try:
        info = os.lstat(place)
    except OSError:
        return False
    return stat.S_ISDIR(info.st_mode) and info.st_uid == os.getuid() and not info.st_mode & 0o022


def make_place() -> None:
    """Makes the first place whose parent is ours, or else the last."""
    for place in places():
        parent = os.path.dirname(place)
        last = place == places()[-1]
        if last or os.path.isdir(parent) and os.stat(parent).st_uid == os.getuid():
            os.makedirs(place, mode=0o700, exist_ok=True)
            if not is_ours(place):
                raise PermissionError(f"{place} is not a directory of ours alone")
            return


def where(endpoint: str) -> tuple[list[str], str]:
    """The directories that the socket of an endpoint such as shm:chat may be in, and its name
    there; a name with a slash is a path itself."""
    scheme, _, rest = endpoint.partition(":")
    if scheme not in ("shm", "local"):
        raise ValueError(f"{endpoint}: the scheme is shm or local")
    name = unquote(rest.partition("?")[0])
    if "/" in name:
        return [os.path.dirname(name) or "."], os.path.basename(name)
    return [place for place in places() if is_ours(place)], f"{name}.sock"


class Channel:
    """Messages over a connected socket. Reads only what it needs, so select() on it is true.

    It says HELLO and may send at once: what the peer says to that comes with its messages.
    """

    def __init__(self, sock: socket.socket, part: int = CONNECTS) -> None:
        self.sock = sock
        self.message_max: int = EARLY_MAX
        self.greeted = False
        body = HELLO_BODY.pack(b"TREENAIL", 1, 0, MESSAGE_MAX, part, 0, os.getpid())
        try:
            self._send_frame(HELLO, body)
        except ConnectionError:
            pass  # who has gone again may have left a message, or a CLOSE that says why

    @classmethod
    def connect(cls, endpoint: str) -> Channel:
        directories, name = where(endpoint)
        for directory in directories:
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.connect(f"{directory}/{name}")
            except (FileNotFoundError, ConnectionRefusedError):
                sock.close()  # a listener that began before login is in another place
            else:
                return cls(sock)
        raise ConnectionRefusedError(f"nobody listens at {endpoint}")

    def fileno(self) -> int:
        return self.sock.fileno()

    def send(self, payload: bytes, tag: int = 0, flags: int = 0, id: int = 0) -> None:
        """Sends one message. One frame will do on a stream, whatever its size."""
        if len(payload) > EARLY_MAX:
            self.wait_for_hello()
        if len(payload) > self.message_max:
            raise ValueError(f"the peer takes messages of at most {self.message_max} bytes")
        try:
            self._send_frame(DATA, payload, flags, tag, id)
        except ConnectionError as error:
            self.wait_for_hello()  # which raises what a refusal says
            raise Lost(str(error)) from error

    def recv(self) -> tuple[bytes, int, int, int]:
        """The next message: (payload, tag, flags, id). Raises Closed or Lost at the end."""
        self.wait_for_hello()
        whole = bytearray()
        while True:
            kind, flags, tag, id, body = self._recv_frame(MESSAGE_MAX - len(whole))
            if kind == DATA:
                whole += body
                if not flags & MORE:
                    return bytes(whole), tag, flags, id
            elif kind == PING:
                self._send_frame(PONG, body)
            elif kind == CLOSE:
                raise Closed(body.decode(errors="replace"))
            elif kind != PONG:
                raise Lost(f"a frame of kind {kind}")

    def wait_for_hello(self) -> None:
        """Reads the peer's first frame, unless it has come: HELLO, or a CLOSE in its place."""
        if self.greeted:
            return
        kind, _, _, _, body = self._recv_frame(limit=1024)
        if kind == CLOSE:
            raise Closed(body.decode(errors="replace"))
        if kind != HELLO or len(body) < HELLO_BODY.size:
            raise Lost("the first frame is not a HELLO")
        magic, major, _, self.message_max, _, _, _ = HELLO_BODY.unpack_from(body)
        if magic != b"TREENAIL" or major != 1:
            raise Lost("the peer speaks another format")
        self.greeted = True

    def close(self) -> None:
        try:
            self._send_frame(CLOSE, b"")
        except OSError:
            pass  # the peer is gone already
        self.sock.close()

    def _send_frame(
        self, kind: int, body: bytes, flags: int = 0, tag: int = 0, id: int = 0
    ) -> None:
        self.sock.sendall(HEADER.pack(len(body), kind, flags, 0, tag, id) + body)

    def _recv_frame(self, limit: int) -> tuple[int, int, int, int, bytes]:
        length, kind, flags, zero, tag, id = HEADER.unpack(self._recv_exactly(HEADER.size))
        if zero or length > limit:
            raise Lost("a broken frame, or one too long")
        return kind, flags, tag, id, self._recv_exactly(length)

    def _recv_exactly(self, length: int) -> bytes:
        parts: list[bytes] = []
        while length > 0:
            try:
                part = self.sock.recv(min(length, 1 << 20))
            except OSError as error:
                raise Lost(str(error)) from error
            if not part:
                raise Lost("the peer died")
            parts.append(part)
            length -= len(part)
        return b"".join(parts)


class Listener:
    """Listens at an endpoint, and takes over the socket file that a killed listener left."""

    def __init__(self, endpoint: str) -> None:
        make_place()
        directories, name = where(endpoint)
        self.path = f"{directories[0]}/{name}"
        self.sock = socket.socket(socket.AF_UNIX)
        fresh = f"{self.path}.{os.getpid()}"
        locks: list[int] = []
        # All listeners lock these, the last first, so of two that find no listener exactly one wins.
        try:
            for directory in reversed(directories):
                locks.append(os.open(directory, os.O_DIRECTORY))
                fcntl.flock(locks[-1], fcntl.LOCK_EX)
                if somebody_listens(f"{directory}/{name}"):
                    raise FileExistsError(f"somebody listens at {directory}/{name}")
            self.sock.bind(fresh)
            os.chmod(fresh, 0o600)
            self.sock.listen(64)
            os.rename(fresh, self.path)
            self.inode = os.stat(self.path).st_ino
        finally:
            for lock in locks:
                os.close(lock)

    def fileno(self) -> int:
        return self.sock.fileno()

    def accept(self) -> Channel | None:
        """The next client; None if it did not say HELLO within a second. It may have gone by now,
        and then what it sent is received first."""
        sock, _ = self.sock.accept()
        sock.settimeout(1)
        try:
            channel = Channel(sock, LISTENS)
            channel.wait_for_hello()
        except (Closed, Lost, OSError):
            sock.close()
            return None
        sock.settimeout(None)
        return channel

    def close(self) -> None:
        self.sock.close()
        try:
            if os.stat(self.path).st_ino == self.inode:  # else the next one has it already
                os.unlink(self.path)
        except FileNotFoundError:
            pass


def somebody_listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except BlockingIOError:
            return True  # a full backlog is somebody too
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        return True
