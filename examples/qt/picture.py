"""Makes a negative of the picture that qt-picture's windows show, where it is.

    target/examples-qt/qt-picture album photo.png &
    python3 examples/qt/picture.py album

It needs numpy. picture.cpp describes the layout.
"""

import sys

import numpy
import treenail

HEADER_SIZE = 16
WIDTH, HEIGHT, FORMAT, VERSION = range(4)
FORMAT_RGB32 = 4
RGB = 0x00FFFFFF


def make_negative(segment: treenail.Segment) -> str:
    header = numpy.frombuffer(segment.buf, numpy.uint32, 4)
    width, height = int(header[WIDTH]), int(header[HEIGHT])
    if header[FORMAT] != FORMAT_RGB32:
        raise ValueError("there is no picture yet")
    pixels = numpy.frombuffer(segment.buf, numpy.uint32, width * height, HEADER_SIZE)
    pixels ^= RGB
    header[VERSION] += 1
    return f"{width} x {height} pixels, version {header[VERSION]}"


def main(name: str) -> None:
    with treenail.Segment.open(name) as segment:
        with segment.lock():
            done = make_negative(segment)
        segment.notify()
    print(done)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print("usage: picture.py NAME", file=sys.stderr)
        sys.exit(2)
    try:
        main(sys.argv[1])
    except (treenail.Error, ValueError) as error:
        sys.exit(f"picture: {error}")
