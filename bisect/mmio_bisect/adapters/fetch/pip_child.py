"""Runs pip so that it dies with mmio-bisect, even when that is killed with SIGKILL: `pip_child.py PARENT WORD…`.

pip would otherwise finish its download into a folder that nobody waits for any more. The signal is tied to the
*thread* that started the child, which therefore must be the one that waits for it.
"""

import ctypes
import os
import runpy
import signal
import sys

PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    parent, *words = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit("the process that asked for pip is gone")
    sys.argv = ["pip", *words]
    runpy.run_module("pip", run_name="__main__", alter_sys=True)
