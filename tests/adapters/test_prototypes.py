"""What sources declare of the functions that they call, and what is left out because it is not certain."""

import pytest

from mmio_bisect.adapters.recipes.prototypes import declared_prototypes
from mmio_bisect.domain.recipe import Language

C = [
    ("void f(void);", "f()"),
    ("unsigned f(unsigned, short x, unsigned char, _Bool), *g(long long int a);", "f(32,16,8,8) g(64)"),
    ("extern void f(const long n); static void g(int);", "f(word) g(32)"),
    ("void f(int); void f(int n) { int g(int); }", ""),
    ("void f(const char *, unsigned a[4], int (*b)(int), int c(int), const void *);", "f(word,word,word,word,word)"),
    ("typedef unsigned u32; typedef u32 v32; typedef u32 *p; void f(v32, p);", "f(32,word)"),
    ("typedef __UINTPTR_TYPE__ word; word f(word, __UINT64_TYPE__, size_t, uint16_t);", "f(word,64,word,16)"),
    ("#ifdef A\nextern void f(int) __attribute__((cold, noreturn)); [[noreturn]] void g(int);\n#endif", "f(32) g(32)"),
    ("void f(int); void f(unsigned);", "f(32)"),
    # Nothing is said, or not how many.
    ("void f(); int f(const char *, ...);", ""),
    # In two ways, one of them not the compiler's.
    ("#if A\nvoid f(int);\n#else\nvoid f(int, int);\n#endif\n", ""),
    ("#if A\ntypedef int t;\n#else\ntypedef long long t;\n#endif\nvoid f(t);", ""),
    ("struct s { int a; };\n#if A\nvoid f(int);\n#else\nvoid f(int, struct s);\n#endif\n", ""),
    # Passed otherwise, or who knows how.
    ("struct s { int a; }; void f(struct s); struct s g(int); void h(float); double i(void); void j(unknown);", ""),
    ("enum e { A }; void f(enum e); void g(long double); __int128 h(void); _Complex double i(void);", ""),
    ("typedef struct { int a; } s; typedef t u; typedef u t; void f(s); void g(t);", ""),
    ("typedef int v __attribute__((vector_size(16))); void f(v);", ""),
    ("typedef int d __attribute__((mode(DI))); void g(d);", ""),
    ('void f(int) __attribute__((regparm(3))); void __attribute__((ms_abi)) g(int); void h(int) __asm__("g");', ""),
    ("#define T long long,\n void f(T int); #define f g\n#define U(x) x\nvoid g(U(int)); void h(T);", ""),
    ("void f(long long (x)); void g(int a b); asmlinkage void h(int);", ""),
]  # fmt: skip


@pytest.mark.parametrize(("source", "declared"), C)
def test_c_declares_integers_and_pointers(source: str, declared: str) -> None:
    assert " ".join(map(str, declared_prototypes(source, Language.C, ()))) == declared


def test_what_a_flag_defines_is_a_macro() -> None:
    source = "typedef unsigned u32; void f(u32); void g(int);"
    assert [one.symbol for one in declared_prototypes(source, Language.C, ("-O2", "-Du32=long"))] == ["g"]


RUST = [
    ('extern "C" { fn f(us: u32); pub fn g(p: *mut u32, n: usize) -> *const u8; }', "f(32) g(word,word)"),
    ('mod a { pub mod b { unsafe extern "C" { fn f(x: u64, y: bool); } } }', "f(64,8)"),
    ("extern { fn f(p: *const *mut i16); fn h() -> !; }", "f(word) h()"),
    ('extern "C" { fn f(a: u8, ...); fn g(x: T) ; fn h(x: &str); fn i(x: *const str); fn j() -> T; }', ""),
    ('extern "C" { fn k(x: f32); fn l(x: [u8; 4]); fn m() -> [u8; 4]; } ', ""),
    ('extern "sysv64" { fn f(); } fn g(x: u8) {} extern "C" { #[link_name = "i"] fn h(); }', ""),
    ('extern "C" { fn f(x: u8); } mod m { extern "C" { fn f(x: u8, y: u8); } }', ""),
]  # fmt: skip


@pytest.mark.parametrize(("source", "declared"), RUST)
def test_rust_declares_functions_of_c(source: str, declared: str) -> None:
    assert " ".join(map(str, declared_prototypes(source, Language.RUST, ()))) == declared


IR = [
    ("declare void @f(i32 noundef) #1", "f(32)"),
    ("declare noundef i32 @f() local_unnamed_addr\ndeclare i8* @g(%struct.s* nocapture, i64)", "f() g(word,64)"),
    ("declare void @f(ptr byval(%s), i32)\ndeclare void @g(ptr sret(%s))\ndeclare void @h(i32, ...)", ""),
    ("declare fastcc void @f(i32)\ndeclare %s @g(i32)\ndeclare void @h(i32 inreg)\ndeclare void @i(i128)", ""),
    ("define void @f(i32) { ret void }", ""),
]  # fmt: skip


@pytest.mark.parametrize(("source", "declared"), IR)
def test_ir_declares_on_a_line(source: str, declared: str) -> None:
    assert " ".join(map(str, declared_prototypes(source, Language.LLVM_IR, ()))) == declared
