"""Every await in asyncio can be cancelled at any moment: nothing is lost, and nothing leaks."""

import asyncio
import gc
import random
import sys
import weakref

import pytest
from conftest import SOON, Interrupt, Step, descriptors, joined
from test_aio import answer, meet, run

import treenail
from treenail import aio

TURNS = 300


async def cancelled(awaitable, turns):
    """Gives it some turns of the loop and cancels it: what it came to before that, if it did."""
    task = asyncio.ensure_future(awaitable)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    try:
        return [await task]
    except asyncio.CancelledError:
        return []


RECEIVES = {
    "recv": lambda channel: channel.recv(),
    "recv_message": lambda channel: channel.recv_message(),
    "recv_view": lambda channel: channel.recv_view(),
    "recv_many": lambda channel: channel.recv_many(3),
    "iteration": lambda channel: channel.__anext__(),
}


def flat(results):
    for result in results:
        if isinstance(result, list):
            yield from result
        else:
            yield result.data if isinstance(result, treenail.Message) else bytes(result)


@pytest.mark.parametrize("way", RECEIVES)
def test_a_cancelled_receive_loses_nothing(endpoint, way):
    async def main():
        theirs, ours = await meet(endpoint)
        dice, got, sent = random.Random(1), [], []
        for number in range(TURNS):
            # Some wait before the message is there, and some are cancelled just when it comes.
            tasks = [
                asyncio.ensure_future(cancelled(RECEIVES[way](ours), dice.randrange(6)))
                for _ in range(dice.randrange(3))
            ]
            for _ in range(dice.randrange(4)):
                await asyncio.sleep(0)
            for _ in range(dice.randrange(3)):
                sent.append(b"%d.%d" % (number, len(sent)))
                await theirs.send(sent[-1])
            for task in tasks:
                got += flat(await task)
        while len(got) < len(sent):
            got.append(await ours.recv())
        assert sorted(got) == sorted(sent)
        assert not ours._readers and not ours._inbox

    run(main())


def test_a_cancelled_send_was_taken_whole_or_not_at_all(endpoint):
    async def main():
        theirs, ours = await meet(endpoint, "?ring=4KiB" if endpoint.startswith("shm") else "")
        dice = random.Random(2)
        sends = [
            lambda data: ours.send(data),
            lambda data: ours.send(bytearray(data), tag=1),
            lambda data: ours.sendv([data[:9], data[9:]]),
            lambda data: ours.send_many([data]),
        ]
        got = []

        async def receive():
            async for message in theirs:
                got.append(message)
                if dice.random() < 0.5:
                    await asyncio.sleep(0)

        receiving, taken = asyncio.ensure_future(receive()), []
        for number in range(TURNS):
            data = b"%08d" % number + bytes(dice.choice((10, 1500, 30000, 400000)))
            if await cancelled(dice.choice(sends)(data), dice.randrange(4)):
                taken.append(data)
        await ours.flush()
        await ours.send(b"the end")
        ours.close()
        await receiving
        assert got.pop() == b"the end"
        assert got == sorted(got) and set(taken) <= set(got)
        assert all(len(message) > 8 and message[8:] == bytes(len(message) - 8) for message in got)
        assert not ours._writers

    run(main())


def test_what_a_cancelled_send_left_goes_out(tmp_path):
    async def main():
        theirs, ours = await meet(f"local:{tmp_path}/socket")
        await cancelled(ours.send(bytes(5000000)), 3)
        assert ours.stats().pending_bytes > 0
        assert await theirs.recv() == bytes(5000000)  # though nobody calls anything there

    run(main())


def test_a_cancelled_loan_is_given_back(endpoint):
    async def main():
        theirs, ours = await meet(endpoint)

        async def write(turns):
            async with ours.loan(5) as loan:
                loan[:] = b"never"
                for _ in range(turns):
                    await asyncio.sleep(0)
                raise AssertionError("it should have been cancelled")

        for turns in range(5):
            assert await cancelled(write(100), turns) == []
            await ours.send(b"next")
            assert await theirs.recv() == b"next"

    run(main())


def test_a_cancelled_request_drops_its_reply(endpoint):
    async def main():
        theirs, ours = await meet(endpoint)
        server, dice = asyncio.ensure_future(answer(theirs)), random.Random(3)

        async def ask(number):
            question = b"%d." % number
            replies = await cancelled(ours.request(question), dice.randrange(12))
            assert replies in ([], [question * 2])
            return len(replies)

        answered = 0
        for start in range(0, TURNS, 10):
            answered += sum(await asyncio.gather(*[ask(start + n) for n in range(10)]))
        assert 0 < answered < TURNS
        assert await ours.request(b"last") == b"lastlast"
        # No late reply is taken for a message, and nothing is kept of what was cancelled.
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(ours.recv_many(), 0.05)
        assert not ours._replies and not ours._askers and not ours._inbox
        ours.close()
        await server

    run(main())


