"""A room with one host and many guests, in terminals.

    python3 examples/python/chat.py server shm:chat
    python3 examples/python/chat.py client shm:chat ann

A line that one types goes to all others. The host ends the room with /quit; a guest leaves at the
end of its input. A guest's first message is its name (tag JOIN); all others are talk (tag SAY). The
programs of the same name in other languages take the same arguments and talk together.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

import treenail

JOIN, SAY = 1, 2
NAME_MAX = 32
STDIN = 0


class Lines:
    """Lines out of a descriptor that a loop watches: sys.stdin's own buffer would hide some."""

    def __init__(self) -> None:
        self.rest = b""

    def read(self) -> list[str] | None:
        """The whole lines that are there, or None at the end of the input."""
        chunk = os.read(STDIN, 4096)
        if not chunk:
            return None
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        return [line.decode(errors="replace") for line in lines]


class Room:
    def __init__(self, endpoint: str) -> None:
        self.listener = treenail.Listener(endpoint)
        self.poller = treenail.Poller()
        self.poller.add(self.listener)
        with suppress(treenail.Invalid):  # a file can't be waited for: then the host only listens
            self.poller.add(STDIN)
        self.guests: dict[treenail.Channel, str | None] = {}  # its name; None before it joined
        self.lines = Lines()
        self.open = True

    def run(self) -> None:
        while self.open:
            for source in self.poller.wait():
                if source is self.listener:
                    self.welcome()
                elif source == STDIN:
                    self.host_speaks()
                elif source in self.guests:
                    self.hear(source)

    def welcome(self) -> None:
        with suppress(treenail.Again):  # a handshake got further, nobody is ready yet
            channel = self.listener.accept(timeout=0)
            self.poller.add(channel)
            self.guests[channel] = None

    def host_speaks(self) -> None:
        lines = self.lines.read()
        if lines is None:
            self.poller.remove(STDIN)
            return
        for line in lines:
            if line == "/quit":
                self.open = False
                return
            self.tell_all_but(None, f"host: {line}")

    def hear(self, speaker: treenail.Channel) -> None:
        """Receives one message each time the poller reports the guest; it reports it again while
        there are more."""
        try:
            message = speaker.recv_message(timeout=0)
        except treenail.Again:
            return
        except treenail.Error:
            self.leave(speaker)
            return
        text, name = message.data.decode(errors="replace"), self.guests[speaker]
        if message.tag == JOIN and name is None:
            self.guests[speaker] = text[:NAME_MAX]
            self.tell_all_but(speaker, f"* {text[:NAME_MAX]} joined")
        elif message.tag == SAY and name is not None:
            self.tell_all_but(speaker, f"{name}: {text}")

    def tell_all_but(self, speaker: treenail.Channel | None, text: str) -> None:
        """Waits for nobody: removes a guest that hasn't read for a whole ring of talk."""
        print(text, flush=True)
        for guest, name in list(self.guests.items()):
            if guest is speaker or name is None:
                continue
            try:
                guest.send(text.encode(), timeout=0, tag=SAY)
            except treenail.Error:
                self.leave(guest)

    def leave(self, guest: treenail.Channel) -> None:
        """Removes a guest, and tells the others if it had a name."""
        name = self.guests.pop(guest, None)
        self.poller.remove(guest)
        guest.close()
        if name is not None:
            self.tell_all_but(guest, f"* {name} left")

    def close(self) -> None:
        for guest in self.guests:
            guest.close()
        self.listener.close()


def run_server(endpoint: str) -> None:
    room = Room(endpoint)
    print(f"listening at {endpoint}", flush=True)
    room.run()
    room.close()


def run_client(endpoint: str, name: str) -> None:
    with treenail.connect(endpoint, timeout=5) as channel, treenail.Poller() as poller:
        poller.add(channel)
        poller.add(STDIN)
        channel.send(name.encode(), tag=JOIN)
        lines = Lines()
        here = True
        while here:
            for source in poller.wait(max=1):
                here = speak(channel, lines) if source == STDIN else listen_to_room(channel)
        with suppress(treenail.Error):
            channel.flush(timeout=1)


def speak(channel: treenail.Channel, lines: Lines) -> bool:
    """Sends what was typed; False at the end of the input."""
    typed = lines.read()
    with suppress(treenail.Error):  # the channel's own event says why
        for line in typed or []:
            channel.send(line.encode(), tag=SAY)
    return typed is not None


def listen_to_room(channel: treenail.Channel) -> bool:
    """Prints what the room says; False when the room is over."""
    try:
        print(channel.recv(timeout=0).decode(errors="replace"), flush=True)
    except treenail.Again:
        pass
    except treenail.Closed:
        print("* the host has closed the room", flush=True)
        return False
    except treenail.Error:
        print("* the host is gone", flush=True)
        return False
    return True


def main(role: str = "", endpoint: str = "", *name: str) -> None:
    if role == "server" and endpoint and not name:
        run_server(endpoint)
    elif role == "client" and len(name) == 1:
        run_client(endpoint, *name)
    else:
        print("usage: chat.py server ENDPOINT", file=sys.stderr)
        print("       chat.py client ENDPOINT NAME", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except treenail.Error as error:
        sys.exit(f"chat: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
