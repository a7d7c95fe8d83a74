"""One program puts a PNG picture into shared memory, another gets it and puts one back.

    python3 examples/python/picture.py answer album mine.png theirs.png
    python3 examples/python/picture.py ask album question.png answer.png

Either may start first. Each waits for the other's picture without polling, and neither has to close
the segment for the other. The programs of the same name in other languages take the same arguments
and exchange pictures.
"""

from __future__ import annotations

import struct
import sys

import treenail

QUESTION, ANSWER = 1, 2
HEADER = struct.Struct("=QQ")  # which picture is there, and its size in bytes
PNG_MAX = 4 << 20
PNG_START = struct.Struct(">8s4x4sII")  # signature, name of the first chunk, width, height
SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Failure(Exception):
    """The text says why."""


def check(png: bytes, complaint: str) -> tuple[int, int]:
    """The width and height of a picture."""
    if PNG_START.size <= len(png) <= PNG_MAX:
        signature, chunk, width, height = PNG_START.unpack_from(png)
        if signature == SIGNATURE and chunk == b"IHDR":
            return width, height
    raise Failure(complaint)


def tell(verb: str, png: bytes, size: tuple[int, int]) -> None:
    print(f"{verb} {len(png)} bytes, {size[0]} x {size[1]} pixels", flush=True)


def put(segment: treenail.Segment, which: int, path: str) -> None:
    """Puts a file in. One call locks, copies, announces the change, and unlocks."""
    with open(path, "rb") as file:
        png = file.read(PNG_MAX + 1)
    size = check(png, f"{path} is no PNG, or over 4 MiB")
    segment.write(HEADER.pack(which, len(png)) + png)
    tell("put", png, size)


def get(segment: treenail.Segment, which: int, path: str) -> None:
    """Waits until there is the picture that is wanted, and saves it."""
    version = segment.version  # before it is read: no change is missed
    while True:
        page = segment.read()
        if page.owner_died:
            raise Failure("the other program died while it wrote")
        there, length = HEADER.unpack_from(page)
        if there == which:
            break
        version = segment.wait(version)
    png = page[HEADER.size :][:length]
    tell("got", png, check(png, "what came is no PNG"))
    with open(path, "wb") as file:
        file.write(png)


def main(verb: str = "", name: str = "", *paths: str) -> None:
    if verb not in ("ask", "answer") or len(paths) != 2:
        print("usage: picture.py ask NAME MINE.png THEIRS.png", file=sys.stderr)
        print("       picture.py answer NAME MINE.png THEIRS.png", file=sys.stderr)
        sys.exit(2)
    mine, theirs = paths
    # The last of the two that goes takes the segment along.
    with treenail.Segment.open_or_create(name, HEADER.size + PNG_MAX) as segment:
        if verb == "ask":
            put(segment, QUESTION, mine)
            get(segment, ANSWER, theirs)
        else:
            get(segment, QUESTION, theirs)
            put(segment, ANSWER, mine)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (treenail.Error, OSError, Failure) as error:
        sys.exit(f"picture: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
