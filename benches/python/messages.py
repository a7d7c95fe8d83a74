"""The messages of a slice: made beforehand, and compared in C with what arrives.

So marking and checking costs every contestant the same, and less than 0.1 µs a small message.
"""

from struct import Struct

STOP = 2**64 - 1
SMALL_MAX = 1024
SMALL_COUNT, LARGE_COUNT = 64, 4
PINGS_PER_CLOCK = 16


class Spoilt(Exception):
    """What arrived is not what was sent."""


class Messages:
    """Messages of one size, which pass in the same order again and again.

    Each has three marks, at both ends and in the middle. A copy is compared as a whole; of a view
    only the marks are, as whoever needs no copy doesn't look at every byte either.
    """

    def __init__(self, size):
        half = size // 2
        self._struct = Struct(f"<Q{half - 8}xQ{size - half - 16}xQ")
        self.marks = self._struct.unpack
        numbers = range(SMALL_COUNT if size <= SMALL_MAX else LARGE_COUNT)
        marks = [(n, n * 0x9E3779B97F4A7C15 % 2**64, STOP - n) for n in numbers]
        # Between two looks at the clock a group passes: many small messages, or a single large one.
        group = SMALL_COUNT if size <= SMALL_MAX else 1
        self.marks_groups = [marks[at : at + group] for at in range(0, len(marks), group)]
        self.groups = [[self._struct.pack(*m) for m in part] for part in self.marks_groups]
        self.pings = self.groups[0][:PINGS_PER_CLOCK]

    def stop(self, count):
        """The last message of a slice, which says how many came before it."""
        return self._struct.pack(STOP, count, 0)

    def check_stop(self, message, count):
        """The message that was not the next one is the last one, and nothing is missing."""
        self.check_stop_marks(self.marks(message), count)

    def check_stop_marks(self, marks, count):
        if marks != (STOP, count, 0):
            raise self.spoilt(count)

    @staticmethod
    def spoilt(number):
        return Spoilt(f"message {number} is not what was sent")
