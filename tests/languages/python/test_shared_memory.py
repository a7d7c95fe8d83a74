"""The class in the place of multiprocessing's SharedMemory, and with objects of that itself."""

import multiprocessing
import multiprocessing.shared_memory
import os
import pickle
import subprocess
import sys

import pytest
from conftest import SOON, objects, program

import treenail
from treenail.shared_memory import SharedMemory


def test_one_makes_it_and_others_open_it(name):
    memory = SharedMemory(name, create=True, size=512)
    assert (memory.name, memory.size, len(memory.buf)) == (name, 512, 512)
    memory.buf[0] = 42
    assert memory.buf[0] == 42 and memory.buf[511] == 0
    same, third = SharedMemory(name), SharedMemory(name, size=123)  # which means nothing here
    assert same.size == third.size == 512 and same.buf[0] == 42
    same.buf[0] = 1
    same.close()
    assert memory.buf[0] == third.buf[0] == 1
    with pytest.raises(FileExistsError):
        SharedMemory(name, create=True, size=512)
    assert name in repr(memory) and "512" in repr(memory)
    for one in (third, memory):
        one.close()
    memory.unlink()  # in whichever order
    with pytest.raises(FileNotFoundError):
        SharedMemory(name)


def test_the_size_is_that_asked_for(name):
    for size in (1, 4096, 4097, 100000):
        memory = SharedMemory(name=name, create=True, size=size)
        assert memory.size == len(memory.buf) == size
        memory.close()
    for wrong in (0, -1):
        with pytest.raises(ValueError):
            SharedMemory(name, create=True, size=wrong)
    with pytest.raises(ValueError):
        SharedMemory(name, True)
    with pytest.raises(ValueError):
        SharedMemory()
    with pytest.raises(ValueError):
        SharedMemory(name + "\0", create=True, size=1)


def test_names_that_are_made_up_differ():
    memories = [SharedMemory(create=True, size=8) for _ in range(20)]
    names = [memory.name for memory in memories]
    assert len(set(names)) == 20 and all(map(objects, names))
    assert [SharedMemory(name).size for name in names] == [8] * 20
    for memory in memories:
        memory.close()
    assert not any(map(objects, names))


def test_unlink_takes_the_name_away_and_leaves_the_memory(name):
    memory, other = SharedMemory(name, True, 8), SharedMemory(name)
    memory.unlink()
    with pytest.raises(FileNotFoundError):
        SharedMemory(name)
    with pytest.raises(FileNotFoundError):
        memory.unlink()
    memory.buf[0] = 7
    assert other.buf[0] == 7
    with SharedMemory(name, True, 8) as fresh:
        assert fresh.buf[0] == 0


def test_what_is_untracked_stays_until_it_is_unlinked(name):
    memory = SharedMemory(name, True, 8, track=False)
    memory.buf[0] = 7
    memory.close()
    memory = SharedMemory(name, track=False)
    assert memory.name == name and memory.buf[0] == 7
    memory.close()
    memory.unlink()
    assert not objects(name)
    memory = SharedMemory(name + "?mode=0640", True, 8, track=False)
    memory.close()
    memory.unlink()


def test_close_is_refused_while_the_memory_is_used(name):
    with SharedMemory(name, True, 8) as memory:
        part = memory.buf[1:]
        with pytest.raises(BufferError):
            memory.close()
        part.release()


def test_the_buffer_may_be_released_before(name):
    with SharedMemory(name, True, 8) as memory:
        with memory.buf as numbers:
            numbers[0] = 1
        assert memory.buf[0] == 1
        memory.buf.release()
    memory.unlink()
    with pytest.raises(ConnectionError):
        memory.buf


def test_pickle(name):
    memory = SharedMemory(name, True, 5)
    memory.buf[:] = b"hello"
    pickled = pickle.dumps(memory)
    with pickle.loads(pickled) as other:
        assert type(other) is SharedMemory and other.name == name
        assert (other.size, bytes(other.buf)) == (5, b"hello")
    memory.close()
    with pytest.raises(FileNotFoundError):
        pickle.loads(pickled)


