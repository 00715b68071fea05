"""What both sandboxes make of a command's words, so that they execute the same ones."""

from pathlib import Path

from mmio_bisect.errors import SandboxError
from mmio_bisect.workflow.ports.sandbox import Command


def expanded(argv: tuple[str, ...], root: Path, cache: Path | None = None) -> tuple[str, ...]:
    """The words with the toolchain's root and the cache put in, the program's path absolute."""
    first, *others = (word.replace("{toolchain}", str(root)).replace("{cache}", str(cache or "")) for word in argv)
    return (str(root / first), *others)


def check_names(command: Command) -> None:
    """Raises `SandboxError` for a name that would lead out of the work folder."""
    for name in [name for name, _ in command.inputs] + ([command.product] if command.product else []):
        if "/" in name or name in {"", ".", ".."}:
            raise SandboxError(f"not a plain file name for the work folder: {name!r}")
