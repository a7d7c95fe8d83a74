"""The echo server and client without the library.

    python3 examples/wire/echo.py server shm:echo
    python3 examples/wire/echo.py client shm:echo hello world

Without words the client sends the lines it reads. Any client may talk to any server.
"""

import sys
from collections.abc import Sequence

import wire


def run_server(endpoint: str) -> None:
    listener = wire.Listener(endpoint)
    print(f"listening at {endpoint}", flush=True)
    while True:
        channel = listener.accept()
        if channel is None:
            continue
        try:
            serve_one(channel)
        except wire.Closed:
            pass
        except (wire.Lost, OSError) as error:
            print(f"echo: a client ended: {error}", file=sys.stderr)
        channel.close()


def serve_one(channel: wire.Channel) -> None:
    """Sends back whatever comes; a request is answered with a reply that has its tag and id."""
    while True:
        payload, tag, flags, id = channel.recv()
        answer = wire.REPLY if flags & wire.REQUEST else 0
        channel.send(payload, tag, answer, id)


def run_client(endpoint: str, words: Sequence[str]) -> None:
    channel = wire.Channel.connect(endpoint)
    for word in words or (line.rstrip("\n") for line in sys.stdin):
        channel.send(word.encode())
        payload, *_ = channel.recv()
        print(payload.decode(errors="replace"), flush=True)
    channel.close()


def main(args: list[str]) -> None:
    match args:
        case ["server", endpoint]:
            run_server(endpoint)
        case ["client", endpoint, *words]:
            run_client(endpoint, words)
        case _:
            sys.exit("usage: echo.py server ENDPOINT\n       echo.py client ENDPOINT [WORD ...]")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (wire.Closed, wire.Lost, OSError, ValueError) as error:
        sys.exit(f"echo: {error}")
