"""multiprocessing.Pipe without pickling: a Unix socket, or a pipe with the option one-way.

For messages one way a pipe is what its users ask for, and about twice as fast as the socket.
"""

from multiprocessing import Pipe


class Side:
    def __init__(self, name, size, options):
        self._near, self._far = Pipe(duplex=options != "one-way")

    def open(self, near):
        mine, other = (self._near, self._far) if near else (self._far, self._near)
        other.close()
        self.send, self.recv = mine.send_bytes, mine.recv_bytes

    def close(self):
        self._near.close()
        self._far.close()
