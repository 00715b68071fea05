"""The program between mmio-bisect and compilers: it shuts the door behind itself, then runs one command after another.

Run as `python -I -S launcher.py PARENT CHANNEL PRIVATE`, by `execution` alone, once for a session. What must happen
between fork and exec cannot happen in a process with threads, hence a program of its own; it imports little, because a
fork of it is part of every compile.

PARENT is the process that must live on; PRIVATE the one folder that stays writable; CHANNEL a socket of packets. Each
packet is a request: FOLDER, LIMITS, PROGRAM, ARGV0, WORD… with a zero byte between them, and two descriptors, REPORT
and OUTPUT. FOLDER lies in PRIVATE (the program starts in its `work`); LIMITS are `memory,cpu,file,files,processes`;
without a PROGRAM it only isolates. The answer is the number of the process that takes care of it, which ends only
after every process of the program has, and leaves lines on REPORT:

    isolation WORD…        what the kernel granted, see `Isolation` in `subprocess_local`
    failed ERRNO           PROGRAM could not be executed
    ended STATUS SECONDS   how it ended (negative: the signal), and the processor time it took

With a pid namespace that takes three processes: the one that takes care, outside; the namespace's first, whose death
kills all others; and the program, which must not be the first, because signals with default action, abort()'s among
them, do not reach that one. Without, the one that takes care adopts orphans and kills them.
"""

