"""A window, memory of the function's and of the object's own, and plain accesses, for tests of the data flow."""

from listed_code import listed_image

from mmio_bisect.classify.isa.registry import ISAS
from mmio_bisect.classify.machine.image import CodeImage
from mmio_bisect.classify.machine.instructions import Section
from mmio_bisect.classify.machine.operations import Sum, Touch
from mmio_bisect.classify.machine.values import Origin
from mmio_bisect.domain.access import AddressingMode, Form, RegisterClass, Transfer
from mmio_bisect.domain.recipe import Direction
from mmio_bisect.domain.target import Architecture

LOW = 0x0900_0000
WINDOW, OTHER, STACK = Origin("mmio a", window=True), Origin("mmio b", window=True), Origin("stack")


def memory_of(*words: int) -> CodeImage:
    """An object with one variable of 64-bit words in its section 5."""
    content = b"".join(word.to_bytes(8, "little") for word in words)
    section = Section(index=5, content=content, objects=((0, len(content)),))
    return listed_image(ISAS[Architecture.AARCH64], sections={5: section})


def access(*, load: str | None = None, store: str | None = None, width: int = 64) -> Touch:
    register = load or store or ""
    transfer = Transfer(
        form=Form.SINGLE,
        directions=(Direction.LOAD if load else Direction.STORE,),
        element_width=width,
        addressing=AddressingMode.OFFSET,
        register_class=RegisterClass.GENERAL,
        registers=(register,),
        syndrome_valid=True,
        why="",
    )
    data = (register,)
    return Touch(transfer=transfer, address=Sum(), loads=data if load else (), stores=data if store else ())
