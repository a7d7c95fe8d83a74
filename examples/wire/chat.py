"""The chat room without the library: one host, many guests, in terminals.

    python3 examples/wire/chat.py server shm:chat
    python3 examples/wire/chat.py client shm:chat ann

A line that one types goes to all others. The host ends the room with /quit; a guest leaves at the
end of its input. A guest's first message is its name (tag JOIN); all others are talk (tag SAY).
"""

import os
import select
import sys

import wire

JOIN, SAY = 1, 2
NAME_MAX = 32
STDIN = 0


class Lines:
    """Lines out of a descriptor that select() watches: sys.stdin's buffer would hide some."""

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
        self.listener = wire.Listener(endpoint)
        self.guests: dict[wire.Channel, str | None] = {}  # its name; None before it joined
        self.sources: list[wire.Listener | int] = [self.listener, STDIN]
        self.lines = Lines()
        self.open = True

    def run(self) -> None:
        while self.open:
            ready, _, _ = select.select([*self.sources, *self.guests], [], [])
            for source in ready:
                if source is self.listener:
                    self.welcome()
                elif source == STDIN:
                    self.host_speaks()
                elif source in self.guests:
                    self.hear(source)

    def welcome(self) -> None:
        channel = self.listener.accept()
        if channel is not None:
            channel.sock.settimeout(1)  # a guest that does not read is shown out, see tell_all_but
            self.guests[channel] = None

    def host_speaks(self) -> None:
        lines = self.lines.read()
        if lines is None:
            self.sources.remove(STDIN)
            return
        for line in lines:
            if line == "/quit":
                self.open = False
                return
            self.tell_all_but(None, f"host: {line}")

    def hear(self, speaker: wire.Channel) -> None:
        try:
            payload, tag, _, _ = speaker.recv()
        except (wire.Closed, wire.Lost, OSError):
            self.leave(speaker)
            return
        text, name = payload.decode(errors="replace"), self.guests[speaker]
        if tag == JOIN and name is None:
            self.guests[speaker] = text[:NAME_MAX]
            self.tell_all_but(speaker, f"* {text[:NAME_MAX]} joined")
        elif tag == SAY and name is not None:
            self.tell_all_but(speaker, f"{name}: {text}")

    def tell_all_but(self, speaker: wire.Channel | None, text: str) -> None:
        print(text, flush=True)
        for guest, name in list(self.guests.items()):
            if guest is speaker or name is None:
                continue
            try:
                guest.send(text.encode(), SAY)
            except (OSError, ValueError):
                self.leave(guest)

    def leave(self, guest: wire.Channel) -> None:
        name = self.guests.pop(guest, None)
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
    channel = wire.Channel.connect(endpoint)
    channel.send(name.encode(), JOIN)
    channel.wait_for_hello()  # from here on what select() shows is a message
    lines = Lines()
    sources: list[wire.Channel | int] = [channel, STDIN]
    here = True
    while here:
        ready, _, _ = select.select(sources, [], [])
        here = speak(channel, lines) if STDIN in ready else listen_to_room(channel)
    channel.close()


def speak(channel: wire.Channel, lines: Lines) -> bool:
    """Sends what was typed; False at the end of the input."""
    typed = lines.read()
    for line in typed or []:
        channel.send(line.encode(), SAY)
    return typed is not None


def listen_to_room(channel: wire.Channel) -> bool:
    """Prints what the room says; False when the room is over."""
    try:
        payload, *_ = channel.recv()
        print(payload.decode(errors="replace"), flush=True)
        return True
    except wire.Closed:
        print("* the host has closed the room", flush=True)
    except wire.Lost:
        print("* the host is gone", flush=True)
    return False


def main(args: list[str]) -> None:
    match args:
        case ["server", endpoint]:
            run_server(endpoint)
        case ["client", endpoint, name]:
            run_client(endpoint, name)
        case _:
            sys.exit("usage: chat.py server ENDPOINT\n       chat.py client ENDPOINT NAME")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (wire.Closed, wire.Lost, OSError, ValueError) as error:
        sys.exit(f"chat: {error}")
