"""A program that makes every call of the package: it is run, and mypy and pyright check it, strict.

    PYTHONPATH=bindings/python python3 tests/languages/python/typed.py
"""

from __future__ import annotations

import array
import asyncio
import os
import tempfile
import threading
from typing import List, Optional

import treenail
from treenail import aio
from treenail.shared_memory import SharedMemory

SOON = 10.0
PLACE = tempfile.mkdtemp()
NAME = f"typed-{os.getpid()}"


def answer(peer: treenail.Channel) -> None:
    """The other side: sends back what comes, and answers what is asked."""
    with peer:
        try:
            while True:
                message: treenail.Message = peer.recv_message()
                if message.is_request:
                    peer.reply(message, message.data, timeout=SOON)
                else:
                    peer.send(message.data, tag=message.tag)
        except treenail.Closed:
            pass


def use_sending(channel: treenail.Channel) -> int:
    channel.send(b"bytes")
    channel.send(bytearray(b"bytes"), timeout=1.5, tag=3)
    channel.sendv([b"in", memoryview(b"parts")], timeout=None, tag=1)
    sent: int = channel.send_many([b"one", array.array("d", [1.0])], timeout=5)
    lent: treenail.Loan = channel.loan(10, timeout=SOON, tag=7)
    with lent as loan:
        data: memoryview = loan.data
        data[:] = b"0123456789"
        loan[0] = 1
        loan.length = 5
        loan.commit(5, timeout=1, tag=2)
        is_over: bool = loan.released
    with channel.loan(10) as unsent:
        unsent.discard()
    channel.flush()
    return sent + is_over


def use_receiving(channel: treenail.Channel) -> List[int]:
    came: bool = channel.busy_poll()
    received: bytes = channel.recv(timeout=SOON)
    message: treenail.Message = channel.recv_message()
    length: int = channel.recv_into(bytearray(10), timeout=SOON)
    with channel.recv_view() as view:
        first: int = view[0]
        copy: bytes = view.tobytes() + bytes(view) + bytes(view.data)
    batch: treenail.Messages = channel.recv_many(10, timeout=SOON)
    texts: List[bytes] = batch
    tags: List[int] = [one.tag + one.id + one.flags for one in batch.messages]
    numbers = [came, length, first, len(received), len(message.data), len(copy), len(texts)]
    return [*numbers, *tags]


def use_requests(channel: treenail.Channel) -> None:
    reply: bytes = channel.request(b"?", timeout=SOON, tag=2)
    lent: treenail.View = channel.request_view(reply, timeout=SOON)
    with lent as view:
        is_one: bool = view.is_reply and not view.is_request
        numbers: List[int] = [view.tag, view.id, view.flags, len(view)]
    view.release()
    channel.request_cancel(channel.request_start(b"?"))
    number: int = channel.request_start(b"?", timeout=SOON, tag=1)
    message = channel.recv_message(timeout=SOON)
    print(is_one, numbers, message.is_reply, message.id == number)
    print(message.flags == treenail.MESSAGE_REPLY, message.flags == treenail.MESSAGE_REQUEST)


def use_facts(channel: treenail.Channel) -> None:
    peer: treenail.Peer = channel.peer()
    stats: treenail.Stats = channel.stats()
    print(peer.pid, peer.uid, peer.gid, peer.address, peer.transport, peer.fallback)
    print(peer.transport in (treenail.TRANSPORT_SHM, treenail.TRANSPORT_LOCAL))
    counts: List[int] = [stats.messages_sent, stats.messages_received, stats.bytes_sent]
    counts += [stats.bytes_received, stats.send_waits, stats.recv_waits, stats.wakeups_sent]
    counts += [stats.pending_bytes, stats.ring_bytes, stats.ring_used, stats.ring_used_max]
    counts += [stats.late_replies, channel.fileno(), channel.send_fileno()]
    print(counts, channel.closed)


def use_poller(listener: treenail.Listener, channel: treenail.Channel) -> None:
    reading, writing = os.pipe()
    with treenail.Poller() as poller:
        poller.add(listener, key="a key")
        poller.add(channel)
        poller.add(reading)
        poller.add_send(channel, "another key")
        for key in poller.wait(timeout=1, max=3):
            print(key)
        poller.remove_send(channel)
        poller.remove(reading)
        poller.wake()
        print(poller.fileno(), poller.closed)
    os.close(reading)
    os.close(writing)


