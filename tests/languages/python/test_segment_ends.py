"""Segments: views that are alive, the end of the interpreter, other processes."""

import copy
import gc
import multiprocessing
import pickle
import weakref

import pytest
from conftest import SOON, Interrupt, Step, ended, objects, program, started
from test_views import USES
from test_processes import in_child

import treenail
from treenail import Segment


@pytest.mark.parametrize("make", USES.values(), ids=USES.keys())
def test_it_is_not_closed_while_something_made_of_its_data_is_there(name, make):
    with Segment.create(name, 100) as segment, Segment.open(name) as other:
        segment.buf[:5] = b"hello"
        made = make(segment.buf)
        before = bytes(made)
        for _ in range(2):
            with pytest.raises(BufferError, match="still in use"):
                segment.close()
            assert not segment.closed and bytes(segment.buf[:5]) == b"hello"
        with segment.lock():
            other.notify()
        assert bytes(made) == before
        del made
        segment.close()
        assert segment.closed and other.attached == 1


@pytest.mark.parametrize("access", ["", "?access=ro"])
def test_its_data_may_be_released_before(name, access):
    with Segment.create(name, 10) as other:
        segment = Segment.open(name + access)
        with segment.buf as data:
            assert segment.buf is data
        data = segment.buf
        assert len(data) == 10 and data.readonly == bool(access)
        data.release()
        made = segment.buf[1:]
        segment.buf.release()
        with pytest.raises(BufferError):
            segment.close()
        other.buf[1] = 7
        assert made[0] == segment.buf[1] == 7
        del made
        segment.buf.release()
        segment.close()
        assert segment.closed and other.attached == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of finalisers
def test_a_close_that_was_interrupted_can_be_done_again(name):
    def interrupt():
        raise Interrupt

    with Segment.create(name, 10) as other:
        for step in Step.each(interrupt):
            segment = Segment.open(name)
            try:
                with step:
                    segment.close()
            except Interrupt:
                pass
            segment.close()
            for use in (lambda: segment.buf, segment.lock, segment.read):
                with pytest.raises(treenail.Closed):
                    use()
            assert other.attached == 1


def test_an_exception_is_not_hidden_by_what_it_leaves_behind(name):
    with pytest.raises(KeyError):
        with Segment.create(name, 10) as segment:
            kept = segment.buf[1:]
            raise KeyError
    del kept
    segment.close()


@pytest.mark.parametrize("make", USES.values(), ids=USES.keys())
def test_what_outlives_its_segment_keeps_the_memory(name, make):
    made = make(Segment.create(name, 100).buf)
    with Segment.open(name) as other:
        other.buf[:] = b"x" * 100
        gc.collect()
        assert bytes(made) == b"x" * len(made)
        assert other.attached == 2
        del made
        assert other.attached == 1


def test_the_collector_takes_views_that_are_garbage(name):
    """Python up to 3.12 crashes where one memoryview is based on another."""

    def check():
        for _ in range(20):
            view = Segment.create(name, 100).buf
            cycle = [view]
            cycle.append(cycle)
            del view, cycle
            gc.collect()
            assert not objects(name)

    in_child(check)


def test_nothing_works_after_close(name):
    segment, other = Segment.create(name, 10), Segment.open(name)
    data = segment.buf
    handle = weakref.ref(segment._handle)
    segment.close()
    segment.close()
    for call in (
        lambda: segment.buf, lambda: segment.version, lambda: segment.read(),
        lambda: segment.write(b"x"), lambda: segment.notify(), lambda: segment.wait(0),
        lambda: segment.fileno(), lambda: segment.lock_fileno(),
        lambda: segment.lock(),
        lambda: segment.lock_shared(), lambda: segment.lock(timeout=1),
    ):  # fmt: skip
        with pytest.raises(treenail.Closed):
            call()
    with pytest.raises(ValueError):
        bytes(data)
    assert (segment.name, segment.size, segment.attached, segment.closed) == (name, 10, 0, True)
    gc.collect()
    assert handle() is None
    other.close()


def fails(call):
    with pytest.raises(treenail.Closed):
        call()


def test_close_ends_every_wait(name):
    with Segment.create(name, 10) as other:
        ours = Segment.open(name)
        waits = [lambda: ours.wait(0), lambda: ours.wait(0, timeout=SOON), ours.read]
        waits += [ours.lock, lambda: ours.lock_shared(timeout=SOON)]
        with other.lock():
            waiting = [started(fails, wait) for wait in waits]
            waiting[0].join(0.1)
            ours.close()
            ended(*waiting)


