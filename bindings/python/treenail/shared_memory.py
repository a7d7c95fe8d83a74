"""A module in place of multiprocessing.shared_memory, with its class: only the import changes.

    from treenail.shared_memory import SharedMemory
"""

from ._segment import Segment as SharedMemory

__all__ = ["SharedMemory"]
