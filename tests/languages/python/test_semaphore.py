"""Semaphores."""

import contextlib
import copy
import multiprocessing
import pickle
import threading

import pytest
from conftest import SOON, ended, objects, program, started
from test_processes import in_child

import treenail
from treenail import Semaphore


def test_units_are_acquired_and_released(name):
    ours, theirs = Semaphore(name, 3), Semaphore(name, 9)
    assert (ours.name, ours.value, theirs.value) == (name, 3, 3)
    assert ours.acquire() is True and ours.value == 2
    assert theirs.acquire(2, timeout=0) and ours.value == 0
    for wait in (lambda: ours.acquire(timeout=0), lambda: theirs.acquire(3, timeout=0)):
        with pytest.raises(treenail.Again):
            wait()
    with pytest.raises(treenail.TimedOut, match=name):
        ours.acquire(timeout=0.05)
    theirs.release(2)
    ours.release()
    with ours as got, theirs:
        assert got is True and ours.value == 1
    ours.release(5)  # such as a producer makes
    assert theirs.value == 8
    ours.close()
    assert theirs.value == 8


def test_one_is_made_or_opened_as_is_asked_for(name):
    with pytest.raises(treenail.NotFound, match=name):
        Semaphore.open(name)
    made = Semaphore.create(name, 3)
    with pytest.raises(treenail.Exists, match=name):
        Semaphore.create(name, 3)
    opened, either = Semaphore.open(name), Semaphore.open_or_create(name, 7)
    assert (made.value, opened.value, either.value) == (3, 3, 3)
    with opened as got:
        assert got is True and made.value == 2
    again = pickle.loads(pickle.dumps(opened))
    assert again.value == 3 and again.name == name
    for one in (made, opened, either, again):
        one.close()
    with pytest.raises(treenail.NotFound):
        pickle.loads(pickle.dumps(opened))
    assert Semaphore.open_or_create(name, 7).value == 7
    with pytest.raises(ValueError):
        Semaphore.create(name, -1)


def test_an_exit_stack_acquires_and_releases(name):
    semaphore = Semaphore(name)
    with contextlib.ExitStack() as stack:
        assert stack.enter_context(semaphore) is True and semaphore.value == 0
    assert semaphore.value == 1 and semaphore.acquire()
    with contextlib.ExitStack() as stack:
        stack.push(semaphore)
    assert semaphore.value == 1


def test_bad_arguments(name):
    semaphore = Semaphore(name)
    assert semaphore.value == 1
    for wrong in (
        lambda: semaphore.acquire(0), lambda: semaphore.acquire(-1), lambda: semaphore.release(0),
        lambda: semaphore.release(-1), lambda: semaphore.acquire(2**32 + 1),
        lambda: semaphore.release(2**31 - 1), lambda: semaphore.release(2**32 + 1),
        lambda: semaphore.acquire(timeout=-1), lambda: Semaphore(name, -1),
        lambda: Semaphore(name, 2**32), lambda: Semaphore("a/b"), lambda: Semaphore(name + "\0"),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            wrong()
    assert semaphore.value == 1


def test_a_waiting_one_gets_what_is_released(name):
    ours, theirs, got = Semaphore(name, 0), Semaphore(name), []
    for wait in (ours.acquire, lambda: ours.acquire(1, timeout=30), ours.__enter__):
        waiting = started(lambda: got.append(wait()))
        waiting.join(0.05)
        assert waiting.is_alive()
        theirs.release()
        ended(waiting)
    assert got == [True] * 3 and ours.value == 0


def test_no_more_are_inside_than_there_are_units(name):
    inside, most, guard = [], [], threading.Lock()

    def work():
        semaphore = Semaphore(name, 2)
        for _ in range(60):
            with semaphore:
                with guard:
                    inside.append(None)
                    most.append(len(inside))
                with guard:
                    inside.pop()

    first = Semaphore(name, 2)
    ended(*[started(work) for _ in range(5)])
    assert max(most) <= 2 and first.value == 2


HOLDER = """
semaphore = treenail.Semaphore(sys.argv[1] + sys.argv[2])
semaphore.acquire(2)
print("acquired", flush=True)
sys.stdin.read()
"""


def test_units_come_back_when_their_holder_dies(name):
    ours = Semaphore(name, 3)
    with program(HOLDER, name, "") as child:
        assert child.stdout.readline() == "acquired\n" and ours.value == 1
        child.kill()
        ours.acquire(3, timeout=SOON)
        ours.release(3)
    with program(HOLDER, name, "?undo=0") as child:
        assert child.stdout.readline() == "acquired\n"
        child.kill()
        child.wait(SOON)
        assert ours.value == 1
    ours.release(2)
    other = Semaphore(name)
    with pytest.raises(treenail.Closed), other:
        other.close()
    assert ours.value == 3
    del other


def test_it_goes_with_its_last_holder(name):
    semaphore = Semaphore(name, 3)
    with treenail.Segment.create(name, 1):  # which has names of its own
        assert len(objects(name)) == 2
    del semaphore
    assert not objects(name)
    Semaphore(name + "?persist=1", 3).acquire()
    assert Semaphore(name, 7).value == 3
    Semaphore.remove(name)
    with pytest.raises(treenail.NotFound):
        Semaphore.remove(name)


def test_nothing_works_after_close(name):
    ours, other = Semaphore(name, 0), Semaphore(name)

    def fails(call):
        with pytest.raises(treenail.Closed):
            call()

    calls = [ours.acquire, lambda: ours.acquire(1, timeout=SOON), ours.__enter__]
    waiting = [started(fails, call) for call in calls]
    waiting[0].join(0.05)
    ours.close()
    ours.close()
    ended(*waiting)
    calls += [ours.release, ours.fileno, lambda: ours.value, lambda: ours.__enter__()]
    for call in [*calls, lambda: ours.__exit__(None, None, None)]:
        fails(call)
    assert ours.closed and other.value == 0


def test_a_poller_hears_of_a_release(name):
    ours, theirs = Semaphore(name, 0), Semaphore(name)
    with treenail.Poller() as poller:
        poller.add(ours)
        with pytest.raises(treenail.Again):
            ours.acquire(timeout=0)
        with pytest.raises(treenail.Again):
            poller.wait(timeout=0)
        theirs.release()
        assert poller.wait(timeout=SOON) == [ours] and ours.acquire(timeout=0)


def work(semaphore):
    for _ in range(100):
        with semaphore:
            pass
    semaphore.release()


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_it_is_sent_to_another_process(name, method):
    with_none, context = Semaphore(name, 1), multiprocessing.get_context(method)
    processes = [context.Process(target=work, args=(with_none,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(6 * SOON)
        assert process.exitcode == 0
    assert with_none.value == 3
    assert pickle.loads(pickle.dumps(with_none)).value == copy.copy(with_none).value == 3


def test_a_forked_child_is_refused(name):
    semaphore = Semaphore(name, 1)

    def check():
        for call in (semaphore.acquire, semaphore.__enter__, semaphore.release):
            with pytest.raises(treenail.Invalid):
                call()
        own = Semaphore(name)
        own.acquire()
        semaphore.close()

    in_child(check)
    semaphore.acquire(timeout=SOON)  # the child's own came back
