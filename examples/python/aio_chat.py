"""The room with one host and many guests in asyncio.

    python3 examples/python/aio_chat.py server shm:chat
    python3 examples/python/aio_chat.py client shm:chat ann

A line that one types goes to all others. The host ends the room with /quit; a guest leaves at the
end of its input. A guest's first message is its name (tag JOIN); all others are talk (tag SAY). The
programs of the same name in other languages take the same arguments and talk together.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress

import treenail
from treenail import aio

JOIN, SAY = 1, 2
NAME_MAX = 32
LINES_MAX = 1000
STDIN = 0


async def wait_readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(fd, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(fd)


async def typed_lines() -> AsyncIterator[str]:
    """The lines of standard input, as they come."""
    rest = b""
    while True:
        await wait_readable(STDIN)
        chunk = os.read(STDIN, 4096)
        if not chunk:
            return
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace")


class Guest:
    def __init__(self, channel: aio.Channel) -> None:
        self.channel = channel
        self.name: str | None = None  # until it joins
        self.lines: asyncio.Queue[str] = asyncio.Queue(LINES_MAX)

    def tell(self, text: str) -> None:
        """Waits for nobody: removes a guest that hasn't read for this many lines."""
        try:
            self.lines.put_nowait(text)
        except asyncio.QueueFull:
            self.channel.close()

    async def send_lines(self) -> None:
        with suppress(treenail.Error):  # whoever hears the guest sees why
            while True:
                text = await self.lines.get()
                await self.channel.send(text.encode(), tag=SAY)
                self.lines.task_done()


class Room:
    def __init__(self) -> None:
        self.guests: set[Guest] = set()
        self.tasks: set[asyncio.Task[None]] = set()

    async def open(self, listener: aio.Listener) -> None:
        async for channel in listener:
            task = asyncio.create_task(self.entertain(Guest(channel)))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def entertain(self, guest: Guest) -> None:
        """All of one guest's stay."""
        self.guests.add(guest)
        sending = asyncio.create_task(guest.send_lines())
        try:
            while True:
                self.hear(guest, await guest.channel.recv_message())
        except treenail.Error:
            self.guests.remove(guest)
            if guest.name is not None:
                self.tell_all_but(guest, f"* {guest.name} left")
        finally:
            sending.cancel()
            guest.channel.close()

    def hear(self, speaker: Guest, message: treenail.Message) -> None:
        text = message.data.decode(errors="replace")
        if message.tag == JOIN and speaker.name is None:
            speaker.name = text[:NAME_MAX]
            self.tell_all_but(speaker, f"* {speaker.name} joined")
        elif message.tag == SAY and speaker.name is not None:
            self.tell_all_but(speaker, f"{speaker.name}: {text}")

    def tell_all_but(self, speaker: Guest | None, text: str) -> None:
        print(text, flush=True)
        for guest in self.guests:
            if guest is not speaker and guest.name is not None:
                guest.tell(text)

    async def close(self) -> None:
        """Ends the room when all have been told what was said, or after a second."""
        told = [asyncio.ensure_future(guest.lines.join()) for guest in self.guests]
        if told:
            await asyncio.wait(told, timeout=1)
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def run_server(endpoint: str) -> None:
    async with aio.Listener(endpoint) as listener:
        print(f"listening at {endpoint}", flush=True)
        room = Room()
        opened = asyncio.create_task(room.open(listener))
        with suppress(PermissionError):  # a file can't be waited for: then the host only listens
            async for line in typed_lines():
                if line == "/quit":
                    opened.cancel()
                    return await room.close()
                room.tell_all_but(None, f"host: {line}")
        await opened


async def run_client(endpoint: str, name: str) -> None:
    channel = await asyncio.wait_for(aio.connect(endpoint), 5)
    async with channel:
        await channel.send(name.encode(), tag=JOIN)
        halves = [speak(channel), listen_to_room(channel)]
        tasks = [asyncio.create_task(half) for half in halves]
        _, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in others:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def speak(channel: aio.Channel) -> None:
    """Sends what is typed, until the end of the input."""
    with suppress(treenail.Error):  # whoever listens sees why
        async for line in typed_lines():
            await channel.send(line.encode(), tag=SAY)


async def listen_to_room(channel: aio.Channel) -> None:
    """Prints what the room says, until it is over."""
    try:
        async for text in channel:
            print(text.decode(errors="replace"), flush=True)
        print("* the host has closed the room", flush=True)
    except treenail.Error:
        print("* the host is gone", flush=True)


def main(role: str = "", endpoint: str = "", *name: str) -> None:
    if role == "server" and endpoint and not name:
        asyncio.run(run_server(endpoint))
    elif role == "client" and len(name) == 1:
        asyncio.run(run_client(endpoint, *name))
    else:
        print("usage: aio_chat.py server ENDPOINT", file=sys.stderr)
        print("       aio_chat.py client ENDPOINT NAME", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (treenail.Error, asyncio.TimeoutError) as error:
        sys.exit(f"chat: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