def test_a_late_reply_is_not_taken_for_a_message(endpoint):
    async def main():
        theirs, ours = await meet(endpoint)
        asking = asyncio.ensure_future(ours.request(b"?"))
        question = await theirs.recv_message()
        asking.cancel()
        await asyncio.wait([asking])
        await theirs.reply(question, b"late")
        await theirs.send(b"next")
        assert await ours.recv_many() == [b"next"]
        assert ours.stats().late_replies == 1

    run(main())


def test_another_is_woken_in_place_of_one_that_was_cancelled(endpoint):
    async def main():
        theirs, ours = await meet(endpoint)
        first, second = [asyncio.ensure_future(ours.recv()) for _ in range(2)]
        while len(ours._readers) < 2:
            await asyncio.sleep(0)
        await theirs.send(b"message")
        asking = ours.request(b"?")
        asking.send(None)  # on its way it reads the message, and wakes the first
        first.cancel()
        assert await second == b"message"
        asking.close()

    run(main())


def test_a_cancel_between_any_two_steps_loses_nothing(endpoint):
    """Such as that by asyncio.run when Ctrl-C comes: it cancels in the signal handler."""

    async def note(call, got):
        got.append(await call)  # in the task itself: one cancelled at its end drops its result

    async def main():
        theirs, plain = joined(endpoint)
        ours, tasks = aio.Channel(plain), []
        for step in Step.each(lambda: [task.cancel() for task in tasks]):
            calls = [ours.recv(), ours.recv(), ours.request(b"?"), ours.recv()]
            got = []
            tasks[:] = [asyncio.ensure_future(note(call, got)) for call in calls]
            while len(ours._readers) < 3 or not ours._askers:
                await asyncio.sleep(0)
            theirs.reply(theirs.recv_message(timeout=SOON), b"reply")
            theirs.send_many([b"1", b"2", b"3"])
            with step:
                results = await asyncio.gather(*tasks, return_exceptions=True)
            assert {type(result) for result in results} <= {type(None), asyncio.CancelledError}
            if b"reply" in got:
                got.remove(b"reply")
            while len(got) < 3:
                got.append(await asyncio.wait_for(ours.recv(), SOON))
            assert sorted(got) == [b"1", b"2", b"3"]
        ours.close()

    run(main())


def test_a_cancelled_accept_loses_no_connection(endpoint):
    async def main():
        dice, accepted, connecting = random.Random(4), [], []
        async with aio.Listener(endpoint) as listener:
            for number in range(50):
                connecting.append(asyncio.ensure_future(aio.connect(endpoint)))
                accepted += await cancelled(listener.accept(), dice.randrange(12))
            while len(accepted) < len(connecting):
                accepted.append(await listener.accept())
        connected = await asyncio.gather(*connecting)
        for channel in connected:
            await channel.send(b"hello")
        assert [await channel.recv() for channel in accepted] == [b"hello"] * 50

    run(main())


@pytest.mark.parametrize("options", ["?early=0", "?retry=1"])
def test_a_cancelled_connect_frees_its_channel(endpoint, options):
    async def main():
        with treenail.Listener(endpoint) if "early" in options else treenail.Poller():
            before = descriptors()  # nobody accepts, or even listens
            for number in range(TURNS):
                assert await cancelled(aio.connect(endpoint + options), number % 6) == []
                if number == 10:
                    before = descriptors()
            gc.collect()
            assert descriptors() <= before

    run(main())


def test_a_cancelled_create_frees_its_channel(endpoint):
    async def main():
        for number in range(TURNS):  # each would find the name in use
            assert await cancelled(aio.create(endpoint), number % 6) == []

    run(main())


def test_nothing_leaks(endpoint):
    async def main():
        theirs, ours = await meet(endpoint)
        server = asyncio.ensure_future(answer(theirs))
        awaits = [
            lambda: ours.recv(),
            lambda: ours.recv_view(),
            lambda: ours.request(b"?"),
            lambda: aio.connect(endpoint + "2?retry=1"),
            lambda: ours.send(b"x"),
        ]
        for round in range(3):
            for number in range(TURNS):
                await cancelled(awaits[number % len(awaits)](), number % 7)
            gc.collect()
            counts = descriptors(), len(gc.get_objects())
            if round == 1:
                before = counts
        assert counts[0] <= before[0]
        assert counts[1] < before[1] + TURNS
        ours.close()
        await server

    run(main())


def test_a_signal_while_a_channel_is_forgotten_leaves_it_in_no_loop(endpoint, monkeypatch):
    def interrupt():
        raise Interrupt

    async def main():
        loop = asyncio.get_running_loop()
        _, another = await meet(endpoint + "?spin=0")
        for step in Step.each(interrupt):
            theirs, ours = await meet(endpoint + "?spin=0")
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(ours.recv(), 0.01)  # now it is in the loop
            await asyncio.sleep(0)  # asyncio itself lets go of it
            fd, handle = ours.fileno(), weakref.ref(ours._owner._handle)
            with step:
                del ours
                gc.collect()
            assert await cancelled(another.recv(), 2) == []  # whatever waits next
            await asyncio.sleep(0)
            assert handle() is None, step.left
            assert not loop.remove_reader(fd)
            with pytest.raises(treenail.Closed):
                await theirs.recv()

    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)  # which would print it
    run(main())
