"""What there is, and what killed programs have left."""

import signal
import subprocess
import sys

import pytest
from conftest import objects

import treenail
from treenail.shared_memory import SharedMemory


def killed(code, *arguments):
    """What a program printed that was killed then."""
    code += "\nsys.stdout.flush(); os.kill(os.getpid(), 9)"
    code = "import os, sys, treenail\nfrom treenail.shared_memory import SharedMemory\n" + code
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stdout.split()


def test_what_there_is_is_told(name):
    assert treenail.list(f"*:{name}") == []
    with treenail.Segment.create(name + "?mode=0640", 100), treenail.Segment(name):
        (found,) = treenail.list(f"*:{name}")
        assert (found["kind"], found["name"], found["bytes"]) == ("segment", name, 100)
        assert (found["alive"], found["holders"], found["mode"]) == (True, 2, "0640")
        assert found in treenail.list()
    for wrong in ("frames", "segments:*"):
        with pytest.raises(treenail.Invalid):
            treenail.list(wrong)
        with pytest.raises(treenail.Invalid):
            treenail.sweep(wrong)
    with pytest.raises(ValueError):
        treenail.list("segment:\0")


def test_much_is_told_whole(name):
    memories = [SharedMemory(f"{name}-{number}", True, 8) for number in range(40)]
    assert len(treenail.list(f"segment:{name}-*")) == 40
    for memory in memories:
        memory.close()


def test_what_a_killed_program_left_is_swept(name):
    killed("s = SharedMemory(sys.argv[1], True, 8)", name)
    assert treenail.list(f"segment:{name}")[0]["alive"] is False
    assert treenail.sweep(f"segment:{name}") == 1
    assert treenail.sweep(f"segment:{name}") == 0 and not objects(name)


def test_one_without_a_name_sweeps_what_killed_ones_have_left():
    alive = SharedMemory(create=True, size=8)  # this process has swept, from here on
    code = "s = [SharedMemory(create=True, size=8) for _ in range(3)]\n"
    code += "s += [SharedMemory(create=True, size=8, track=False)]\nprint(*(m.name for m in s))"
    *dead, stays = killed(code)
    named = "tn_" + "g" * 16  # a name that somebody has chosen
    killed("s = SharedMemory(sys.argv[1], True, 8)", named)
    assert all(map(objects, dead))
    code = "SharedMemory('other-' + sys.argv[1], True, 8); print(len(treenail.list('segment:tn_*')))"
    killed(code, dead[0])
    assert all(map(objects, dead)), "one with a name sweeps nothing"
    killed("s = SharedMemory(create=True, size=8)")
    assert not any(map(objects, dead))
    assert objects(stays) and objects(named) and SharedMemory(alive.name).size == 8
    for name in (stays, named):
        treenail.Segment.remove(name)
    alive.close()


def test_one_without_a_name_sweeps_few_and_once():
    killed("s = [SharedMemory(create=True, size=1) for _ in range(100)]")
    dead = {one["name"] for one in treenail.list("segment:tn_*") if not one["alive"]}
    code = """
def dead():
    return {one["name"] for one in treenail.list("segment:tn_*") if not one["alive"]}
before = dead()
first = SharedMemory(create=True, size=1)
between = dead()
second = SharedMemory(create=True, size=1)
print(len(before - between), len(between - dead()))
"""
    first, second = map(int, killed(code))
    assert first <= 64 and second == 0
    assert len(dead) < 100 or first == 64
    treenail.sweep("segment:tn_*")