def test_close_hands_the_lock_on(name):
    with Segment.create(name, 10) as other:
        ours = Segment.open(name)
        with pytest.raises(treenail.Closed), ours.lock():
            ours.close()
        with other.lock(timeout=0) as lock:
            assert lock.owner_died


EXITS = {
    "a global": "",
    "an array": "data = memoryview(segment.buf)[1:]",
    "a cycle": "class Cycle: pass\ncycle = Cycle(); cycle.own = cycle; cycle.segment = segment",
    "threads that wait": """
import threading
for _ in range(20):
    threading.Thread(target=segment.wait, args=(0,), daemon=True).start()""",
    "a lock": "segment.lock()",
    "never collected": "import builtins, ctypes\n"
    "ctypes.pythonapi.Py_IncRef(ctypes.py_object(segment))",
    "at exit": "import atexit\natexit.register(lambda: segment.buf[0])",
}


@pytest.mark.parametrize("what", EXITS)
def test_the_interpreter_ends_with_everything_open(name, what):
    text = f"segment = treenail.Segment.create(sys.argv[1], 10)\n{EXITS[what]}\n"
    with program(text, name, stderr=-1) as child:
        assert child.communicate(timeout=SOON) == ("", "")
        assert child.returncode == 0
    assert not objects(name)


def test_a_forked_child_sees_the_data_and_is_no_second_owner(name):
    segment = Segment.create(name, 10)
    made = segment.buf[1:]

    def check():
        nonlocal segment, made
        segment.buf[:2] = b"hi"
        for call in (
            segment.lock, lambda: segment.lock(timeout=1), segment.read, segment.notify,
            segment.fileno, segment.lock_fileno, lambda: segment.wait(0),
            lambda: segment.write(b"x"),
        ):  # fmt: skip
            with pytest.raises(treenail.Invalid):
                call()
        assert segment.attached == 0
        with Segment.open(segment.name) as own:
            assert own.attached == 2
            with own.lock():
                own.notify()
        del made
        segment.close()
        del segment

    in_child(check)
    assert bytes(made[:1]) == b"i" and segment.version == 1 and segment.attached == 1


def visit(segment, number):
    """What a process does with a segment that it was sent."""
    with segment.lock(timeout=SOON):
        segment.buf[number] = number
    segment.notify()
    segment.close()


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_it_is_sent_to_another_process(name, method):
    context = multiprocessing.get_context(method)
    with Segment.create(name, 10) as segment:
        processes = [context.Process(target=visit, args=(segment, n)) for n in (1, 2)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(6 * SOON)
            assert process.exitcode == 0
        assert bytes(segment.buf) == b"\0\1\2" + bytes(7)
        assert (segment.version, segment.attached) == (2, 1)


def test_a_pool_of_forked_ones_opens_its_own(name):
    with Segment.create(name, 10) as segment:
        with multiprocessing.get_context("fork").Pool(2) as pool:
            pool.starmap(visit, [(segment, number) for number in range(10)], chunksize=1)
        assert bytes(segment.buf) == bytes(range(10)) and segment.version == 10


def test_a_copy_is_another_holder(name):
    with Segment.create(name + "?mode=0600", 10) as segment:
        with pickle.loads(pickle.dumps(segment)) as other, copy.copy(segment) as third:
            assert segment.attached == 3 and other.name == third.name == segment.name
            with other.lock(), pytest.raises(treenail.Again):
                third.write(b"x", timeout=0)
        pickled = pickle.dumps(segment)
    with pytest.raises(FileNotFoundError):
        pickle.loads(pickled)


def test_no_process_takes_the_segment_of_others_along(name):
    text = "segment = treenail.Segment(sys.argv[1]); print(segment.attached)"
    with Segment.create(name, 10) as segment:
        segment.write(b"stays")
        with program(text, name) as child:
            assert child.communicate(timeout=SOON)[0] == "2\n"
        with program(text + "\nsys.stdout.flush(); sys.stdin.read()", name) as child:
            assert child.stdout.readline() == "2\n"
            child.kill()
            child.wait(SOON)
        with Segment.open(name) as other:
            assert other.read(5) == b"stays" and other.attached == 2
