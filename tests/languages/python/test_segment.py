"""Segments: names, the data, the lock, snapshots and changes."""

import array
import contextlib
import gc
import os
import threading

import pytest
from conftest import SOON, ended, objects, program, started

import treenail
from treenail import Segment


@pytest.fixture
def both(name):
    """One segment, held twice."""
    with Segment.create(name, 100) as ours, Segment.open(name) as theirs:
        yield ours, theirs


def test_exactly_one_makes_a_segment(name):
    with pytest.raises(treenail.NotFound, match=name):
        Segment.open(name)
    with Segment.create(name, 100) as segment:
        assert (segment.name, segment.size, segment.attached) == (name, 100, 1)
        assert bytes(segment.buf) == bytes(100)
        with pytest.raises(treenail.Exists):
            Segment.create(name, 100)
        with Segment.open(name) as other, Segment.open_or_create(name, 7) as third:
            assert (other.size, third.size, segment.attached) == (100, 100, 3)
            third.buf[:5] = b"hello"
            assert bytes(segment.buf[:5]) == bytes(other.buf[:5]) == b"hello"
        with pytest.raises(treenail.TooLarge, match=r"\b100 bytes, and 101\b"):
            Segment.open_or_create(name, 101)
        with Segment.open_or_create(name, 0) as whatever:
            assert whatever.size == 100
        assert segment.attached == 1
    with pytest.raises(treenail.NotFound):
        Segment.open_or_create(name, 0)
    with Segment.open_or_create(name, 7) as segment:
        assert bytes(segment.buf) == bytes(7)


def test_it_goes_with_its_last_holder(name):
    with Segment.create(name, 1):
        other = Segment.open(name)
    assert objects(name)
    other.close()
    assert not objects(name)
    dropped = Segment.create(name, 1)
    assert objects(name)
    del dropped
    assert not objects(name)


def test_one_that_persists_stays_until_it_is_removed(name):
    Segment.create(name + "?persist=1", 5).write(b"stays")
    with Segment(name) as segment:
        assert segment.read() == b"stays"
    Segment.remove(name)
    with pytest.raises(treenail.NotFound):
        Segment.remove(name)


def test_names(name):
    assert Segment(name + "?mode=0640", create=True, size=1).name == name + "?mode=0640"
    for wrong in ("", ".hidden", "a/b", "ä", "x" * 65, name + "?no=1", "native:" + name):
        with pytest.raises(treenail.Invalid):
            Segment.create(wrong, 1)
    with pytest.raises(ValueError, match="NUL"):
        Segment.create(name + "\0more", 1)
    for size in (0, -1, 2**41, 2**64 + 1):
        with pytest.raises(ValueError):
            Segment.create(name, size)


def test_the_lock_excludes(both):
    ours, theirs = both
    with ours.lock() as lock:
        assert lock.owner_died is False
        for other in (ours, theirs):
            for refused in (other.lock, other.lock_shared):
                with pytest.raises(treenail.Again):
                    with refused(timeout=0):
                        pass
                for timeout in (0.001, 0.05):
                    with pytest.raises(treenail.TimedOut, match=ours.name):
                        with refused(timeout=timeout):
                            pass
    with theirs.lock_shared(), ours.lock_shared(), ours.lock_shared(timeout=1):
        with pytest.raises(treenail.Again):
            with ours.lock(timeout=0):
                pass
    with theirs.lock(timeout=0), pytest.raises(ValueError):
        ours.lock(timeout=-1)


def test_the_lock_is_given_back_when_an_exception_comes(both):
    ours, theirs = both
    for lock in (ours.lock, ours.lock_shared, lambda: ours.lock(timeout=1)):
        for error in (KeyError("x"), KeyboardInterrupt(), SystemExit(3)):
            with pytest.raises(type(error)):
                with lock():
                    raise error
            with theirs.lock(timeout=0):
                pass


def test_an_exit_stack_takes_and_gives_back(both):
    ours, theirs = both
    for lock in (ours.lock, ours.lock_shared):
        with contextlib.ExitStack() as stack:
            assert stack.enter_context(lock(timeout=1)).owner_died is False
            with pytest.raises(treenail.Again):
                theirs.write(b"x", timeout=0)
        theirs.write(b"x", timeout=0)
        with pytest.raises(KeyError), contextlib.ExitStack() as stack:
            stack.push(lock())
            raise KeyError
        theirs.write(b"x", timeout=0)
    with theirs.lock(), contextlib.ExitStack() as stack, pytest.raises(treenail.Again):
        stack.enter_context(ours.lock(timeout=0))


