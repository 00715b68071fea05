"""The program between mmio-bisect and compilers: it shuts the door behind itself, then runs one command after another.

Run as `python -I -S launcher.py PARENT CHANNEL OUTPUT LIMITS WRITABLE… -- SHOWN…`, by `execution` alone, once for a
session. What is to hold for every command alike is done once, and what must happen between fork and exec cannot happen
in a process with threads: hence a program of its own. It imports little, and starts compilers without copying itself
(posix_spawn), because both are part of the price of every compile.

PARENT is the process that must live on; WRITABLE are the only folders that stay writable, SHOWN what else is seen of
the host beside the system's programs; LIMITS are `memory,cpu,file,files,processes`; OUTPUT is
where commands write to; CHANNEL a socket of packets. The first packet is ours, then each request has one answer, which
comes only after every process of the command is dead:

    isolation WORD…        what the kernel granted, see `Isolation` in `workflow.ports.sandbox`
    FOLDER PROGRAM ARGV0 WORD…   a request, with zero bytes between; FOLDER is writable (we start in its `work`)
    failed ERRNO           PROGRAM could not be executed
    ended STATUS SECONDS   how it ended (negative: the signal), and the processor time it took

With a pid namespace there are two processes of us: one outside, which waits, and the namespace's first, which serves
and whose death kills all others. (Compilers are never the first, because signals with default action, abort()'s among
them, do not reach that one.) Without, one process serves, adopts orphans and kills them.

What commands see is a root of our own (mount_namespaces(7), pivot_root(2)): programs and libraries, what the loader and
compilers read in /etc, devices that hold nothing, and what they are given. The alternatives: bubblewrap makes the same
mounts, but is seldom installed, and would be one more program to start for each toolchain; Landlock (ABI 7) hides no
socket and no /proc, and needs a package that knows its newest ABI. Both would leave the rest of this file as it is.
"""

import _signal as signal  # type: ignore[import-not-found]  # what `signal` wraps in enums
import _socket  # what `socket` wraps in enums and selectors
import ctypes
import os
import resource
import sys

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = (
    0x00020000, 0x08000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 0x1, 0x2, 0x4, 0x8, 0x1000, 0x4000, 0x40000
MNT_DETACH = 2
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 1
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 24, 36, 38

_SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/clang"),
    *("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/proc"),
)
# A folder that every Linux has and that nothing shown is in: the new root is put together there.
_ASSEMBLY = "/sys"

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
    with open(path, "w") as file:
        file.write(text)


def _isolate(writable: list[str], shown: list[str]) -> list[str]:
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
        _change_root(writable, shown)
        granted += ["files"]
    except OSError:  # a kernel before 5.12, or one that forbids mounts
        pass
    if _libc.unshare(CLONE_NEWPID | CLONE_NEWIPC) == 0:
        granted += ["processes"]
    return granted


def _change_root(writable: list[str], shown: list[str]) -> None:
    """To one of our own, all of it read-only but those folders. Raises OSError, and then nothing has changed."""
    _mount("", "/", MS_REC | MS_PRIVATE)
    _check(_libc.mount(b"mmio-bisect", _ASSEMBLY.encode(), b"tmpfs", ctypes.c_ulong(MS_NOSUID | MS_NODEV), b"mode=755"))
    try:
        for path in (*_SYSTEM, *shown):
            if path in _SYSTEM and os.path.islink(path):
                os.symlink(os.readlink(path), _ASSEMBLY + path)
            elif os.path.exists(path) and not os.path.exists(_ASSEMBLY + path):
                _bind(path)
        for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
            os.symlink(f"/proc/self/{target}", f"{_ASSEMBLY}/dev/{name}")
        for path in writable:
            os.makedirs(_ASSEMBLY + path, exist_ok=True)
        _set_read_only(_ASSEMBLY, AT_RECURSIVE)
        for path in writable:
            _bind(path)
        os.chdir(_ASSEMBLY)
        _check(_libc.pivot_root(b".", b"."))
    except OSError:
        _libc.umount2(_ASSEMBLY.encode(), MNT_DETACH)
        raise
    _check(_libc.umount2(b".", MNT_DETACH))
    os.chdir("/")


def _bind(path: str) -> None:
    """Whatever links lead to it, it has its own name in the new root."""
    source, target = os.path.realpath(path), _ASSEMBLY + path
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    _mount(source, target, MS_BIND | MS_REC)


def _mount(source: str, target: str, flags: int) -> None:
    nothing = ctypes.c_void_p(None)
    _check(_libc.mount(os.fsencode(source), os.fsencode(target), nothing, ctypes.c_ulong(flags), nothing))


