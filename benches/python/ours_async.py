"""treenail in an event loop."""

import asyncio

from treenail import aio


class Side:
    def __init__(self, name, size, options):
        self._endpoint = f"{options}:{name}?retry=1"

    def open(self, near):
        join = aio.create if near else aio.connect
        self.loop = asyncio.new_event_loop()
        self._channel = channel = self.loop.run_until_complete(join(self._endpoint))
        self.send, self.recv = channel.send, channel.recv

    def close(self):
        self._channel.close()
        self.loop.close()