def test_a_waiting_lock_is_taken_when_it_is_free(both):
    ours, theirs = both
    for seconds in (None, 30):
        got = []

        def wait():
            with theirs.lock(timeout=seconds) as lock:
                got.append(lock.owner_died)

        with ours.lock():
            waiting = started(wait)
            waiting.join(0.1)
            assert waiting.is_alive()
        ended(waiting)
        assert got == [False]


def test_threads_count_with_one_object(both):
    ours, _ = both
    with ours.buf.cast("B")[:96].cast("Q") as numbers:

        def count():
            for _ in range(3000):
                with ours.lock():
                    numbers[0] += 1

        ended(*[started(count) for _ in range(4)])
        assert numbers[0] == 12000


def test_a_lock_that_was_not_taken_is_not_given_back(both):
    ours, _ = both
    for give_back in (ours.unlock, ours.release):
        with pytest.raises(treenail.Invalid, match=f"^Segment.{give_back.__name__} .*not hold"):
            give_back()


@pytest.mark.parametrize("how", ["lock", "lock_shared", "acquire", "acquire_shared"])
@pytest.mark.parametrize("timeout", [None, 0, 5])
def test_the_lock_is_held_from_the_call_on(both, how, timeout):
    ours, theirs = both

    def taken():
        return getattr(ours, how)(timeout=timeout)

    def is_held():
        try:
            theirs.write(b"x", timeout=0)
            return False
        except treenail.Again:
            return True

    taken()  # what it returns is dropped at once
    gc.collect()
    assert is_held()
    ours.unlock()
    assert not is_held()
    taken()
    ours.release()
    assert not is_held()
    lock = taken()
    assert lock and lock.owner_died is False and is_held()
    with lock as same:
        assert same is lock and is_held()
    assert not is_held()
    lock.unlock()  # long since
    with taken() as lock:
        lock.unlock()
        assert not is_held()
        with theirs.lock(timeout=0):
            lock.unlock()  # no other lock is given back
            assert theirs.attached == 2
    assert not is_held()


def test_the_end_of_a_with_gives_back_its_own_lock_alone(both):
    ours, theirs = both
    with ours.lock() as early:
        early.unlock()
        later = ours.lock()
    with pytest.raises(treenail.Again):
        theirs.lock(timeout=0)
    later.unlock()
    with pytest.raises(treenail.Invalid), ours.lock():
        ours.unlock()  # as threading's release() within a `with`
    with theirs.lock(timeout=0):
        pass


def test_snapshots(both):
    ours, theirs = both
    held = ours.write(b"hello")
    assert held.owner_died is False
    assert theirs.read(5) == b"hello" and theirs.read() == b"hello" + bytes(95)
    ours.write(array.array("d", [1.5, 2.5]), offset=8)
    numbers = array.array("d", [0, 0])
    assert theirs.read_into(numbers, 8).owner_died is False
    assert numbers.tolist() == [1.5, 2.5]
    snapshot = theirs.read(offset=96)
    assert (snapshot, snapshot.owner_died) == (bytes(4), False)
    assert theirs.read(0) == b"" and ours.write(b"", 100)
    for wrong in (
        lambda: ours.write(b"x", 100),
        lambda: ours.write(b"x", -1),
        lambda: ours.write(bytes(101)),
        lambda: ours.read(1, 100),
        lambda: ours.read(offset=101, length=0),
        lambda: ours.read(1, -1),
        lambda: ours.read(-1),
        lambda: ours.write(b"x", 2**64),
        lambda: ours.read(1, 2**64),
        lambda: ours.read(offset=-(2**62)),
    ):
        with pytest.raises(ValueError):
            wrong()
    for wrong in (lambda: ours.write(b"x", -3), lambda: Segment.create(ours.name, -3)):
        with pytest.raises(ValueError, match="not -3"):
            wrong()
    for wrong in (lambda: ours.write(b"x", 1.5), lambda: Segment.create(ours.name, "100")):
        with pytest.raises(TypeError, match="integer"):
            wrong()
    with pytest.raises(BufferError):
        ours.read_into(b"read-only")
    with ours.lock():
        for refused in (lambda: theirs.read(timeout=0), lambda: theirs.write(b"x", timeout=0)):
            with pytest.raises(treenail.Again):
                refused()
        with pytest.raises(treenail.TimedOut):
            theirs.read(timeout=0.05)