def _see_own_processes_alone() -> bool:
    """Over the host's /proc; not where that has parts that are covered, as in docker's containers."""
    flags = ctypes.c_ulong(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
    return bool(_libc.mount(b"proc", b"/proc", b"proc", flags, ctypes.c_void_p(None)) == 0)


def _set_read_only(path: str, flags: int) -> None:
    attributes = (ctypes.c_uint64 * 4)(MOUNT_ATTR_RDONLY, 0, 0, 0)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    number = ctypes.c_long(SYS_MOUNT_SETATTR)
    _check(_libc.syscall(number, AT_FDCWD, os.fsencode(path), flags, ctypes.byref(attributes), size))


def _counts_own_processes() -> bool:
    """RLIMIT_NPROC counts a user namespace's own processes since Linux 5.14; before, all of the user's."""
    major, minor = os.uname().release.split(".")[:2]
    return (int(major), int("".join(filter(str.isdigit, minor)))) >= (5, 14)


def _give_up(limits: list[int], granted: list[str]) -> None:
    """What commands shall not have: beyond limits, which hold for each of them anew, nothing that can be had back."""
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


def _limit(kind: int, soft: int, hard: int) -> None:
    ceiling = resource.getrlimit(kind)[1]
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(kind, (soft, hard))


def _run(request: bytes, output: int) -> str:
    """One command, but for what it leaves behind."""
    folder, program, *argv = request.split(b"\0")
    os.chdir(folder + b"/work")
    environment = {
        b"PATH": b"/usr/bin:/bin",
        b"LC_ALL": b"C",
        b"HOME": folder + b"/home",
        b"TMPDIR": folder + b"/tmp",
        b"SOURCE_DATE_EPOCH": b"0",
    }
    try:
        child = os.posix_spawn(
            program,
            argv,
            environment,
            file_actions=[(os.POSIX_SPAWN_DUP2, output, standard) for standard in (1, 2)],
            setpgroup=0,  # it may signal its own group, and we are not to be in it
            setsigdef=(signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ),
        )
    except OSError as error:
        return f"failed {error.errno}"
    while True:
        ended, status, usage = os.wait4(-1, 0)
        if ended == child:
            return f"ended {os.waitstatus_to_exitcode(status)} {usage.ru_utime + usage.ru_stime:.3f}"


def _kill_all_in_namespace() -> None:
    """All processes of the namespace but its first, which we are."""
    while True:
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            return
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _kill_descendants() -> None:
    """Children whose parents died are ours (PR_SET_CHILD_SUBREAPER): kill until there is none."""
    while True:
        with open("/proc/thread-self/children") as file:
            for child in file.read().split():
                os.kill(int(child), signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _serve(channel: _socket.socket, output: int, limits: list[int], granted: list[str]) -> None:
    """Until the other end is closed: mmio-bisect wants no more, or is dead."""
    clean = _kill_all_in_namespace if "processes" in granted else _kill_descendants
    _give_up(limits, granted)
    channel.send(f"isolation {' '.join(granted)}".encode())
    while request := channel.recv(1 << 20):
        answer = _run(request, output)
        clean()
        channel.send(answer.encode())


def _serve_in_namespace(channel: _socket.socket, output: int, limits: list[int], granted: list[str]) -> None:
    """Serve in the namespace's first process, and wait for it."""
    alive, kept = os.pipe()
    first = os.fork()
    if first == 0:
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.close(kept)
            os.set_blocking(alive, False)
            try:
                os.read(alive, 1)  # nothing: who waits for us died before the line above took effect
            except BlockingIOError:
                own = ["proc"] if "files" in granted and _see_own_processes_alone() else []
                _serve(channel, output, limits, granted + own)
        except BaseException as error:  # noqa: BLE001 - the last words
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(0)
    channel.close()
    os.close(output)
    try:
        os.waitpid(first, 0)
    except _Stop:
        os.kill(first, signal.SIGKILL)
        os.waitpid(first, 0)  # returns when the whole namespace is dead


def _stop(_number: int, _frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Stop


def main() -> None:
    parent, number, written, numbers, *folders = sys.argv[1:]
    channel, output = _socket.socket(fileno=int(number)), int(written)
    for descriptor in (channel.fileno(), output):
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - as the function is
    limits = [int(limit) for limit in numbers.split(",")]
    try:
        signal.signal(signal.SIGTERM, _stop)
        end = folders.index("--")
        granted = _isolate(folders[:end], folders[end + 1 :])
        _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)  # after the change of credentials, which clears it
        if os.getppid() != int(parent):
            return
        if "processes" in granted:
            _serve_in_namespace(channel, output, limits, granted)
            return
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
        try:
            _serve(channel, output, limits, granted)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            _kill_descendants()
    except _Stop:
        pass


if __name__ == "__main__":
    main()
