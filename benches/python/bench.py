"""The frame that every Python contestant runs in: benches/common/harness.h in Python.

    bench.py CONTESTANT WAY [BYTES [OPTIONS]]      for instance: bench.py ours ping 64 shm

A contestant is a module beside this one with a class Side, which is made before the two processes
part and opened in both. It has the verbs that its ways need, see slices.py.
"""

import ctypes
import importlib
import os
import signal
import socket
import sys

import fate
from messages import Messages
from slices import WAYS

PR_SET_PDEATHSIG = 1


class Control:
    """The socket between near and far: words, each waited for without using the processor."""

    def __init__(self, end):
        self._end = end

    def tell(self, word=0):
        self._end.send(word.to_bytes(8, "little"))

    def hear(self):
        """None when the other side is gone."""
        word = self._end.recv(8)
        return int.from_bytes(word, "little") if word else None

    def close(self):
        self._end.close()


def pin(which):
    """Pins to the first (0) or the second (1) of the processors that we may use."""
    allowed = sorted(os.sched_getaffinity(0))
    if which >= len(allowed):
        sys.exit("bench: the benchmark needs two processors")
    os.sched_setaffinity(0, {allowed[which]})


def far_main(side, run, messages, control):
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    pin(1)
    side.open(near=False)
    control.tell()
    while (ns := control.hear()) is not None:
        run(side, messages, ns)
        control.tell()
    side.close()


def near_main(side, run, messages, control, far):
    def far_died(*_):
        if os.waitpid(far, os.WNOHANG)[0] == far:
            print("bench: the far side died", file=sys.stderr, flush=True)
            os._exit(1)

    signal.signal(signal.SIGCHLD, far_died)
    pin(0)
    side.open(near=True)
    control.hear()
    print("ready", flush=True)
    for line in sys.stdin:
        ns = int(line.split()[1]) * 1000
        control.tell(ns)
        result = run(side, messages, ns)
        control.hear()
        print(*result, flush=True)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    control.close()
    os.waitpid(far, 0)
    side.close()


def main(contestant="", way="", size="64", options=""):
    if way not in (*WAYS, "fate"):
        ways = ", ".join([*WAYS, "fate"])
        sys.exit(f"usage: bench.py CONTESTANT WAY [BYTES [OPTIONS]]; WAY is of {ways}")
    name = f"treenail-bench-{os.getpid()}"  # that no other run uses
    make = importlib.import_module(contestant).Side
    if way == "fate":
        fate.run(lambda: make(name, int(size), options))
        return
    near_run, far_run = WAYS[way]
    messages = Messages(int(size))
    side = make(name, int(size), options)
    mine, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    far = os.fork()
    if far == 0:
        mine.close()
        far_main(side, far_run, messages, Control(other))
    else:
        other.close()
        near_main(side, near_run, messages, Control(mine), far)


if __name__ == "__main__":
    main(*sys.argv[1:])
