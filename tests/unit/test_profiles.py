"""What each hypervisor emulates: the rules against the hypervisors' own masks, and the table that is made of them."""

import random

import pytest

from mmio_bisect.classify.isa.aarch64.decode import decode
from mmio_bisect.classify.verdict.form_table import table
from mmio_bisect.classify.verdict.judge import defect_kinds
from mmio_bisect.classify.verdict.profiles import PROFILES, default_profile, profiles_of
from mmio_bisect.report.explain.topics import profile_table

# Architecture, form: the profiles that emulate it.
TABLE = """
aarch64     | LDR, STR: immediate or register offset       | arm-isv xen-arm
aarch64     | LDTR, STTR: unprivileged                     | arm-isv xen-arm
aarch64     | LDAR, STLR, LDAPR, LDAPUR: ordered           | arm-isv xen-arm
aarch64     | LDRAA, LDRAB: offset                         | arm-isv xen-arm
aarch64     | LDR, STR: post-index                         | xen-arm
aarch64     | LDR, STR: post-index, data and base the same |
aarch64     | LDRSB, LDRSH, LDRSW: post-index              |
aarch64     | LDR, STR: pre-index                          |
aarch64     | LDAPR, STLR: with writeback                  |
aarch64     | LD64B, ST64B: 64 bytes                       |
arm         | LDR, STR, LDA, STL: offset                   | arm32-isv
arm         | LDRD, STRD                                   |
x86_64      | MOV: register                                | kvm-x86 sev-es tdx cloud-hypervisor-x86 acrn
x86_64      | MOV: offset (A0 to A3)                       | kvm-x86 cloud-hypervisor-x86 acrn
x86_64      | MOVSX                                        | kvm-x86 sev-es tdx acrn
x86_64      | OR: bytes                                    | kvm-x86 cloud-hypervisor-x86 acrn
x86_64      | OR: wider                                    | kvm-x86 acrn
x86_64      | LOCK ADD, LOCK CMPXCHG                       | kvm-x86
x86_64      | REP MOVS                                     | kvm-x86 sev-es cloud-hypervisor-x86 acrn
x86_64      | REP STOS                                     | kvm-x86 cloud-hypervisor-x86 acrn
x86_64      | MOVUPS, MOVAPS, MOVDQA                       | kvm-x86
x86_64      | VMOVUPS and its kin                          |
riscv64     | C.LW, C.LD, C.SW, C.SD, SP forms             | kvm-riscv
riscv64     | C.LBU, C.LHU, C.SB, C.SH (Zcb)               |
riscv64     | FLW, FLD, FSW, FSD                           |
powerpc64le | STWU, LWZU: with update                      | kvm-ppc
powerpc64le | LWARX, STWCX: exclusive                      |
loongarch64 | LDPTR, STPTR                                 | kvm-loongarch
loongarch64 | AMSWAP_DB: what an atomic store becomes      |
"""


def rows() -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines()]


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row[0]} {row[1]}")
def test_the_table_is_what_the_hypervisors_sources_say(row: list[str]) -> None:
    architecture, form, emulators = row
    (found,) = (each for each in table() if (each.architecture, each.form) == (architecture, form))
    assert [name for name, can in found.emulated.items() if can] == emulators.split()


def test_the_table_has_every_profile_and_is_printed_whole() -> None:
    text, members = profile_table()
    assert {name for row in table() for name in row.emulated} == set(PROFILES)
    assert set(members) == {"rows", "profiles"}
    for row in table():
        (line,) = (
            line
            for block in text.split("\n\n")
            if block.startswith(row.architecture + " ")
            for line in block.splitlines()
            if line.startswith(row.form + "  ")
        )
        assert line.removeprefix(row.form).split() == ["yes" if can else "-" for can in row.emulated.values()]


def test_xen_takes_what_its_decoder_takes() -> None:
    """decode_arm64 of xen/arch/arm/decode.c, bit by bit; what has a valid syndrome it need not decode."""
    xen, architecture = PROFILES["xen-arm"], PROFILES["arm-isv"]
    draw = random.Random(3)  # noqa: S311  a fixed sample, not a secret
    taken = 0
    for _ in range(60_000):
        word = draw.getrandbits(32) & ~0x3B200C00 | 0x38000400 if draw.random() < 0.8 else draw.getrandbits(32)
        transfer = decode(word)
        if transfer is None or architecture.emulates(transfer):
            continue
        register, base = word & 31, word >> 5 & 31
        decoded = (
            not (register == base and base != 31)
            and word & 0x3B200C00 == 0x38000400
            and not word >> 26 & 1
            and word >> 22 & 3 in {0, 1}
        )
        assert xen.emulates(transfer) == decoded, f"{word:#010x}"
        taken += decoded
    assert taken > 5000


def test_whatever_a_profile_does_not_emulate_has_a_defect() -> None:
    for word in (0xB8004409, 0xB9000009, 0xA9000801):
        transfer = decode(word)
        assert transfer is not None
        for profile in PROFILES.values():
            assert bool(defect_kinds(transfer, profile)) != profile.emulates(transfer)


def test_each_architecture_has_a_profile_of_its_own() -> None:
    own = {name: default_profile(name).name for name in ("aarch64", "arm", "x86_64", "i386", "riscv64", "powerpc64le")}
    assert own == {
        "aarch64": "arm-isv",
        "arm": "arm32-isv",
        "x86_64": "kvm-x86",
        "i386": "kvm-x86",
        "riscv64": "kvm-riscv",
        "powerpc64le": "kvm-ppc",
    }
    assert [profile.name for profile in profiles_of("aarch64")] == ["arm-isv", "xen-arm"]


def test_every_profile_names_its_source() -> None:
    for profile in PROFILES.values():
        assert profile.architectures
        assert "/" in profile.source or "Arm ARM" in profile.source
