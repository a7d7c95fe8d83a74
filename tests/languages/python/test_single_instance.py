"""SingleInstance: the first instance hears what later ones were started with, whoever is killed."""

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from conftest import SOON

import treenail
from treenail import SingleInstance

PROGRAM = """
import os, sys, treenail
instance = treenail.SingleInstance(sys.argv[1])
if instance.hand_over(sys.argv[2:], timeout=None):
    sys.exit()
print("first:", *sys.argv[2:], flush=True)
for start in instance:
    print(*start.arguments, flush=True)
    if start.arguments == ["quit"]:
        break
"""
# A first instance notes what it has handled, and is killed in the middle of a start, unless all are
# handled.
KILLED = """
import os, signal, sys, treenail
_, name, path, me, all = sys.argv
instance = treenail.SingleInstance(name)
if instance.hand_over([me], timeout=None):
    sys.exit()
handled = open(path, "a+b", buffering=0)
handled.write(me.encode() + b"\\n")
left = 1 + int(me) % 3
def missing():
    handled.seek(0)
    return len(set(handled.read().split())) < int(all)
while missing():
    try:
        start = instance.receive(timeout=0.02)
    except treenail.TimedOut:
        continue
    left -= 1
    if not left and int(me) % 2:
        os.kill(os.getpid(), signal.SIGKILL)
    handled.write(start.arguments[0].encode() + b"\\n")
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    start.done()
"""
numbers = itertools.count()


@pytest.fixture
def name():
    return f"python-{os.getpid()}-{next(numbers)}"


def started(name, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, name, *arguments], stdout=subprocess.PIPE, text=True
    )


def test_the_first_hears_the_second(name):
    with SingleInstance(name) as first:
        assert not first.is_first
        assert not first.hand_over(["first"]) and first.is_first
        assert not first.hand_over(["again"])
        second = started(name, "a file", "", "\udcff")
        start = first.receive(timeout=SOON)
        assert start.arguments == ["a file", "", "\udcff"] and start.directory == os.getcwd()
        assert second.poll() is None  # it waits until that is done
        start.done()
        start.done()
        assert second.communicate(timeout=SOON) == ("", None) and second.returncode == 0
        with pytest.raises(treenail.Again):
            first.receive(timeout=0)
        with pytest.raises(treenail.TimedOut):
            first.receive(timeout=0.02)


def test_arguments_are_those_of_the_program(name, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["program", "x"])
    with SingleInstance(name) as first:
        assert not first.hand_over()
        assert SingleInstance(name).hand_over(timeout=0)
        assert first.receive(timeout=SOON).arguments == ["program", "x"]


def test_a_busy_first_hears_it_later(name):
    with SingleInstance(name) as first:
        assert not first.hand_over()
        second = SingleInstance(name)
        assert second.hand_over(["late"], timeout=0.05) and second.queued
        with first.receive(timeout=SOON) as start:
            assert start.arguments == ["late"]


def test_what_is_too_long_to_wait_is_handed_over_when_the_first_looks(name):
    arguments = ["x" * (3 << 20), "last"]
    with SingleInstance(name) as first:
        assert not first.hand_over()
        second = SingleInstance(name)
        with pytest.raises(treenail.TimedOut, match="more time"):
            second.hand_over(arguments, timeout=0.05)
        thread = threading.Thread(target=lambda: second.hand_over(arguments, timeout=SOON))
        thread.start()
        with first.receive(timeout=SOON) as start:
            assert start.arguments == arguments
        thread.join()
        assert not second.queued


def test_what_nothing_refers_to_is_done(name):
    with SingleInstance(name) as first:
        assert not first.hand_over()
        second = started(name)
        assert first.receive(timeout=SOON).arguments == []
        assert second.wait(SOON) == 0


def test_the_next_takes_the_place_of_a_killed_one(name):
    with started(name, "one") as first, started_after(first, "first: one\n", name, "two") as second:
        first.kill()
        assert second.stdout.readline() == "first: two\n"
        with started(name, "quit") as third:
            assert second.stdout.readline() == "quit\n"
            assert second.wait(SOON) == 0 and third.wait(SOON) == 0


def started_after(process, line, name, *arguments):
    assert process.stdout.readline() == line
    process.send_signal(signal.SIGSTOP)  # it stops, so that the other one has to wait for it
    return started(name, *arguments)


def test_of_many_at_once_one_is_first_and_hears_the_others(name):
    processes = [started(name, str(number)) for number in range(8)]
    lines = []
    readers = [threading.Thread(target=lines.extend, args=(one.stdout,)) for one in processes]
    for reader in readers:
        reader.start()
    deadline = time.monotonic() + SOON
    while len(lines) < 8 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert started(name, "quit").wait(SOON) == 0
    for thing in (*readers, *processes):
        thing.join() if isinstance(thing, threading.Thread) else thing.wait(SOON)
    (first,) = (line for line in lines if line.startswith("first: "))
    heard = sorted([first.split()[1] + "\n", *(line for line in lines if line != first)])
    assert heard == [f"{number}\n" for number in range(8)] + ["quit\n"]


def test_none_is_lost_however_often_the_first_is_killed(name, tmp_path):
    path, count = tmp_path / "handled", 10
    processes = [
        subprocess.Popen([sys.executable, "-c", KILLED, name, path, str(number), str(count)])
        for number in range(count)
    ]
    codes = [process.wait(6 * SOON) for process in processes]
    assert set(codes) <= {0, -signal.SIGKILL} and -signal.SIGKILL in codes
    assert {int(line) for line in path.read_text().split()} == set(range(count))


def test_what_is_wrong_is_said(name):
    with pytest.raises(treenail.Closed, match="first instance"):
        SingleInstance(name).receive(timeout=0)
    with pytest.raises(treenail.Invalid, match="NUL"):
        SingleInstance(name).hand_over(["a\0b"])
    with pytest.raises(treenail.Invalid, match="no name"):
        SingleInstance("no name").hand_over()
    with pytest.raises(ValueError):
        SingleInstance(name).hand_over(timeout=-1)


def test_strangers_do_not_disturb(name):
    with SingleInstance(name) as first:
        assert not first.hand_over()
        address = f"local:{name}.instance"
        for _ in range(50):  # each wakes a wait that is in vain, and whose time is over some time
            with treenail.connect(address) as talking:
                talking.send(b"no request")
            with pytest.raises(treenail.TimedOut):
                first.receive(timeout=0.001)
        with treenail.connect(address) as silent, treenail.connect(address) as talking:
            talking.send(b"no request")
            assert SingleInstance(name).hand_over(["x"], timeout=0)
            assert first.receive(timeout=SOON).arguments == ["x"]
            with pytest.raises(treenail.Closed):
                talking.recv(timeout=SOON)
            silent.close()


def test_asyncio_hears_it_too(name):
    async def main():
        instance = SingleInstance(name)
        assert not instance.hand_over()
        heard = []

        async def listen():
            async for start in instance:
                heard.append(start.arguments)

        listening = asyncio.ensure_future(listen())
        for number in range(2):
            second = await asyncio.create_subprocess_exec(
                sys.executable, "-c", PROGRAM, name, str(number)
            )
            while len(heard) <= number:
                await asyncio.sleep(0.01)
            assert await asyncio.wait_for(second.wait(), SOON) == 0
        instance.close()
        await asyncio.wait_for(listening, SOON)
        assert heard == [["0"], ["1"]]

    asyncio.run(asyncio.wait_for(main(), SOON * 3))
