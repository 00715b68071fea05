// The same bug on the way in: a loop of loads becomes `ldr w9, [x0], #4`, whose syndrome names no destination register
// (llvm/llvm-project#173014).
//mmio: issue=llvm/llvm-project#173014 target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32 opt=1,2,3,s
//mmio: fn=read_sum(mmio,_) each=load32
unsigned read_sum(const volatile unsigned *p, unsigned long n) {
    unsigned sum = 0;
    for (unsigned long i = 0; i < n; i++)
        sum += p[i];
    return sum;
}