def change(memory):
    memory.buf[:5] = b"howdy"
    memory.close()


def change_by_name(name):
    memory = SharedMemory(name)
    memory.buf[5:] = b"there"
    memory.close()


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_other_processes_change_it(name, method):
    context, memory = multiprocessing.get_context(method), SharedMemory(name, True, 10)
    for target, argument in ((change, memory), (change_by_name, name)):
        process = context.Process(target=target, args=(argument,))
        process.start()
        process.join(6 * SOON)
        assert process.exitcode == 0
    assert bytes(memory.buf) == b"howdythere"
    memory.close()
    memory.unlink()


def test_no_interpreter_that_ends_takes_it_along(name):
    """Which that of multiprocessing does: here its resource tracker would remove the memory."""
    text = (
        "from treenail.shared_memory import SharedMemory\n"
        "memory = SharedMemory(sys.argv[1])\nmemory.buf[0] = 1"
    )
    memory = SharedMemory(name, True, 8)
    for code in (text, text + "\nimport os\nos.kill(os.getpid(), 9)"):
        with program(code, name, stderr=-1) as child:
            assert child.communicate(timeout=SOON) == ("", "")
    with SharedMemory(name) as other:
        assert other.buf[0] == 1 and memory.attached == 2


def test_nothing_is_left_when_its_maker_forgets_it(name):
    text = (
        "from treenail.shared_memory import SharedMemory\n"
        "memory = SharedMemory(sys.argv[1], True, 8)\nkept = memory.buf[1:]"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import sys\n" + text, name],
        capture_output=True, text=True, timeout=SOON,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not objects(name)


LOCKER = """
segment = treenail.Segment("native:/" + sys.argv[1])
with segment.lock():
    segment.buf[:4] = b"half"
    print("held", flush=True)
    sys.stdin.read()
"""


def test_memory_of_multiprocessing_has_a_lock_here(name):
    theirs = multiprocessing.shared_memory.SharedMemory(name, create=True, size=10)
    try:
        theirs.buf[:5] = b"hello"
        with SharedMemory("native:/" + name) as ours:
            assert ours.size == len(ours.buf) == theirs.size == 10
            assert bytes(ours.buf[:5]) == b"hello"
            ours.write(b"there", 5)
            assert bytes(theirs.buf) == b"hellothere"
            with program(LOCKER, name) as child:
                assert child.stdout.readline() == "held\n" and ours.attached == 2
                with pytest.raises(treenail.Again):
                    ours.write(b"x", timeout=0)
                child.kill()
                with ours.lock(timeout=SOON) as lock:
                    assert lock.owner_died and bytes(theirs.buf[:4]) == b"half"
            with pytest.raises(ValueError):
                ours.unlink()
            with pytest.raises(ValueError):
                SharedMemory("native:/" + name, create=True, size=10)
        theirs.buf[0] = 0  # it is still there
    finally:
        theirs.close()
        theirs.unlink()


def test_multiprocessing_opens_what_was_made_here(name):
    """It begins with the library's own bytes; the data end where the object does, or before."""
    with SharedMemory(name, True, 5000) as ours:
        ours.buf[:5] = b"hello"
        file = f"{os.environ.get('TREENAIL_SHM_PREFIX', 'treenail.')}{os.getuid()}.{name}"
        options = {"track": False} if sys.version_info >= (3, 13) else {}
        theirs = multiprocessing.shared_memory.SharedMemory(file, **options)
        try:
            start = theirs.size - 5000
            assert start % 4096 == 0 and bytes(theirs.buf[start : start + 5]) == b"hello"
            theirs.buf[start] = ord("j")
            assert ours.read(5) == b"jello"
        finally:
            theirs.close()
            if not options:
                from multiprocessing import resource_tracker

                resource_tracker.unregister(theirs._name, "shared_memory")
