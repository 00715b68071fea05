// A 64-bit register written and its neighbour read: one access each on a 64-bit target. On 32-bit Arm
// they are two, or `strd` and `ldrd` since LLVM's D70072.
//mmio: issue=https://reviews.llvm.org/D70072 target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32 opt=1,2,3,s
//mmio: fn=u64_register(mmio,_) accesses=store64+0,load64+8
unsigned long long u64_register(volatile unsigned long long *registers, unsigned long long value) {
    registers[0] = value;
    return registers[1];
}