def use_channels() -> None:
    with treenail.Listener(f"shm:{PLACE}/typed") as listener:
        endpoint: str = listener.endpoint()
        connecting: treenail.Channel = treenail.connect_start(endpoint)
        helper = threading.Thread(target=lambda: answer(listener.accept(timeout=SOON)))
        helper.start()
        with connecting as channel:
            channel.flush(timeout=SOON)
            print(use_sending(channel))
            print(use_receiving(channel))
            use_requests(channel)
            use_facts(channel)
            use_poller(listener, channel)
        helper.join()
        counts: treenail.ListenerStats = listener.stats()
        numbers: List[int] = [counts.accepted, counts.refused_user, counts.refused_full]
        numbers += [counts.refused_protocol, counts.timed_out, counts.pending, counts.lost]
        print(numbers, counts.channels)
        print(listener.fileno(), listener.closed)
        iterate(listener)


def iterate(listener: treenail.Listener) -> None:
    """Over the channels of a listener, and the messages of a channel."""

    def visit() -> None:
        with treenail.connect(listener.endpoint(), timeout=SOON) as visitor:
            visitor.send_many([b"one", b"two"])

    visiting = threading.Thread(target=visit)
    visiting.start()
    for channel in listener:
        for part in channel:
            print(part.decode())
        channel.close()
        listener.close()
    visiting.join()


def use_pairs() -> None:
    """Channels for exactly two programs."""
    made: List[treenail.Channel] = []
    endpoint = f"local:{PLACE}/pair"
    maker = threading.Thread(target=lambda: made.append(treenail.create(endpoint, timeout=SOON)))
    maker.start()
    with treenail.connect(f"{endpoint}?retry=1", timeout=SOON) as other:
        maker.join()
        made[0].send(b"hello")
        print(other.recv(timeout=SOON))
        made[0].close()
    treenail.create_start(endpoint).close()
    here, there = treenail.pair("ring=64KiB")
    with here, there:
        here.send(b"hello", tag=1)
        print(there.recv(timeout=SOON))


def use_errors() -> Optional[str]:
    try:
        treenail.connect(f"shm:{PLACE}/nobody", timeout=0)
    except treenail.TooLarge as error:
        needed: Optional[int] = error.needed
        print(needed)
    except (treenail.PeerLost, TimeoutError) as error:
        print(error)
    except treenail.NotFound as error:
        number: int = error.status
        print(number)
        return error.name
    except treenail.Error as error:
        print(error)
    others: List[type[treenail.Error]] = [treenail.Again, treenail.TimedOut, treenail.Closed]
    others += [treenail.Exists, treenail.Denied, treenail.Invalid, treenail.NoSpace, treenail.Io]
    others += [treenail.Protocol, treenail.Unsupported, treenail.Internal]
    print(others)
    return None


def use_segments() -> None:
    with treenail.Segment.open_or_create(NAME, 100) as segment:
        with segment.lock() as lock:
            died: bool = lock.owner_died
            segment.buf[:5] = b"hello"
        with segment.lock_shared(timeout=1.5) as held:
            print(held.owner_died and died)
        taken: List[treenail.Lock] = [segment.lock(timeout=1)]
        taken[0].unlock()
        taken += [segment.acquire_shared(timeout=1), segment.acquire_shared()]
        segment.unlock()
        segment.release()
        segment.acquire(timeout=1)
        segment.release()
        snapshot: treenail.Snapshot = segment.read(5, timeout=0)
        data: bytes = snapshot
        written: treenail.Held = segment.write(data, offset=5, timeout=1)
        segment.read_into(bytearray(5), 1)
        segment.notify()
        version: int = segment.wait(segment.version - 1, timeout=1)
        print(snapshot.owner_died, written, version, segment.attached, segment.size, segment.name)
        descriptors: List[int] = [segment.fileno(), segment.lock_fileno()]
        print(descriptors, segment.closed)
        treenail.Segment.open(NAME).close()
        segment.unlink()
        treenail.Segment.create(NAME, 5).close()
    memory: SharedMemory = SharedMemory(create=True, size=5, track=False)
    print(memory.buf)
    treenail.Segment.remove(memory.name)
    memory.close()


def use_semaphores() -> None:
    semaphore = treenail.Semaphore(NAME, initial=3)
    with semaphore as got:
        took: bool = got and semaphore.acquire(2, timeout=1)
    semaphore.release(2)
    print(took, semaphore.value, semaphore.name, semaphore.fileno(), semaphore.closed)
    kinds: List[treenail.Semaphore] = [
        treenail.Semaphore.open(NAME),
        treenail.Semaphore.open_or_create(NAME, 3),
    ]
    treenail.Semaphore.remove(NAME)
    kinds.append(treenail.Semaphore.create(NAME))
    for one in (semaphore, *kinds):
        one.close()


