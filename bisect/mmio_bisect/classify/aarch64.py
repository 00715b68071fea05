"""A64 loads and stores, decoded from their bits: what each does to memory and whether its abort has a valid syndrome.

One line a form, as the Arm ARM's section C4.1.94 "Loads and Stores" groups them; the class of every form follows the
ISV rule (Arm ARM, ESR_EL2, ISS encoding for an exception from a Data Abort): ISV is 1 for a load or store of a single
general-purpose register, ordered or not, that is not exclusive and does not write its base back; it is 0 for everything
else. The disassembler's text has no say: the word decides.
"""

from dataclasses import dataclass

from mmio_bisect.classify.aarch64_forms import (
    BOTH,
    LOAD,
    STORE,
    Reader,
    atomic,
    authenticated,
    exclusive,
    literal,
    maintenance,
    memory_copy,
    nothing,
    ordered,
    ordered_pair,
    ordered_writeback,
    pair,
    register_offset,
    single,
    single_vector,
    structure,
    whole,
)
from mmio_bisect.classify.bits import Pattern, pattern
from mmio_bisect.classify.operations import Touch
from mmio_bisect.domain.access import AddressingMode, Form, RegisterClass, Transfer


@dataclass(frozen=True, slots=True)
class Row:
    """One form of encoding and how it is read."""

    pattern: Pattern
    read: Reader


def decode(word: int) -> Transfer | None:
    """What a 32-bit A64 word does to memory; None if it is no memory access or no instruction."""
    touch = memory_access(word)
    return touch.transfer if touch else None


def memory_access(word: int) -> Touch | None:
    """As `decode`, with the registers and the address."""
    for row in _ROWS:
        if row.pattern.matches(word):
            return row.read(row.pattern.read(word))
    return None


_OFFSET = AddressingMode.OFFSET
_PRE, _POST = AddressingMode.PRE_INDEX, AddressingMode.POST_INDEX
_SVE = RegisterClass.SCALABLE

