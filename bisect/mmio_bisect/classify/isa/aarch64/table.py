"""The A64 encodings of loads and stores of general and SIMD&FP registers, group by group.

The groups and their titles are those of the Arm ARM's section C4.1, "Loads and Stores" (DDI 0487; the numbers of its
subsections change from issue to issue, the titles do not). Within a group the first row that matches decides, so what
is special stands before the general row that contains it. Bits that the manual puts in brackets, (1), are `.` here: an
encoding that has them wrong is CONSTRAINED UNPREDICTABLE and may execute.

Fields: s size, o opc, i immediate, n Rn, t Rt, u Rt2, m Rm, r Rs, d Rd, l load or release, a acquire, p operation or
option, S scaled index, v vector, w writeback (or, for FEAT_LRCPC3's pairs, its absence), h the offset's high bit,
e vectors of 128 bits, r and q the number of structures, z an element's size.
In a name, `{p:add|clr}` is the alternative that field p chooses, and `{sz}` what size and opc make (b, sh,
sw …), `{pair}` what opc makes of a pair, `{L}` the l or a of release and acquire, `{many}` the number of structures
"""

from mmio_bisect.classify.isa.aarch64.forms import (
    Reader,
    authenticated,
    literal,
    ordered,
    ordered_writeback,
    register_offset,
    single,
)
from mmio_bisect.classify.isa.aarch64.many_forms import (
    PREFETCH,
    atomic,
    atomic_pair,
    copy,
    exclusive,
    fill,
    guarded_store,
    lane,
    ordered_lane,
    ordered_pair,
    pair,
    sixty_four_bytes,
    structures,
    tag,
    undefined,
)
from mmio_bisect.domain.access import BOTH, LOAD, STORE, AddressingMode

Line = tuple[str, str, Reader]
"""Pattern, name, reader."""

_OFFSET = AddressingMode.OFFSET
_PRE, _POST = AddressingMode.PRE_INDEX, AddressingMode.POST_INDEX

_OPERATIONS = "{p:add|clr|eor|set|smax|smin|umax|umin}{a:|a}{l:|l}{s:b|h||}"
_FP_OPERATIONS = "{p:add||||max|min|maxnm|minnm}"


def _structures(title: str, many: str, one: str, *, post: bool) -> tuple[tuple[str, tuple[Line, ...]], ...]:
    """With or without a post-index, which the bits after the class tell; LDAP1 and STL1 have none."""
    single = f"0. 001101 {one}"
    ordered = (f"0. 001101 {one.replace('r 00000', '0 00001')} 100 0 01 nnnnn ttttt", "{l:stl1|ldap1}", ordered_lane)
    whole = (
        ("0000", 4, 4),
        ("0010", 1, 4),
        ("0100", 3, 3),
        ("0110", 1, 3),
        ("0111", 1, 1),
        ("1000", 2, 2),
        ("1010", 1, 2),
    )
    return (
        (
            f"Advanced SIMD load/store multiple structures{title}",
            (
                (f"00 001100 {many.replace('l', '.')} 0.00 11 ..... .....", "", undefined),
                (f"00 001100 {many.replace('l', '.')} 1000 11 ..... .....", "", undefined),
                *(
                    (f"0e 001100 {many} {opcode} .. nnnnn ttttt", f"{{l:st|ld}}{kind}", structures(count, post=post))
                    for opcode, kind, count in whole
                ),
            ),
        ),
        (
            f"Advanced SIMD load/store single structure{title}",
            (
                *([] if post else [ordered]),
                (f"{single} 00q . .. nnnnn ttttt", "{l:st|ld}{many}", lane(0, post=post)),
                (f"{single} 01q . .0 nnnnn ttttt", "{l:st|ld}{many}", lane(1, post=post)),
                (f"{single} 10q . 00 nnnnn ttttt", "{l:st|ld}{many}", lane(2, post=post)),
                (f"{single} 10q 0 01 nnnnn ttttt", "{l:st|ld}{many}", lane(3, post=post)),
                (f"{single.replace('l', '0').replace('r', '.')} 11. . .. ..... .....", "", undefined),
                (f"{single} 11q 0 zz nnnnn ttttt", "ld{many}r", lane(None, post=post)),
            ),
        ),
    )


