"""A fresh interpreter that imports the module which the options name, and says how long it took."""

import subprocess
import sys

CODE = "from time import perf_counter_ns as now; t = now(); import {}; print(now() - t)"


class Side:
    def __init__(self, name, size, options):
        self._command = [sys.executable, "-c", CODE.format(options)]

    def open(self, near):
        pass

    def fresh(self):
        return int(subprocess.run(self._command, check=True, capture_output=True).stdout)

    def close(self):
        pass
