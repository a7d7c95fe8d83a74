"""treenail, as a Python program uses it."""

import treenail

WAIT = 10  # seconds for what should take microseconds: fail rather than hang


class Side:
    def __init__(self, name, size, options):
        scheme, mark, rest = options.partition("?")
        self._endpoint = f"{scheme}:{name}?retry=1{'&' if mark else ''}{rest}"

    def open(self, near):
        join = treenail.create if near else treenail.connect
        self._channel = channel = join(self._endpoint, timeout=WAIT)
        self.send, self.recv = channel.send, channel.recv
        self.send_many, self.recv_many = channel.send_many, channel.recv_many

    def view(self, look):
        with self._channel.recv_view() as view:
            return look(view.data)

    def close(self):
        self._channel.close()
