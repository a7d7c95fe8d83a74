"""Waiting for many at once."""

import os

import pytest
from conftest import SOON, ended, joined, meet, started

import treenail


def test_keys_come_for_what_is_ready(endpoint):
    ours, theirs = joined(endpoint + "1")
    reading, writing = os.pipe()
    with treenail.Poller() as poller, treenail.Listener(endpoint) as listener:
        poller.add(theirs)
        poller.add(listener, "the listener")
        poller.add(reading, 7)
        with open(reading, "rb", buffering=0) as pipe:
            while True:  # a handle is ready at first, until a call on it says Again
                try:
                    assert not {7}.intersection(poller.wait(timeout=0))
                except treenail.Again:
                    break
                for call in (theirs.recv, listener.accept):
                    with pytest.raises(treenail.Again):
                        call(timeout=0)
            ours.send(b"x")
            assert poller.wait(timeout=SOON) == [theirs]
            assert theirs.recv(timeout=0) == b"x"
            with pytest.raises(treenail.Again):
                theirs.recv(timeout=0)
            connecting = treenail.connect_start(endpoint)
            assert poller.wait(timeout=SOON) == ["the listener"]
            meet(listener, connecting)
            os.write(writing, b"!")
            assert 7 in poller.wait(timeout=SOON)
            poller.remove(reading)
            assert pipe.read(1) == b"!"
        with pytest.raises(treenail.NotFound):
            poller.remove(reading)
        with pytest.raises(treenail.Exists):
            poller.add(theirs)
    os.close(writing)


def test_what_has_a_fileno_can_be_added():
    reading, writing = os.pipe()
    with treenail.Poller() as poller, open(reading, "rb", buffering=0) as pipe:
        poller.add(pipe)
        os.write(writing, b"!")
        assert poller.wait(timeout=SOON) == [pipe]
        poller.remove(pipe)
    os.close(writing)
    with treenail.Poller() as poller, pytest.raises(treenail.Invalid):
        poller.add(99999)


def test_a_wait_can_be_ended(endpoint):
    ours, _ = joined(endpoint)
    with treenail.Poller() as poller:
        woken = []
        waiting = started(lambda: woken.append(poller.wait(timeout=SOON)))
        poller.wake()
        ended(waiting)
        assert woken == [[]]
        for timeout, error in ((0, treenail.Again), (0.03, treenail.TimedOut)):
            with pytest.raises(error):
                poller.wait(timeout=timeout)


def test_a_poller_is_in_another(pair):
    ours, theirs = pair
    with treenail.Poller() as inner, treenail.Poller() as outer:
        with pytest.raises(treenail.Again):
            theirs.recv(timeout=0)
        inner.add(theirs)
        outer.add(inner)
        ours.send(b"x")
        assert outer.wait(timeout=SOON) == [inner]
        assert inner.wait(timeout=SOON) == [theirs]


def test_a_closed_channel_is_out_of_its_poller(pair):
    ours, _ = pair
    with treenail.Poller() as poller:
        poller.add(ours)
        ours.close()
        poller.remove(ours)


def test_many_get_their_turn(endpoint):
    ends = [joined(f"{endpoint}{number}") for number in range(10)]
    with treenail.Poller() as poller:
        for _, theirs in ends:
            poller.add(theirs)
        for ours, _ in ends:
            ours.send(b"x")
        seen = set()
        while len(seen) < len(ends):
            seen.update(poller.wait(timeout=SOON, max=3))
