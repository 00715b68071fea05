"""Object files to disassembled code."""

from typing import Protocol

from mmio_bisect.classify.machine.image import CodeImage


class ObjectReader(Protocol):
    """Object files to disassembled code."""

    def read(self, data: bytes) -> CodeImage:
        """Raises `MalformedObjectError`."""
