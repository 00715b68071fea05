"""Object files to disassembled code."""

from typing import Protocol

from mmio_bisect.classify.machine.instructions import CodeImage


class ObjectReader(Protocol):
    """Object files to disassembled code."""

    def read(self, data: bytes) -> CodeImage:
        """Raises `MalformedObjectError`."""
