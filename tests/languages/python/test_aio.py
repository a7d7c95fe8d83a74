"""Channels in asyncio."""

import asyncio
import gc
import itertools
import os
import weakref

import pytest
from conftest import SOON, descriptors

import treenail
from treenail import aio


def run(main):
    """Runs it to its end, in a loop that complains about all that is left behind."""
    problems = []

    async def watched():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: problems.append(context))
        await asyncio.wait_for(main, 6 * SOON)
        assert len(asyncio.all_tasks()) == 1, "a task is left"

    asyncio.run(watched(), debug=True)
    gc.collect()
    assert not problems


async def meet(endpoint, options=""):
    """Both ends of a channel."""
    async with aio.Listener(endpoint + options) as listener:
        connecting = asyncio.ensure_future(aio.connect(endpoint + options))
        return await listener.accept(), await connecting


async def echo(channel):
    async with channel:
        async for message in channel:
            await channel.send(message)


async def answer(channel):
    async with channel:
        try:
            while True:
                message = await channel.recv_message()
                if message.is_request:
                    await channel.reply(message, message.data * 2)
        except treenail.Closed:
            pass


def test_all_ways_to_send_and_receive(endpoint):
    async def main():
        theirs, ours = await meet(endpoint)
        server = asyncio.ensure_future(echo(theirs))
        long = bytes(range(256)) * 8000
        await ours.send(b"hello")
        assert await ours.recv() == b"hello"
        await ours.sendv([b"in ", bytearray(b"parts")])
        assert (await ours.recv_message()).data == b"in parts"
        await ours.send(bytearray(long))
        with await ours.recv_view() as view:
            assert bytes(view) == long
        async with ours.loan(10) as loan:
            loan[:4] = b"loan"
            loan.length = 4
        assert await ours.recv() == b"loan"
        with pytest.raises(ZeroDivisionError):
            async with ours.loan(10):
                1 / 0
        async with ours.loan(len(long)) as loan:
            loan[:] = long
        assert await ours.recv() == long
        sending = asyncio.ensure_future(ours.send_many([b"%d" % i for i in range(20000)]))
        received = []
        while len(received) < 20000:
            received += await ours.recv_many()
        assert received == [b"%d" % i for i in range(20000)]
        await sending
        assert ours.stats().pending_bytes == 0 and ours.peer().pid
        ours.close()
        await server
        assert ours.closed and theirs.closed
        with pytest.raises(treenail.Closed):
            await ours.recv()

    run(main())


def test_tags_arrive_and_requests_are_answered(endpoint):
    async def main():
        theirs, ours = await meet(endpoint)
        await ours.send(b"tagged", tag=7)
        assert await theirs.recv_message() == treenail.Message(b"tagged", 7)
        await ours.send(b"tagged", tag=8)
        assert (await theirs.recv_many()).messages == [treenail.Message(b"tagged", 8)]
        server = asyncio.ensure_future(answer(theirs))
        questions = [b"%d." % number for number in range(300)]
        replies = await asyncio.gather(*[ours.request(question) for question in questions])
        assert replies == [question * 2 for question in questions]
        long = bytes(1000000)
        assert await ours.request(bytearray(long), tag=3) == long * 2
        ours.close()
        await server

    run(main())


def test_messages_pass_a_waiting_request(endpoint):
    async def main():
        theirs, ours = await meet(endpoint)
        asking = asyncio.ensure_future(ours.request(b"?"))
        question = await theirs.recv_message()
        for number in range(100):
            await theirs.send(b"%d" % number)
        await theirs.reply(question, b"!")
        assert await asking == b"!"
        received = [await ours.recv(), bytes(await ours.recv_view())]
        while len(received) < 100:
            received += await ours.recv_many()
        assert received == [b"%d" % number for number in range(100)]

        receiving = asyncio.ensure_future(ours.recv())
        asking = asyncio.ensure_future(ours.request(b"?"))
        question = await theirs.recv_message()
        await theirs.reply(question, b"!")
        assert await asking == b"!"
        await theirs.send(b"for the receiver")
        assert await receiving == b"for the receiver"

    run(main())


def test_two_that_ask_each_other_at_once(endpoint):
    async def main():
        ends = await meet(endpoint, "?ring=4KiB" if endpoint.startswith("shm") else "")
        servers = [asyncio.ensure_future(answer(end)) for end in ends]
        asking = [end.request(bytes(100000)) for end in ends for _ in range(10)]
        assert await asyncio.gather(*asking) == [bytes(200000)] * 20
        for end in ends:
            end.close()
        await asyncio.gather(*servers)

    run(main())


def test_many_tasks_wait_on_one_channel(endpoint):
    async def main():
        theirs, ours = await meet(endpoint, "?ring=4KiB" if endpoint.startswith("shm") else "")
        receiving = [asyncio.ensure_future(ours.recv()) for _ in range(500)]
        await asyncio.sleep(0)
        sending = [asyncio.ensure_future(theirs.send(b"%d." % n * 200)) for n in range(500)]
        received = await asyncio.gather(*receiving)
        await asyncio.gather(*sending)
        assert sorted(received) == sorted(b"%d." % n * 200 for n in range(500))

    run(main())


