// Two stores through a pointer that then moves on. LLVM 17 keeps the plain stores; LLVM 18's load/store optimiser folds
// the step into the first one, `str w9, [x0], #8`: the transition that rcore-os/virtio-drivers#142 met with Rust 1.78.
//mmio: issue=rust-lang/rust#131894 target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32 opt=1,2,3,s
//mmio: fn=store_then_step(mmio) accesses=store32+0,store32+4
unsigned *store_then_step(unsigned *p) { *(volatile unsigned *)p = 1; *(volatile unsigned *)(p + 1) = 2; return p + 2; }
