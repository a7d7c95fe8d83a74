"""Handles that many threads use at once."""

import subprocess
import sys
import threading
import weakref

import pytest
from conftest import SOON, descriptors, ended, joined, started

import treenail


def test_other_threads_run_while_one_waits(pair):
    ours, theirs = pair
    got = []
    waiting = started(lambda: got.append(ours.recv(timeout=SOON)))
    for number in range(1000):
        assert threading.current_thread().is_alive()
    theirs.send(b"x")
    ended(waiting)
    assert got == [b"x"]


def test_each_message_goes_to_one_of_many(pair):
    ours, theirs = pair
    got, count = [], 4000
    ways = [
        ours.recv,
        lambda: ours.recv_message().data,
        lambda: bytes(ours.recv_view()),
        lambda: ours.recv(timeout=SOON),
    ]

    def receive(way):
        try:
            while True:
                got.append(way())
        except treenail.Closed:
            pass

    def send(start):
        for number in range(start, start + count // 2):
            theirs.send(b"%d" % number)

    receivers = [started(receive, way) for way in ways]
    senders = [started(send, start) for start in (0, count // 2)]
    ended(*senders)
    theirs.close()
    ended(*receivers)
    assert sorted(got, key=int) == [b"%d" % number for number in range(count)]


def test_requests_from_many_threads_get_their_own_replies(pair):
    ours, theirs = pair

    def serve():
        for question in iter(theirs.recv_message, treenail.Message(b"end")):
            theirs.reply(question, question.data * 2)

    def ask(name):
        for number in range(200):
            question = b"%d-%d." % (name, number)
            assert ours.request(question, timeout=SOON) == question * 2
        answered.append(name)

    server, answered = started(serve), []
    ended(*[started(ask, name) for name in range(4)])
    ours.send(b"end")
    ended(server)
    assert sorted(answered) == [0, 1, 2, 3]


def test_a_close_wakes_whoever_waits(endpoint):
    before = descriptors()
    ours, theirs = joined(endpoint)
    listener, poller = treenail.Listener(endpoint), treenail.Poller()
    while True:
        try:
            ours.send_many([bytes(10000)] * 10, timeout=0)
        except treenail.Again:
            break
    ends, handles = [], [weakref.ref(owner._handle) for owner in (ours, theirs, listener, poller)]

    def wait(call):
        try:
            while True:
                call()
        except treenail.Closed:
            ends.append(call)

    calls = [ours.recv, ours.recv_view, ours.recv_many, lambda: ours.request(b"?"),
             lambda: ours.send(bytes(10000)), lambda: ours.loan(20000),
             listener.accept, poller.wait]  # fmt: skip
    waiting = [started(wait, call) for call in calls]
    for owner in (ours, listener, poller):
        owner.close()
    ended(*waiting)
    assert len(ends) == len(calls)
    theirs.close()
    # What each had goes with the last call, though the objects are still here.
    assert [handle() for handle in handles] == [None] * 4
    del waiting
    assert descriptors() <= before + len(calls)  # a thread that waited may still have one


def test_calls_and_a_close_race(endpoint):
    ends = []

    def until_the_end(call, *arguments):
        try:
            while True:
                call(*arguments)
        except treenail.Closed:
            ends.append(call)

    for _ in range(100):
        ours, theirs = joined(endpoint)
        callers = [started(until_the_end, ours.recv), started(until_the_end, theirs.send, b"x")]
        ours.close()
        theirs.close()
        ended(*callers)
    assert len(ends) == 200


EXIT = """
import sys, threading, treenail
listener = treenail.Listener(sys.argv[1])
ours = treenail.connect_start(sys.argv[1])
theirs = listener.accept()
ours.flush()
poller = treenail.Poller()
poller.add(ours)
ours.send(b"view")
view = theirs.recv_view()
part = view.data[1:]
ready = threading.Barrier(6)
def wait(call):
    ready.wait()
    call()
for call in (ours.recv, theirs.recv_many, listener.accept, poller.wait, lambda: ours.request(b"")):
    threading.Thread(target=wait, args=(call,), daemon=True).start()
ready.wait()
view, loan = None, ours.loan(100)
print("the end")
"""


def test_a_program_may_end_with_all_open_and_threads_that_wait(tmp_path):
    for number in range(10):
        done = subprocess.run(
            [sys.executable, "-X", "dev", "-c", EXIT, f"local:{tmp_path}/{number}"],
            capture_output=True, text=True, timeout=SOON,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, "the end\n", "")
