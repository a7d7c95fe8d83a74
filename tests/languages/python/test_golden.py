"""The bytes on the wire: a plain socket on one side, a channel on the other."""

import os
import socket
import struct

import pytest
from conftest import ROOT, SOON, ended, started

import treenail

FRAME = struct.Struct("<IBBHII")  # length, kind, flags, zero, tag, id


def golden(name):
    """The bytes of a file there; pp stands for the four bytes of our process id."""
    lines = (ROOT / "tests" / "golden" / f"{name}.hex").read_text().splitlines()
    words = " ".join(line.split("#")[0] for line in lines).split()
    pid = iter(struct.pack("<I", os.getpid()))
    return bytes(next(pid) if word == "pp" else int(word, 16) for word in words)


class Plain:
    """A peer without the library."""

    def __init__(self, connection):
        connection.settimeout(SOON)
        self.socket = connection

    def expect(self, name):
        expected = golden(name)
        assert self.socket.recv(len(expected), socket.MSG_WAITALL).hex() == expected.hex()

    def say(self, name):
        self.socket.sendall(golden(name))


@pytest.fixture
def accepted(tmp_path):
    """A channel of a listener, and a plain client."""
    path = f"{tmp_path}/socket"
    with treenail.Listener(f"local:{path}?max_message=1000") as listener:
        client = Plain(socket.socket(socket.AF_UNIX))
        client.socket.connect(path)
        client.say("hello-minimal")
        with listener.accept(timeout=SOON) as channel, client.socket:
            client.expect("hello-local-listener")
            yield channel, client


@pytest.mark.parametrize("scheme", ["shm", "local"])
def test_a_connector_says_hello(tmp_path, scheme):
    path = f"{tmp_path}/socket"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        options = {"shm": "?ring=64KiB", "local": "?max_message=1000"}[scheme]
        channel = treenail.connect_start(f"{scheme}:{path}{options}")
        server = Plain(listening.accept()[0])
        server.expect(f"hello-{scheme}")
        server.say("hello-minimal-listener")
        server.say("data")
        assert channel.recv(timeout=SOON) == b"hello"
        assert channel.peer().transport == treenail.TRANSPORT_LOCAL
        channel.send(b"hello", tag=0x01020304)
        server.expect("data")
        channel.close()
        assert FRAME.unpack(server.socket.recv(FRAME.size, socket.MSG_WAITALL))[1] == 5


def test_messages_are_frames(accepted):
    channel, client = accepted
    for name, data, tag in (("data", b"hello", 0x01020304), ("data-empty", b"", 0)):
        client.say(name)
        assert channel.recv_message(timeout=SOON) == treenail.Message(data, tag)
        for send in (
            lambda: channel.send(data, tag=tag),
            lambda: channel.sendv([data[:2], data[2:]], tag=tag),
        ):
            send()
            client.expect(name)
        with channel.loan(len(data), tag=tag) as loan:
            loan[:] = data
        client.expect(name)
    channel.send_many([b"", b""])
    client.expect("data-empty")
    client.expect("data-empty")


def test_fragments_and_a_ping_between_them(accepted):
    channel, client = accepted
    client.say("data-fragments")
    assert channel.recv_message(timeout=SOON) == treenail.Message(b"abcdef", 7)
    assert client.socket.recv(18, socket.MSG_WAITALL) == FRAME.pack(2, 4, 0, 0, 0, 0) + b"hi"


def test_a_request_and_its_reply(accepted):
    channel, client = accepted
    client.say("request")
    question = channel.recv_message(timeout=SOON)
    assert question.is_request and (question.data, question.tag) == (b"question", 9)
    channel.reply(question, b"answer")
    client.expect("reply")

    def answer():
        length, kind, flags, zero, tag, number = FRAME.unpack(client.socket.recv(FRAME.size))
        assert (kind, flags, zero, tag) == (2, 1, 0, 3)
        assert client.socket.recv(length) == b"?"
        client.socket.sendall(FRAME.pack(1, 2, 2, 0, tag, number) + b"!")

    server = started(answer)
    assert channel.request(b"?", timeout=SOON, tag=3) == b"!"
    ended(server)


@pytest.mark.parametrize("close", ["close", "close-empty"])
def test_an_orderly_close(accepted, close):
    channel, client = accepted
    client.say("data")
    client.say(close)
    client.socket.close()
    assert list(channel) == [b"hello"]


@pytest.mark.parametrize("cut", [0, 1, 15, 16, 20])
def test_an_end_without_a_close(accepted, cut):
    channel, client = accepted
    client.say("data")
    client.socket.sendall(golden("data")[:cut])
    client.socket.close()
    received = []
    with pytest.raises(treenail.PeerLost):
        received.extend(channel)
    assert received == [b"hello"]


def test_nonsense_is_a_protocol_error(accepted):
    channel, client = accepted
    client.socket.sendall(b"\xff" * 64)
    with pytest.raises(treenail.Protocol):
        channel.recv(timeout=SOON)
