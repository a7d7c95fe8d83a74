"""Many messages in one call."""

import pickle

import pytest
from conftest import SOON, ended, joined, started

import treenail


def test_batches_keep_their_order(pair):
    ours, theirs = pair
    messages = [b"%d" % i * (i % 50) for i in range(5000)]
    sender = started(ours.send_many, messages)
    received = []
    while len(received) < len(messages):
        some = theirs.recv_many(100, timeout=SOON)
        assert 1 <= len(some) <= 100
        received += some
    assert received == messages
    ended(sender)


def test_tags_and_requests_survive_a_batch(pair):
    ours, theirs = pair
    ours.send(b"tagged", timeout=SOON, tag=7)
    number = ours.request_start(b"question", timeout=SOON, tag=8)
    ours.send(b"", timeout=SOON)
    batch, received = [], []
    while len(received) < 3:
        batch = theirs.recv_many(timeout=SOON)
        received += batch.messages
        assert batch == [message.data for message in batch.messages]
    tagged, question, empty = received
    assert tagged == treenail.Message(b"tagged", tag=7)
    assert question == treenail.Message(b"question", 8, number, treenail.MESSAGE_REQUEST)
    assert empty == treenail.Message(b"")
    theirs.reply(question, b"answer", timeout=SOON)
    [answer] = ours.recv_many(timeout=SOON).messages
    assert answer.is_reply and (answer.data, answer.tag, answer.id) == (b"answer", 8, number)


def test_what_is_done_to_a_batch_does_not_change_its_messages(pair):
    ours, theirs = pair
    for tag in range(3):
        ours.send(b"%d" % tag, timeout=SOON, tag=tag)
    batch = theirs.recv_many(timeout=SOON)
    copy = pickle.loads(pickle.dumps(batch))
    batch.reverse()
    del batch[0]
    assert [(m.data, m.tag) for m in batch.messages] == [(b"0", 0), (b"1", 1), (b"2", 2)]
    assert copy == [b"0", b"1", b"2"] and copy.messages == batch.messages


def test_a_large_message_in_a_batch_keeps_its_tag(pair):
    ours, theirs = pair
    sender = started(lambda: ours.send(b"x" * 200_000, tag=9))
    [message] = theirs.recv_many(timeout=SOON).messages
    assert (len(message.data), message.tag) == (200_000, 9)
    ended(sender)


def test_a_batch_without_room_says_how_many_were_taken(endpoint):
    ours, theirs = joined(endpoint, "?ring=4KiB" if endpoint.startswith("shm") else "")
    messages = [bytes(1000)] * 1000
    sent = ours.send_many(messages, timeout=0)
    assert 0 < sent < len(messages)
    with pytest.raises(treenail.Again):
        while True:
            sent += ours.send_many(messages, timeout=0)
    with pytest.raises(treenail.TimedOut):
        while True:
            sent += ours.send_many(messages, timeout=0.03)
    flusher = started(lambda: ours.flush(timeout=SOON))  # of the last one a part may still be here
    assert [theirs.recv(timeout=SOON) for _ in range(sent)] == messages[:1] * sent
    assert ours.send_many([], timeout=SOON) == 0
    ended(flusher)
