"""Another's objects, read through a bare repository of our own.

What a repository says beside its objects can run programs: git's documentation names over fifty keys of configuration
that do (filters, hooks, pagers, remote helpers, signature checkers …). So git never runs in a stranger's repository. It
runs in an `ObjectView`: a bare repository with our configuration, no attributes, hooks or remotes, copies of the
other's refs, and the other's objects as an alternate. Left unread are the files that say again what objects say, but
need not say the same: commit-graph, multi-pack index, replacements and grafts. Programs and protocols that the
environment names are left out too. A shallow clone's boundary is taken over: its history ends there.

Git itself may be handed objects that are made to exhaust it, so that its memory, time and output are limited.
"""

import contextlib
import os
import re
import resource
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from mmio_bisect.adapters.foreign_input import read_regular
from mmio_bisect.adapters.held_folder import held_work_folder, sweep
from mmio_bisect.adapters.tied_process import tied

_CONFIGURATION: Final = """[core]
	repositoryformatversion = 1
	bare = true
	attributesFile = /dev/null
	bigFileThreshold = 16m
	commitGraph = false
	excludesFile = /dev/null
	fsmonitor = false
	hooksPath = /dev/null
	multiPackIndex = false
[extensions]
	objectFormat = {object_format}
[gc]
	auto = 0
[protocol]
	allow = never
"""
_ENVIRONMENT: Final = {
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}

_MEMORY_BYTES: Final = 4 << 30
_SECONDS: Final = 1800.0
_OUTPUT_BYTES: Final = 1 << 30
_PACKED_REFS_BYTES: Final = 256 << 20
_LINE_BYTES: Final = 4096  # of a file that holds a path or the name of an object
_SHALLOW_BYTES: Final = 64 << 20
_SHA256: Final = re.compile(rb"^[0-9a-f]{64}\b", re.MULTILINE)


class GitReadError(Exception):
    """What cannot be read, and why; who gave the repository is told by `Clone`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitFolders:
    """Where a repository keeps what is read: `own` has its HEAD, `common` what it shares with other work trees."""

    own: Path
    common: Path

    @property
    def objects(self) -> Path:
        return self.common / "objects"


def locate(repository: Path) -> GitFolders | None:
    """The folders of a work tree, a linked one, a submodule or a bare repository. Raises `GitReadError`.

    Nothing is looked for above `repository`: see gitrepository-layout(5).
    """
    for candidate in (repository / ".git", repository):
        own = candidate
        if pointed := _regular(candidate, _LINE_BYTES):
            own = repository / os.fsdecode(pointed.removeprefix(b"gitdir:").strip())
        shared = _regular(own / "commondir", _LINE_BYTES)
        common = own / os.fsdecode(shared.strip()) if shared else own
        if _regular(own / "HEAD", _LINE_BYTES) is not None and (common / "objects").is_dir():
            found = GitFolders(own=own.resolve(), common=common.resolve())
            _check_objects(found.objects)
            return found
    return None


def _check_objects(objects: Path) -> None:
    """Git would wait for ever at a pipe, and follow links and alternates to wherever they lead."""
    if (_regular(objects / "info" / "alternates", _LINE_BYTES) or b"").strip():
        raise GitReadError(
            "it borrows objects from elsewhere; run `git repack -a -d` in it and remove its objects/info/alternates"
        )
    waiting = [objects]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                elif not entry.is_file(follow_symlinks=False):
                    raise GitReadError(f"{entry.path} is neither a file nor a folder")


class ObjectView:
    """Runs git's reading commands in `folder`, which `view` makes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str) -> bytes:
        """What git prints. Raises `GitReadError`."""
        with (
            tempfile.TemporaryFile(dir=self.folder) as said,
            tempfile.TemporaryFile(dir=self.folder) as printed,
            self.start(*words, stdout=printed, stderr=said) as git,
        ):
            _limit(git, resource.RLIMIT_FSIZE, _OUTPUT_BYTES)
            try:
                status = git.wait(timeout=_SECONDS)
            except subprocess.TimeoutExpired:
                raise GitReadError(f"git {words[0]} took longer than {_SECONDS:.0f} s") from None
            finally:
                git.kill()
            printed.seek(0)
            said.seek(0)
            if status == 128 + signal.SIGXFSZ:
                raise GitReadError(f"git {words[0]} printed more than {_OUTPUT_BYTES >> 20} MiB")
            if status != 0:
                raise GitReadError(_last_words(said.read().decode(errors="replace"), status))
            return printed.read()

    def start(self, *words: str, stdout: "IO[bytes] | int", stderr: "IO[bytes] | int") -> "subprocess.Popen[bytes]":
        """A git command that reads from a pipe; whoever starts it ends it."""
        git = subprocess.Popen(
            tied(["git", "--no-pager", *words]),
            cwd=self.folder,
            env={
                **_ENVIRONMENT,
                "GIT_DIR": str(self.folder),
                "HOME": str(self.folder),
                "PATH": os.environ.get("PATH", os.defpath),
            },
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
        )
        _limit(git, resource.RLIMIT_DATA, _MEMORY_BYTES)
        _limit(git, resource.RLIMIT_CPU, round(_SECONDS))
        return git


