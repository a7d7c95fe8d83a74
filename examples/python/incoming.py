"""What a server of files does with what comes, however it waits: files.py and aio_files.py use it.

A file has a temporary name until its hash is right, one that no client can choose.
"""

from __future__ import annotations

import hashlib
import os
import struct
import sys
from contextlib import suppress
from itertools import count
from typing import TextIO

import treenail

OFFER = 1  # a request: the file's size as a little-endian 64-bit number, then its name
CHUNK = 2  # the file's next bytes, at most CHUNK_LEN of them; as many as it takes
END = 3  # a request: the SHA-256 of all the file's bytes
CHUNK_LEN = 65536
SIZE = struct.Struct("<Q")

NAME_LEN_MAX = 255
BAD_NAME = (
    "a name has 1 to 255 bytes, begins with no dot, and has no slash or control character in it"
)


def say(line: str, stream: TextIO = sys.stdout) -> None:
    """Prints a line whole: those of several threads don't mix."""
    stream.write(line + "\n")
    stream.flush()


def report(what: str, name: str, size: int, digest: bytes) -> None:
    """Prints the line for a file that is complete."""
    say(f"{what} {name}: {size} bytes, SHA-256 {digest.hex()}")


class Refused(Exception):
    """The text says why."""


class File:
    """A file that is not whole yet."""

    numbers = count()

    def __init__(self, folder: str, name: str, size: int) -> None:
        self.temporary = os.path.join(folder, f".{os.getpid()}-{next(self.numbers)}.part")
        self.folder, self.name, self.size = folder, name, size
        self.file = open(self.temporary, "xb")
        self.hash = hashlib.sha256()
        self.received = 0
        self.error: OSError | None = None

    def append(self, chunk: bytes) -> None:
        self.received += len(chunk)
        if self.received > self.size or self.error:
            return  # the answer to END says so
        self.hash.update(chunk)
        try:
            self.file.write(chunk)
        except OSError as error:
            self.error = error

    def keep(self, digest: bytes) -> None:
        """Gives it its name, besides the temporary one: a link, unlike a rename, replaces nothing."""
        if not self.error and self.received != self.size:
            raise Refused(f"{self.name}: {self.received} of {self.size} bytes came")
        if not self.error and digest != self.hash.digest():
            raise Refused(f"{self.name} came with another hash")
        try:
            if self.error:
                raise self.error
            self.file.flush()
            os.link(self.temporary, os.path.join(self.folder, self.name))
        except OSError as error:
            raise Refused(f"{self.name} can't be written: {error.strerror}") from error

    def discard(self) -> None:
        """Removes what has the temporary name."""
        with suppress(OSError):  # such as what could not be written before
            self.file.close()
        os.unlink(self.temporary)


class Session:
    """One client: what it sends, and what it is answered."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.file: File | None = None

    def take(self, message: treenail.Message) -> bytes | None:
        """The answer to a message: empty for yes, or why not. None if it takes no answer."""
        try:
            if message.tag == OFFER:
                self.take_offer(message.data)
            elif message.tag == END:
                self.take_end(message.data)
            elif message.is_request:
                raise Refused("there is no such request")
            else:
                if message.tag == CHUNK and self.file:
                    self.file.append(message.data)
                return None
        except Refused as why:
            say(f"refused: {why}")
            return os.fsencode(str(why))
        return b""

    def take_offer(self, offer: bytes) -> None:
        self.close()
        given = offer[SIZE.size :]
        bad = any(byte < 32 or byte in b"/\x7f" for byte in given)
        if bad or not 0 < len(given) <= NAME_LEN_MAX or given.startswith(b"."):
            raise Refused(BAD_NAME)
        (size,), name = SIZE.unpack_from(offer), os.fsdecode(given)
        if os.path.lexists(os.path.join(self.folder, name)):
            raise Refused(f"{name} is there already")
        try:
            self.file = File(self.folder, name, size)
        except OSError as error:
            raise Refused(f"{name} can't be written: {error.strerror}") from error

    def take_end(self, digest: bytes) -> None:
        file, self.file = self.file, None
        if not file:
            raise Refused("no file was offered")
        try:
            file.keep(digest)
        finally:
            file.discard()
        report("kept", file.name, file.size, digest)

    def close(self) -> None:
        """Gives up a file whose END has not come."""
        file, self.file = self.file, None
        if file:
            file.discard()
            say(f"dropped {file.name}: {file.received} of {file.size} bytes came")
