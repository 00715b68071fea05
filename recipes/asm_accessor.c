// The control, good everywhere: the shapes of `store_then_step` and `fill_loop` with the accessor in inline assembly,
// as Linux has it in `__raw_writel` (arch/arm64/include/asm/io.h). The address is a plain register: no "Q" or "m"
// constraint, under which the compiler would choose the addressing again.
//mmio: issue=rust-lang/rust#131894 target=aarch64 opt=1,2,3,s
//mmio: fn=asm_accessor(mmio) accesses=store32+0,store32+4
//mmio: fn=asm_accessor_fill(mmio,_,_) each=store32
static inline __attribute__((always_inline)) void write32(unsigned *address, unsigned value) {
    __asm__ volatile("str %w0, [%1]" : : "r"(value), "r"(address) : "memory");
}

unsigned *asm_accessor(unsigned *p) {
    write32(p, 1);
    write32(p + 1, 2);
    return p + 2;
}

void asm_accessor_fill(unsigned *p, unsigned long n, unsigned value) {
    for (unsigned long i = 0; i < n; i++)
        write32(p + i, value);
}
