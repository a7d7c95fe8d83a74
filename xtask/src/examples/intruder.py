"""A client of `files` that means no good: it offers names that lead out of the folder, sends
without an offer, lies about a hash, and ends in the middle of a file, as a killed program does.

    python3 xtask/src/examples/intruder.py shm:files
"""

import os
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "examples/wire"))
import wire

OFFER, CHUNK, END, UNKNOWN = 1, 2, 3, 4
BAD_NAME = (
    "a name has 1 to 255 bytes, begins with no dot, and has no slash or control character in it"
)
BAD_NAMES = [
    b"",
    b".",
    b"..",
    b".evil",
    b"../evil",
    b"/tmp/evil",
    b"sub/evil",
    b"evil\n",
    b"evil\0",
    b"evil\x7f",
    b"evil" * 64,
]


class Intruder:
    def __init__(self, endpoint):
        self.channel = wire.Channel.connect(endpoint)
        self.requests = 0

    def ask(self, tag, payload, wanted):
        """Asks, and wants this very answer."""
        self.requests += 1
        self.channel.send(payload, tag, wire.REQUEST, self.requests)
        answer, answered_tag, flags, id = self.channel.recv()
        if (answer.decode(), answered_tag, flags, id) != (wanted, tag, wire.REPLY, self.requests):
            sys.exit(f"{tag}, {payload!r}: {answer!r}, tag {answered_tag}, flags {flags}, id {id}")

    def offer(self, size, name, wanted=""):
        self.ask(OFFER, struct.pack("<Q", size) + name, wanted)

    def run(self):
        for name in BAD_NAMES:
            self.offer(0, name, BAD_NAME)
        self.ask(OFFER, b"short", BAD_NAME)
        self.ask(END, bytes(32), "no file was offered")
        self.ask(UNKNOWN, b"", "there is no such request")
        self.channel.send(b"evil", CHUNK)
        self.offer(4, b"evil")
        self.channel.send(b"evil", CHUNK)
        self.ask(END, bytes(32), "evil came with another hash")
        self.offer(4, b"evil")
        self.channel.send(b"evil", CHUNK)
        self.ask(END, b"", "evil came with another hash")
        self.offer(4, b"evil")
        self.channel.send(b"evil and more", CHUNK)
        self.ask(END, bytes(32), "evil: 13 of 4 bytes came")
        self.offer(10, b"half")
        self.channel.send(b"five!", CHUNK)


intruder = Intruder(sys.argv[1])
intruder.run()
os._exit(0)  # without a close
