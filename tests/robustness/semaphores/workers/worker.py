"""worker.py: a worker of tests/robustness/semaphores/kills.rs, in Python: what it does is told there.

    worker.py NAME PAGE PLACE
"""

import itertools
import mmap
import os
import sys

import treenail

PATIENCE = 10


def main():
    name, path, place = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with open(path, "r+b") as file:
        page = memoryview(mmap.mmap(file.fileno(), 4096)).cast("Q")
    semaphore = treenail.Semaphore(name, 0)
    for turn in itertools.count():
        count = 1 + turn % 3
        semaphore.acquire(count, timeout=PATIENCE)
        if turn % 5 == 0:
            os.sched_yield()
        semaphore.release(1)
        if count > 1:
            semaphore.release(count - 1)
        page[place] += 1


main()
