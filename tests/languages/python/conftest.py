"""What the tests share: a place for sockets, and channels whose two ends are both here."""

import contextlib
import gc
import itertools
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

try:
    import treenail
except ModuleNotFoundError:  # it isn't installed: the source tree's
    sys.path.insert(0, str(ROOT / "bindings" / "python"))
    import treenail

SOON = 10.0  # the deadline of everything that is expected to happen

# Programs that the tests start find the same package, and write nothing beside it.
os.environ["PYTHONPATH"] = str(Path(treenail.__file__).resolve().parent.parent)
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
# What a shell starts in the background ignores Ctrl-C, and so would these programs.
signal.signal(signal.SIGINT, signal.default_int_handler)


def joined(endpoint, options=""):
    """Two ends of a channel: the one that connected, and the one that was accepted.

    Over shared memory both directions go through rings from the first message on.
    """
    with treenail.Listener(endpoint + options) as listener:
        ours = treenail.connect_start(endpoint + options + ("&" if options else "?") + "early=0")
        theirs = meet(listener, ours)
        for end in theirs, ours:
            with contextlib.suppress(treenail.Again):
                end.recv(timeout=0)
        return ours, theirs


def meet(listener, connecting):
    """Accepts, while the handshake of the other side goes on here too."""
    while True:
        try:
            connecting.flush(timeout=0)
        except treenail.Again:
            pass
        try:
            accepted = listener.accept(timeout=0)
        except treenail.Again:
            continue
        connecting.flush(timeout=SOON)
        return accepted


def descriptors():
    return len(os.listdir("/proc/self/fd"))


class Interrupt(Exception):
    """What a signal handler raises, as Ctrl-C does."""


class Alarm:
    """A signal whose handler raises, as long as `raises` is set.

    It comes again after a while, as Python only prints what a handler raises in a finaliser.
    """

    def __init__(self):
        self.hits = 0
        self.raises = False
        signal.signal(signal.SIGALRM, self.handle)

    def handle(self, *_):
        if self.raises:
            self.hits += 1
            raise Interrupt

    def after(self, seconds):
        self.raises = True
        signal.setitimer(signal.ITIMER_REAL, seconds, 0.3)

    @contextlib.contextmanager
    def interrupts(self, seconds):
        """What is done here must be interrupted after this time."""
        begun = False
        while not begun:
            try:
                self.after(seconds)
                begun = True
                yield
                raise AssertionError("it was not interrupted")
            except Interrupt:
                seconds *= 2  # where a busy machine let it come before the beginning
        self.raises = False


class Step:
    """Calls something just before the so-manyth line of the package that is run within the `with`:
    as signal handlers come between any two."""

    def __init__(self, number, call):
        self.left, self.call = number, call

    def trace(self, frame, event, _):
        if os.path.dirname(frame.f_code.co_filename) != os.path.dirname(treenail.__file__):
            return None
        if event == "line":
            self.left -= 1
            if self.left == 0:
                self.call()
        return self.trace

    def __enter__(self):
        sys.settrace(self.trace)

    def __exit__(self, *_):
        sys.settrace(None)

    @classmethod
    def each(cls, call):
        """One for each line, as long as there is one of that number."""
        for number in itertools.count(1):
            step = cls(number, call)
            yield step
            if step.left > 0:
                assert number > 1
                return


@pytest.fixture
def alarm():
    alarm = Alarm()
    yield alarm
    alarm.raises = False
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)  # the last one may still be on its way


@pytest.fixture(params=["shm", "local"])
def endpoint(request, tmp_path):
    return f"{request.param}:{tmp_path}/socket"


@pytest.fixture
def pair(endpoint):
    ours, theirs = joined(endpoint)
    with ours, theirs:
        yield ours, theirs


NUMBERS = itertools.count()


def objects(name):
    """What there is in /dev/shm of this name."""
    return [file for file in os.listdir("/dev/shm") if name in file]


@pytest.fixture
def name():
    """A name for a segment or a semaphore, of which nothing may be left."""
    name = f"python-{os.getpid()}-{next(NUMBERS)}"
    yield name
    gc.collect()
    assert objects(name) == []


@contextlib.contextmanager
def program(text, *arguments, **options):
    """Another Python that runs this; it is killed at the end, unless it has ended."""
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys, treenail\n" + text, *map(str, arguments)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options,
    )  # fmt: skip
    with child:
        try:
            yield child
        finally:
            child.kill()


def started(target, *arguments):
    """A thread that is running; it must end."""
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread


def ended(*threads):
    for thread in threads:
        thread.join(SOON)
        assert not thread.is_alive(), "it should have ended"
