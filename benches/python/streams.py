"""asyncio's streams over a Unix socket.

Nobody waits for drain(): each message is answered before the next, so nothing piles up.
"""

import asyncio
import socket


class Side:
    def __init__(self, name, size, options):
        self._size = size
        self._ends = socket.socketpair()

    def open(self, near):
        mine, other = self._ends if near else reversed(self._ends)
        other.close()
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(self._open(mine))

    async def _open(self, mine):
        self._reader, self._writer = await asyncio.open_unix_connection(sock=mine)

    async def send(self, data):
        self._writer.write(data)

    async def recv(self):
        return await self._reader.readexactly(self._size)

    def close(self):
        self._writer.close()
        self.loop.run_until_complete(self._writer.wait_closed())
        self.loop.close()
