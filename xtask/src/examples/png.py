"""Paints a PNG of that size in random colours:   python3 png.py WIDTH HEIGHT PATH"""

import random
import struct
import sys
import zlib
from pathlib import Path


def chunk(kind, data):
    checked = kind + data
    return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))


width, height = int(sys.argv[1]), int(sys.argv[2])
colours = random.Random(width)
lines = (b"\0" + colours.getrandbits(24 * width).to_bytes(3 * width, "big") for _ in range(height))
Path(sys.argv[3]).write_bytes(
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    + chunk(b"IDAT", zlib.compress(b"".join(lines)))
    + chunk(b"IEND", b"")
)
