"""The folder that takes files, and the client that sends them, in asyncio.

    python3 examples/python/aio_files.py server shm:files inbox
    python3 examples/python/aio_files.py client shm:files picture.jpg notes.txt

The programs of the same name in other languages take the same arguments, and any client may send to
any server. Files are read and written without asyncio: they have no readiness to wait for.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from io import FileIO

import treenail
from treenail import aio

from files import Progress, open_to_send, print_names_as_they_are
from incoming import CHUNK, CHUNK_LEN, END, OFFER, SIZE, Refused, Session, report, say


async def run_server(endpoint: str, folder: str) -> None:
    """A task for each client."""
    if not os.path.isdir(folder):
        sys.exit(f"files: {folder}: not a folder")
    tasks: set[asyncio.Task[None]] = set()  # the event loop itself holds tasks weakly only
    async with aio.Listener(endpoint) as listener:
        say(f"listening at {endpoint}")
        async for channel in listener:
            task = asyncio.create_task(serve(channel, folder))
            tasks.add(task)
            task.add_done_callback(tasks.discard)


async def serve(channel: aio.Channel, folder: str) -> None:
    """Serves one client until it goes."""
    async with channel:
        with closing(Session(folder)) as session:
            try:
                while True:
                    message = await channel.recv_message()
                    answer = session.take(message)
                    if answer is not None:
                        await channel.reply(message, answer)
            except treenail.Closed:
                pass
            except treenail.Error as error:
                say(f"files: a client ended: {error}", sys.stderr)


async def ask(channel: aio.Channel, path: str, tag: int, data: bytes) -> None:
    """A request about the file at `path`. Refused: the answer was no."""
    why = await channel.request(data, tag=tag)
    if why:
        raise Refused(f"{path} was refused: {os.fsdecode(why)}")


async def send_file(channel: aio.Channel, path: str) -> None:
    try:
        file, size = open_to_send(path)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from error
    name = os.path.basename(path)
    with file:
        await ask(channel, path, OFFER, SIZE.pack(size) + os.fsencode(name))
        digest = await send_chunks(channel, file, name, size)
        await ask(channel, path, END, digest)
    report("sent", name, size, digest)


async def send_chunks(channel: aio.Channel, file: FileIO, name: str, size: int) -> bytes:
    progress, sha256, sent = Progress(name, size), hashlib.sha256(), 0
    while sent < size:
        chunk = file.read(min(CHUNK_LEN, size - sent))
        if not chunk:
            break  # the file has shrunk: the server will say so
        sha256.update(chunk)
        await channel.send(chunk, tag=CHUNK)
        sent += len(chunk)
        progress.show(sent)
    return sha256.digest()


async def run_client(endpoint: str, paths: Sequence[str]) -> int:
    """Sends one file after the other; one that is refused doesn't hold up the next."""
    code = 0
    channel = await asyncio.wait_for(aio.connect(endpoint), 5)
    async with channel:
        for path in paths:
            try:
                await send_file(channel, path)
            except Refused as why:
                say(f"files: {why}", sys.stderr)
                code = 1
    return code


def main(role: str = "", endpoint: str = "", *paths: str) -> None:
    print_names_as_they_are()
    if role == "server" and len(paths) == 1:
        asyncio.run(run_server(endpoint, *paths))
    elif role == "client" and paths:
        sys.exit(asyncio.run(run_client(endpoint, paths)))
    else:
        print("usage: aio_files.py server ENDPOINT FOLDER", file=sys.stderr)
        print("       aio_files.py client ENDPOINT FILE...", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (treenail.Error, asyncio.TimeoutError) as error:
        sys.exit(f"files: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
