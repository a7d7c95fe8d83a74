"""A server that sends every message back, and a client for it.

    python3 examples/python/echo.py server shm:echo
    python3 examples/python/echo.py client shm:echo hello world

Without words the client sends the lines it reads. The programs of the same name in other languages
take the same arguments, and any client may talk to any server.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import treenail


def run_server(endpoint: str) -> None:
    """One client after the other; chat.py shows many at a time."""
    with treenail.Listener(endpoint) as listener:
        print(f"listening at {endpoint}", flush=True)
        for channel in listener:
            with channel:
                try:
                    serve_one(channel)
                except treenail.Closed:
                    pass
                except treenail.Error as error:
                    print(f"echo: a client ended: {error}", file=sys.stderr)


def serve_one(channel: treenail.Channel) -> None:
    """Sends back whatever comes; a request is answered, so request() works too."""
    while True:
        with channel.recv_view() as message:
            if message.is_request:
                channel.reply(message, message.data)
            else:
                channel.send(message.data, tag=message.tag)


def run_client(endpoint: str, words: Sequence[str]) -> None:
    with treenail.connect(endpoint, timeout=5) as channel:
        for word in words or (line.rstrip("\n") for line in sys.stdin):
            channel.send(word.encode())
            print(channel.recv().decode(errors="replace"), flush=True)


def main(role: str = "", endpoint: str = "", *words: str) -> None:
    if role == "server" and endpoint and not words:
        run_server(endpoint)
    elif role == "client" and endpoint:
        run_client(endpoint, words)
    else:
        print("usage: echo.py server ENDPOINT", file=sys.stderr)
        print("       echo.py client ENDPOINT [WORD ...]", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except treenail.Error as error:
        sys.exit(f"echo: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
