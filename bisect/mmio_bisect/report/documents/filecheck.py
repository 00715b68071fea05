"""A regression test in the dialect of whoever is to take it: rustc's compiletest (tests/assembly-llvm), or LLVM's lit.

The case's own text stands in it unchanged but for our directives, which both would ignore, and what lit would run.
Patterns are of assembly as LLVM prints it; those of whole kinds of instructions are AArch64's.
"""

import re
import shlex
from collections.abc import Sequence

from mmio_bisect.domain.access import Defect, DefectKind
from mmio_bisect.domain.recipe import Case, Language

_DIRECTIVE = re.compile(r"^\s*(//|;)\s?mmio:.*\n", re.MULTILINE)
# What lit would run, wherever in a line it stands (llvm/utils/lit/lit/TestRunner.py, `IntegratedTestKeywordParser`).
_RUN = re.compile(r"^.*(RUN|DEFINE):.*\n?", re.MULTILINE)
_KEYWORD = re.compile(r"^//@.*\n", re.MULTILINE)

_PATTERNS = {
    DefectKind.WRITEBACK_POST: r"{{(ld|st)[a-z]*[[:space:]].*\], *#}}",
    DefectKind.WRITEBACK_PRE: r"{{(ld|st)[a-z]*[[:space:]].*\]!}}",
    DefectKind.PAIR: r"{{(ld|st)n?p(sw)?[[:space:]]}}",
    DefectKind.SIMD_FP: r"{{(ld|st)u?r[[:space:]]+[bhsdq][0-9]}}",
    DefectKind.STRUCTURE: r"{{(ld|st)[1-4]r?[[:space:]]}}",
    DefectKind.BLOCK: r"{{(cpy|set|dc[[:space:]]+zva)}}",
    DefectKind.LIBCALL: r"{{bl?[[:space:]]+(mem|__aarch64)}}",
}

_BACK_ENDS = {"thumb": "arm", "x86_64": "x86", "i386": "x86", "riscv64": "riscv", "riscv32": "riscv"}


def filecheck_test(case: Case, *, target: str, flags: Sequence[str], defects: Sequence[Defect]) -> str:
    """The whole file. `flags` are those of the measurement, `defects` what must not come back."""
    text = case.text.decode(errors="replace")
    source = _RUN.sub("", _KEYWORD.sub("", _DIRECTIVE.sub("", text))).strip("\n")
    comment = case.language.comment
    checks: list[str] = []
    for function in dict.fromkeys(defect.function for defect in defects):
        label = re.sub("(RUN|DEFINE):", r"\1{{:}}", " ".join(function.split()))
        checks.append(f"{comment} CHECK-LABEL: {label}:")
        patterns = dict.fromkeys(_pattern(defect, target) for defect in defects if defect.function == function)
        checks += [f"{comment} CHECK-NOT: {pattern}" for pattern in patterns]
        checks.append(f"{comment} CHECK: .size")  # which ELF's assembly has after each function, tail call or not
    return "\n".join([*_head(case, _BACK_ENDS.get(target, target), text, flags), "", source, "", *checks]) + "\n"


def _head(case: Case, back_end: str, text: str, flags: Sequence[str]) -> list[str]:
    kept = [flag for flag in flags if flag not in {"-S", "--emit=asm", "-nostdlibinc", "-filetype=asm"}]
    match case.language:
        case Language.RUST:
            editions = [flag.partition("=")[2] for flag in kept if flag.startswith("--edition=")]
            words = " ".join(
                flag.replace("--target=", "--target ") for flag in kept if not flag.startswith("--edition=")
            )
            return [
                "//@ add-minicore" if "#![no_core]" in text else f"//@ needs-llvm-components: {back_end}",
                "//@ assembly-output: emit-asm",
                f"//@ compile-flags: {words}",
                *(f"//@ edition: {edition}" for edition in editions),
            ]
        case Language.C:
            return [
                f"// REQUIRES: {back_end}-registered-target",
                f"// RUN: %clang {shlex.join(kept)} -S -o - %s | FileCheck %s",
            ]
        case Language.LLVM_IR:
            triple = next((flag.partition("=")[2] for flag in kept if flag.startswith(("--target=", "-mtriple="))), "")
            triple = shlex.quote(triple)
            level = shlex.quote(next((flag for flag in kept if flag.startswith("-O")), "-O2"))
            return [f"; RUN: opt {level} < %s | llc {level} -mtriple={triple} | FileCheck %s"]


def _pattern(defect: Defect, target: str) -> str:
    """Of the kind, or else the very instruction with its registers left open."""
    if target == "aarch64" and defect.kind in _PATTERNS:
        return _PATTERNS[defect.kind]
    if defect.instruction is None:
        return "{{$}}"
    mnemonic = defect.instruction.split()[0]
    return f"{{{{{re.escape(mnemonic)}[[:space:]]}}}}"