def test_200_channels_at_once(endpoint):
    async def client(number):
        async with await aio.connect(endpoint + "?retry=1") as channel:
            for turn in range(10):
                message = b"%d/%d" % (number, turn)
                await channel.send(message)
                assert await channel.recv() == message
                assert await channel.request(message) == message * 2

    async def serve(channel):
        async with channel:
            try:
                while True:
                    message = await channel.recv_message()
                    if message.is_request:
                        await channel.reply(message, message.data * 2)
                    else:
                        await channel.send(message.data)
            except treenail.Closed:
                pass

    async def main():
        clients = [asyncio.ensure_future(client(number)) for number in range(200)]
        async with aio.Listener(endpoint + "?backlog=300") as listener:
            serving = []
            async for channel in listener:
                serving.append(asyncio.ensure_future(serve(channel)))
                if len(serving) == 200:
                    break
            await asyncio.gather(*clients, *serving)

    before = descriptors()
    run(main())
    assert descriptors() <= before + 1


def test_a_busy_channel_leaves_the_loop_its_turns(endpoint):
    async def main():
        theirs, ours = await meet(endpoint)
        turns, got = 0, 0

        async def count():
            nonlocal turns
            while got < 3000:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.ensure_future(count())
        for start in range(0, 3000, 1000):
            await theirs.send_many([b"x"] * 1000)
            for _ in range(1000):  # all are there: nothing waits
                await ours.recv()
                got += 1
        await counting
        assert turns >= 3000 // 40

    run(main())


def test_an_idle_channel_is_left_alone(endpoint):
    async def main():
        theirs, ours = await meet(endpoint)
        waiting = asyncio.ensure_future(ours.recv())
        for _ in range(3):  # a wake-up with nobody there takes it out of the loop
            await theirs.send(b"x")
            await theirs.send(b"y")
            assert await waiting == b"x"
            assert await ours.recv() == b"y"
            waiting = asyncio.ensure_future(ours.recv())
        selects = itertools.count()
        loop = asyncio.get_running_loop()
        select = loop._selector.select
        loop._selector.select = lambda timeout: [next(selects), select(timeout)][1]
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.3)
        assert next(selects) < 50
        waiting.cancel()
        await asyncio.wait([waiting])

    run(main())


def test_spin_0_is_for_the_loop_too(endpoint):
    async def main():
        several = len(os.sched_getaffinity(0)) > 1
        for options, stays_awake in (("?spin=0", False), ("?spin=auto", several), ("", several)):
            for channel in await meet(endpoint, options):
                assert channel._stays_awake is stays_awake

    run(main())


def test_create_and_listener_iteration(endpoint):
    async def main():
        creating = asyncio.ensure_future(aio.create(endpoint))
        async with await aio.connect(endpoint + "?retry=1") as ours, await creating as theirs:
            await ours.send(b"x")
            assert await theirs.recv() == b"x"
        listener = aio.Listener(endpoint)
        assert listener.endpoint() == endpoint
        connected = await asyncio.gather(
            *[aio.connect(endpoint) for _ in range(5)], *[listener.accept() for _ in range(5)]
        )
        assert len(connected) == 10

        async def serve():
            return [channel async for channel in listener]

        serving = asyncio.ensure_future(serve())
        await aio.connect(endpoint)
        listener.close()
        await serving

    run(main())


def test_a_synchronous_channel_is_taken_over(pair):
    async def main():
        ours, theirs = map(aio.Channel, pair)
        waiting = asyncio.ensure_future(theirs.recv())
        await ours.send(b"x")
        assert await waiting == b"x"
        assert theirs.fileno() == pair[1].fileno()
        assert theirs.send_fileno() == pair[1].send_fileno() != theirs.fileno()

    run(main())
    pair[0].close()


def test_failures_reach_who_waits(endpoint):
    async def main():
        with pytest.raises(FileNotFoundError):
            await aio.connect(endpoint)
        with pytest.raises(ValueError):
            await aio.connect("nowhere")
        theirs, ours = await meet(endpoint)
        waits = [ours.recv(), ours.recv_view(), ours.recv_many(), ours.request(b"?")]
        waiting = [asyncio.ensure_future(wait) for wait in waits]
        await theirs.recv()  # the request: so all of them wait
        theirs.close()
        for one in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(one, treenail.Closed)
        assert [message async for message in ours] == []
        with pytest.raises(TypeError):
            await ours.send("text")

        theirs, ours = await meet(endpoint)
        waits = [ours.recv(), ours.recv(), ours.request(b"?")]
        waiting = [asyncio.ensure_future(wait) for wait in waits]
        await theirs.recv()
        ours.close()  # one's own close ends them too
        for one in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(one, treenail.Closed)

    run(main())


def test_a_channel_that_is_forgotten_is_freed_and_leaves_the_loop(endpoint):
    async def main():
        theirs, ours = await meet(endpoint)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(ours.recv(), 0.01)  # now it is in the loop
        fd = ours.fileno()
        handle = weakref.ref(ours._owner._handle)
        del ours
        await asyncio.sleep(0)  # asyncio itself lets go of it
        gc.collect()
        assert handle() is None
        assert not asyncio.get_running_loop().remove_reader(fd)
        with pytest.raises(treenail.Closed):
            await theirs.recv()

    run(main())


def test_one_loop_at_a_time(pair):
    ours, theirs = map(aio.Channel, pair)

    async def exchange():
        waiting = asyncio.ensure_future(theirs.recv())
        await asyncio.sleep(0)
        await ours.send(b"x")
        assert await waiting == b"x"

    for _ in range(2):  # a loop that is closed counts no more
        run(exchange())
    loop = asyncio.new_event_loop()
    with pytest.raises(asyncio.TimeoutError):
        loop.run_until_complete(asyncio.wait_for(theirs.recv(), 0.01))

    async def refused():
        with pytest.raises(RuntimeError, match="another event loop"):
            await theirs.recv()

    run(refused())
    loop.close()
