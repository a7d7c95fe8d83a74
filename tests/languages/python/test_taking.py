"""Ctrl-C and locks: it ends every wait, and no lock or unit is left behind."""

import resource
import signal
import sys
import threading
import time

import pytest
from conftest import SOON, Interrupt, ended, program, started

import treenail
from treenail import Segment, Semaphore


def test_a_handler_that_raises_ends_every_wait(name, alarm):
    with Segment.create(name, 10) as ours, Segment.open(name) as other:
        semaphore = Semaphore(name, 0)
        waits = [
            ours.lock, lambda: ours.lock(timeout=SOON), ours.lock_shared,
            ours.read, lambda: ours.write(b"x"), lambda: ours.wait(0),
            lambda: ours.wait(0, timeout=SOON),
            semaphore.acquire, lambda: semaphore.acquire(3, timeout=SOON), semaphore.__enter__,
        ]  # fmt: skip
        with other.lock():
            for wait in waits:
                for seconds in (0.001, 0.04):  # in the first attempt, and in a later one
                    with alarm.interrupts(seconds):
                        wait()
        assert ours.version == 0
        with other.lock(timeout=0) as lock:
            assert not lock.owner_died


def test_a_handler_may_use_what_is_waited_for(name):
    with Segment.create(name, 10) as ours, Segment.open(name) as other:
        taken = other.lock()

        def handler(*_):
            taken.unlock()
            ours.notify()

        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with ours.lock(timeout=SOON):
            assert ours.version == 1
        signal.signal(signal.SIGALRM, signal.SIG_IGN)


class Storm:
    """Signals at any moment, whose handler raises while it is armed."""

    def __init__(self, seconds):
        self.armed, self.hits, self.end = False, 0, time.monotonic() + seconds
        signal.signal(signal.SIGALRM, self.handle)

    def handle(self, *_):
        if self.armed:
            self.armed = False
            self.hits += 1
            raise Interrupt

    def __iter__(self):
        """Each round is interrupted some time after it has armed the storm."""
        delay = 20e-6
        while time.monotonic() < self.end:
            delay = delay * 1.1 if delay < 400e-6 else 20e-6
            signal.setitimer(signal.ITIMER_REAL, delay, 0.001)  # again, if it came too soon
            yield self
        self.armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)


def interrupted(storm, body):
    """Does it over and over, until a signal comes."""
    try:
        storm.armed = True
        while True:
            body()
    except Interrupt:
        pass


# Python 3.9 has one more place for signals: between the body of a `with` and its end. Up to 3.10
# there is one between the end of a function that took something and its caller.
exact = pytest.mark.skipif(sys.version_info < (3, 10), reason="with is not exact in Python 3.9")
exact_calls = pytest.mark.skipif(sys.version_info < (3, 11), reason="calls are not, up to 3.10")


@exact_calls
def test_no_lock_is_left_behind(name):
    with Segment.create(name, 8) as ours, Segment.open(name) as other:

        def body():
            with ours.lock():
                pass
            with ours.lock_shared() as lock:
                lock.unlock()
            with ours.lock(timeout=SOON):
                pass

        storm = Storm(2)
        for _ in storm:
            interrupted(storm, body)
            with other.lock(timeout=0) as lock:  # which would be refused
                assert not lock.owner_died
        assert storm.hits > 100


def test_no_lock_is_left_behind_by_one_that_waited(name, alarm):
    """The signal comes first and then the lock, both within one call of the library."""
    with Segment.create(name, 8) as ours, Segment.open(name) as other, Segment.open(name) as third:
        for _ in range(5):
            held = threading.Event()

            def hold():
                with other.lock():
                    held.set()
                    time.sleep(0.08)

            holder = started(hold)
            held.wait(SOON)
            with alarm.interrupts(0.06):
                while True:
                    with ours.lock():
                        pass
            with third.lock(timeout=SOON) as lock:
                assert not lock.owner_died
            ended(holder)


@exact
def test_no_unit_is_left_behind(name):
    ours, other = Semaphore(name, 2), Semaphore(name)

    def body():
        with ours:
            pass

    storm = Storm(1)
    for _ in storm:
        interrupted(storm, body)
        assert other.value == 2
    assert storm.hits > 50


CHILD = """
segment = treenail.Segment(sys.argv[1])
try:
    print("waiting", flush=True)
    with segment.lock():
        pass
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_in_another_program(name):
    with Segment.create(name, 10) as segment, segment.lock():
        with program(CHILD, name) as child:
            assert child.stdout.readline() == "waiting\n"
            child.send_signal(signal.SIGINT)
            assert child.communicate(timeout=SOON)[0] == "interrupted\n"


def test_a_wait_sleeps_all_the_time(name):
    with Segment.create(name, 10) as segment, Segment.open(name) as other, other.lock():
        before = resource.getrusage(resource.RUSAGE_SELF)
        with pytest.raises(treenail.TimedOut):
            segment.read(timeout=1)
        after = resource.getrusage(resource.RUSAGE_SELF)
        assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.2
