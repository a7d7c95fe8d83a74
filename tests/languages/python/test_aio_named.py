"""Segments and semaphores in asyncio."""

import asyncio
import gc
import random

import pytest
from conftest import SOON, Step, descriptors, program
from test_aio import run
from test_aio_cancel import cancelled

import treenail
from treenail import aio


@pytest.fixture
def plain(name):
    with treenail.Segment.create(name, 100) as segment:
        yield segment


def another(plain):
    return aio.Segment(treenail.Segment.open(plain.name))


async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)


def test_the_lock_excludes_tasks_and_others(plain):
    async def add(segment, times):
        for _ in range(times):
            async with segment.lock() as lock:
                assert lock.owner_died is False
                number = segment.buf[0]
                await turns(2)
                segment.buf[0] = number + 1

    async def main():
        async with another(plain) as one, another(plain) as two:
            tasks = [add(one, 20), add(one, 20), add(two, 20), add(two, 20)]
            await asyncio.gather(*tasks)
            assert one.buf[0] == 80
            async with one.lock_shared(), two.lock_shared(), one.lock_shared():
                with pytest.raises(treenail.Again):
                    plain.write(b"x", timeout=0)
        assert one.closed and plain.attached == 1

    run(main())


def test_an_exception_gives_the_lock_back(plain):
    async def main():
        async with another(plain) as segment:
            for lock in (segment.lock, segment.lock_shared):
                with pytest.raises(KeyError):
                    async with lock():
                        raise KeyError
            plain.write(b"x", timeout=0)

    run(main())


def test_members(plain):
    async def main():
        async with another(plain) as segment:
            assert (segment.name, segment.size, segment.version) == (plain.name, 100, 0)
            assert segment.attached == 2 and segment.fileno() == segment.fileno()
            assert segment.lock_fileno() == segment.lock_fileno() != segment.fileno()
            assert (await segment.write(b"hello", 5)).owner_died is False
            assert await segment.read(5, 5) == b"hello" and plain.version == 1
            buffer = bytearray(5)
            await segment.read_into(buffer, 5)
            assert buffer == b"hello" and segment.buf[5] == ord("h")
            with plain.lock():
                waiting = [segment.write(b"w"), segment.read(1), segment.read_into(bytearray(1))]
                waiting = list(map(asyncio.ensure_future, waiting))
                await turns(5)
                assert not any(task.done() for task in waiting)
            await asyncio.wait_for(asyncio.gather(*waiting), SOON)
            assert plain.read(1) == b"w"

    run(main())


def test_changes_are_awaited_by_many(plain):
    async def watch(segment, got):
        version = segment.version
        while version < 50:
            version = await segment.wait(version)
            got.append(version)

    async def main():
        async with another(plain) as segment:
            logs = [[] for _ in range(5)]
            tasks = [asyncio.ensure_future(watch(segment, log)) for log in logs]
            dice = random.Random(3)
            while plain.version < 50:
                await turns(dice.randrange(8))
                plain.notify() if dice.randrange(2) else segment.notify()
            await asyncio.wait_for(asyncio.gather(*tasks), SOON)
            assert all(log[-1] == 50 and log == sorted(set(log)) for log in logs)

    run(main())


def test_who_begins_to_wait_takes_nobody_s_event(plain):
    """A refusal makes a descriptor unreadable, also before the loop saw it: only its own."""

    async def for_a_change(segment):
        with plain.lock():
            locking = asyncio.ensure_future(segment.lock())
            await turns(20)  # until it is refused by the new descriptor too
        # Without a turn of the loop: the unlock has made the descriptor readable.
        locking.add_done_callback(lambda _: plain.notify())
        assert await segment.wait(0) == 1
        assert locking.done()
        segment.unlock()

    async def for_the_lock(segment):
        changing = asyncio.ensure_future(segment.wait(1))
        await turns(20)
        held = plain.lock()
        plain.notify()
        changing.add_done_callback(lambda _: held.unlock())
        async with segment.lock():
            assert changing.result() == 2

    async def main():
        async with another(plain) as segment:
            await asyncio.wait_for(for_a_change(segment), SOON)
            await asyncio.wait_for(for_the_lock(segment), SOON)

    run(main())


