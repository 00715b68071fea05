"""The small image that sandbox containers start from: found, pulled, or built here from Debian's packages.

Whatever can be had without a registry is tried in the end, because a machine that can fetch compilers can fetch Debian
too. A built image is there whole or not at all: its import is the last step, and what a killed build leaves is a folder
that the next one removes.
"""

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final

from mmio_bisect.adapters.held_folder import held_work_folder, sweep, temporary_folder, try_hold
from mmio_bisect.adapters.sandbox.docker.api import Engine
from mmio_bisect.adapters.tied_process import tied
from mmio_bisect.errors import SandboxError, from_os_error

BUILT_REPOSITORY: Final = "mmio-bisect-base"
SUITE_LABEL: Final = "org.mmio-bisect.suite"

_SUITE: Final = re.compile(r"[a-z][a-z0-9-]*")
# Between two signs of life from a registry; where none is reached, docker itself gives up sooner.
_PULL_SECONDS: Final = 20.0
# The daemon answers an import when it has unpacked all of it.
_IMPORT_SECONDS: Final = 600.0
# Where debootstrap and what it starts are is on root's path, and not on everybody's.
_PATH: Final = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"
_POLL_SECONDS: Final = 0.2
# A tree that is to become an image holds no devices, and nothing that only apt would want.
_LEFT_OUT: Final = ("./dev/*", "./proc/*", "./sys/*", "./var/cache/apt/*", "./var/lib/apt/lists/*")


def present_image(suite: str, engine: Engine) -> str | None:
    """The image of that suite that is here already: Debian's own, or the one that was built."""
    _check(suite)
    names = (f"debian:{suite}-slim", f"{BUILT_REPOSITORY}:{suite}")
    return next((name for name in names if engine.has_image(name)), None)


def base_image(suite: str, engine: Engine, *, say: Callable[[str], None], folder: Path | None = None) -> str:
    """The name of an image of a Debian suite; made if need be, which `say` is told of before.

    `folder` is where it is built. Raises `SandboxError`, with what to install where that is what is missing.
    """
    found = present_image(suite, engine)
    if found:
        return found
    try:
        with contextlib.closing(Engine(seconds=_PULL_SECONDS)) as hasty:
            say(f"docker: pulling debian:{suite}-slim")
            for _ in hasty.pulling(f"debian:{suite}-slim"):
                pass  # nobody is told of bytes here
    except SandboxError as error:  # no registry answers, or it does not have it
        return _built(suite, engine, say, folder or temporary_folder("mmio-bisect-images"), error)
    return f"debian:{suite}-slim"


def _check(suite: str) -> None:
    if not _SUITE.fullmatch(suite):
        raise SandboxError(f"“{suite}” is not a Debian suite: name one such as trixie.")


def _built(suite: str, engine: Engine, say: Callable[[str], None], folder: Path, no_pull: SandboxError) -> str:
    missing = _missing()
    if missing:
        raise SandboxError(
            f"Docker has no image debian:{suite}-slim, it cannot be pulled, and to build one {missing}; "
            f"pass --sandbox local to do without. ({no_pull})"
        )
    with _alone(folder / suite):
        if found := present_image(suite, engine):  # another process built it meanwhile
            return found
        sweep(folder / suite)
        say(f"docker: no registry has debian:{suite}-slim; building an image with debootstrap, once, about a minute")
        try:
            with held_work_folder(folder / suite) as work:
                _debootstrap(suite, work)
                with _tar(work / "root") as tar, contextlib.closing(Engine(seconds=_IMPORT_SECONDS)) as patient:
                    patient.import_image(tar, BUILT_REPOSITORY, suite, {SUITE_LABEL: suite})
        except OSError as error:
            raise from_os_error(
                error, f"An image of Debian {suite} cannot be built in {folder}", SandboxError, "set TMPDIR to another"
            ) from error
    return f"{BUILT_REPOSITORY}:{suite}"


def _missing() -> str | None:
    if shutil.which("debootstrap", path=_PATH) is None:
        return "debootstrap is needed: install it (`apt-get install debootstrap`)"
    if os.geteuid() != 0:
        return "root is needed: run mmio-bisect once as root, or pull it where a registry answers"
    return None


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One build of a suite at a time."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    while (hold := try_hold(folder)) is None:
        time.sleep(_POLL_SECONDS)
    with hold:
        yield


def _debootstrap(suite: str, work: Path) -> None:
    """In namespaces of its own: what it mounts and starts ends with it, and it ends with us."""
    said = work / "said"
    with said.open("wb") as log:
        ended = subprocess.run(
            tied(
                [
                    *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"),
                    *("debootstrap", "--variant=minbase", suite, str(work / "root"), *_script(suite)),
                ]
            ),
            env={**os.environ, "PATH": _PATH},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if ended.returncode != 0:
        lines = said.read_text(errors="replace").strip().splitlines() or ["nothing printed"]
        raise SandboxError(
            f"debootstrap cannot build Debian {suite} (status {ended.returncode}: {lines[-1]}): look at the suite's "
            "name and at the network."
        )


def _script(suite: str) -> tuple[str, ...]:
    """An older debootstrap does not know a younger suite by name, but makes all since 2009 by one script."""
    scripts = Path("/usr/share/debootstrap/scripts")
    return () if (scripts / suite).exists() else ("", str(scripts / "sid"))


@contextlib.contextmanager
def _tar(root: Path) -> Iterator[IO[bytes]]:
    """The tree as a tar file. What is wrong with it is raised at the end."""
    words = [
        "tar",
        "--directory",
        str(root),
        "--numeric-owner",
        *(f"--exclude={name}" for name in _LEFT_OUT),
        "--create",
        ".",
    ]
    with subprocess.Popen(tied(words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
        try:
            yield process.stdout
        finally:
            process.stdout.close()
    if process.returncode != 0:
        raise SandboxError(f"tar cannot pack the tree of an image (status {process.returncode}).")
