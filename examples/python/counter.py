"""Many programs add to one counter in shared memory, and any of them may be killed.

    python3 examples/python/counter.py show visits
    python3 examples/python/counter.py add visits 1000
    python3 examples/python/counter.py crash visits

Each adds to a share of its own, and to the total, under the segment's lock. If one dies between the
two, the next one that gets the lock is told, and repairs the total. The programs of the same name
in other languages take the same arguments and share the counter.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager

import treenail

SIZE = 4096
TOTAL, TAKEN, REPAIRS, SHARES = 0, 1, 2, 3  # of the segment's 64-bit numbers


@contextmanager
def locked(segment: treenail.Segment) -> Generator[memoryview, None, None]:
    """The segment's numbers, under its lock, repaired if an owner died."""
    with segment.lock() as lock, segment.buf.cast("Q") as numbers:
        if lock.owner_died:
            numbers[TOTAL] = sum(shares(numbers))
            numbers[REPAIRS] += 1
        yield numbers


def shares(numbers: memoryview) -> list[int]:
    return numbers[SHARES : SHARES + numbers[TAKEN]].tolist()


def take_share(segment: treenail.Segment) -> int:
    """The place of a share of this program's own."""
    with locked(segment) as numbers:
        share = numbers[TAKEN]
        if SHARES + share == len(numbers):
            sys.exit("counter: all shares are taken")
        numbers[TAKEN] += 1
    print(f"share {share}", flush=True)
    return SHARES + share


def run_add(segment: treenail.Segment, times: int) -> None:
    share = take_share(segment)
    for _ in range(times):
        with locked(segment) as numbers:
            numbers[share] += 1
            numbers[TOTAL] += 1
    print(f"added {times}")


def run_crash(segment: treenail.Segment) -> None:
    """Dies with the lock while the total is not yet right, which no program should do."""
    share = take_share(segment)
    with locked(segment) as numbers:
        numbers[share] += 1
        os.kill(os.getpid(), signal.SIGKILL)


def run_show(segment: treenail.Segment) -> None:
    """Prints the counter, and again for each line of input."""
    while True:
        with locked(segment) as numbers:
            total, repairs, parts = numbers[TOTAL], numbers[REPAIRS], shares(numbers)
        print(f"total {total}, repaired {repairs}; shares:", *parts, flush=True)
        if not sys.stdin.readline():
            return


def main(verb: str = "", name: str = "", *times: str) -> None:
    adds = verb == "add" and len(times) == 1 and times[0].isdecimal()
    if not name or not adds and (times or verb not in ("crash", "show")):
        print("usage: counter.py add NAME TIMES", file=sys.stderr)
        print("       counter.py crash NAME", file=sys.stderr)
        print("       counter.py show NAME", file=sys.stderr)
        sys.exit(2)
    with treenail.Segment.open_or_create(name, SIZE) as segment:
        if segment.size != SIZE:
            sys.exit(f"counter: {name} is no counter")
        if adds:
            run_add(segment, int(times[0]))
        elif verb == "crash":
            run_crash(segment)
        else:
            run_show(segment)


if __name__ == "__main__":
    # Ctrl-C kills, like anything else that may: as an exception it would give the lock back amid
    # an addition, as if all were right.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        main(*sys.argv[1:])
    except treenail.Error as error:
        sys.exit(f"counter: {error}")
