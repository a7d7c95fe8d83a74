"""treenail.connection: CPython's own tests of multiprocessing.connection, with ours in its place."""

import multiprocessing
import multiprocessing.connection
import unittest
import unittest.mock

import pytest

from treenail import connection

# Debian has them in libpython3-testsuite.
theirs = pytest.importorskip("test._test_multiprocessing")

METHODS = ["fork", "spawn"]


class Ours(theirs.ProcessesMixin):
    """What CPython's tests take from multiprocessing, with ours in place of its connections."""

    connection = connection
    Pipe = staticmethod(connection.Pipe)
    start_method = "fork"

    @classmethod
    def setUpClass(cls):
        multiprocessing.set_start_method(cls.start_method, force=True)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        multiprocessing.set_start_method(None, force=True)


LEFT_OUT = {
    # A channel's descriptor is no socket to send others through.
    "test_fd_transfer", "test_large_fd_transfer", "test_missing_fd_transfer",
    # A connection that is in use belongs to its process.
    "test_pickling", "test_boundaries",
    # Whoever knows the name of an abstract socket may connect.
    "test_abstract_socket",
}  # fmt: skip
CLASSES = [
    "_TestConnection", "_TestListener", "_TestListenerClient", "_TestPoll",
    "_TestPicklingConnections",
]  # fmt: skip


def adapted(name, method):
    """A class of CPython's tests, as a class of this module, which children can import."""
    base = getattr(theirs, name)
    members = {"start_method": method, "__module__": __name__}
    members.update({left: None for left in LEFT_OUT if hasattr(base, left)})
    ours = f"Test{name.removeprefix('_Test')}With{method.title()}"
    globals()[ours] = type(ours, (Ours, base, unittest.TestCase), members)


for _name in CLASSES:
    for _method in METHODS:
        adapted(_name, _method)


class TestWaitInOurs(theirs.TestWait):
    """Their tests of wait, which take it and Pipe from multiprocessing itself."""

    def setUp(self):
        super().setUp()
        context = multiprocessing.get_context("fork")
        for owner, name, ours in (
            (multiprocessing.connection, "wait", connection.wait),
            (multiprocessing, "Pipe", connection.Pipe),
            (multiprocessing, "Process", context.Process),
        ):
            replaced = unittest.mock.patch.object(owner, name, ours)
            replaced.start()
            self.addCleanup(replaced.stop)