import _signal as signal  # type: ignore[import-not-found]  # what `signal` wraps in enums
import _socket  # what `socket` wraps in enums and selectors
import array
import ctypes
import os
import resource
import sys

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = (
    0x00020000, 0x08000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 1
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 24, 36, 38

_libc = ctypes.CDLL(None, use_errno=True)


class _Stop(BaseException):
    """SIGTERM: mmio-bisect wants all of it ended, or is dead."""


def _check(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _prctl(option: int, value: int) -> None:
    _check(_libc.prctl(option, value, 0, 0, 0))


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:  # noqa: PTH123 - pathlib would be imported for it
        file.write(text)


def _isolate(private: bytes) -> list[str]:
    """Leave as much of the host behind as the kernel lets us, for all commands; say what that is."""
    granted = []
    user, group = os.getuid(), os.getgid()
    others = CLONE_NEWNET | CLONE_NEWNS
    if _libc.unshare(CLONE_NEWUSER | others) == 0:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")
        granted += ["user"]
    elif _libc.unshare(others) != 0:
        return granted
    granted += ["network"]
    try:
        _make_read_only(private)
    except OSError:  # a kernel before 5.12, or one that forbids mounts
        return granted
    return [*granted, "files"]


def _isolate_command(granted: list[str]) -> list[str]:
    """What a command is not to share with the one before."""
    if "network" in granted and _libc.unshare(CLONE_NEWPID | CLONE_NEWIPC) == 0:
        return [*granted, "processes"]
    return granted


def _make_read_only(private: bytes) -> None:
    """All mounts but `private`."""
    nothing = ctypes.c_void_p(None)
    _check(_libc.mount(nothing, b"/", nothing, ctypes.c_ulong(MS_REC | MS_PRIVATE), nothing))
    _check(_libc.mount(private, private, nothing, ctypes.c_ulong(MS_BIND), nothing))
    _set_read_only(b"/", AT_RECURSIVE, on=True)
    _set_read_only(private, 0, on=False)


def _set_read_only(path: bytes, flags: int, *, on: bool) -> None:
    attributes = (ctypes.c_uint64 * 4)(MOUNT_ATTR_RDONLY * on, MOUNT_ATTR_RDONLY * (not on), 0, 0)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    number = ctypes.c_long(SYS_MOUNT_SETATTR)
    _check(_libc.syscall(number, AT_FDCWD, path, flags, ctypes.byref(attributes), size))


def _counts_own_processes() -> bool:
    """RLIMIT_NPROC counts a user namespace's own processes since Linux 5.14; before, all of the user's."""
    major, minor = os.uname().release.split(".")[:2]
    return (int(major), int("".join(filter(str.isdigit, minor)))) >= (5, 14)


def _become(program: str, argv: list[str], limits: list[int], granted: list[str], report: int) -> None:
    private = os.path.dirname(os.getcwd())  # noqa: PTH109, PTH120 - pathlib would be imported for it
    environment = {
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C",
        "HOME": f"{private}/home",
        "TMPDIR": f"{private}/tmp",  # noqa: S108 - a folder of the command's own
        "SOURCE_DATE_EPOCH": "0",
    }
    try:
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        for number in (signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        memory, cpu, file, files, processes = limits
        _limit(resource.RLIMIT_AS, memory, memory)
        _limit(resource.RLIMIT_CPU, cpu, cpu + 1)  # SIGXCPU first, which says why; then SIGKILL
        _limit(resource.RLIMIT_FSIZE, file, file)
        _limit(resource.RLIMIT_NOFILE, files, files)
        _limit(resource.RLIMIT_CORE, 0, 0)
        if "user" in granted and _counts_own_processes():
            _limit(resource.RLIMIT_NPROC, processes, processes)
        for capability in range(64):
            if _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
                break
        _prctl(PR_SET_NO_NEW_PRIVS, 1)
        os.execve(program, argv, environment)  # noqa: S606 - argument list, no shell
    except OSError as error:
        os.write(report, f"failed {error.errno}\n".encode())
    finally:
        os._exit(127)


def _limit(kind: int, soft: int, hard: int) -> None:
    ceiling = resource.getrlimit(kind)[1]
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(kind, (soft, hard))


def _supervise(program: str, argv: list[str], limits: list[int], granted: list[str], report: int) -> None:
    child = os.fork()
    if child == 0:
        _become(program, argv, limits, granted, report)
    while True:
        ended, status, usage = os.wait4(-1, 0)
        if ended == child:
            break
    seconds = usage.ru_utime + usage.ru_stime
    os.write(report, f"ended {os.waitstatus_to_exitcode(status)} {seconds:.3f}\n".encode())


def _supervise_in_namespace(program: str, argv: list[str], limits: list[int], granted: list[str], report: int) -> None:
    first = os.fork()
    if first == 0:
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.write(report, b"begun\n")  # fails if mmio-bisect died before the line above took effect
            _supervise(program, argv, limits, granted, report)
        finally:
            os._exit(0)
    try:
        os.waitpid(first, 0)
    except _Stop:
        os.kill(first, signal.SIGKILL)
        os.waitpid(first, 0)  # returns when the whole namespace is dead


def _kill_descendants() -> None:
    """Children whose parents died are ours (PR_SET_CHILD_SUBREAPER): kill until there is none."""
    while True:
        with open("/proc/thread-self/children") as file:  # noqa: PTH123 - see above
            for child in file.read().split():
                os.kill(int(child), signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _stop(_number: int, _frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Stop


def _take_care(request: list[str], report: int, output: int, granted: list[str], server: int) -> None:
    """One command, in a process of its own."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, _stop)
    os.setsid()
    for standard in (1, 2):
        os.dup2(output, standard)
    os.close(output)
    granted = _isolate_command(granted)
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != server:
        return
    os.write(report, f"isolation {' '.join(granted)}\n".encode())
    folder, limits, *command = request
    if not command:
        return
    os.chdir(f"{folder}/work")
    program, *argv = command
    numbers = [int(limit) for limit in limits.split(",")]
    if "processes" in granted:
        _supervise_in_namespace(program, argv, numbers, granted, report)
        return
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        _supervise(program, argv, numbers, granted, report)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _kill_descendants()


def _serve(channel: _socket.socket, granted: list[str]) -> None:
    """Until the other end is closed: mmio-bisect wants no more, or is dead."""
    server = os.getpid()
    while True:
        request, extra, _, _ = channel.recvmsg(1 << 20, _socket.CMSG_SPACE(2 * array.array("i").itemsize))
        if not request:
            return
        descriptors = array.array("i")
        for _, _, data in extra:
            descriptors.frombytes(data)
        report, output = descriptors
        child = os.fork()
        if child == 0:
            try:
                channel.close()
                for descriptor in (report, output):
                    os.set_inheritable(descriptor, False)  # noqa: FBT003 - as the function is
                _take_care([os.fsdecode(word) for word in request.split(b"\0")], report, output, granted, server)
            except _Stop:
                pass
            except BaseException as error:  # noqa: BLE001 - to be read in the output
                os.write(2, f"{type(error).__name__}: {error}\n".encode())
            finally:
                os._exit(0)
        os.close(report)
        os.close(output)
        channel.send(str(child).encode())


def main() -> None:
    parent, number, private = sys.argv[1:]
    channel = _socket.socket(fileno=int(number))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who take care
    granted = _isolate(os.fsencode(private))
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)  # after the change of credentials, which clears it
    if os.getppid() == int(parent):
        _serve(channel, granted)


if __name__ == "__main__":
    main()
