"""Whether the next one gets a lock whose owner was killed, and is told: as in benches/common/lock.h."""

import ctypes
import os
import select
import signal
from struct import Struct
from time import monotonic_ns as clock
from time import sleep

DEADLINE = 2.0
DELAY = 0.02  # until the one who waits is asleep
PR_SET_PDEATHSIG = 1
STORY = Struct("<?Q")  # whether it was told, and when it had the lock


def run(make):
    """Prints a line for each of two cases; make() makes a lock, which the processes inherit."""
    for name, waits in ("waits", True), ("comes", False):
        print(name, case(make(), waits), flush=True)


def case(side, waits):
    victim, taken = owner(side)
    os.read(taken, STORY.size)
    if waits:
        successor, story = owner(side)
        sleep(DELAY)
    killed_at = clock()
    kill(victim)
    if not waits:
        successor, story = owner(side)
    try:
        if not select.select([story], [], [], DEADLINE)[0]:
            return "hangs"
        said = os.read(story, STORY.size)
    finally:
        kill(successor)
    if len(said) < STORY.size:
        return "fails"
    told, at = STORY.unpack(said)
    return f"{'told' if told else 'untold'} {at - killed_at}"


def owner(side):
    """A process that takes the lock, says so, and keeps it."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child:
        os.close(theirs)
        return child, ours
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    side.open(near=False)
    told = side.take()
    os.write(theirs, STORY.pack(told, clock()))
    while True:
        signal.pause()


def kill(child):
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