@contextlib.contextmanager
def view(source: GitFolders, parent: Path) -> Iterator[ObjectView]:
    """A view of the repository as its refs are now, in a folder below `parent` that goes at the end.

    Raises `GitReadError`, OSError.
    """
    sweep(parent)
    with held_work_folder(parent) as folder:
        object_format = "sha256" if _copy_refs(source, folder) else "sha1"
        if boundary := _regular(source.common / "shallow", _SHALLOW_BYTES):
            (folder / "shallow").write_bytes(boundary)
        (folder / "objects" / "info").mkdir(parents=True)
        (folder / "objects" / "info" / "alternates").write_bytes(_quoted(source.objects))
        (folder / "config").write_text(_CONFIGURATION.format(object_format=object_format))
        yield ObjectView(folder)


def _copy_refs(source: GitFolders, folder: Path) -> bool:
    """All but replacements, which stand for what they are not; whether they have names as long as SHA-256's."""
    copied = [(folder / "HEAD", _regular(source.own / "HEAD", _LINE_BYTES))]
    copied.append((folder / "packed-refs", _regular(source.common / "packed-refs", _PACKED_REFS_BYTES)))
    (folder / "refs").mkdir()
    if (source.common / "refs").is_symlink():
        raise GitReadError("its refs are elsewhere")
    for above, below, names in os.walk(source.common / "refs"):
        if Path(above) == source.common / "refs":
            below[:] = [name for name in below if name != "replace"]
        inside = folder / Path(above).relative_to(source.common)
        inside.mkdir(exist_ok=True)
        copied += [(inside / name, _regular(Path(above, name), _LINE_BYTES)) for name in names]
    for path, content in copied:
        if content:
            path.write_bytes(content)
    return any(content and _SHA256.search(content) for _, content in copied)


def _regular(path: Path, most: int) -> bytes | None:
    """As `read_regular`. Raises `GitReadError` beyond `most` bytes."""
    content = read_regular(path, most)
    if content is not None and len(content) > most:
        raise GitReadError(f"{path} has more than {most} bytes")
    return content


def _quoted(path: Path) -> bytes:
    """As gitrepository-layout(5) has a path in `objects/info/alternates` that may begin or end with anything."""
    escaped = os.fsencode(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"' + escaped + b'"\n'


def _limit(git: "subprocess.Popen[bytes]", kind: int, most: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(git.pid, kind, (most, most))


def _last_words(said: str, status: int) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    fatal = [line for line in lines if "fatal:" in line or "error:" in line] or lines[-1:]
    return fatal[0][:300] if fatal else f"git ended with {status}"
