"""The one way to start a program: it ends when mmio-bisect does, however that dies, with all that it started.

`tied` gives the words to start it with: this file as a program, `python -I -S tied_process.py PARENT WORD…`, which runs
the words as its child. The kernel tells it of its parent's death (prctl(2), PR_SET_PDEATHSIG), and makes it the parent
of whatever its child leaves behind (PR_SET_CHILD_SUBREAPER), so that it finds all of them. That signal is tied to the
*thread* that started the program, which therefore must live as long.

A worker of a pool runs our own code and starts nothing: it calls `end_with` instead. Compilers are started by
`launcher.py`, which does the same and more.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_NOT_STARTED = 127  # as a shell has it


def tied(words: Sequence[str]) -> list[str]:
    """It exits as the program does, with 128 + N where signal N ended that, and with 127 where it cannot be started."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *words]


def end_with(parent: int) -> None:
    """SIGKILL for this process as soon as its parent is dead: at once, if it is already."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


class _Stop(BaseException):
    """SIGTERM: our parent is dead, or wants the end."""


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _stop(_number: int, _frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Stop


def _start(words: Sequence[str]) -> int:
    own = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            end_with(own)  # for one who kills us, and not the program
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)
            os.execvp(words[0], tuple(words))  # noqa: S606 - no shell is wanted
        except OSError as error:
            os.write(2, f"{words[0]}: {error.strerror}\n".encode())
        finally:
            os._exit(_NOT_STARTED)
    return child


def _wait_for(child: int) -> int:
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _kill_descendants() -> None:
    """Until all are gone: those whose parents are dead are our children."""
    while True:
        with open("/proc/thread-self/children") as file:  # noqa: PTH123 - pathlib would be imported for it
            for child in file.read().split():
                os.kill(int(child), signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _main() -> int:
    parent, *words = sys.argv[1:]
    try:
        signal.signal(signal.SIGTERM, _stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to the program as well
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        if os.getppid() != int(parent):
            return 1
        return _wait_for(_start(words))
    except _Stop:
        return 128 + signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _kill_descendants()


if __name__ == "__main__":
    sys.exit(_main())
