"""A regression test in the dialect of whoever is to take it: rustc's compiletest (tests/assembly-llvm), or LLVM's lit.

The case's own text stands in it unchanged but for our directives, which both would ignore. Patterns are of assembly as
LLVM prints it for AArch64; GCC's is no FileCheck project.
"""

import re
from collections.abc import Sequence

from mmio_bisect.domain.access import Defect, DefectKind
from mmio_bisect.domain.recipe import Case, Language

_DIRECTIVE = re.compile(r"^\s*(//|;)\s?mmio:.*\n", re.MULTILINE)
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


def filecheck_test(case_text: str, case: Case, *, triple: str, opt: str, defects: Sequence[Defect]) -> str:
    """The whole file. `defects` are what must not come back."""
    source = _KEYWORD.sub("", _DIRECTIVE.sub("", case_text)).strip("\n")
    comment = case.language.comment
    head = _head(case, triple, opt)
    checks: list[str] = []
    for function in dict.fromkeys(defect.function for defect in defects):
        checks.append(f"{comment} CHECK-LABEL: {function}:")
        patterns = dict.fromkeys(_pattern(defect) for defect in defects if defect.function == function)
        checks += [f"{comment} CHECK-NOT: {pattern}" for pattern in patterns]
        checks.append(f"{comment} CHECK: ret")
    return "\n".join([*head, "", source, "", *checks]) + "\n"


def _head(case: Case, triple: str, opt: str) -> list[str]:
    match case.language:
        case Language.RUST:
            edition = [f"//@ edition: {case.edition}"] if case.edition else []
            return [
                "//@ add-minicore"
                if "#![no_core]" in case.text.decode(errors="replace")
                else "//@ needs-llvm-components: aarch64",
                "//@ assembly-output: emit-asm",
                f"//@ compile-flags: --target {triple} -Copt-level={opt} --crate-type=lib",
                *edition,
            ]
        case Language.C:
            return [
                "// REQUIRES: aarch64-registered-target",
                f"// RUN: %clang --target={triple} -O{opt} -S -o - %s | FileCheck %s",
            ]
        case Language.LLVM_IR:
            return [f"; RUN: opt -O{opt} < %s | llc -mtriple={triple} | FileCheck %s"]


def _pattern(defect: Defect) -> str:
    """Of the kind, or else the very instruction with its registers left open."""
    if defect.kind in _PATTERNS:
        return _PATTERNS[defect.kind]
    if defect.instruction is None:
        return "{{$}}"
    mnemonic = defect.instruction.split()[0]
    return f"{{{{{re.escape(mnemonic)}[[:space:]]}}}}"
