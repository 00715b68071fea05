// The same bug on the way in: a loop of loads becomes `ldr w9, [x0], #4`, whose syndrome names no destination register
// (llvm/llvm-project#173014).
//@ edition: 2018
//mmio: issue=llvm/llvm-project#173014 target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32 opt=1,2,3,s
//mmio: fn=read_sum(mmio,_) each=load32
#![no_std]
#![crate_type = "lib"]

#[no_mangle]
pub unsafe extern "C" fn read_sum(p: *const u32, n: usize) -> u32 {
    let mut sum = 0u32;
    for i in 0..n {
        sum = sum.wrapping_add(p.add(i).read_volatile());
    }
    sum
}
