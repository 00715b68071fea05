"""Container images that toolchains are made in and run in."""

from collections.abc import Callable, Collection
from typing import Protocol

from mmio_bisect.workflow.ports.progress import Signals


class ImageBuilder(Protocol):
    """Containers with network, of Debian's suites, to ask in and to make images in; and images of registries.

    `suite` is one that docker or debootstrap knows. Scripts are a POSIX shell's, run by root, and end with 0; with 3
    for what does not exist, or with 4 for what could not be fetched, the last line of their errors saying why. All
    raise `MissingToolchainError`, `DownloadError`, `SandboxError`, `CancelledError`.
    """

    def ask(self, suite: str, script: str, signals: Signals) -> str:
        """What the script prints. Nothing is kept."""

    def build(self, suite: str, plan: str, work: str, name: Callable[[str], str], signals: Signals) -> tuple[str, str]:
        """Run two scripts in one container and keep its files: the image, and what `plan` printed.

        `name` makes the image's name of that; where it is there already, `work` need not be run.
        """

    def obtain(self, reference: str, name: Callable[[str], str], signals: Signals) -> tuple[str, str]:
        """An image like that one, pulled if need be, and a digest of all files in it; `name` makes its name of that."""


class ImageKeeper(Protocol):
    """Images that belong to entries of a store. Raises `SandboxError` where docker does not answer."""

    def has(self, image: str) -> bool: ...

    def identity(self, image: str) -> str | None:
        """A digest of the image, which another of the same name has not; None where it is not found."""

    def size(self, image: str) -> int:
        """Bytes that would be free without it: layers that it shares with its base do not count."""

    def remove(self, image: str) -> None:
        """One that is gone is fine."""

    def sweep(self, keep: Collection[str]) -> None:
        """Remove this store's other images, unless a process that lives may still want them."""
