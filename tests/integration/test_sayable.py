"""What recipes can say, held against what one clang makes of a few lines: small cases that no shipped recipe has."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from real_zigs import RealZigs
from requirements import fixture_path

from mmio_bisect.adapters.binary.disassemblers import DISASSEMBLERS
from mmio_bisect.adapters.binary.object_file import read_object
from mmio_bisect.adapters.recipes.recipe_directives import parse_case, parse_function
from mmio_bisect.classify.isa.aarch64.target import ARM_ISV
from mmio_bisect.classify.isa.targets import TARGETS
from mmio_bisect.classify.verdict.judge import judge_image
from mmio_bisect.domain.outcome import FunctionJudgement
from mmio_bisect.domain.recipe import Language
from mmio_bisect.workflow.probing.objects import Objects, judge_object

pytestmark = pytest.mark.compiler
OBJECTS = Objects(read_object, DISASSEMBLERS)
WIDE = ("aarch64", "x86_64", "riscv64")


def compiled(zigs: RealZigs, folder: Path, source: bytes, target: str, flags: Sequence[str]) -> bytes:
    chosen = TARGETS[target]
    words = (f"--target={chosen.clang_triple}", *chosen.clang_flags, *flags, "-w", "-c", "case.c", "-o", "case.o")
    (folder / "case.c").write_bytes(source)
    subprocess.run([zigs.programs["0.17.1"], "clang", *words], check=True, cwd=folder)
    return (folder / "case.o").read_bytes()


def found(functions: Sequence[FunctionJudgement]) -> list[str]:
    """What is wrong in each function, and what was not seen."""
    return sorted(
        {
            f"{one.function} {one.kind} {one.access or '-'}"
            for each in functions
            for one in (*each.defects, *each.unseen)
        }
    )


CASES: list[tuple[str, tuple[str, ...], tuple[str, ...], str, list[str]]] = [
    (
        "a write that is there or not",
        WIDE,
        ("1", "2", "s"),
        """//mmio: fn=f(mmio,_) accesses=load32+0,store32+4?
        unsigned f(volatile unsigned *r, int irq) { unsigned s = r[0]; if (irq) r[1] = s; return s; }""",
        [],
    ),
    (
        "a write that is never there",
        WIDE,
        ("2",),
        """//mmio: fn=f(mmio,_) accesses=load32+0,store32+4?
        unsigned f(volatile unsigned *r, int irq) { return r[0]; }""",
        ["f missing store32+4"],
    ),
    (
        "one register or the other",
        (*WIDE, "arm", "thumb"),
        ("1", "2"),
        """//mmio: fn=f(mmio,_) accesses=store32+16|store32+20
        void f(volatile unsigned *r, int on) { if (on) { r[4] = 1; __asm__ volatile(""); } else r[5] = 1; }""",
        [],
    ),
    (
        "neither of two registers",
        WIDE,
        ("2",),
        """//mmio: fn=f(mmio,_) accesses=store32+16|store32+20
        void f(volatile unsigned *r, int on) { if (on) r[4] = 1; }""",
        ["f missing store32+16|store32+20"],
    ),
    (
        "the wrong register of a FIFO",
        WIDE,
        ("2",),
        """//mmio: fn=f(mmio,_) each=load32+0x18*,store32+0x28
        void f(volatile unsigned *r, unsigned c) { while (r[6] & 0x20) ; r[7] = c; }""",
        ["f extra -"],
    ),
    (
        "a round without the access",
        WIDE,
        ("2",),
        """//mmio: fn=f(mmio,_,_) accesses=load32+0*?
        //mmio: fn=g(mmio,_,_) accesses=load32+0*
        unsigned f(volatile unsigned *r, const unsigned char *b, long n) {
          unsigned s = 0; for (long i = 0; i < n; i++) { if (b[i]) s += *r; __asm__ volatile(""); } return s; }
        unsigned g(volatile unsigned *r, const unsigned char *b, long n) {
          unsigned s = 0; do { if (*b++) s += *r; __asm__ volatile(""); } while (--n); return s + *r; }""",
        ["g missing load32+0"],
    ),
    (
        "two stores that are torn in two each",
        ("riscv32", "i386"),
        ("2",),
        """//mmio: fn=f(mmio,wide) accesses=store64+0,store64+0
        void f(volatile unsigned long long *p, unsigned long long v) { *p = 0; *p = v; }""",
        ["f torn store64+0"],
    ),
    (
        "a byte of the word",
        ("aarch64",),
        ("2",),
        """//mmio: fn=f(mmio,_) each=load32
        //mmio: fn=g(mmio,_) accesses=load32+0
        void f(const unsigned *s, volatile int *o) { if (*s & 0x40000000u) ++*o; }
        void g(const unsigned *s, volatile int *o) { if (*s & 0x40000000u) ++*o; }""",
        ["f narrowed load32", "g narrowed load32+0"],
    ),
    (
        "a declared function takes the window's pointer, another is declared to take none",
        (*WIDE, "i386", "arm"),
        ("2",),
        """//mmio: call=sink(_),take(mmio,_)
        //mmio: fn=f(mmio) accesses=store32+0
        //mmio: fn=g(mmio) accesses=store32+0
        void sink(volatile unsigned *); void take(volatile unsigned *, int);
        void f(volatile unsigned *r) { r[0] = 1; take(r, 1); }
        void g(volatile unsigned *r) { r[0] = 1; sink(r); }""",
        ["g escapes -"],
    ),
    (
        "memory that holds pointers after a call, and a structure that is returned in memory",
        ("aarch64", "x86_64", "i386", "arm", "riscv32"),
        ("0", "2"),
        """//mmio: call=map(_,holds(1w)),make(_)->memory
        //mmio: fn=f(_) accesses=store32+0x40
        struct bar { long number; volatile unsigned *base; }; struct big { long word[8]; };
        void map(int, struct bar *); struct big make(int);
        void f(int n) { struct bar bar; struct big big = make(n); map(big.word[1], &bar); bar.base[16] = 1; }""",
        [],
    ),
    (
        "a variable of another file",
        ("aarch64", "x86_64", "arm", "thumb", "riscv64"),
        ("0", "2"),
        """//mmio: static=base
        //mmio: fn=f(_) accesses=store32+4
        extern volatile unsigned *base;
        void f(unsigned v) { base[1] = v; }""",
        [],
    ),
    (
        "a pattern of names",
        WIDE,
        ("2",),
        """//mmio: fn=put_*(mmio) accesses=store32+0
        void put_one(volatile unsigned *r) { *r = 1; }
        void put_two(volatile unsigned *r) { *r = 2; r[1] = 3; }
        void get(volatile unsigned *r) { (void)*r; }""",
        ["put_two extra -"],
    ),
    (
        "a pattern that fits nothing",
        WIDE,
        ("2",),
        """//mmio: fn=get_*(mmio) accesses=store32+0
        void put(volatile unsigned *r) { *r = 1; }""",
        ["get_* undefined -"],
    ),
    (
        "floats in general registers",
        ("arm",),
        ("2",),
        """//@ compile-flags: -mfloat-abi=softfp
        //mmio: fn=f(float,mmio) accesses=store32+0 abi=soft-float
        void f(float x, volatile unsigned *r) { *r = x > 1; }""",
        [],
    ),
]


@pytest.mark.parametrize(
    ("targets", "levels", "source", "wrong"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_it_is_judged_right(
    zigs: RealZigs, tmp_path: Path, targets: tuple[str, ...], levels: tuple[str, ...], source: str, wrong: list[str]
) -> None:
    for target in targets:
        text = f"//mmio: target={target}\n{source}".encode()
        case = parse_case(text, path="case.c", recipe="case", language=Language.C, shipped=False)
        for level in levels:
            made = compiled(zigs, tmp_path, case.source, target, [f"-O{level}", *case.compile_flags])
            assert found(judge_object(case, made, ARM_ISV, OBJECTS).functions) == wrong, (target, level)


def test_a_function_of_cxx_is_named_as_it_is_written(zigs: RealZigs, tmp_path: Path) -> None:
    source = b"""namespace a { void b(volatile unsigned *r, unsigned v) { *r = v; }
    void b(volatile unsigned *r) { *r = 1; r[1] = 2; } }
    void delay(int, int); extern "C" void f(volatile unsigned *r) { *r = 1; delay(1, 2); r[1] = 1; }"""
    image = OBJECTS.read(compiled(zigs, tmp_path, source, "aarch64", ["-O2", "-x", "c++"]))
    for text, wrong in {
        "'a::b(unsigned int volatile*, unsigned int)'(mmio,_) accesses=store32+0": [],
        "a::b(mmio,_) accesses=store32+0": ["a::b(unsigned int volatile*) extra -"],
        "f(mmio) accesses=store32+0,store32+4 call='delay(int, int)'(_,_)": [],
        "a::c(mmio) accesses=store32+0": ["a::c undefined -"],
    }.items():
        assert found(judge_image(image, [parse_function(text)], (), ARM_ISV).functions) == wrong


def test_a_mangled_function_is_pointed_out_as_it_can_be_named(zigs: RealZigs, tmp_path: Path) -> None:
    source = b"namespace a { void b(volatile unsigned *r, unsigned v) { *r = v; } }"
    image = OBJECTS.read(compiled(zigs, tmp_path, source, "aarch64", ["-O2", "-x", "c++"]))
    judgement = judge_image(image, [parse_function("b(mmio,_) accesses=store32+0")], (), ARM_ISV)
    assert "write fn='a::b(unsigned int volatile*, unsigned int)'(…)" in (judgement.reason or "")


@pytest.mark.rustc
def test_a_static_of_rust_is_named_as_it_is_written(tmp_path: Path) -> None:
    text = b"""//mmio: window=0x9000000..0x9001000 static=window:*::BASE
//mmio: fn=put(_) accesses=store32+0
//mmio: fn=put_fixed(_) accesses=store32+0
#![no_std]
#![crate_type = "lib"]
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
static BASE: AtomicUsize = AtomicUsize::new(0);
#[no_mangle] pub extern "C" fn set_base(b: usize) { BASE.store(b, Relaxed) }
#[no_mangle] pub unsafe extern "C" fn put_fixed(c: u32) { (0x900_0000 as *mut u32).write_volatile(c) }
#[no_mangle] pub unsafe extern "C" fn put(c: u32) { (BASE.load(Relaxed) as *mut u32).write_volatile(c) }
"""
    case = parse_case(text, path="case.rs", recipe="case", language=Language.RUST, shipped=False)
    (tmp_path / "case.rs").write_bytes(case.source)
    words = ("--target=aarch64-unknown-linux-gnu", "--emit=obj", "-Copt-level=2", "case.rs")
    subprocess.run([fixture_path("test-rustc/rust/rustc"), *words], check=True, cwd=tmp_path)
    assert found(judge_object(case, (tmp_path / "case.o").read_bytes(), ARM_ISV, OBJECTS).functions) == []
