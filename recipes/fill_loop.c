// A loop of stores through a moving pointer: the plainest shape of the bug. Every LLVM from before 9 up to the fix
// (llvm/llvm-project#196305) makes it post-indexed, and so does GCC: here only the fix is a transition.
//mmio: issue=rust-lang/rust#131894 target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32 opt=1,2,3,s
//mmio: fn=fill_loop(mmio,_,_) each=store32
void fill_loop(volatile unsigned *p, unsigned long n, unsigned value) {
    for (unsigned long i = 0; i < n; i++)
        p[i] = value;
}
