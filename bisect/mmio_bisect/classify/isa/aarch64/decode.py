"""A64 words, decoded from their bits: what each does to memory and whether its abort has a valid syndrome.

The tables hold one line a form, as the Arm ARM groups them; the class of every form follows the ISV rule (Arm ARM,
ESR_EL2, ISS encoding for an exception from a Data Abort): ISV is 1 for a load or store of a single general-purpose
register, ordered or not, that is not exclusive and does not write its base back; it is 0 for everything else. The
disassembler's text has no say: the word decides.
"""

from dataclasses import dataclass
from functools import cache

from mmio_bisect.classify.isa.aarch64.forms import Aside, Fields, Reader
from mmio_bisect.classify.isa.aarch64.system_table import SYSTEM_GROUPS
from mmio_bisect.classify.isa.aarch64.table import BASE_GROUPS
from mmio_bisect.classify.isa.aarch64.vector_table import VECTOR_GROUPS
from mmio_bisect.classify.machine.bits import Pattern, pattern
from mmio_bisect.classify.machine.operations import Touch
from mmio_bisect.domain.access import Transfer


@dataclass(frozen=True, slots=True)
class Row:
    """One form of encoding: its group in the Arm ARM, its mnemonic (see `aarch64_table`) and how it is read."""

    pattern: Pattern
    group: str
    name: str
    read: Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A word that a row of the tables covers. `what` is None for a hole in the row: the word is not allocated."""

    row: Row
    fields: Fields
    what: Touch | Aside | None


def decode(word: int) -> Transfer | None:
    """What a 32-bit A64 word does to memory; None if it is not a memory access or no instruction."""
    touch = memory_access(word)
    return touch.transfer if touch else None


def memory_access(word: int) -> Touch | None:
    """As `decode`, with the registers and the address."""
    found = reading(word)
    return found.what if found is not None and isinstance(found.what, Touch) else None


def reading(word: int) -> Reading | None:
    """By the first row that the word matches; None for words that the tables say nothing about."""
    for row in _rows_of(word >> 24):
        if row.pattern.matches(word):
            fields = row.pattern.read(word)
            return Reading(row=row, fields=fields, what=row.read(fields))
    return None


def is_load_or_store(word: int) -> bool:
    """Whether the word lies where the tables are complete, so that one without a row is not allocated.

    The Arm ARM's C4.1: op0 (bits 28 to 25) of the form x1x0 is "Loads and Stores"; of the SVE and SME encodings those
    that begin with one of five groups of seven bits hold nothing else.
    """
    if word >> 25 & 0b0101 == 0b0100:
        return True
    return word >> 25 in _MEMORY_ONLY


_MEMORY_ONLY = frozenset((0b1000010, 0b1010010, 0b1100010, 0b1110010, 0b1110000))


ROWS = tuple(
    Row(pattern(text), group, name, read)
    for group, lines in (*BASE_GROUPS, *VECTOR_GROUPS, *SYSTEM_GROUPS)
    for text, name, read in lines
)


@cache
def _rows_of(byte: int) -> tuple[Row, ...]:
    """The rows that a word may match, by its highest byte."""
    return tuple(row for row in ROWS if (byte << 24 ^ row.pattern.value) & row.pattern.mask >> 24 << 24 == 0)
