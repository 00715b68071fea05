"""The A64 encodings of scalable vector and matrix loads and stores (SVE, SME), group by group.

Titles are those of the Arm ARM's sections C4.1, "SVE encodings" and "SME encodings". As in `aarch64_table` the first
row that matches decides. A contiguous access whose offset register is 31 is not allocated (it would be the immediate
form), except for first-fault loads and the multi-vector forms.

Fields: n Rn or Zn, t Zt, l store. Element sizes and offsets are not read: no such access has a valid syndrome.
"""

from mmio_bisect.classify.isa.aarch64.many_forms import PREFETCH, scalable, undefined
from mmio_bisect.classify.isa.aarch64.table import Line
from mmio_bisect.domain.access import LOAD, STORE, Form

_LOAD, _STORE = scalable(LOAD), scalable(STORE)
_GATHER, _SCATTER = scalable(LOAD, vector_base=True), scalable(STORE, vector_base=True)
_LOAD_MANY = scalable(LOAD, 4, form=Form.STRUCTURE)
_STORE_MANY = scalable(STORE, form=Form.STRUCTURE)

VECTOR_GROUPS: tuple[tuple[str, tuple[Line, ...]], ...] = (
    (
        "SVE Memory - 32-bit Gather and Unsized Contiguous",
        (
            ("1000010 00 .1 ..... 0.. ... nnnnn 0....", "prf (scalar plus 32-bit offsets)", PREFETCH),
            ("1000010 .. 00 ..... 111 ... nnnnn 0....", "prf (vector plus immediate)", PREFETCH),
            ("1000010 .. 00 11111 110 ... nnnnn .....", "", undefined),
            ("1000010 .. 00 ..... 110 ... nnnnn 0....", "prf (scalar plus scalar)", PREFETCH),
            ("1000010 11 1. ..... 0.. ... nnnnn 0....", "prf (scalar plus immediate)", PREFETCH),
            ("1000010 00 .0 ..... 0.. ... nnnnn ttttt", "ld1 (scalar plus 32-bit offsets)", _LOAD),
            ("1000010 01 .. ..... 0.. ... nnnnn ttttt", "ld1 (scalar plus 32-bit offsets)", _LOAD),
            ("1000010 10 .. ..... 01. ... nnnnn ttttt", "ld1w (scalar plus 32-bit offsets)", _LOAD),
            ("1000010 0. 00 ..... 10. ... nnnnn ttttt", "ldnt1 (vector plus scalar)", _GATHER),
            ("1000010 10 00 ..... 101 ... nnnnn ttttt", "ldnt1w (vector plus scalar)", _GATHER),
            ("1000010 0. 01 ..... 1.. ... nnnnn ttttt", "ld1 (vector plus immediate)", _GATHER),
            ("1000010 10 01 ..... 11. ... nnnnn ttttt", "ld1w (vector plus immediate)", _GATHER),
            ("1000010 .. 1. ..... 1.. ... nnnnn ttttt", "ld1r", _LOAD),
            ("1000010 11 0. ..... 000 ... nnnnn 0....", "ldr (predicate)", scalable(LOAD, 0)),
            ("1000010 11 0. ..... 010 ... nnnnn ttttt", "ldr (vector)", _LOAD),
            ("1000010 11 00 ..... 011 ... nnnnn ttttt", "ldapro", _LOAD),
        ),
    ),
    (
        "SVE Memory - Contiguous Load",
        (
            ("1010010 .. .. 11111 000 ... ..... .....", "", undefined),
            ("1010010 .. .. 11111 010 ... ..... .....", "", undefined),
            ("1010010 .. .. 11111 100 ... ..... .....", "", undefined),
            ("1010010 .. .. 11111 110 ... ..... .....", "", undefined),
            ("1010010 .. 00 ..... 000 ... nnnnn ttttt", "ld1rq (scalar plus scalar)", _LOAD),
            ("1010010 .. 01 ..... 000 ... nnnnn ttttt", "ld1ro (scalar plus scalar)", _LOAD),
            ("1010010 .. 00 0.... 001 ... nnnnn ttttt", "ld1rq (scalar plus immediate)", _LOAD),
            ("1010010 .. 01 0.... 001 ... nnnnn ttttt", "ld1ro (scalar plus immediate)", _LOAD),
            ("1010010 1. 00 1.... 001 ... nnnnn ttttt", "ld1 (quadwords, scalar plus immediate)", _LOAD),
            ("1010010 .. .. ..... 010 ... nnnnn ttttt", "ld1 (scalar plus scalar)", _LOAD),
            ("1010010 .. .. ..... 011 ... nnnnn ttttt", "ldff1 (scalar plus scalar)", _LOAD),
            ("1010010 01 01 ..... 100 ... nnnnn ttttt", "ld2q (scalar plus scalar)", _LOAD_MANY),
            ("1010010 1. 00 ..... 100 ... nnnnn ttttt", "ld1 (quadwords, scalar plus scalar)", _LOAD),
            ("1010010 1. 01 ..... 100 ... nnnnn ttttt", "ldq (scalar plus scalar)", _LOAD_MANY),
            ("1010010 .. .. 0.... 101 ... nnnnn ttttt", "ld1 (scalar plus immediate)", _LOAD),
            ("1010010 .. .. 1.... 101 ... nnnnn ttttt", "ldnf1 (scalar plus immediate)", _LOAD),
            ("1010010 .. 00 ..... 110 ... nnnnn ttttt", "ldnt1 (scalar plus scalar)", _LOAD),
            ("1010010 .. .. ..... 110 ... nnnnn ttttt", "ld2 to ld4 (scalar plus scalar)", _LOAD_MANY),
            ("1010010 .. 00 0.... 111 ... nnnnn ttttt", "ldnt1 (scalar plus immediate)", _LOAD),
            ("1010010 .. .. 0.... 111 ... nnnnn ttttt", "ld2 to ld4 (scalar plus immediate)", _LOAD_MANY),
            ("1010010 01 00 1.... 111 ... nnnnn ttttt", "ld2q (scalar plus immediate)", _LOAD_MANY),
            ("1010010 1. 00 1.... 111 ... nnnnn ttttt", "ldq (scalar plus immediate)", _LOAD_MANY),
        ),
    ),
    (
        "SVE Memory - 64-bit Gather",
        (
            ("1100010 00 .1 ..... 0.. ... nnnnn 0....", "prf (scalar plus unpacked offsets)", PREFETCH),
            ("1100010 00 11 ..... 1.. ... nnnnn 0....", "prf (scalar plus 64-bit offsets)", PREFETCH),
            ("1100010 .. 00 ..... 111 ... nnnnn 0....", "prf (vector plus immediate)", PREFETCH),
            ("1100010 00 .1 ..... 0.. ... nnnnn 1....", "", undefined),
            ("1100010 00 11 ..... 1.. ... nnnnn 1....", "", undefined),
            ("1100010 11 .. ..... 00. ... nnnnn .....", "", undefined),
            ("1100010 .. .. ..... 0.. ... nnnnn ttttt", "ld1 (scalar plus unpacked offsets)", _LOAD),
            ("1100010 11 01 ..... 10. ... nnnnn .....", "", undefined),
            ("1100010 11 1. ..... 10. ... nnnnn .....", "", undefined),
            ("1100010 .. 01 ..... 1.. ... nnnnn ttttt", "ld1 (vector plus immediate)", _GATHER),
            ("1100010 .. 1. ..... 1.. ... nnnnn ttttt", "ld1 (scalar plus 64-bit offsets)", _LOAD),
            ("1100010 11 00 ..... 100 ... nnnnn .....", "", undefined),
            ("1100010 .. 00 ..... 1.0 ... nnnnn ttttt", "ldnt1 (vector plus scalar)", _GATHER),
            ("1100010 00 00 ..... 101 ... nnnnn ttttt", "ld1q (vector plus scalar)", _GATHER),
        ),
    ),
    (
        "SVE Memory - Stores",
        (
            ("1110010 11 0. ..... 000 ... nnnnn 0....", "str (predicate)", _STORE),
            ("1110010 11 10 ..... 000 ... nnnnn ttttt", "stlro", _STORE),
            ("1110010 00 10 0.... 000 ... nnnnn ttttt", "st2q (scalar plus immediate)", _STORE_MANY),
            ("1110010 01 .0 0.... 000 ... nnnnn ttttt", "stq (scalar plus immediate)", _STORE_MANY),
            ("1110010 11 0. ..... 010 ... nnnnn ttttt", "str (vector)", _STORE),
            ("1110010 .. .. 11111 000 ... ..... .....", "", undefined),
            ("1110010 .. .. 11111 01. ... ..... .....", "", undefined),
            ("1110010 00 11 ..... 000 ... nnnnn ttttt", "st2q (scalar plus scalar)", _STORE_MANY),
            ("1110010 01 .1 ..... 000 ... nnnnn ttttt", "stq (scalar plus scalar)", _STORE_MANY),
            ("1110010 00 01 ..... 001 ... nnnnn ttttt", "st1q (vector plus scalar)", _SCATTER),
            ("1110010 11 10 ..... 001 ... ..... .....", "", undefined),
            ("1110010 .. .0 ..... 001 ... nnnnn ttttt", "stnt1 (vector plus scalar)", _SCATTER),
            ("1110010 01 00 ..... 010 ... ..... .....", "", undefined),
            ("1110010 10 01 ..... 010 ... ..... .....", "", undefined),
            ("1110010 .. .. ..... 010 ... nnnnn ttttt", "st1 (scalar plus scalar)", _STORE),
            ("1110010 .. 00 ..... 011 ... nnnnn ttttt", "stnt1 (scalar plus scalar)", _STORE),
            ("1110010 .. .. ..... 011 ... nnnnn ttttt", "st2 to st4 (scalar plus scalar)", _STORE_MANY),
            ("1110010 00 .1 ..... 1.0 ... ..... .....", "", undefined),
            ("1110010 11 1. ..... 1.0 ... ..... .....", "", undefined),
            ("1110010 .. .. ..... 1.0 ... nnnnn ttttt", "st1 (scalar plus 32-bit offsets)", _STORE),
            ("1110010 00 01 ..... 101 ... ..... .....", "", undefined),
            ("1110010 11 11 ..... 101 ... ..... .....", "", undefined),
            ("1110010 .. 0. ..... 101 ... nnnnn ttttt", "st1 (scalar plus 64-bit offsets)", _STORE),
            ("1110010 .. 1. ..... 101 ... nnnnn ttttt", "st1 (vector plus immediate)", _SCATTER),
            ("1110010 01 00 0.... 111 ... ..... .....", "", undefined),
            ("1110010 10 01 0.... 111 ... ..... .....", "", undefined),
            ("1110010 11 0. 0.... 111 ... ..... .....", "", undefined),
            ("1110010 .. .. 0.... 111 ... nnnnn ttttt", "st1 (scalar plus immediate)", _STORE),
            ("1110010 .. 00 1.... 111 ... nnnnn ttttt", "stnt1 (scalar plus immediate)", _STORE),
            ("1110010 .. .. 1.... 111 ... nnnnn ttttt", "st2 to st4 (scalar plus immediate)", _STORE_MANY),
        ),
    ),
    (
        "SVE2 Multi-vector Memory",
        (
            ("1010000 .0 00 ..... 0.. ... nnnnn ttttt", "ld1 (two vectors, scalar plus scalar)", _LOAD_MANY),
            ("1010000 .0 01 ..... 0.. ... nnnnn .....", "st1 (two vectors, scalar plus scalar)", _STORE_MANY),
            ("1010000 .0 10 0.... 0.. ... nnnnn ttttt", "ld1 (two vectors, scalar plus immediate)", _LOAD_MANY),
            ("1010000 .0 11 0.... 0.. ... nnnnn .....", "st1 (two vectors, scalar plus immediate)", _STORE_MANY),
            ("1010000 00 00 ..... 1.. ... nnnnn ...0.", "ld1 (four vectors, scalar plus scalar)", _LOAD_MANY),
            ("1010000 00 01 ..... 1.. ... nnnnn ...0.", "st1 (four vectors, scalar plus scalar)", _STORE_MANY),
            ("1010000 00 10 0.... 1.. ... nnnnn ...0.", "ld1 (four vectors, scalar plus immediate)", _LOAD_MANY),
            ("1010000 00 11 0.... 1.. ... nnnnn ...0.", "st1 (four vectors, scalar plus immediate)", _STORE_MANY),
            ("1010000 10 00 ..... 1.. ... nnnnn ..0..", "ld1 (four strided vectors, scalar plus scalar)", _LOAD_MANY),
            ("1010000 10 01 ..... 1.. ... nnnnn ..0..", "st1 (four strided vectors, scalar plus scalar)", _STORE_MANY),
            ("1010000 10 10 0.... 1.. ... nnnnn ..0..", "ld1 (four strided vectors, immediate)", _LOAD_MANY),
            ("1010000 10 11 0.... 1.. ... nnnnn ..0..", "st1 (four strided vectors, immediate)", _STORE_MANY),
        ),
    ),
    (
        "SME Memory",
        (
            ("1110000 0 .. 0 ..... . .. ... nnnnn 0 ....", "ld1 (tile slice)", scalable(LOAD, 0)),
            ("1110000 0 .. 1 ..... . .. ... nnnnn 0 ....", "st1 (tile slice)", _STORE),
            ("1110000 1 11 0 ..... . .. ... nnnnn 0 ....", "ld1q (tile slice)", scalable(LOAD, 0)),
            ("1110000 1 11 1 ..... . .. ... nnnnn 0 ....", "st1q (tile slice)", _STORE),
            ("1110000 1 00 0 00000 0 .. 000 nnnnn 0 ....", "ldr (array vector)", scalable(LOAD, 0)),
            ("1110000 1 00 1 00000 0 .. 000 nnnnn 0 ....", "str (array vector)", _STORE),
            ("1110000 1 00 0 11111 1 00 000 nnnnn 00000", "ldr (table)", scalable(LOAD, 0)),
            ("1110000 1 00 1 11111 1 00 000 nnnnn 00000", "str (table)", _STORE),
        ),
    ),
)