OWNER = """
segment = treenail.Segment(sys.argv[1])
with segment.lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_death_hands_the_lock_on(plain):
    async def main():
        async with another(plain) as segment:
            for how in ("kill", "in good order"):
                with program(OWNER, plain.name) as child:
                    assert child.stdout.readline() == "held\n"
                    waiting = asyncio.ensure_future(segment.lock())
                    await turns(3)
                    assert not waiting.done()
                    child.kill() if how == "kill" else child.stdin.close()
                    held = await asyncio.wait_for(waiting, SOON)
                    assert held.owner_died is (how == "kill")
                    segment.unlock()

    run(main())


def test_a_cancelled_lock_is_not_left_behind(plain):
    async def use(segment, dice):
        lock = segment.lock() if dice.randrange(3) else segment.lock_shared()
        async with lock:
            await turns(dice.randrange(3))

    async def main():
        async with another(plain) as segment:
            dice = random.Random(5)
            for _ in range(200):
                tasks = [cancelled(use(segment, dice), dice.randrange(6)) for _ in range(4)]
                tasks.append(use(segment, dice))
                with plain.lock():
                    tasks = list(map(asyncio.ensure_future, tasks))
                    await turns(dice.randrange(6))
                await asyncio.wait_for(asyncio.gather(*tasks), SOON)
                with plain.lock(timeout=0):
                    pass
            assert not segment._writers

    run(main())


def test_a_cancel_between_any_two_steps_leaves_nothing_behind(plain):
    """Such as that by asyncio.run when Ctrl-C comes: it cancels in the signal handler."""

    async def use(what):
        async with what:
            await turns(1)

    async def main():
        other, tasks = treenail.Semaphore(plain.name, 1), []
        semaphore = aio.Semaphore(treenail.Semaphore(plain.name))
        async with another(plain) as segment:
            for step in Step.each(lambda: [task.cancel() for task in tasks]):
                with plain.lock(), other:
                    uses = [use(segment.lock()) for _ in range(2)]
                    uses += [use(semaphore) for _ in range(2)]
                    tasks[:] = map(asyncio.ensure_future, uses)
                    await turns(5)
                with step:
                    results = await asyncio.gather(*tasks, return_exceptions=True)
                assert {type(result) for result in results} <= {type(None), asyncio.CancelledError}
                plain.write(b"x", timeout=0)
                assert other.value == 1
        semaphore.close()

    run(main())


def test_a_cancelled_wait_loses_no_change(plain):
    async def main():
        async with another(plain) as segment:
            version, dice = 0, random.Random(6)
            for _ in range(200):
                got = asyncio.ensure_future(cancelled(segment.wait(version), dice.randrange(5)))
                await turns(dice.randrange(4))
                plain.notify()
                version = ((await got) or [version])[0]
                version = await asyncio.wait_for(segment.wait(version), SOON) if (
                    version != plain.version
                ) else version
                assert version == plain.version
            assert not segment._readers

    run(main())


def test_close_ends_every_wait(plain):
    async def main():
        segment = another(plain)
        with plain.lock():
            waits = [segment.wait(0), segment.read(), segment.lock()]
            waits = list(map(asyncio.ensure_future, waits))
            await turns(3)
            segment.close()
            for result in await asyncio.gather(*waits, return_exceptions=True):
                assert isinstance(result, treenail.Closed)
        with pytest.raises(treenail.Closed):
            async with segment.lock():
                pass

    run(main())


def test_the_data_may_be_released_before_the_close(plain):
    async def main():
        async with another(plain) as segment:
            with segment.buf as data:
                data[0] = 1
            assert segment.buf[0] == 1
            segment.buf.release()
        assert segment.closed and plain.attached == 1

    run(main())


def test_a_close_that_is_refused_ends_no_wait(plain):
    async def main():
        async with another(plain) as segment:
            made = segment.buf[1:]
            waiting = asyncio.ensure_future(segment.wait(0))
            with plain.lock():
                locking = asyncio.ensure_future(segment.lock())
                await turns(5)
                with pytest.raises(BufferError):
                    segment.close()
                await turns(5)
            await asyncio.wait_for(locking, SOON)
            plain.notify()
            assert await asyncio.wait_for(waiting, SOON) == 1
            del made

    run(main())


def test_an_exception_is_not_hidden_by_what_it_leaves_behind(plain):
    async def main():
        segment = another(plain)
        with pytest.raises(KeyError):
            async with segment:
                kept = segment.buf[1:]
                raise KeyError
        del kept
        segment.close()

    run(main())


def test_a_semaphore(name):
    async def work(semaphore, inside):
        async with semaphore as got:
            assert got is True
            inside.append(None)
            assert len(inside) <= 2
            await turns(2)
            inside.pop()

    async def main():
        other = treenail.Semaphore(name, 2)
        semaphore, inside = aio.Semaphore(treenail.Semaphore(name)), []
        assert (semaphore.name, semaphore.value) == (name, 2)
        await asyncio.wait_for(asyncio.gather(*[work(semaphore, inside) for _ in range(20)]), SOON)
        other.acquire(2)
        waiting = asyncio.ensure_future(semaphore.acquire(2))
        await turns(3)
        other.release()
        await turns(3)
        assert not waiting.done()
        other.release()
        assert await asyncio.wait_for(waiting, SOON) is True
        semaphore.release(2)
        assert other.value == 2
        semaphore.close()
        with pytest.raises(treenail.Closed):
            await semaphore.acquire()

    run(main())


def test_who_wants_many_is_not_passed_by_other_tasks(name):
    async def main():
        semaphore, order = aio.Semaphore(treenail.Semaphore(name, 3)), []

        async def work(count):
            await semaphore.acquire(count)
            order.append(count)
            await turns(3)
            semaphore.release(count)

        await semaphore.acquire()
        tasks = [asyncio.ensure_future(work(count)) for count in (3, 1, 1, 1)]
        await turns(5)
        semaphore.release()
        await asyncio.wait_for(asyncio.gather(*tasks), SOON)
        assert order == [3, 1, 1, 1]

    run(main())


def test_a_cancelled_acquire_keeps_no_unit(name):
    async def main():
        semaphore, dice = aio.Semaphore(treenail.Semaphore(name, 2)), random.Random(7)
        other = treenail.Semaphore(name)
        for _ in range(200):
            wanted = [1 + dice.randrange(2) for _ in range(4)]
            tasks = [cancelled(semaphore.acquire(n), dice.randrange(6)) for n in wanted]
            tasks = list(map(asyncio.ensure_future, tasks))
            got = []
            for n, task in zip(wanted, tasks):
                if await task:
                    got.append(n)
                    semaphore.release(n)
            assert other.value == 2 and not semaphore._writers

    run(main())


def test_nothing_leaks(name):
    async def main():
        plain = treenail.Segment.create(name, 100)
        before = descriptors()
        for _ in range(100):
            segment = another(plain)
            with plain.lock():
                waiting = asyncio.ensure_future(segment.read())
                await turns(2)
                waiting.cancel()
                await asyncio.wait([waiting])
            segment.close()
        del segment, waiting
        gc.collect()
        assert descriptors() == before

    run(main())
