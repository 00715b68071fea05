// An ordinary buffer copied to a window. The loads are ordinary memory's and may be post-indexed as they like: only
// the window's stores count (llvm/llvm-project#173014).
//mmio: issue=llvm/llvm-project#173014 target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32 opt=1,2,3,s
//mmio: fn=copy_in(mmio,_,_) each=store32
void copy_in(volatile unsigned *window, const unsigned *buffer, unsigned long n) {
    for (unsigned long i = 0; i < n; i++)
        window[i] = buffer[i];
}
