"""Objects through a Pipe of treenail.connection or multiprocessing.connection, which the options
name."""

import importlib


class Side:
    def __init__(self, name, size, options):
        self._near, self._far = importlib.import_module(options).Pipe()

    def open(self, near):
        mine, other = (self._near, self._far) if near else (self._far, self._near)
        other.close()
        put, take = mine.send, mine.recv
        self.send = lambda data: put({"kind": 1, "data": data})
        self.recv = lambda: take()["data"]

    def close(self):
        self._near.close()
        self._far.close()