BASE_GROUPS: tuple[tuple[str, tuple[Line, ...]], ...] = (
    (
        "Load/store register (unsigned immediate)",
        (
            ("11 111 0 01 10 iiiiiiiiiiii nnnnn ttttt", "prfm", PREFETCH),
            ("ss 111 0 01 oo iiiiiiiiiiii nnnnn ttttt", "{o:st|ld|ld|ld}r{sz}", single(_OFFSET, scaled=True)),
            ("ss 111 1 01 oo iiiiiiiiiiii nnnnn ttttt", "{o:st|ld|st|ld}r", single(_OFFSET, vector=True, scaled=True)),
        ),
    ),
    (
        "Load/store register (unscaled immediate)",
        (
            ("11 111 0 00 10 0 iiiiiiiii 00 nnnnn ttttt", "prfum", PREFETCH),
            ("ss 111 0 00 oo 0 iiiiiiiii 00 nnnnn ttttt", "{o:st|ld|ld|ld}ur{sz}", single(_OFFSET)),
            ("ss 111 1 00 oo 0 iiiiiiiii 00 nnnnn ttttt", "{o:st|ld|st|ld}ur", single(_OFFSET, vector=True)),
        ),
    ),
    (
        "Load/store register (immediate post-indexed)",
        (
            ("ss 111 0 00 oo 0 iiiiiiiii 01 nnnnn ttttt", "{o:st|ld|ld|ld}r{sz}", single(_POST)),
            ("ss 111 1 00 oo 0 iiiiiiiii 01 nnnnn ttttt", "{o:st|ld|st|ld}r", single(_POST, vector=True)),
        ),
    ),
    (
        "Load/store register (unprivileged)",
        (("ss 111 0 00 oo 0 iiiiiiiii 10 nnnnn ttttt", "{o:st|ld|ld|ld}tr{sz}", single(_OFFSET)),),
    ),
    (
        "Load/store register (immediate pre-indexed)",
        (
            ("ss 111 0 00 oo 0 iiiiiiiii 11 nnnnn ttttt", "{o:st|ld|ld|ld}r{sz}", single(_PRE)),
            ("ss 111 1 00 oo 0 iiiiiiiii 11 nnnnn ttttt", "{o:st|ld|st|ld}r", single(_PRE, vector=True)),
        ),
    ),
    (
        "Load/store register (register offset)",
        (
            ("11 111 0 00 10 1 mmmmm .1. S 10 nnnnn 11...", "rprfm", PREFETCH),
            ("11 111 0 00 10 1 mmmmm .1. S 10 nnnnn ttttt", "prfm", PREFETCH),
            ("ss 111 0 00 oo 1 mmmmm ppp S 10 nnnnn ttttt", "{o:st|ld|ld|ld}r{sz}", register_offset(vector=False)),
            ("ss 111 1 00 oo 1 mmmmm ppp S 10 nnnnn ttttt", "{o:st|ld|st|ld}r", register_offset(vector=True)),
        ),
    ),
    (
        "Load register (literal)",
        (
            ("11 011 0 00 iiiiiiiiiiiiiiiiiii ttttt", "prfm", PREFETCH),
            ("oo 011 v 00 iiiiiiiiiiiiiiiiiii ttttt", "ldr", literal),
        ),
    ),
    (
        "Load/store register (pac)",
        (("11 111 0 00 k h 1 iiiiiiiii w1 nnnnn ttttt", "ldra{k:a|b}", authenticated),),
    ),
    (
        "Load/store register pair (offset)",
        (
            ("oo 101 0 010 l iiiiiii uuuuu nnnnn ttttt", "{l:st|ld}{pair}", pair(_OFFSET, vector=False)),
            ("oo 101 1 010 l iiiiiii uuuuu nnnnn ttttt", "{l:st|ld}{o:p|p|p|tp}", pair(_OFFSET, vector=True)),
        ),
    ),
    (
        "Load/store register pair (post-indexed)",
        (
            ("oo 101 0 001 l iiiiiii uuuuu nnnnn ttttt", "{l:st|ld}{pair}", pair(_POST, vector=False)),
            ("oo 101 1 001 l iiiiiii uuuuu nnnnn ttttt", "{l:st|ld}{o:p|p|p|tp}", pair(_POST, vector=True)),
        ),
    ),
    (
        "Load/store register pair (pre-indexed)",
        (
            ("oo 101 0 011 l iiiiiii uuuuu nnnnn ttttt", "{l:st|ld}{pair}", pair(_PRE, vector=False)),
            ("oo 101 1 011 l iiiiiii uuuuu nnnnn ttttt", "{l:st|ld}{o:p|p|p|tp}", pair(_PRE, vector=True)),
        ),
    ),
    (
        "Load/store no-allocate pair (offset)",
        (
            ("01 101 0 000 . ....... ..... ..... .....", "", undefined),
            ("oo 101 0 000 l iiiiiii uuuuu nnnnn ttttt", "{l:st|ld}{o:np|np|np|tnp}", pair(_OFFSET, vector=False)),
            ("oo 101 1 000 l iiiiiii uuuuu nnnnn ttttt", "{l:st|ld}{o:np|np|np|tnp}", pair(_OFFSET, vector=True)),
        ),
    ),
    (
        "Load/store exclusive register",
        (("ss 001000 0 l 0 rrrrr k ..... nnnnn ttttt", "{l:st|ld}{k:|{L}}xr{s:b|h||}", exclusive),),
    ),
    (
        "Load/store exclusive pair",
        (("1s 001000 0 l 1 rrrrr k uuuuu nnnnn ttttt", "{l:st|ld}{k:|{L}}xp", exclusive),),
    ),
    (
        "Load/store exclusive register (unprivileged)",
        (("1s 001001 0 l 0 rrrrr k ..... nnnnn ttttt", "{l:st|ld}{k:|{L}}txr", exclusive),),
    ),
    (
        "Load/store ordered",
        (("ss 001000 1 l 0 ..... k ..... nnnnn ttttt", "{l:st|ld}{k:l|}{L}r{s:b|h||}", ordered()),),
    ),
    (
        "Compare and swap",
        (("ss 001000 1 a 1 rrrrr l 11111 nnnnn ttttt", "cas{a:|a}{l:|l}{s:b|h||}", atomic("r")),),
    ),
    (
        "Compare and swap pair",
        (("0s 001000 0 a 1 rrrr0 l 11111 nnnnn ....0", "casp{a:|a}{l:|l}", atomic_pair("r", None)),),
    ),
    (
        "Compare and swap (unprivileged)",
        (("11 001001 1 a 0 rrrrr l ..... nnnnn ttttt", "cas{a:|a}{l:|l}t", atomic("r", 64)),),
    ),
    (
        "Compare and swap pair (unprivileged)",
        (("01 001001 1 a 0 rrrr0 l ..... nnnnn ....0", "casp{a:|a}{l:|l}t", atomic_pair("r", None, 64)),),
    ),
    (
        "Atomic memory operations",
        (
            ("11 111 0 00 0 l 1 rrrrr 1 010 00 nnnnn ttttt", "st{l:|l}64bv0", sixty_four_bytes(STORE, status=True)),
            ("11 111 0 00 0 l 1 rrrrr 1 011 00 nnnnn ttttt", "st{l:|l}64bv", sixty_four_bytes(STORE, status=True)),
            ("11 111 0 00 0 l 1 11111 1 001 00 nnnnn ttttt", "st{l:|l}64b", sixty_four_bytes(STORE)),
            ("11 111 0 00 a 0 1 11111 1 101 00 nnnnn ttttt", "ld{a:|a}64b", sixty_four_bytes(LOAD)),
            ("ss 111 0 00 1 0 1 ..... 1 100 00 nnnnn ttttt", "ldapr{s:b|h||}", ordered(LOAD)),
            ("ss 111 0 00 a l 1 rrrrr 0 ppp 00 nnnnn ttttt", f"ld{_OPERATIONS}", atomic("t")),
            ("ss 111 0 00 a l 1 rrrrr 1 000 00 nnnnn ttttt", "swp{a:|a}{l:|l}{s:b|h||}", atomic("t")),
            ("0s 111 0 00 a l 1 rrrrr 1 001 00 nnnnn ttttt", "rcw{s:|s}clr{a:|a}{l:|l}", atomic("t", 64)),
            ("0s 111 0 00 a l 1 rrrrr 1 010 00 nnnnn ttttt", "rcw{s:|s}swp{a:|a}{l:|l}", atomic("t", 64)),
            ("0s 111 0 00 a l 1 rrrrr 1 011 00 nnnnn ttttt", "rcw{s:|s}set{a:|a}{l:|l}", atomic("t", 64)),
            ("ss 111 1 00 . . 1 rrrrr 0 0.1 00 nnnnn ttttt", "", undefined),
            ("ss 111 1 00 . . 1 rrrrr 0 010 00 nnnnn ttttt", "", undefined),
            (
                "ss 111 1 00 a l 1 rrrrr 0 ppp 00 nnnnn ttttt",
                f"ld{{s:bf|f|f|f}}{_FP_OPERATIONS}{{a:|a}}{{l:|l}}",
                atomic("t", vector=True),
            ),
            ("ss 111 1 00 . . 1 rrrrr 1 0.1 00 nnnnn 11111", "", undefined),
            ("ss 111 1 00 . . 1 rrrrr 1 010 00 nnnnn 11111", "", undefined),
            (
                "ss 111 1 00 0 l 1 rrrrr 1 ppp 00 nnnnn 11111",
                f"st{{s:bf|f|f|f}}{_FP_OPERATIONS}{{l:|l}}",
                atomic("t", vector=True),
            ),
        ),
    ),
    (
        "Atomic memory operations (unprivileged)",
        (
            ("0s 011001 a l 1 rrrrr 0 010 01 nnnnn ttttt", "", undefined),
            ("0s 011001 a l 1 rrrrr 0 0pp 01 nnnnn ttttt", "ldt{p:add|clr||set}{a:|a}{l:|l}", atomic("t")),
            ("0s 011001 a l 1 rrrrr 1 000 01 nnnnn ttttt", "swpt{a:|a}{l:|l}", atomic("t")),
        ),
    ),
    (
        "128-bit atomic memory operations",
        (
            ("0. 011001 . . 1 11111 . 0.. 00 ..... .....", "", undefined),
            ("0. 011001 . . 1 ..... . 0.. 00 ..... 11111", "", undefined),
            ("00 011001 a l 1 uuuuu 0 001 00 nnnnn ttttt", "ldclrp{a:|a}{l:|l}", atomic_pair("t", "u", 64)),
            ("00 011001 a l 1 uuuuu 0 011 00 nnnnn ttttt", "ldsetp{a:|a}{l:|l}", atomic_pair("t", "u", 64)),
            ("00 011001 a l 1 uuuuu 1 000 00 nnnnn ttttt", "swpp{a:|a}{l:|l}", atomic_pair("t", "u", 64)),
            ("0s 011001 a l 1 uuuuu 1 001 00 nnnnn ttttt", "rcw{s:|s}clrp{a:|a}{l:|l}", atomic_pair("t", "u", 64)),
            ("0s 011001 a l 1 uuuuu 1 010 00 nnnnn ttttt", "rcw{s:|s}swpp{a:|a}{l:|l}", atomic_pair("t", "u", 64)),
            ("0s 011001 a l 1 uuuuu 1 011 00 nnnnn ttttt", "rcw{s:|s}setp{a:|a}{l:|l}", atomic_pair("t", "u", 64)),
        ),
    ),
    (
        "RCW compare and swap",
        (("0s 011001 a l 1 rrrrr 0 000 10 nnnnn ttttt", "rcw{s:|s}cas{a:|a}{l:|l}", atomic("r", 64)),),
    ),
    (
        "RCW compare and swap pair",
        (("0s 011001 a l 1 rrrr0 0 000 11 nnnnn ....0", "rcw{s:|s}casp{a:|a}{l:|l}", atomic_pair("r", None, 64)),),
    ),
    (
        "LDAPR/STLR (unscaled immediate)",
        (
            (
                "ss 011001 oo 0 iiiiiiiii 00 nnnnn ttttt",
                "{o:st|ld|ld|ld}{o:l|ap|ap|ap}ur{sz}",
                single(_OFFSET, ordered=True),
            ),
        ),
    ),
    (
        "LDAPR/STLR (SIMD&FP)",
        (
            (
                "ss 011101 oo 0 iiiiiiiii 10 nnnnn ttttt",
                "{o:st|ld|st|ld}{o:l|ap|l|ap}ur",
                single(_OFFSET, vector=True, ordered=True),
            ),
        ),
    ),
    (
        "LDAPR/STLR (writeback)",
        (
            ("1s 011001 11 0 00000 0000 10 nnnnn ttttt", "ldapr", ordered_writeback(load=True)),
            ("1s 011001 10 0 00000 0000 10 nnnnn ttttt", "stlr", ordered_writeback(load=False)),
        ),
    ),
    (
        "LDIAPP/STILP",
        (
            ("1s 011001 0l 0 uuuuu 000 w 10 nnnnn ttttt", "{l:stilp|ldiapp}", ordered_pair()),
            ("11 011001 0l 0 uuuuu 010 1 10 nnnnn ttttt", "{l:stlp|ldap}", ordered_pair(64)),
            ("11 011001 01 0 uuuuu 011 1 10 nnnnn ttttt", "ldapp", ordered_pair(64, load=True)),
        ),
    ),
    (
        "GCS load/store",
        (("11 011001 000 11111 000 k 11 nnnnn ttttt", "gcsst{k:|t}r", guarded_store),),
    ),
    (
        "Load/store memory tags",
        (
            ("11 011001 00 1 000000000 00 nnnnn ttttt", "stzgm", tag(STORE)),
            ("11 011001 10 1 000000000 00 nnnnn ttttt", "stgm", tag(STORE)),
            ("11 011001 11 1 000000000 00 nnnnn ttttt", "ldgm", tag(LOAD)),
            ("11 011001 01 1 iiiiiiiii 00 nnnnn ttttt", "ldg", tag(BOTH)),
            ("11 011001 0z 1 iiiiiiiii 01 nnnnn ttttt", "st{z:|z}g", tag(STORE, _POST)),
            ("11 011001 0z 1 iiiiiiiii 10 nnnnn ttttt", "st{z:|z}g", tag(STORE)),
            ("11 011001 0z 1 iiiiiiiii 11 nnnnn ttttt", "st{z:|z}g", tag(STORE, _PRE)),
            ("11 011001 1z 1 iiiiiiiii 01 nnnnn ttttt", "st{z:|z}2g", tag(STORE, _POST)),
            ("11 011001 1z 1 iiiiiiiii 10 nnnnn ttttt", "st{z:|z}2g", tag(STORE)),
            ("11 011001 1z 1 iiiiiiiii 11 nnnnn ttttt", "st{z:|z}2g", tag(STORE, _PRE)),
        ),
    ),
    (
        "Memory Copy and Memory Set",
        (
            ("00 011 . 01 11 0 ..... 11.. 01 ..... .....", "", undefined),
            ("00 011 g 01 11 0 rrrrr pp.. 01 nnnnn ddddd", "set{g:|g}{p:p|m|e}", fill()),
            ("00 011 k 01 pp 0 rrrrr .... 01 nnnnn ddddd", "cpy{k:f|}{p:p|m|e}", copy),
            ("00 011101 11 0 ..... 11.. 00 ..... .....", "", undefined),
            ("00 011101 11 0 ..... pp.. 00 nnnnn ddddd", "setgo{p:p|m|e}", fill(valued=False)),
        ),
    ),
    *_structures("", "0l 000000", "0l r 00000", post=False),
    *_structures(" (post-indexed)", "1l 0 mmmmm", "1l r mmmmm", post=True),
)
