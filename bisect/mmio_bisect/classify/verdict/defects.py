"""What each defect means: one page a kind, for `explain`, for reports, and for whoever wonders at a verdict."""

from dataclasses import dataclass

from mmio_bisect.domain.access import DefectKind


@dataclass(frozen=True, slots=True, kw_only=True)
class DefectPage:
    """`title` is a phrase, `text` a few sentences, `source` where the rule comes from."""

    kind: DefectKind
    title: str
    text: str
    source: str


_ISV = "Arm ARM, ESR_EL2, ISS encoding for an exception from a Data Abort, field ISV"
_EXPECTATION = "the recipe's own `mmio:` lines"

PAGES: dict[DefectKind, DefectPage] = {
    page.kind: page
    for page in (
        DefectPage(
            kind=DefectKind.WRITEBACK_POST,
            title="the instruction also moves its base register, after the access",
            text=(
                "`str w9, [x0], #4` stores and then adds 4 to x0. For an access with register writeback the "
                "architecture leaves the syndrome invalid (ISV = 0), so the hypervisor knows neither register "
                "nor width and cannot emulate the access. LLVM forms it in GlobalISel, SelectionDAG or "
                "AArch64LoadStoreOptimizer; fixed for volatile accesses in LLVM 23."
            ),
            source=f"{_ISV}; llvm/llvm-project#173014, fixed by llvm/llvm-project#196305; rust-lang/rust#131894",
        ),
        DefectPage(
            kind=DefectKind.WRITEBACK_PRE,
            title="the instruction also moves its base register, before the access",
            text=(
                "`str w9, [x0, #4]!` adds 4 to x0 and stores there. As with post-index, writeback leaves the "
                "syndrome invalid (ISV = 0) and the access cannot be emulated."
            ),
            source=f"{_ISV}; llvm/llvm-project#196305",
        ),
        DefectPage(
            kind=DefectKind.PAIR,
            title="one instruction, two registers",
            text=(
                "LDP, STP and their kin (LDNP, STNP, LDPSW, LDIAPP, STILP) move two registers; the syndrome "
                "describes one, so it is left invalid (ISV = 0)."
            ),
            source=f"{_ISV}; LLVM made volatile __int128 a pair on purpose in D69559 (LLVM 10)",
        ),
        DefectPage(
            kind=DefectKind.SIMD_FP,
            title="SIMD, floating-point or scalable register",
            text="The syndrome names general-purpose registers only: for `str s0, [x0]` or `ldr q0, [x1]` ISV is 0.",
            source=_ISV,
        ),
        DefectPage(
            kind=DefectKind.STRUCTURE,
            title="structure load or store (LD1 to ST4)",
            text="Several elements of vector registers in one instruction; ISV is 0.",
            source=_ISV,
        ),
        DefectPage(
            kind=DefectKind.EXCLUSIVE,
            title="exclusive load or store",
            text=(
                "LDXR, STXR and their kin are excluded from valid syndromes, and the exclusive monitor means "
                "nothing for emulated memory."
            ),
            source=_ISV,
        ),
        DefectPage(
            kind=DefectKind.ATOMIC,
            title="atomic read-modify-write (CAS, SWP, LDADD and their kin)",
            text="Reads and writes in one instruction; ISV is 0. A device register may mind being read first, too.",
            source=_ISV,
        ),
        DefectPage(
            kind=DefectKind.BLOCK,
            title="block copy or fill in one instruction",
            text="FEAT_MOPS (CPY*, SET*) and DC ZVA touch many bytes in one instruction; ISV is 0.",
            source=_ISV,
        ),
        DefectPage(
            kind=DefectKind.CACHE,
            title="cache maintenance by address",
            text="DC operations on a device address fault without a valid syndrome.",
            source=_ISV,
        ),
        DefectPage(
            kind=DefectKind.TAG,
            title="memory-tagging access (STG, LDG and their kin)",
            text="Allocation tags are not data; ISV is 0.",
            source=_ISV,
        ),
        DefectPage(
            kind=DefectKind.LS64,
            title="64-byte access (LD64B, ST64B)",
            text="ISV is 1 but the syndrome uses the LST field, which no emulator handles as an access.",
            source="Arm ARM, ESR_EL2, ISS encoding for a Data Abort, field LST",
        ),
        DefectPage(
            kind=DefectKind.GUARDED_STACK,
            title="store to a guarded control stack (GCSSTR, GCSSTTR)",
            text=(
                "FEAT_GCS: only memory that the translation tables mark as a guarded control stack takes such a store; "
                "device memory never is. The syndrome does not describe it: ISV is 0."
            ),
            source="Arm ARM, D11 “The Guarded Control Stack”; ESR_EL2, ISS2 field GCS",
        ),
        DefectPage(
            kind=DefectKind.UNEMULATED,
            title="a plain access by an instruction that the hypervisor's emulator does not know",
            text=(
                "Where hypervisors decode instructions, each knows its own selection; this one is a single load or "
                "store of a general-purpose register and is not in it. `explain --table` shows which profile has what."
            ),
            source="the profile's own, see `explain --table`",
        ),
        DefectPage(
            kind=DefectKind.LIBCALL,
            title="library call on device memory",
            text=(
                "The compiler turned accesses into a call (memcpy, memset, an outlined atomic) that is free to "
                "touch the window in any widths, forms and number of times."
            ),
            source=_EXPECTATION,
        ),
        DefectPage(
            kind=DefectKind.READ_MODIFY_WRITE,
            title="one instruction reads memory, changes the value and writes it back",
            text=(
                "`orl $1, (%rdi)` folds a volatile load and a volatile store into one instruction. The device sees "
                "both, but few hypervisors decode more than plain moves: in a confidential guest it is the end."
            ),
            source="arch/x86/lib/insn-eval.c (Linux), insn_decode_mmio; see the profiles",
        ),
        DefectPage(
            kind=DefectKind.FOLDED,
            title="the access is part of an instruction that computes",
            text=(
                "`addl (%rdi), %eax` or `cmpl $0, (%rdi)` uses what it loads at once. A hypervisor that decodes moves "
                "alone cannot carry it out."
            ),
            source="arch/x86/lib/insn-eval.c (Linux), insn_decode_mmio; see the profiles",
        ),
        DefectPage(
            kind=DefectKind.TORN,
            title="one access became several narrower ones",
            text="The device sees several transactions where the source asked for one.",
            source=_EXPECTATION,
        ),
        DefectPage(
            kind=DefectKind.MERGED,
            title="several accesses became one wider one",
            text="The device sees one transaction where the source asked for several.",
            source=_EXPECTATION,
        ),
        DefectPage(
            kind=DefectKind.WIDENED,
            title="the access touches more bytes than the source asked for",
            text="Neighbouring registers are read or written too.",
            source=_EXPECTATION,
        ),
        DefectPage(
            kind=DefectKind.NARROWED,
            title="the access touches fewer bytes than the source asked for",
            text="Part of the register is not read or written.",
            source=_EXPECTATION,
        ),
        DefectPage(
            kind=DefectKind.MISSING,
            title="an access, or the whole function, is not there",
            text="A volatile access is an observable effect; a compiler may not remove it.",
            source=f"{_EXPECTATION}; ISO C 5.1.2.3 §6",
        ),
        DefectPage(
            kind=DefectKind.EXTRA,
            title="an access that the source did not ask for",
            text="The device sees a transaction that nobody wrote.",
            source=_EXPECTATION,
        ),
        DefectPage(
            kind=DefectKind.DOUBLED,
            title="an access is done more often than the source asked for",
            text="A register that is cleared by reading, or a FIFO, loses data.",
            source=f"{_EXPECTATION}; compare GCC PR105160",
        ),
        DefectPage(
            kind=DefectKind.REORDERED,
            title="the accesses are in another order than in the source",
            text="Volatile accesses keep their order; a device depends on it.",
            source=f"{_EXPECTATION}; ISO C 5.1.2.3 §6",
        ),
        DefectPage(
            kind=DefectKind.ESCAPES,
            title="the window's pointer goes where it is not followed",
            text=(
                "The pointer is passed to unknown code, stored where it cannot be tracked, or computed in a way "
                "that is not understood. There may be accesses that were not seen; that is never called good."
            ),
            source="this tool's data flow (classify/flow.py)",
        ),
    )
}
