"""sharer.py: one of two programs of tests/languages/matrix/sharing.rs, in Python. What it does is told there.

    sharer.py SIDE NAME share|die|survive
"""

import contextlib
import os
import select
import signal
import struct
import sys

import treenail
from treenail import Segment, Semaphore

PATIENCE = 20
SIZE, TURN_AT, TURN_LEN = 8192, 16, 8 + 256
TURNS, ADDITIONS, ROUNDS = 200, 10000, 300

# Words of the segment: the two that are equal whenever the lock is free, and the victim's pid.
A, B, PID = 0, 1, 4096 // 8


def make_turn(number):
    return struct.pack("=Q", number) + bytes((number * 7 + i) % 251 for i in range(256))


class Sharer:
    def __init__(self, side, name, segment, words):
        self.side = side
        self.name = name
        self.segment = segment
        self.words = words

    def share(self):
        semaphores = [Semaphore(f"{self.name}-{side}", 0) for side in range(2)]
        self.take_turns()
        self.add()
        mine, theirs = semaphores[self.side], semaphores[1 - self.side]
        for units in (i % 3 + 1 for i in range(ROUNDS)):
            theirs.release(units)
            mine.acquire(units, timeout=PATIENCE)
        refused(lambda: mine.acquire(1, timeout=0))
        print("shared")

    def take_turns(self):
        for number in range(1, TURNS + 1):
            if number % 2 != self.side:
                turn = make_turn(number)
                assert not self.segment.write(turn, TURN_AT, timeout=PATIENCE).owner_died
            elif number < TURNS or self.side == 0:
                self.see(number)

    def see(self, number):
        wanted, version = make_turn(number), self.segment.version
        turn = self.segment.read(TURN_LEN, TURN_AT, timeout=PATIENCE)
        while turn[:8] != wanted[:8]:
            version = self.wait_for_change(number, version)
            turn = self.segment.read(TURN_LEN, TURN_AT, timeout=PATIENCE)
        assert turn == wanted, f"turn {number} is spoilt"

    def wait_for_change(self, number, version):
        """Every other time by the descriptor."""
        if not number & 2:
            return self.segment.wait(version, timeout=PATIENCE)
        while True:
            try:
                return self.segment.wait(version, timeout=0)
            except treenail.Again:
                assert select.select([self.segment], [], [], PATIENCE)[0], "it tells of no change"

    @contextlib.contextmanager
    def lock(self, i):
        """Once in ten times by the descriptor."""
        stack = contextlib.ExitStack()
        while True:
            try:
                timeout = 0 if i % 10 == 5 else PATIENCE
                lock = stack.enter_context(self.segment.lock(timeout=timeout))
                break
            except treenail.Again:
                descriptor = self.segment.lock_fileno()
                assert select.select([descriptor], [], [], PATIENCE)[0], "it tells of no unlock"
        with stack:
            yield lock

    def add(self):
        words = self.words
        for i in range(ADDITIONS):
            if i % 10 == 0:
                with self.segment.lock_shared(timeout=PATIENCE):
                    assert words[A] == words[B]
            with self.lock(i) as lock:
                assert not lock.owner_died and words[A] == words[B]
                words[A] += 1
                words[B] += 1
        self.segment.notify()
        version = self.segment.version
        while self.sum() < 2 * ADDITIONS:
            version = self.segment.wait(version, timeout=PATIENCE)

    def sum(self):
        with self.segment.lock_shared(timeout=PATIENCE):
            return self.words[A]

    def die(self):
        semaphore = Semaphore(self.name, 2)
        semaphore.acquire(2, timeout=PATIENCE)
        with self.segment.lock(timeout=PATIENCE):
            self.words[A] += 1
            self.words[PID] = os.getpid()
            self.segment.notify()
            while True:
                signal.pause()

    def survive(self):
        words = self.words
        self.segment.wait(0, timeout=PATIENCE)
        assert words[PID] != 0
        refused(lambda: self.segment.lock(timeout=0))
        semaphore = Semaphore(self.name, 2)
        refused(lambda: semaphore.acquire(1, timeout=0))
        os.kill(words[PID], signal.SIGKILL)
        with self.segment.lock(timeout=PATIENCE) as lock:
            assert lock.owner_died and words[A] == words[B] + 1
            words[B] = words[A]
        with self.segment.lock(timeout=PATIENCE) as lock:
            assert not lock.owner_died
        semaphore.acquire(2, timeout=PATIENCE)
        assert self.segment.attached == 1
        print("survived")


def refused(act):
    try:
        act()
    except treenail.Again:
        return
    raise AssertionError("it was free")


def main(side, name, task):
    with Segment.open_or_create(name, SIZE) as segment, segment.buf.cast("Q") as words:
        sharer = Sharer(int(side), name, segment, words)
        {"share": sharer.share, "die": sharer.die, "survive": sharer.survive}[task]()


if __name__ == "__main__":
    main(*sys.argv[1:])
