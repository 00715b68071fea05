// A volatile 128-bit integer: no general register holds it, so any widths will do that cover its 16 bytes once; since
// LLVM's D69559 (LLVM 10) it is one `stp`, and a pair leaves no valid syndrome either.
//mmio: issue=https://reviews.llvm.org/D69559 target=aarch64,x86_64,riscv64 opt=1,2,3,s
//mmio: fn=u128_register(mmio,wide) covers=store+0..16
void u128_register(volatile unsigned __int128 *target, unsigned __int128 value) { *target = value; }
