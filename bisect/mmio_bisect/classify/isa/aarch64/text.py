"""Assembly for A64 loads and stores that the disassembler refuses, from the tables that classify them.

capstone 5 knows no extension later than Armv8.7 or so and refuses words that are CONSTRAINED UNPREDICTABLE. What stands
here is for people: mnemonic, registers and address, without the decorations of vectors and predicates.
"""

import re

from mmio_bisect.classify.isa.aarch64.decode import Reading
from mmio_bisect.classify.isa.aarch64.forms import Fields
from mmio_bisect.classify.machine.operations import Touch
from mmio_bisect.domain.access import AddressingMode, Form, RegisterClass, Transfer

_CHOICE = re.compile(r"\{(\w):([^{}]*)\}")
_VECTOR_SIZES = {8: "b", 16: "h", 32: "s", 64: "d", 128: "q"}


def mnemonic(reading: Reading) -> str:
    """The row's name with the fields' choices made."""
    fields = reading.fields
    name = reading.row.name.replace("{sz}", _size(fields)).replace("{L}", "a" if fields.get("l") else "l")
    name = name.replace("{pair}", ("p", "psw" if fields.get("l") else "gp", "p", "tp")[fields.get("o", 0)])
    name = name.replace("{many}", str(1 + fields.get("r", 0) + 2 * fields.get("q", 0)))
    return _CHOICE.sub(lambda choice: _chosen(choice[2].split("|"), fields[choice[1]]), name)


def assembly(reading: Reading) -> str:
    """One line; for a word that is not allocated the mnemonic of its row alone."""
    name, what = mnemonic(reading), reading.what
    if not isinstance(what, Touch):
        return name
    registers = [_register(register, what.transfer, reading.fields) for register in what.transfer.registers]
    return f"{name} {', '.join([*registers, _address(what)])}"


def _chosen(choices: list[str], value: int) -> str:
    return choices[value] if value < len(choices) else choices[-1]


def _size(fields: Fields) -> str:
    """The suffix of LDR, STR and their kin: which part of a register, and whether a load extends its sign."""
    size, opc = fields.get("s", 3), fields.get("o", 0)
    return ("s" if opc >= 2 else "") + ("b", "h", "w" if opc >= 2 else "", "")[size]


def _register(register: str, transfer: Transfer, fields: Fields) -> str:
    width = transfer.element_width or 0
    if register.startswith("v"):
        return _VECTOR_SIZES.get(width, "v") + register[1:]
    if register == "sp":
        return register
    wide = width == 64 or (transfer.sign_extends and fields.get("o") != 3)
    return register if wide else f"w{register[1:]}"


def _address(touch: Touch) -> str:
    if touch.address.symbol is not None:
        return "<pc-relative>"
    places = [_addressed(touch)]
    if touch.second is not None:
        places.append(f"[{touch.second.terms[0].register}]!")
    return ", ".join(places)


def _addressed(touch: Touch) -> str:
    terms = [term.register for term in touch.address.terms]
    transfer, mode = touch.transfer, touch.transfer.addressing
    if transfer.form is Form.BLOCK and touch.writeback is not None:
        return f"[{terms[0]}]!"
    if transfer.register_class is RegisterClass.NONE:
        return terms[0]
    if mode is AddressingMode.POST_INDEX:
        moved = touch.writeback[1] if touch.writeback else touch.address
        return f"[{terms[0]}], #{moved.constant}"
    inside = [*terms, *([f"#{touch.address.constant}"] if touch.address.constant else [])]
    return f"[{', '.join(inside)}]" + ("!" if mode is AddressingMode.PRE_INDEX else "")
