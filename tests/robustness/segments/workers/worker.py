"""worker.py: a worker of tests/robustness/segments/kills.rs, in Python: what it does is told there.

    worker.py NAME PAGE PLACE
"""

import mmap
import random
import struct
import sys

import treenail

WORDS, WRONG, ALL = 64, 1, 2**64 - 1
PATIENCE = 10


def make():
    words = [random.getrandbits(64) for _ in range(WORDS)]
    words[0] = sum(words[1:]) & ALL
    return words


def main():
    name, path, place = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with open(path, "r+b") as file:
        page = memoryview(mmap.mmap(file.fileno(), 4096)).cast("Q")
    segment = treenail.Segment.open(name)
    data = segment.buf.cast("Q")

    def judge(owner_died, words):
        """A wrong sum is only right where somebody died."""
        if not owner_died and words[0] != sum(words[1:]) & ALL:
            page[WRONG] = 1

    while True:
        way = random.randrange(4)
        if way == 0:
            snapshot = segment.read(timeout=PATIENCE)
            judge(snapshot.owner_died, struct.unpack(f"{WORDS}Q", snapshot))
        elif way == 1:
            segment.write(struct.pack(f"{WORDS}Q", *make()), timeout=PATIENCE)
        elif way == 2:
            with segment.lock_shared(timeout=PATIENCE) as lock:
                judge(lock.owner_died, data.tolist())
        else:
            words = make()
            with segment.lock(timeout=PATIENCE) as lock:
                judge(lock.owner_died, data.tolist())
                for index, word in enumerate(words):
                    data[index] = word
        page[place] += 1


main()
