// The minimal case of rust-lang/rust#131894 as C: the slice is a structure of pointer and length, passed as Rust
// passes `&mut [u32]`, and the loop goes by pointer to the end, as Rust's iterator does.
//mmio: issue=rust-lang/rust#131894 target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32 opt=1,2,3,s
//mmio: fn=slice_fill(mmio-slice) each=store32
struct slice {
    unsigned *data;
    unsigned long length;
};

void slice_fill(struct slice xs) {
    for (unsigned *x = xs.data; x != xs.data + xs.length; x++)
        *(volatile unsigned *)x = 42;
}
