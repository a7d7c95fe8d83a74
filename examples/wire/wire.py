"""The wire format of treenail over a plain Unix socket: all that a program without the library
needs to join a `shm:` or `local:` channel. Standard modules only; docs/wire-format.md is the law.

We leave the shared-memory feature bit unset in our HELLO, so a `shm:` peer sends its frames through
the socket instead of a ring.
"""

import fcntl
import os
import socket
import stat
import struct
from urllib.parse import unquote

HELLO, DATA, PING, PONG, CLOSE = 1, 2, 3, 4, 5
REQUEST, REPLY, MORE = 1, 2, 4
HEADER = struct.Struct("<IBBHII")  # length, kind, flags, zero, tag, id
HELLO_BODY = struct.Struct("<8sHHIQII")  # magic, major, minor, max_message, features, ring, pid
MESSAGE_MAX = 64 << 20


class Closed(Exception):
    """The peer closed in good order; the text is its reason, often empty."""


class Lost(Exception):
    """The peer died, or does not speak this format."""


def directory():
    """Where the sockets of this user are; made on demand, and refused if others could write it."""
    place = os.environ.get("TREENAIL_DIR")
    if not place:
        uid, run = os.getuid(), f"/run/user/{os.getuid()}"
        ours = os.path.isdir(run) and os.stat(run).st_uid == uid
        place = f"{run}/treenail" if ours else f"/tmp/treenail-{uid}"
    os.makedirs(place, mode=0o700, exist_ok=True)
    info = os.lstat(place)
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid() or info.st_mode & 0o022:
        raise PermissionError(f"{place} is not a directory of ours alone")
    return place


def socket_path(endpoint):
    """The socket of an endpoint such as shm:chat; a name with a slash is a path itself."""
    scheme, _, rest = endpoint.partition(":")
    if scheme not in ("shm", "local"):
        raise ValueError(f"{endpoint}: the scheme is shm or local")
    name = unquote(rest.partition("?")[0])
    return name if "/" in name else f"{directory()}/{name}.sock"


class Channel:
    """Messages over a connected socket. Reads only what it needs, so select() on it is true."""

    def __init__(self, sock):
        self.sock = sock
        body = HELLO_BODY.pack(b"TREENAIL", 1, 0, MESSAGE_MAX, 0, 0, os.getpid())
        self._send_frame(HELLO, body)
        kind, _, _, _, body = self._recv_frame(limit=1024)
        if kind == CLOSE:
            raise Closed(body.decode(errors="replace"))
        if kind != HELLO or len(body) < HELLO_BODY.size:
            raise Lost("the first frame is not a HELLO")
        magic, major, _, self.message_max, _, _, _ = HELLO_BODY.unpack_from(body)
        if magic != b"TREENAIL" or major != 1:
            raise Lost("the peer speaks another format")

    @classmethod
    def connect(cls, endpoint):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(socket_path(endpoint))
        return cls(sock)

    def fileno(self):
        return self.sock.fileno()

    def send(self, payload, tag=0, flags=0, id=0):
        """Sends one message. One frame will do on a stream, whatever its size."""
        if len(payload) > self.message_max:
            raise ValueError(f"the peer takes messages of at most {self.message_max} bytes")
        self._send_frame(DATA, payload, flags, tag, id)

    def recv(self):
        """The next message: (payload, tag, flags, id). Raises Closed or Lost at the end."""
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

    def close(self):
        try:
            self._send_frame(CLOSE, b"")
        except OSError:
            pass  # the peer is gone already
        self.sock.close()

    def _send_frame(self, kind, body, flags=0, tag=0, id=0):
        self.sock.sendall(HEADER.pack(len(body), kind, flags, 0, tag, id) + body)

    def _recv_frame(self, limit):
        length, kind, flags, zero, tag, id = HEADER.unpack(self._recv_exactly(HEADER.size))
        if zero or length > limit:
            raise Lost("a broken frame, or one too long")
        return kind, flags, tag, id, self._recv_exactly(length)

    def _recv_exactly(self, length):
        parts = []
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

    def __init__(self, endpoint):
        self.path = socket_path(endpoint)
        self.sock = socket.socket(socket.AF_UNIX)
        fresh = f"{self.path}.{os.getpid()}"
        # All listeners lock the directory here, so of two that find a stale file exactly one wins.
        lock = os.open(os.path.dirname(self.path), os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if somebody_listens(self.path):
                raise FileExistsError(f"somebody listens at {self.path}")
            self.sock.bind(fresh)
            os.chmod(fresh, 0o600)
            self.sock.listen(64)
            os.rename(fresh, self.path)
            self.inode = os.stat(self.path).st_ino
        finally:
            os.close(lock)

    def fileno(self):
        return self.sock.fileno()

    def accept(self):
        """The next client; None if it did not say HELLO within a second."""
        sock, _ = self.sock.accept()
        sock.settimeout(1)
        try:
            channel = Channel(sock)
        except (Closed, Lost, OSError):
            sock.close()
            return None
        sock.settimeout(None)
        return channel

    def close(self):
        self.sock.close()
        try:
            if os.stat(self.path).st_ino == self.inode:  # else the next one has it already
                os.unlink(self.path)
        except FileNotFoundError:
            pass


def somebody_listens(path):
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except BlockingIOError:
            return True  # a full backlog is somebody too
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        return True
