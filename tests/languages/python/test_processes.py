"""Several processes: spawned ones make their own handles, forked ones can't use ours."""

import copy
import multiprocessing
import os
import pickle
import subprocess
import sys

import pytest
from conftest import SOON, joined, meet

import treenail


def double(endpoint):
    with treenail.connect(endpoint, timeout=SOON) as channel:
        for message in channel:
            channel.send(message * 2)


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_multiprocessing(endpoint, method):
    context = multiprocessing.get_context(method)
    with treenail.Listener(endpoint) as listener:
        process = context.Process(target=double, args=(endpoint,))
        process.start()
        with listener.accept(timeout=SOON) as channel:
            channel.send(b"ab")
            assert channel.recv(timeout=SOON) == b"abab"
            assert channel.peer().pid == process.pid
        process.join(SOON)
        assert process.exitcode == 0


def test_handles_are_not_pickled(pair):
    ours, theirs = pair
    ours.send(b"view")
    with theirs.recv_view(timeout=SOON) as view, ours.loan(1) as loan, treenail.Poller() as poller:
        for owner in (ours, poller, view, loan):
            with pytest.raises(TypeError):
                pickle.dumps(owner)
            with pytest.raises(TypeError):
                copy.copy(owner)


def in_child(check):
    """Runs it in a forked process."""
    pid = os.fork()
    if pid == 0:
        try:
            check()
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0


def test_a_forked_child_is_refused_and_does_no_harm(endpoint):
    ours, theirs = joined(endpoint)
    listener, poller = treenail.Listener(endpoint), treenail.Poller()
    poller.add(ours)
    ours.send_many([b"view", b"in the inbox"])
    view, loan = theirs.recv_view(timeout=SOON), theirs.loan(10)

    def check():
        nonlocal ours, theirs, listener, poller, view, loan
        for call in (
            lambda: ours.send(b"x"), lambda: theirs.recv(), lambda: theirs.recv(timeout=0),
            lambda: theirs.recv_view(), lambda: theirs.recv_many(), lambda: ours.request(b"x"),
            lambda: ours.fileno(), lambda: ours.send_fileno(), lambda: ours.stats(),
            lambda: listener.accept(), lambda: listener.endpoint(), lambda: poller.wait(),
            lambda: loan.commit(),
        ):  # fmt: skip
            with pytest.raises(treenail.Invalid):
                call()
        # Its finalisers leave the parent's alone.
        for owner in (ours, theirs, listener, poller):
            owner.close()
        view.release()
        del ours, theirs, listener, poller, view, loan
        with treenail.Listener(endpoint + "child") as own:
            assert own.endpoint() == endpoint + "child"

    in_child(check)
    assert bytes(view) == b"view"
    loan[:4] = b"loan"
    loan.commit(4)
    view.release()
    assert ours.recv(timeout=SOON) == b"loan"
    assert theirs.recv(timeout=SOON) == b"in the inbox"
    theirs.send(b"to the poller")
    assert poller.wait(timeout=SOON) == [ours]
    meet(listener, treenail.connect_start(endpoint))


def test_what_was_kept_before_a_fork_is_not_read_in_the_child(pair):
    ours, theirs = pair
    theirs._kept.append(treenail.Message(b"taken before"))
    in_child(lambda: pytest.raises(treenail.Invalid, ours.send, b"x"))
    assert theirs.recv(timeout=0) == b"taken before"


IMPORT = """
import sys
before = set(sys.modules)
import treenail
new = set(sys.modules) - before
print(" ".join(sorted(new & {"asyncio", "typing", "enum", "re", "socket", "subprocess", "numpy",
                             "inspect", "dataclasses", "multiprocessing"})))
"""


def test_importing_brings_nothing_large():
    done = subprocess.run(
        [sys.executable, "-S", "-c", IMPORT], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_the_library_can_be_named(tmp_path):
    path = treenail._abi.library._name
    link = tmp_path / "another.so"
    link.symlink_to(path)
    program = "import treenail._abi as abi; print(abi.library._name)"
    for told, code, output in ((str(link), 0, str(link)), (str(tmp_path / "none.so"), 1, "")):
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True,
            env={**os.environ, "TREENAIL_LIBRARY": told},
        )  # fmt: skip
        assert (done.returncode, done.stdout.strip()) == (code, output)
    assert "ImportError" in done.stderr and "TREENAIL_LIBRARY" in done.stderr
