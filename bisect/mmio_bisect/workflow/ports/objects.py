"""Object files to code that is disassembled when it is asked for."""

from mmap import mmap
from typing import Protocol, TypeAlias

from mmio_bisect.classify.machine.image import CodeImage

ObjectBytes: TypeAlias = bytes | mmap
"""An object file in memory, or mapped there."""


class ObjectReader(Protocol):
    """Object files to code that is disassembled when it is asked for."""

    def read(self, data: ObjectBytes) -> CodeImage:
        """Raises `MalformedObjectError`, as what is asked of the image may."""
