"""pip as a child process: its configuration is the user's, its progress ours to show, its life ours to end.

Nothing is written outside the folder that is given: no cache (a wheel is unpacked into the store and never wanted
again) and no temporary files elsewhere, so that not even a killed pip leaves anything behind.
"""

import contextlib
import os
import re
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mmio_bisect.adapters.tied_process import tied
from mmio_bisect.errors import CancelledError, CorruptArtefactError, DiskFullError, DownloadError, MmioBisectError
from mmio_bisect.workflow.ports.progress import Signals

_ALWAYS: Final = ("--disable-pip-version-check", "--no-input", "--no-color", "--no-cache-dir")
_POLL_SECONDS: Final = 0.1
# An index may send without end: the largest wheel of ziglang has 100 MB, and pip needs 60 MB of memory for it.
_FILE_BYTES: Final = 1 << 30
_MEMORY_BYTES: Final = 2 << 30
_SLOWEST: Final = 1024  # bytes a second
_PROGRESS: Final = re.compile(rb"Progress (\d+)(?: of (\d+))?\s*")
_UNFETCHED: Final = re.compile(r"Could not fetch URL (.*) - skipping$")
_NO_MATCH: Final = re.compile(r"No matching distribution found")
_NO_ANSWER: Final = re.compile(
    r"connection broken by|connection error|ConnectionError|ConnectTimeout|ReadTimeout|Read timed out|HTTP error|"
    r"problem confirming the ssl|IncompleteRead|IncompleteDownload|not enough bytes",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PipResult:
    """What pip printed, progress lines taken out.

    `unfetched` are pages of the index that could not be had, and why: pip itself tells that to its log alone.
    """

    status: int
    output: str
    errors: str
    unfetched: tuple[str, ...] = ()


def run_pip(
    words: Sequence[str],
    *,
    scratch: Path,
    silence_seconds: float,
    signals: Signals,
) -> PipResult:
    """Run `pip WORDS…` with its temporary files in `scratch`; whichever way this returns, pip has ended.

    Raises `CancelledError` within a fifth of a second of `signals` saying so, and `DownloadError` when nothing was
    heard of pip for `silence_seconds`, or less than a kilobyte a second: its own timeouts are the user's to set, this
    one is for a child that hangs and for an index that holds it up.
    """
    log = scratch / "pip.log"
    process = _start((*words, *_ALWAYS, "--log", str(log)), scratch)
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
        resource.prlimit(process.pid, resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))
    try:
        output, errors = _read_both(process, silence_seconds, signals)
        status = process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
    return PipResult(
        status=status,
        output=output.decode(errors="replace"),
        errors=errors.decode(errors="replace"),
        unfetched=_unfetched(log),
    )


def _start(words: Sequence[str], scratch: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        # -P: pip, not what lies beside the program.
        tied([sys.executable, "-P", "-m", "pip", *words]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        cwd=scratch,
        start_new_session=True,
        env=os.environ | {"TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1", "LC_MESSAGES": "C"},
    )


def _read_both(
    process: subprocess.Popen[bytes], silence_seconds: float, signals: Signals
) -> tuple[bytearray, bytearray]:
    """What pip prints until it ends, its progress told to `signals` meanwhile. Raises as `run_pip` does."""
    assert process.stdout is not None  # noqa: S101 - for the type checker: they are pipes
    assert process.stderr is not None  # noqa: S101
    output, errors = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, output)
        selector.register(process.stderr, selectors.EVENT_READ, errors)
        heard, said, counted = time.monotonic(), 0, 0
        while selector.get_map():
            for key, _ in selector.select(_POLL_SECONDS):
                data = os.read(key.fd, 1 << 16)
                key.data.extend(data)
                if not data:
                    selector.unregister(key.fileobj)
            done = _take_progress(output, signals)
            size = len(output) + len(errors)
            if size > said or (done is not None and not counted <= done < counted + _SLOWEST * silence_seconds):
                heard, said, counted = time.monotonic(), max(size, said), counted if done is None else done
            if signals.cancelled():
                raise CancelledError("the download was cancelled")
            if time.monotonic() - heard > silence_seconds:
                raise DownloadError(
                    f"nothing was heard of the package index for {silence_seconds:.0f} s, or next to nothing: check "
                    "the network, then run the same command again"
                )
    return output, errors


def explain(result: PipResult, what: str) -> MmioBisectError:
    """The error behind pip's exit, in one sentence about `what` was wanted."""
    lines = [line.strip() for line in result.errors.splitlines() if line.strip()]
    said = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")] or lines[-1:]
    last = said[-1][:300] if said else f"exit status {result.status}, nothing said"
    if "[Errno 28]" in result.errors or "No space left on device" in result.errors:
        return DiskFullError(
            f"no space is left to download {what}: `mmio-bisect toolchains prune` frees some, or give another folder "
            "with `--store DIR`"
        )
    if "[Errno 27]" in result.errors or "MemoryError" in result.errors:
        return CorruptArtefactError(
            f"the package index sends more than {what} can be (a file of {_FILE_BYTES >> 20} MiB is let in): check "
            "`pip config list`"
        )
    if "DO NOT MATCH THE HASHES" in result.errors:
        return CorruptArtefactError(
            f"{what} is not what the package index promised (its hash differs): run the same command again; if it "
            "stays so, the index or a proxy before it is at fault"
        )
    unanswered = [*result.unfetched, *(line for line in lines if _NO_ANSWER.search(line))]
    if unanswered:
        why = unanswered[-1].removeprefix("ERROR: ").removeprefix("WARNING: ")[:300]
        return DownloadError(
            f"the package index did not deliver {what} ({why}): check the network and `pip config list`, then run the "
            "same command again"
        )
    if _NO_MATCH.search(result.errors):
        return DownloadError(
            f"the package index does not offer {what} to this machine: check `pip config list`, or ask for the list "
            "again with `--refresh`"
        )
    return DownloadError(f"pip could not get {what} ({last}): check `pip config list`, then run the same command again")


def _unfetched(log: Path) -> tuple[str, ...]:
    """A page that is not there (404) is an answer, and an ordinary one of an extra index."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return ()
    found = (_UNFETCHED.search(line) for line in lines)
    return tuple(match[1] for match in found if match is not None and " 404 " not in match[1])


def _take_progress(output: bytearray, signals: Signals) -> int | None:
    """Report and remove the progress lines that are complete: how many bytes the last of them tells of."""
    end, done = output.rfind(b"\n") + 1, None
    kept = bytearray()
    for line in bytes(output[:end]).splitlines(keepends=True):
        found = _PROGRESS.fullmatch(line)
        if found is None:
            kept += line
        else:
            done = int(found[1])
            signals.progress(done, int(found[2]) if found[2] else None)
    output[:end] = kept
    return done