def use_list() -> None:
    alive: List[str] = [found["name"] for found in treenail.list("segment:*") if found["alive"]]
    swept: int = treenail.sweep(f"segment:{NAME}")
    print(alive, swept, treenail.__version__)


async def use_named_in_asyncio(segment: aio.Segment, semaphore: aio.Semaphore) -> None:
    lock: aio.Lock = segment.lock()
    async with lock as held:
        print(held.owner_died, segment.buf[0])
    async with segment.lock_shared(), segment.acquire_shared():
        pass
    taken: treenail.Lock = await segment.lock()
    taken.unlock()
    with await segment.acquire():
        pass
    await segment.acquire()
    segment.release()
    await segment.lock()
    segment.unlock()
    snapshot: treenail.Snapshot = await segment.read(5)
    await segment.write(snapshot, 5)
    await segment.read_into(bytearray(5))
    segment.notify()
    version: int = await segment.wait(segment.version - 1)
    async with semaphore as got:
        took: bool = await semaphore.acquire(2)
        semaphore.release(2)
    print(got, took, version, segment.size, segment.attached, segment.name)
    print(semaphore.name, semaphore.value, segment.lock_fileno(), semaphore.fileno())


async def answer_in_asyncio(listener: aio.Listener) -> None:
    async for channel in listener:
        async with channel:
            with await channel.recv_view() as view:
                await channel.reply(view, view.tobytes())
            async for part in channel:
                await channel.send(part, tag=1)


async def use_channel_in_asyncio(channel: aio.Channel) -> None:
    reply: bytes = await channel.request(b"?", tag=1)
    await channel.send(b"hello", tag=1)
    await channel.send_many([b"one", b"two"])
    await channel.sendv([b"in", b"parts"], tag=2)
    async with channel.loan(10, tag=1) as loan:
        loan[:2] = b"ab"
    received: bytes = await channel.recv()
    message: treenail.Message = await channel.recv_message()
    batch: treenail.Messages = await channel.recv_many(5)
    await channel.flush()
    print(reply, received, message.data, batch, channel.peer().pid, channel.stats().bytes_sent)
    print(channel.fileno(), channel.send_fileno(), channel.closed)


async def first_start(instance: treenail.SingleInstance) -> Optional[treenail.Start]:
    async for start in instance:
        return start
    return None


def use_instances() -> None:
    with treenail.SingleInstance(f"{NAME}.py") as first:
        second = treenail.SingleInstance(f"{NAME}.py")
        print(first.hand_over(), first.is_first, first.fileno())
        for name in ("one", "two", "three"):
            print(second.hand_over([name], timeout=0), second.queued)
        with first.receive(timeout=SOON) as start:
            arguments: List[str] = start.arguments
            print(arguments, start.directory)
        print(asyncio.run(first_start(first)))
        for start in first:
            start.done()
            first.close()
        second.close()


async def use_asyncio() -> None:
    segment = aio.Segment(treenail.Segment(NAME, create=True, size=100))
    async with segment, aio.Semaphore(treenail.Semaphore(NAME, 3)) as got:
        print(got)
    segment = aio.Segment(treenail.Segment(NAME, True, 100))
    semaphore = aio.Semaphore(treenail.Semaphore(NAME, 3))
    await use_named_in_asyncio(segment, semaphore)
    segment.close()
    semaphore.close()
    async with aio.Listener(f"shm:{PLACE}/aio") as listener:
        answering = asyncio.create_task(answer_in_asyncio(listener))
        async with await aio.connect(listener.endpoint()) as channel:
            await use_channel_in_asyncio(channel)
        again = aio.Channel(treenail.connect_start(listener.endpoint()))
        await again.connected()
        again.close()
        print(listener.closed)
    await answering
    here, there = await aio.pair()
    await here.send(b"hello")
    print(await there.recv())
    making = asyncio.create_task(aio.create(f"local:{PLACE}/made"))
    other: aio.Channel = await aio.connect(f"local:{PLACE}/made?retry=1")
    made: aio.Channel = await making
    accepting = aio.Listener(f"local:{PLACE}/other")
    task = asyncio.create_task(accepting.accept())
    third: aio.Channel = await aio.connect(f"local:{PLACE}/other")
    for one in (here, there, made, other, third, await task, accepting):
        one.close()


if __name__ == "__main__":
    use_channels()
    use_pairs()
    print(use_errors())
    use_segments()
    use_semaphores()
    use_list()
    use_instances()
    asyncio.run(use_asyncio())
