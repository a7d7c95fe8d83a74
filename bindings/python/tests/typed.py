"""A program that uses everything, for mypy --strict: it is checked, and not run."""

import array
import asyncio
from typing import List, Optional

import treenail
from treenail import aio
from treenail.shared_memory import SharedMemory


def use_channel(channel: treenail.Channel) -> None:
    channel.send(b"bytes")
    channel.send(bytearray(b"bytes"), 1.5, tag=3)
    channel.sendv([b"in", memoryview(b"parts")], timeout=None, tag=1)
    sent: int = channel.send_many([b"one", array.array("d", [1.0])], 5)
    received: bytes = channel.recv(timeout=1)
    message: treenail.Message = channel.recv_message()
    length: int = channel.recv_into(bytearray(10), 0)
    batch: List[bytes] = channel.recv_many(10)
    tags: List[int] = [message.tag for message in channel.recv_many(10).messages]
    with channel.recv_view() as view:
        data: memoryview = view.data
        both: bool = view.is_request and message.is_reply
        channel.reply(view if both else message, received + batch[0])
    with channel.loan(sent + length, tag=view.tag) as loan:
        loan.data[:] = data
        loan[0] = 1
        loan.length = 5
        loan.commit(5, timeout=1, tag=2)
        loan.discard()
    answer: bytes = channel.request(b"?", 1, tag=2)
    reply: treenail.View = channel.request_view(answer)
    reply.release()
    number: int = channel.request_start(b"?")
    channel.request_cancel(number)
    channel.flush()
    peer: treenail.Peer = channel.peer()
    stats: treenail.Stats = channel.stats()
    numbers: List[int] = [peer.pid, peer.uid, peer.gid, stats.messages_sent, channel.fileno()]
    numbers.append(channel.send_fileno())
    print(numbers, tags, peer.address, peer.transport == treenail.TRANSPORT_SHM, channel.closed)
    for part in channel:
        print(part.decode())


def main() -> Optional[str]:
    try:
        with treenail.Listener("shm:typed") as listener:
            with listener.accept(1) as channel:
                use_channel(channel)
            for another in listener:
                use_channel(another)
            with treenail.Poller() as poller:
                poller.add(listener, key="a key")
                poller.add(0)
                with treenail.connect("shm:typed") as busy:
                    poller.add_send(busy, "another key")
                    poller.remove_send(busy)
                for key in poller.wait(1, max=3):
                    print(key)
                poller.wake()
                poller.remove(0)
            return listener.endpoint()
    except treenail.TooLarge as error:
        needed: Optional[int] = error.needed
        print(needed)
    except (treenail.PeerLost, TimeoutError) as error:
        print(error)
    except treenail.Error as error:
        print(error.status, error.name)
    for made in (treenail.connect("shm:typed", 5), treenail.create("shm:typed", timeout=None)):
        use_channel(made)
    for made in (treenail.connect_start("shm:typed"), treenail.create_start("shm:typed")):
        made.close()
    return None


def use_named() -> None:
    with treenail.Segment.open_or_create("typed", 100) as segment:
        with segment.lock() as lock:
            died: bool = lock.owner_died
            segment.buf[:5] = b"hello"
        with segment.lock_shared(timeout=1.5) as held:
            print(held.owner_died and died)
        snapshot: treenail.Snapshot = segment.read(5, timeout=0)
        data: bytes = snapshot
        written: treenail.Held = segment.write(data, offset=5, timeout=1)
        segment.read_into(bytearray(5), 1)
        segment.notify()
        version: int = segment.wait(segment.version, 1)
        print(snapshot.owner_died, written, version, segment.attached, segment.size, segment.name)
        descriptors: List[int] = [segment.fileno(), segment.lock_fileno()]
        print(descriptors)
        segment.unlink()
    treenail.Segment.remove("typed")
    memory: SharedMemory = SharedMemory(create=True, size=5, track=False)
    semaphore = treenail.Semaphore("typed", initial=3)
    kinds: List[treenail.Semaphore] = [
        treenail.Semaphore.create("typed"),
        treenail.Semaphore.open("typed"),
        treenail.Semaphore.open_or_create("typed", 3),
    ]
    print(kinds)
    with semaphore as got:
        took: bool = got and semaphore.acquire(2, timeout=1)
    semaphore.release(2)
    print(memory.buf, took, semaphore.value, semaphore.name, semaphore.fileno())
    treenail.Semaphore.remove("typed")
    alive: List[str] = [found["name"] for found in treenail.list("segment:*") if found["alive"]]
    swept: int = treenail.sweep("segment:typed")
    print(alive, swept)


async def use_named_in_asyncio(segment: aio.Segment, semaphore: aio.Semaphore) -> None:
    async with segment.lock() as lock, segment.lock_shared():
        print(lock.owner_died, segment.buf[0])
    snapshot: treenail.Snapshot = await segment.read(5)
    await segment.write(snapshot, 5)
    version: int = await segment.wait(segment.version)
    async with semaphore as got:
        took: bool = await semaphore.acquire(2)
    semaphore.release(2)
    print(got, took, version)


async def use_asyncio() -> None:
    async with aio.Segment(treenail.Segment("typed")) as segment:
        await use_named_in_asyncio(segment, aio.Semaphore(treenail.Semaphore("typed")))
    async with aio.Listener("shm:typed") as listener:
        async for accepted in listener:
            await accepted.send(b"hello", tag=1)
    async with await aio.connect("shm:typed") as channel:
        await channel.send_many([b"one", b"two"])
        await channel.sendv([b"in", b"parts"])
        received: bytes = await channel.recv()
        message: treenail.Message = await channel.recv_message()
        batch: List[bytes] = await channel.recv_many(5)
        with await channel.recv_view() as view:
            await channel.reply(view, received + message.data + batch[0])
        async with channel.loan(10, tag=1) as loan:
            loan[:2] = b"ab"
        answer: bytes = await channel.request(b"?", tag=1)
        await channel.flush()
        print(answer, channel.peer().pid, channel.stats().bytes_sent)
        async for part in channel:
            print(part.decode())
    made: aio.Channel = await aio.create("shm:typed")
    made.close()
    print(made.closed, made.fileno(), __name__)


if __name__ == "__main__":
    main()
    use_named()
    asyncio.run(use_asyncio())
