"""maker.py: makes an object by multiprocessing; see tests/languages/foreign/mod.rs.

    maker.py NAME SIZE
"""

import signal
import sys
import time
from multiprocessing.shared_memory import SharedMemory

memory = SharedMemory(sys.argv[1], create=True, size=int(sys.argv[2]))
memory.buf[100] = 7
signal.alarm(30)
while memory.buf[100] != 9:
    time.sleep(0.001)
right = memory.buf[101] == 8
memory.close()
memory.unlink()
sys.exit(not right)