def test_a_snapshot_is_never_half_of_one_and_half_of_another(name):
    with Segment.create(name, 5000) as ours, Segment.open(name) as theirs:
        over = threading.Event()

        def write():
            while not over.is_set():
                for byte in (b"a", b"b"):
                    ours.write(byte * 5000)

        writing = started(write)
        for _ in range(300):
            assert len(set(theirs.read())) == 1
        over.set()
        ended(writing)


def test_changes(both):
    ours, theirs = both
    assert ours.version == 0
    with pytest.raises(treenail.Again):
        ours.wait(0, timeout=0)
    with pytest.raises(treenail.TimedOut):
        ours.wait(0, timeout=0.05)
    ours.notify()
    theirs.write(b"x")
    assert ours.version == theirs.version == 2
    assert ours.wait(0) == ours.wait(1, timeout=0) == 2
    for timeout in (None, SOON):
        seen, got = ours.version, []
        waiting = started(lambda: got.append(ours.wait(seen, timeout=timeout)))
        waiting.join(0.05)
        assert waiting.is_alive()
        theirs.notify()
        ended(waiting)
        assert got == [seen + 1]


def test_a_poller_hears_of_changes(both):
    ours, theirs = both
    with treenail.Poller() as poller:
        poller.add(ours)
        assert poller.wait(timeout=SOON) == [ours]
        with pytest.raises(treenail.Again):
            ours.wait(0, timeout=0)
        with pytest.raises(treenail.Again):
            poller.wait(timeout=0)
        theirs.notify()
        assert poller.wait(timeout=SOON) == [ours] and ours.wait(0, timeout=0) == 1
        assert ours.fileno() == ours.fileno() != ours.lock_fileno() == ours.lock_fileno()


def test_a_poller_hears_of_an_unlock(both):
    ours, theirs = both
    with treenail.Poller() as poller:
        poller.add(ours.lock_fileno(), "the lock")
        with theirs.lock():
            assert poller.wait(timeout=SOON) == ["the lock"]
            with pytest.raises(treenail.Again):
                ours.lock(timeout=0)
        assert poller.wait(timeout=0) == ["the lock"]
        with ours.lock(timeout=0):
            pass


def test_read_only(both):
    ours, _ = both
    with Segment.open(ours.name + "?access=ro") as reader:
        assert reader.buf.readonly and not ours.buf.readonly
        ours.write(b"hello")
        assert bytes(reader.buf[:5]) == reader.read(5) == b"hello"
        with pytest.raises(TypeError):
            reader.buf[0] = 1
        with pytest.raises(treenail.Denied):
            reader.write(b"x")
        with reader.lock(), pytest.raises(treenail.Again):
            ours.write(b"x", timeout=0)
        assert ours.version == 1


def test_opening_changes_nothing(both):
    ours, theirs = both
    with ours.lock(), Segment.open(ours.name) as third:
        assert (ours.version, third.version, bytes(third.buf)) == (0, 0, bytes(100))


OWNER = """
segment = treenail.Segment(sys.argv[1])
with getattr(segment, sys.argv[2])():
    segment.buf[:4] = b"half"
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("how", ["lock", "lock_shared"])
def test_the_lock_survives_its_owner(both, how):
    ours, theirs = both
    died = how == "lock"
    with program(OWNER, ours.name, how) as child:
        assert child.stdout.readline() == "held\n"
        assert ours.attached == 3
        with pytest.raises(treenail.Again):
            with ours.lock(timeout=0):
                pass
        child.kill()
        with ours.lock(timeout=SOON) as lock:
            assert lock.owner_died is died
            assert ours.attached == 2
    with ours.lock() as lock:
        assert lock.owner_died is False
    if died:
        with program(OWNER, ours.name, how) as child:
            assert child.stdout.readline() == "held\n"
            child.kill()
            snapshot = theirs.read(timeout=SOON)
            assert snapshot[:4] == b"half" and snapshot.owner_died
            with theirs.lock_shared() as lock:
                assert lock.owner_died
            assert theirs.write(b"whole").owner_died and not theirs.read().owner_died


def test_one_is_told_who_opened_it_read_only_or_may_not(name):
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with Segment.create(name + "?mode=0644", 4) as segment:
        segment.buf[:] = b"data"
        program_text = """
import os
os.setuid(65534)
segment = treenail.Segment(sys.argv[1] + "?owner=0&access=ro")
print(segment.buf.readonly, segment.buf.tobytes(), segment.version)
try:
    segment.read(timeout=0)
except treenail.Denied as error:
    print("denied")
"""
        with program(program_text, name) as child:
            assert child.communicate(timeout=SOON)[0] == "True b'data' 0\ndenied\n"
