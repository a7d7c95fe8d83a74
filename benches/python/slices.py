"""What near and far do in one slice, for each way: as in benches/common/slices.h."""

from itertools import cycle
from time import perf_counter_ns as clock

SAMPLE_MIN = 64  # small messages that are timed together
FRESH_MIN = 3  # interpreters a slice
LOCK_GROUP = 256  # how often a lock is taken between two looks at the clock
MANY_MAX = 1024  # messages that recv_many gives at most, by default
MANY_MIN = 4 * MANY_MAX  # messages a slice, so that they come in several batches


class Watch:
    """Notes when how many messages had arrived."""

    def __init__(self):
        self._notes = []

    def note(self, count):
        self._notes.append((count, clock()))

    def result(self):
        """`count ns p50 p99`, from the first note to the last."""
        (first, start), (last, end) = self._notes[0], self._notes[-1]
        pairs = zip(self._notes, self._notes[1:])
        samples = [(then - now) // (more - count) for (count, now), (more, then) in pairs]
        return last - first, end - start, *percentiles(samples)


def percentiles(samples):
    """p50 and p99 by the nearest rank."""
    ranked = sorted(samples)
    return ranked[(len(ranked) - 1) // 2], ranked[(len(ranked) * 99 + 99) // 100 - 1]


# ---- round trips ----


def ping(side, messages, ns):
    """Most of the slice is timed as a whole; single round trips are timed at its end."""
    send, recv, pings = side.send, side.recv, messages.pings
    count, samples = 0, []
    start = now = clock()
    while now < start + ns // 5 * 4:
        for message in pings:
            send(message)
            if recv() != message:
                raise messages.spoilt(count)
        count += len(pings)
        now = clock()
    total = now - start
    for number, message in enumerate(cycle(pings), count):
        before = clock()
        send(message)
        answer = recv()
        now = clock()
        if answer != message:
            raise messages.spoilt(number)
        samples.append(now - before)
        if now >= start + ns:
            break
    send(messages.stop(number + 1))
    return count, total, *percentiles(samples)


def echo(side, messages, ns):
    send, recv = side.send, side.recv
    for number, expected in enumerate(cycle(messages.pings)):
        message = recv()
        if message != expected:
            break
        send(message)
    messages.check_stop(message, number)


# ---- one way ----


def flood(side, messages, ns):
    """Sends until the time is over, but two groups at least, then says how many there were."""
    send, end, count = side.send, clock() + ns, 0
    for group in cycle(messages.groups):
        for message in group:
            send(message)
        count += len(group)
        if clock() >= end and count > len(group):
            break
    send(messages.stop(count))


def drain(side, messages, ns):
    """The rate is taken where the messages arrive, from the first group to the last."""
    last, count, watch = drain_groups(side.recv, messages.groups)
    messages.check_stop(last, count)
    return watch.result()


def drain_view(side, messages, ns):
    """As drain, with each message looked at where it lies."""
    view, marks = side.view, messages.marks
    last, count, watch = drain_groups(lambda: view(marks), messages.marks_groups)
    messages.check_stop_marks(last, count)
    return watch.result()


def drain_groups(recv, groups):
    count, watch = 0, Watch()
    for group in cycle(groups):
        for expected in group:
            message = recv()
            if message != expected:
                return message, count, watch
        count += len(group)
        watch.note(count)


def flood_many(side, messages, ns):
    send_many, group = side.send_many, messages.groups[0]
    end, count = clock() + ns, 0
    while count < MANY_MIN or clock() < end:
        send_many(group)
        count += len(group)
    side.send(messages.stop(count))


def drain_many(side, messages, ns):
    recv_many, group = side.recv_many, messages.groups[0]
    row = group * (MANY_MAX // len(group) + 1)
    count, due, watch = 0, 1, Watch()
    while True:
        batch = recv_many()
        start = count % len(group)
        if batch != row[start : start + len(batch)]:
            break
        count += len(batch)
        if count >= due:
            watch.note(count)
            due = count + SAMPLE_MIN
    last = batch.pop()
    if batch != row[start : start + len(batch)]:
        raise messages.spoilt(count)
    messages.check_stop(last, count + len(batch))
    return watch.result()


# ---- round trips in an event loop ----


def ping_async(side, messages, ns):
    return side.loop.run_until_complete(_ping_async(side, messages, ns))


async def _ping_async(side, messages, ns):
    send, recv, pings = side.send, side.recv, messages.pings
    count, samples = 0, []
    start = now = clock()
    while now < start + ns // 5 * 4:
        for message in pings:
            await send(message)
            if await recv() != message:
                raise messages.spoilt(count)
        count += len(pings)
        now = clock()
    total = now - start
    for number, message in enumerate(cycle(pings), count):
        before = clock()
        await send(message)
        answer = await recv()
        now = clock()
        if answer != message:
            raise messages.spoilt(number)
        samples.append(now - before)
        if now >= start + ns:
            break
    await send(messages.stop(number + 1))
    return count, total, *percentiles(samples)


def echo_async(side, messages, ns):
    side.loop.run_until_complete(_echo_async(side, messages))


async def _echo_async(side, messages):
    send, recv = side.send, side.recv
    for number, expected in enumerate(cycle(messages.pings)):
        message = await recv()
        if message != expected:
            break
        await send(message)
    messages.check_stop(message, number)


# ---- starting ----


def fresh(side, messages, ns):
    """Imports in fresh interpreters; their start is not counted."""
    start, samples = clock(), []
    while len(samples) < FRESH_MIN or clock() < start + ns:
        samples.append(side.fresh())
    return len(samples), sum(samples), *percentiles(samples)


# ---- locks ----


def alone(side, messages, ns):
    """Near takes it and gives it back; the median group counts, which no interruption moves."""
    hold, groups = side.hold, []
    now = clock()
    end = now + ns
    while now < end:
        before = now
        hold(LOCK_GROUP)
        now = clock()
        groups.append(now - before)
    p50, p99 = percentiles(groups)
    return LOCK_GROUP, p50, p50 // LOCK_GROUP, p99 // LOCK_GROUP


def nothing(side, messages, ns):
    pass


# What near does, and what far does.
WAYS = {
    "ping": (ping, echo),
    "flood": (drain, flood),
    "flood-many": (drain_many, flood_many),
    "flood-view": (drain_view, flood),
    "ping-async": (ping_async, echo_async),
    "import": (fresh, nothing),
    "alone": (alone, nothing),
}
