"""Every way in which mmio-bisect refuses or gives up: one base class, one exit code a class.

A message is one whole sentence that names the thing, the reason and what to do next. Only the command line's `main()`
turns an error into an exit code; nothing else exits. Codes 0 to 4 are answers (see `cli`), so errors begin at 10; they
end at 54, since commands for `git bisect run` add 200 and 255 is a crash. An interrupt alone has 130.
"""

import errno
from collections.abc import Mapping
from typing import ClassVar, Final

from mmio_bisect.redaction import redact


class MmioBisectError(Exception):
    """Base of all errors that a user is meant to read; a password or a token in the message is hidden."""

    exit_code: ClassVar[int] = 10

    def __init__(self, message: str = "") -> None:
        super().__init__(redact(message))


class UsageError(MmioBisectError):
    """Options or arguments that do not fit together."""

    exit_code = 2


class UnknownRecipeError(MmioBisectError):
    """No recipe of that name, or none in the language asked for."""

    exit_code = 11


class InvalidRecipeError(MmioBisectError):
    """A recipe whose directives cannot be read: the message gives file and line."""

    exit_code = 12


class UnknownSeriesError(MmioBisectError):
    """No series of that name."""

    exit_code = 13


class UnknownVersionError(MmioBisectError):
    """No point of the series matches."""

    exit_code = 14


class InvalidRangeError(MmioBisectError):
    """A range with fewer than two points."""

    exit_code = 15


class NothingTestableError(MmioBisectError):
    """The case is untestable with every toolchain that was probed."""

    exit_code = 16


class DownloadError(MmioBisectError):
    """A source did not answer or broke off: an infrastructure fault, never a verdict."""

    exit_code = 17


class CorruptArtefactError(MmioBisectError):
    """What arrived is not what the source promised."""

    exit_code = 18


class BrokenToolchainError(MmioBisectError):
    """A compiler that does not start or does not say what it is."""

    exit_code = 19


class MissingToolchainError(MmioBisectError):
    """A toolchain that is unavailable, though its source answers: a day without a nightly, a target left out.

    In a search or a sweep this is not a fault but an untestable point, which gives the message as its reason. With
    `for_good` asking again is pointless: history remembers it.
    """

    exit_code = 33

    def __init__(self, message: str, *, for_good: bool) -> None:
        super().__init__(message)
        self.for_good = for_good


class SandboxError(MmioBisectError):
    """The sandbox asked for cannot be had or failed: an infrastructure fault, never a verdict."""

    exit_code = 20


class DaemonError(SandboxError):
    """The docker daemon did not answer, broke off, or lost a container: trying again may help."""

    exit_code = 29


class StoreError(MmioBisectError):
    """The toolchain store cannot be read or written."""

    exit_code = 21


class DatabaseError(MmioBisectError):
    """The history database cannot be opened or written."""

    exit_code = 22


class CorruptDatabaseError(DatabaseError):
    """The file is not a database, or a damaged one."""

    exit_code = 23


class NewerDatabaseError(DatabaseError):
    """A later version of mmio-bisect wrote the database."""

    exit_code = 24


class DiskFullError(MmioBisectError):
    """No space left where a toolchain, an object or the database was to be written."""

    exit_code = 25


class MalformedObjectError(MmioBisectError):
    """A file that is not an ELF object this tool can judge."""

    exit_code = 26


class UnknownRunError(MmioBisectError):
    """History has no such run or outcome."""

    exit_code = 27


class UnknownTopicError(MmioBisectError):
    """`explain` was asked for something it has no page on."""

    exit_code = 28


class InvalidSeriesFileError(MmioBisectError):
    """A file of series that cannot be read, or says what no schema knows: the message gives file and key."""

    exit_code = 34


class ConflictError(MmioBisectError):
    """Two histories say different things of the same: the message has both rows."""

    exit_code = 40


class InvalidExportError(MmioBisectError):
    """A file that is not an export of a history, or a damaged one."""

    exit_code = 41


class InvalidConfigurationError(MmioBisectError):
    """`mmio-bisect.toml`, or a variable that overrides it, says what cannot be: see file, line and key."""

    exit_code = 50


class WatchBusyError(MmioBisectError):
    """Another watch is at work on the same store."""

    exit_code = 51


class UndeliveredError(MmioBisectError):
    """A notice could not be handed over; it is kept and tried again."""

    exit_code = 52


class OverBudgetError(MmioBisectError):
    """What may be spent is spent: no fault, and what is left is done another time."""

    exit_code = 53


class CancelledError(MmioBisectError):
    """A probe that another verdict made useless, or that the user interrupted."""

    exit_code = 130


_CAUSES: Final[Mapping[int, tuple[str, str]]] = {
    errno.ENOSPC: ("no space is left on its disk", "free some"),
    errno.EDQUOT: ("your quota on its disk is used up", "free some"),
    errno.EROFS: ("its file system is read-only", ""),
    errno.EACCES: ("you may not", ""),
    errno.EPERM: ("you may not", ""),
    errno.ENAMETOOLONG: ("its name is too long for the file system", "give a shorter one"),
    errno.ENOTDIR: ("a part of its path is not a folder", ""),
    errno.EEXIST: ("a file is in its place", ""),
    errno.EISDIR: ("it is a folder", ""),
    errno.ELOOP: ("its symbolic links go round in circles", "mend them"),
    errno.EMFILE: ("this process has too many files open", "raise `ulimit -n`, or give fewer --jobs"),
    errno.ENFILE: ("the system has too many files open", "wait until it has fewer"),
    errno.EFBIG: ("it is larger than a file may be", "raise `ulimit -f`"),
    errno.EIO: ("its disk reports an error", "look at the system's log, and use another disk"),
    errno.ENOMEM: ("the system has no memory left", "free some"),
}
"""What the system's error means for a file, and what to do about it wherever it was met; empty: that depends."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def from_os_error(
    error: OSError, what: str, kind: type[MmioBisectError], otherwise: str, *, full: str = ""
) -> MmioBisectError:
    """The error for what the system refused; `what` failed, in words that a cause in brackets can follow.

    A full disk is a `DiskFullError`, whose advice is `full`; all else is of that `kind`, with the cause's own advice or
    else with `otherwise`.
    """
    cause, advice = _CAUSES.get(error.errno or 0, (error.strerror or str(error) or type(error).__name__, ""))
    if error.errno in _FULL:
        return DiskFullError(f"{what} ({cause}): {full or advice}.")
    return kind(f"{what} ({cause}): {advice or otherwise}.")


def sentence(message: str) -> str:
    """With a capital and a full stop, unless it begins with a name or ends with other punctuation."""
    first = message.split(" ", 1)[0]
    begun = message[:1].upper() + message[1:] if first.isalpha() and first not in {"pip", "zig"} else message
    return begun if begun.endswith((".", "!", "?")) else f"{begun}."
