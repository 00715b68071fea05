"""A64 words against an LLVM of today's Debian: whatever llvm-mc disassembles, its mnemonic and operands tell the ISV.

The tables are held against LLVM 24's own answers elsewhere (`tests/unit/test_aarch64_llvm.py`); this asks a program, by
its text alone. Where the two differ there is a rule with a name: an extension that is newer than the program.
"""

import random
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from requirements import fixture_path

from mmio_bisect.classify.isa.aarch64.decode import ROWS, is_load_or_store, reading
from mmio_bisect.classify.isa.aarch64.text import mnemonic
from mmio_bisect.classify.isa.aarch64.words import NOT_AN_INSTRUCTION, read_word

_SIZES = ("", "b", "h", "sb", "sh", "sw")
# A load or store of one general register, if its first operand is one and its address is not written back.
_PLAIN = {
    *(f"{way}{size}" for way in ("ldr", "ldur", "ldtr", "ldapur") for size in _SIZES),
    *(f"{way}{size}" for way in ("str", "stur", "sttr", "stlur") for size in _SIZES[:3]),
    *(f"{way}{size}" for way in ("ldar", "ldlar", "ldapr", "stlr", "stllr") for size in _SIZES[:3]),
    *("ldraa", "ldrab"),
}
_SIXTY_FOUR_BYTES = {"ld64b", "st64b", "st64bv", "st64bv0"}
_PREFETCHES = {"prfm", "prfum", "rprfm", "prfb", "prfh", "prfw", "prfd"}
_WRITTEN_BACK = re.compile(r"\]!|\],")

# Rules for what an LLVM 19 refuses: by mnemonic, extensions that it does not know yet.
NEWER = {
    "FEAT_LSUI: unprivileged pairs, exclusives and atomics": re.compile(
        r"(ld|st)tn?p|(ld|st)[al]?txr|casp?a?l?t|ldt(add|clr|set)a?l?|swpta?l?"
    ),
    "FEAT_LSFE: floating-point atomics": re.compile(r"(ld|st)b?f(add|max|min|maxnm|minnm)a?l?"),
    "FEAT_LSCP: ordered pairs": re.compile(r"stlp|ldapp?"),
    "FEAT_MOPS_GO: tags alone": re.compile(r"setgo[pme]"),
    "ordered accesses of 64 bytes": re.compile(r"lda64b|stl64b(v0?)?"),
    "ordered accesses of scalable vectors": re.compile(r"ldapro|stlro"),
}
# And a field that the manual puts in brackets: Rs of LDAPR is (1)(1)(1)(1)(1). LLVM 24 no longer refuses others.
BRACKETS = re.compile(r"ldapr[bh]?")


@pytest.fixture
def llvm_mc() -> Path:
    return fixture_path("test-llvm/llvm/llvm-mc")


def texts(llvm_mc: Path, words: Sequence[int]) -> list[str | None]:
    """What llvm-mc prints for each word; None where it refuses it."""
    lines = [" ".join(f"{byte:#04x}" for byte in word.to_bytes(4, "little")) for word in words]
    done = subprocess.run(
        [llvm_mc, "--disassemble", "--triple=aarch64", "--mattr=+all"],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=False,  # it exits with 1 as soon as it refused a word
    )
    refused = {int(line) - 1 for line in re.findall(r"<stdin>:(\d+):\d+: warning: invalid", done.stderr)}
    printed = iter(
        line.strip() for line in done.stdout.splitlines() if line.startswith("\t") and line.strip()[0] != "."
    )
    found = [None if index in refused else next(printed) for index in range(len(words))]
    assert next(printed, None) is None
    return found


def isv(text: str) -> bool | None:
    """What the text of a load, a store or a prefetch says."""
    mnemonic, _, operands = text.partition("\t")
    if mnemonic in _PREFETCHES:
        return None
    if mnemonic in _SIXTY_FOUR_BYTES:
        return True
    return mnemonic in _PLAIN and operands[0] in "wx" and not _WRITTEN_BACK.search(operands)


def explained(word: int) -> str | None:
    """The rule by which LLVM 19 refuses a word that is an instruction."""
    found = reading(word)
    name = mnemonic(found) if found else ""
    if BRACKETS.fullmatch(name) and word >> 16 & 31 != 31:
        return "bits in brackets"
    return next((rule for rule, names in NEWER.items() if names.fullmatch(name)), None)


def test_the_text_of_every_form_says_the_same_as_its_bits(llvm_mc: Path) -> None:
    draw = random.Random(6)  # noqa: S311  a fixed sample, not a secret
    words = [row.pattern.value | draw.getrandbits(32) & ~row.pattern.mask for row in ROWS for _ in range(24)]
    words += [(draw.getrandbits(32) | 1 << 27) & ~(1 << 25) for _ in range(20_000)]
    words = [word for word in words if is_load_or_store(word)]
    wrong, known = [], 0
    for word, text in zip(words, texts(llvm_mc, words), strict=True):
        ours = read_word(word, None)
        if text is None:
            if ours.form != NOT_AN_INSTRUCTION and explained(word) is None:
                wrong.append(f"{word:#010x} {ours.text} ({ours.section}): refused")
            continue
        known += 1
        if ours.form == NOT_AN_INSTRUCTION or ours.valid is not isv(text):
            wrong.append(f"{word:#010x} {text}: {ours.form}, {ours.valid}")
    assert wrong == []
    assert known > 10_000
