"""What nobody meant to be read: a ladder of inputs that parsers fall over, and whole ones that were damaged."""

import random
import re
from collections.abc import Iterator

_DEEP = 100_000
_NUMBER = re.compile(rb"\d+")
_TEXT = re.compile(rb'"[^"\n]*"')

RUNGS: tuple[bytes, ...] = (
    b"",
    b"\0",
    b"\n" * 1000,
    b"\xff\xfe\x00",
    b"\xef\xbb\xbf",
    b"\x1b]0;title\x07",
    "\u202e\u2028\x85\x1e\x0c²³٣".encode(),
    b'"\\ud800"',
    b'{"versions": ["\\ud800"]}',
    b"[" * _DEEP,
    b'{"a":' * _DEEP,
    b"[" * _DEEP + b"]" * _DEEP,
    b"a=" + b"[" * _DEEP,
    b"a=" + b"{a=" * _DEEP,
    b".".join([b"a"] * 60_000) + b" = 1",
    b"[" + b".".join([b"a"] * 60_000) + b"]",
    b'"a"."b".' * 30_000 + b"c = 1",
    b"9" * 5000,
    b"-" + b"9" * 5000,
    b"a = " + b"9" * 5000,
    b"1e999999",
    b"NaN",
    b"-Infinity",
    b"null",
    b"true",
    b"[]",
    b"{}",
    b'{"versions": null}',
    b'{"versions": 1}',
    b'{"versions": [[[]]]}',
    b'{"versions": ["' + b"1." * 50_000 + b'1"]}',
    b"a = 99999-99-99",
    b"a = 0000-00-00T99:99:99",
    b"clang version 18.0.0 (++99999999+0123456789ab)",
    b"clang version " + b"9" * 5000 + b".0.0 (++" + b"9" * 5000 + b"+0123456789ab)",
    b"rustc 1.0.0\ncommit-date: 9999-99-99\nLLVM version: " + b"8" * 5000,
    b"clang version \xc2\xb2.\xd9\xa3",
    b"gcc (Debian) \xd9\xa3.1",
    b"Package: a\nVersion: " + b"1" * 100_000 + b"\nArchitecture: x\nSource: ()))(((\n",
    b"\x7fELF" + b"\xff" * 500,
    b"\xfd7zXZ\0" + b"\0" * 500,
    b"\x1f\x8b\x08\0" + b"\xff" * 500,
    b"PK\x05\x06" + b"\xff" * 18,
    b"PK\x05\x06" + b"\0" * 18,
    b"//mmio: fn=f(mmio) min=" + b"9" * 5000,
)


def ladder(sample: bytes, seed: int = 14) -> Iterator[bytes]:
    """The rungs, and the sample: as it is, cut off, with bytes changed, with numbers and texts that it cannot have."""
    yield from RUNGS
    yield sample
    draw = random.Random(seed)  # noqa: S311  the same each time
    for _ in range(15):
        yield sample[: draw.randrange(len(sample) + 1)]
    for _ in range(40):
        broken = bytearray(sample)
        for _ in range(draw.choice((1, 1, 3, 10))):
            broken[draw.randrange(len(broken))] = draw.choice(
                (0, 0x0A, 0x22, 0x2E, 0x5B, 0x7B, 0xFF, draw.getrandbits(8))
            )
        yield bytes(broken)
    for pattern, others in (
        (_NUMBER, (b"9" * 5000, b"-1", b"1e400", b"NaN", b"null", "²".encode(), b'"x"')),
        (_TEXT, (b"[" * 2000 + b"]" * 2000, b"null", b"-7", b'"\\ud800"', b'"' + b"x" * 10_000 + b'"', b"{}", b"true")),
    ):
        places = list(pattern.finditer(sample))
        for other in others:
            for found in draw.sample(places, min(5, len(places))):
                yield sample[: found.start()] + other + sample[found.end() :]
