"""The echo server and client in asyncio.

    python3 examples/python/aio_echo.py server shm:echo
    python3 examples/python/aio_echo.py client shm:echo hello world

Without words the client sends the lines it reads. The programs of the same name in other languages
take the same arguments, and any client may talk to any server.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import treenail
from treenail import aio


async def run_server(endpoint: str) -> None:
    """Many clients at a time, a task each."""
    tasks: set[asyncio.Task[None]] = set()  # the event loop itself holds tasks weakly only
    async with aio.Listener(endpoint) as listener:
        print(f"listening at {endpoint}", flush=True)
        async for channel in listener:
            task = asyncio.create_task(serve(channel))
            tasks.add(task)
            task.add_done_callback(tasks.discard)


async def serve(channel: aio.Channel) -> None:
    """Sends back whatever comes, until the client goes; a request is answered."""
    async with channel:
        try:
            while True:
                message = await channel.recv_message()
                if message.is_request:
                    await channel.reply(message, message.data)
                else:
                    await channel.send(message.data, tag=message.tag)
        except treenail.Closed:
            pass
        except treenail.Error as error:
            print(f"echo: a client ended: {error}", file=sys.stderr)


async def run_client(endpoint: str, words: Sequence[str]) -> None:
    channel = await asyncio.wait_for(aio.connect(endpoint), 5)
    async with channel:
        for word in words or (line.rstrip("\n") for line in sys.stdin):
            await channel.send(word.encode())
            print((await channel.recv()).decode(errors="replace"), flush=True)


def main(role: str = "", endpoint: str = "", *words: str) -> None:
    if role == "server" and endpoint and not words:
        asyncio.run(run_server(endpoint))
    elif role == "client" and endpoint:
        asyncio.run(run_client(endpoint, words))
    else:
        print("usage: aio_echo.py server ENDPOINT", file=sys.stderr)
        print("       aio_echo.py client ENDPOINT [WORD ...]", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (treenail.Error, asyncio.TimeoutError) as error:
        sys.exit(f"echo: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
