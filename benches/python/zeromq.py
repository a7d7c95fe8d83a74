"""pyzmq: PAIR over ipc, its leanest pattern, with its own waiting and its own batching.

send_multipart is no batch: it is slower than a send for each message. With the option no-copy what
is sent is used where it lies, which pays for large messages only.
"""

import os
from functools import partial

import zmq

LARGE = 65536
LARGE_QUEUE = 8  # messages: with its 1000, a gigabyte would pile up, which is slower too


class Side:
    def __init__(self, name, size, options):
        self._path = f"/tmp/{name}.zmq"
        self._large, self._copies = size >= LARGE, options != "no-copy"

    def open(self, near):
        self._near = near
        self._context = zmq.Context()
        self._socket = socket = self._context.socket(zmq.PAIR)
        socket.linger = 0
        if self._large:
            socket.hwm = LARGE_QUEUE
        (socket.bind if near else socket.connect)(f"ipc://{self._path}")
        self.send = socket.send if self._copies else partial(socket.send, copy=False)
        self.recv = socket.recv

    def view(self, look):
        return look(self._socket.recv(copy=False).buffer)

    def close(self):
        self._context.destroy()
        if self._near:
            os.unlink(self._path)