# Fields: s size, o opc, i immediate, n Rn, t Rt, u Rt2, m Rm, r Rs, d Rd, l load, p option, S scaled index, v vector,
# w writeback (or, for FEAT_LRCPC3's pairs, its absence), h the offset's high bit.
# The first row that matches decides, so special encodings stand before the general ones that contain them.
_TABLE: tuple[tuple[str, Reader], ...] = (
    # Load/store register, immediate and register offset
    ("ss 111 0 01 oo iiiiiiiiiiii nnnnn ttttt", single(_OFFSET, scaled=True)),
    ("ss 111 0 00 oo 0 iiiiiiiii 00 nnnnn ttttt", single(_OFFSET)),
    ("ss 111 0 00 oo 0 iiiiiiiii 01 nnnnn ttttt", single(_POST)),
    ("ss 111 0 00 oo 0 iiiiiiiii 10 nnnnn ttttt", single(_OFFSET)),
    ("ss 111 0 00 oo 0 iiiiiiiii 11 nnnnn ttttt", single(_PRE)),
    ("ss 111 0 00 oo 1 mmmmm ppp S 10 nnnnn ttttt", register_offset(vector=False)),
    ("ss 111 1 01 oo iiiiiiiiiiii nnnnn ttttt", single_vector(_OFFSET, scaled=True)),
    ("ss 111 1 00 oo 0 iiiiiiiii 00 nnnnn ttttt", single_vector(_OFFSET)),
    ("ss 111 1 00 oo 0 iiiiiiiii 01 nnnnn ttttt", single_vector(_POST)),
    ("ss 111 1 00 oo 0 iiiiiiiii 11 nnnnn ttttt", single_vector(_PRE)),
    ("ss 111 1 00 oo 1 mmmmm ppp S 10 nnnnn ttttt", register_offset(vector=True)),
    ("oo 011 v 00 iiiiiiiiiiiiiiiiiii ttttt", literal),
    ("11 111 0 00 . h 1 iiiiiiiii w1 nnnnn ttttt", authenticated),
    # 64-byte accesses and LDAPR stand in the space of the atomic operations
    ("11 111 0 00 00 1 ..... 1 001 00 nnnnn ttttt", whole(Form.LS64, STORE, 512)),
    ("11 111 0 00 00 1 ..... 1 01. 00 nnnnn ttttt", whole(Form.LS64, STORE, 512)),
    ("11 111 0 00 00 1 ..... 1 101 00 nnnnn ttttt", whole(Form.LS64, LOAD, 512)),
    ("ss 111 0 00 10 1 11111 1 100 00 nnnnn ttttt", ordered(LOAD)),
    ("ss 111 0 00 .. 1 rrrrr . ... 00 nnnnn ttttt", atomic("t")),
    # Pairs
    ("oo 101 0 000 l iiiiiii uuuuu nnnnn ttttt", pair(_OFFSET, vector=False)),
    ("oo 101 0 001 l iiiiiii uuuuu nnnnn ttttt", pair(_POST, vector=False)),
    ("oo 101 0 010 l iiiiiii uuuuu nnnnn ttttt", pair(_OFFSET, vector=False)),
    ("oo 101 0 011 l iiiiiii uuuuu nnnnn ttttt", pair(_PRE, vector=False)),
    ("oo 101 1 000 l iiiiiii uuuuu nnnnn ttttt", pair(_OFFSET, vector=True)),
    ("oo 101 1 001 l iiiiiii uuuuu nnnnn ttttt", pair(_POST, vector=True)),
    ("oo 101 1 010 l iiiiiii uuuuu nnnnn ttttt", pair(_OFFSET, vector=True)),
    ("oo 101 1 011 l iiiiiii uuuuu nnnnn ttttt", pair(_PRE, vector=True)),
    # Ordered, exclusive, compare and swap
    ("ss 001000 1 l 0 ..... . ..... nnnnn ttttt", ordered()),
    ("ss 001000 1 . 1 rrrrr . ..... nnnnn ttttt", atomic("r")),
    ("ss 001000 0 l 0 rrrrr . ..... nnnnn ttttt", exclusive),
    ("1s 001000 0 0 1 ..... . ..... nnnnn ttttt", whole(Form.EXCLUSIVE, STORE, None)),
    ("1s 001000 0 1 1 ..... . ..... nnnnn ttttt", whole(Form.EXCLUSIVE, LOAD, None)),
    ("0s 001000 0 . 1 ..... . ..... nnnnn ttttt", whole(Form.ATOMIC, BOTH, None)),
    # FEAT_LRCPC2 and FEAT_LRCPC3
    ("ss 011001 oo 0 iiiiiiiii 00 nnnnn ttttt", single(_OFFSET, ordered=True)),
    ("ss 011101 oo 0 iiiiiiiii 10 nnnnn ttttt", single_vector(_OFFSET, ordered=True)),
    ("1s 011001 0l 0 uuuuu 000 w 10 nnnnn ttttt", ordered_pair),
    ("1s 011001 11 0 00000 0000 10 nnnnn ttttt", ordered_writeback(load=True)),
    ("1s 011001 10 0 00000 0000 10 nnnnn ttttt", ordered_writeback(load=False)),
    # Memory tagging, 128-bit atomics, memory copy and set
    ("11 011001 .. 1 ......... 01 nnnnn ttttt", whole(Form.TAG, STORE, None, mode=_POST)),
    ("11 011001 .. 1 ......... 11 nnnnn ttttt", whole(Form.TAG, STORE, None, mode=_PRE)),
    ("11 011001 .1 1 ......... 00 nnnnn ttttt", whole(Form.TAG, BOTH, None)),
    ("11 011001 .. 1 ......... .0 nnnnn ttttt", whole(Form.TAG, STORE, None)),
    ("0. 011001 .. 1 ..... . ... .. nnnnn ttttt", whole(Form.ATOMIC, BOTH, None)),
    ("00 011 . 01 oo 0 rrrrr ....01 ..... ddddd", memory_copy),
    # Structures of vector elements
    ("0. 001100 0l 000000 .... .. nnnnn ttttt", structure(post=False)),
    ("0. 001100 1l 0 ..... .... .. nnnnn ttttt", structure(post=True)),
    ("0. 001101 0l . ..... ... . .. nnnnn ttttt", structure(post=False)),
    ("0. 001101 1l . ..... ... . .. nnnnn ttttt", structure(post=True)),
    # Scalable vectors: prefetches first, then loads (100, 101, 110) and stores (111); SME's tiles
    ("1000010 11 1 ...... 0 .. ... nnnnn 0 ....", nothing),
    ("1000010 .. 00 ..... 11 . ... nnnnn 0 ....", nothing),
    ("1000010 00 .1 ..... 0 .. ... nnnnn 0 ....", nothing),
    ("1100010 00 11 ..... 1 .. ... nnnnn 0 ....", nothing),
    ("1100010 00 .1 ..... 0 .. ... nnnnn 0 ....", nothing),
    ("1100010 .. 00 ..... 111 ... nnnnn 0 ....", nothing),
    ("1110010 ............... nnnnn .....", whole(Form.SINGLE, STORE, None, _SVE)),
    ("1..0010 ............... nnnnn .....", whole(Form.SINGLE, LOAD, None, _SVE)),
    ("1110000 .... 0 .......... nnnnn .....", whole(Form.SINGLE, LOAD, None, _SVE)),
    ("1110000 .... 1 .......... nnnnn .....", whole(Form.SINGLE, STORE, None, _SVE)),
    # DC ZVA, GVA, GZVA write a block; the others maintain caches
    ("1101010100 0 01 011 0111 0100 001 ttttt", maintenance(Form.BLOCK)),
    ("1101010100 0 01 011 0111 0100 011 ttttt", maintenance(Form.TAG)),
    ("1101010100 0 01 011 0111 0100 100 ttttt", maintenance(Form.BLOCK)),
    ("1101010100 0 01 000 0111 0110 001 ttttt", maintenance(Form.CACHE)),
    ("1101010100 0 01 011 0111 1010 001 ttttt", maintenance(Form.CACHE)),
    ("1101010100 0 01 011 0111 1011 001 ttttt", maintenance(Form.CACHE)),
    ("1101010100 0 01 011 0111 1100 001 ttttt", maintenance(Form.CACHE)),
    ("1101010100 0 01 011 0111 1101 001 ttttt", maintenance(Form.CACHE)),
    ("1101010100 0 01 011 0111 1110 001 ttttt", maintenance(Form.CACHE)),
)

_ROWS = tuple(Row(pattern(text), read) for text, read in _TABLE)
