"""A treenail segment's lock, as a Python program uses it."""

import treenail


class Side:
    def __init__(self, name, size, options):
        self._name = name

    def open(self, near):
        self._segment = treenail.Segment.open_or_create(self._name, 4096)

    def hold(self, times):
        lock = self._segment.lock
        for _ in range(times):
            with lock():
                pass

    def close(self):
        self._segment.close()
