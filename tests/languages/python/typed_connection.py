"""typed.py for treenail.connection: it is run, and mypy and pyright check it, strict."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from typing import List, Tuple

from treenail import connection
from treenail.connection import Client, Connection, Listener, Pipe, wait


def use_pipe() -> None:
    ends: Tuple[Connection, Connection] = Pipe(duplex=True)
    reader, writer = ends
    with reader, writer:
        print(reader.readable, writer.writable, reader.closed, reader.poll(), reader.poll(0.01))
        writer.send({"any": ["object"]})
        ready: List[object] = wait([reader], timeout=10)
        print(ready == [reader], reader.recv(), reader.fileno())
        writer.send_bytes(b"0123456789", 2, 5)
        received: bytes = reader.recv_bytes(100)
        writer.send_bytes(memoryview(received))
        length: int = reader.recv_bytes_into(bytearray(10), 3)
        writer.send_bytes(received)
        try:
            reader.recv_bytes_into(bytearray(1))
        except connection.BufferTooShort as error:
            print(length, error.args)
    for one in Pipe(False):
        one.close()


def use_listener() -> None:
    place = f"{tempfile.mkdtemp()}/typed"
    with Listener(place, family="AF_UNIX", backlog=5) as listener:
        address: str = listener.address
        with Client(address, family=None) as client, listener.accept() as accepted:
            client.send(os.getpid())
            print(accepted.recv() == os.getpid(), listener.last_accepted)
    try:
        Client(place, authkey=b"key").close()
    except multiprocessing.AuthenticationError as error:
        print(error)
    except FileNotFoundError as error:
        print(error)
    listener.close()
    print(connection.families)


if __name__ == "__main__":
    use_pipe()
    use_listener()
