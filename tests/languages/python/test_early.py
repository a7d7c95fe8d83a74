"""Connecting is done when somebody listens: what is sent before the other side accepts arrives."""

import asyncio
import os

import pytest
from conftest import SOON, program

import treenail
from treenail import aio


def test_one_thread_does_it_all(endpoint):
    listener, client = treenail.Listener(endpoint), treenail.connect(endpoint, timeout=SOON)
    with listener, client:
        client.send(b"early", tag=7)
        number = client.request_start(b"question")
        with listener.accept(timeout=SOON) as server:
            assert server.recv_message(timeout=SOON) == treenail.Message(b"early", 7)
            server.reply(server.recv_message(timeout=SOON), b"answer")
            reply = client.recv_message(timeout=SOON)
            assert (reply.is_reply, reply.id, reply.data) == (True, number, b"answer")
            for turn in range(20):  # the rings come meanwhile
                server.send(b"%d" % turn)
                assert client.recv(timeout=SOON) == b"%d" % turn
                client.send(b"%d" % turn)
                assert server.recv(timeout=SOON) == b"%d" % turn
            is_shm = endpoint.startswith("shm")
            transport = treenail.TRANSPORT_SHM if is_shm else treenail.TRANSPORT_LOCAL
            assert client.peer().transport == server.peer().transport == transport
        with pytest.raises(treenail.Closed):
            client.recv(timeout=SOON)


def test_one_task_does_it_all(endpoint):
    async def main():
        async with aio.Listener(endpoint) as listener, await aio.connect(endpoint) as client:
            await client.send(b"early")
            async with await listener.accept() as server:
                assert await server.recv() == b"early"
                await server.send(b"answer")
                assert await client.recv() == b"answer"

    asyncio.run(asyncio.wait_for(main(), 6 * SOON))


def test_not_waiting_at_all_is_enough(endpoint):
    with treenail.Listener(endpoint) as listener, treenail.connect(endpoint, timeout=0) as client:
        client.send(b"early", timeout=0)
        assert listener.accept(timeout=0).recv(timeout=0) == b"early"


END = """
channel = treenail.connect(sys.argv[1], timeout=10)
for number in range(20):
    channel.send(b"%d" % number)
"""


@pytest.mark.parametrize("end", ["channel.close()", "", "import os; os.kill(os.getpid(), 9)"])
def test_a_client_has_ended_before_it_is_accepted(endpoint, end):
    with treenail.Listener(endpoint) as listener:
        with program(END + end, endpoint) as child:
            assert child.wait(6 * SOON) == (-9 if "kill" in end else 0)
        with listener.accept(timeout=SOON) as channel:
            for number in range(20):
                assert channel.recv(timeout=SOON) == b"%d" % number
            with pytest.raises(treenail.PeerLost if "kill" in end else treenail.Closed):
                channel.recv(timeout=SOON)


def test_a_refusal_is_told_by_the_next_calls(endpoint):
    with treenail.Listener(f"{endpoint}?max_channels=1") as listener:
        with treenail.connect(endpoint, timeout=SOON), listener.accept(timeout=SOON):
            with treenail.connect(endpoint, timeout=SOON) as refused:
                with pytest.raises(treenail.TimedOut):
                    listener.accept(timeout=0.01)
                for _ in range(2):
                    with pytest.raises(treenail.NoSpace, match="max_channels=1"):
                        refused.recv(timeout=SOON)
                with pytest.raises(treenail.NoSpace, match="max_channels=1"):
                    refused.send(b"more")


def test_an_early_message_that_is_too_long_ends_the_channel(endpoint):
    with treenail.Listener(f"{endpoint}?max_message=1000") as listener:
        with treenail.connect(endpoint, timeout=SOON) as client:
            client.send(bytes(1000))
            client.send(bytes(1001))
            with listener.accept(timeout=SOON) as server:
                assert len(server.recv(timeout=SOON)) == 1000
                with pytest.raises(treenail.Error):
                    server.recv(timeout=SOON)
                with pytest.raises(treenail.TooLarge):
                    client.recv(timeout=SOON)


def test_a_longer_message_waits_for_the_listener_s_hello(endpoint):
    message = os.urandom((64 << 10) + 1)
    listener, client = treenail.Listener(endpoint), treenail.connect(endpoint, timeout=SOON)
    with listener, client:
        with pytest.raises(treenail.Again):
            client.send(message, timeout=0)
        with listener.accept(timeout=SOON) as server:
            client.send(message, timeout=SOON)
            assert server.recv(timeout=SOON) == message


@pytest.mark.parametrize("options", ["", "?early=0"])
def test_a_listener_may_send_and_go_at_once(endpoint, options):
    with treenail.Listener(endpoint) as listener:
        for _ in range(20):
            with treenail.connect_start(endpoint + options) as client:
                with listener.accept(timeout=SOON) as server:
                    server.send(b"hello")
                assert client.recv(timeout=SOON) == b"hello"
                with pytest.raises(treenail.Closed):
                    client.recv(timeout=SOON)


def test_a_listener_that_goes_takes_the_unaccepted_with_it(endpoint):
    with treenail.Listener(endpoint):
        client = treenail.connect(endpoint, timeout=SOON)
    with client, pytest.raises((treenail.PeerLost, treenail.Closed)):
        client.recv(timeout=SOON)
