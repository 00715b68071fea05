// A 64-bit register written and its neighbour read: one access each on a 64-bit target. On 32-bit Arm
// they are two, or `strd` and `ldrd` since LLVM's D70072.
//@ edition: 2018
//mmio: issue=https://reviews.llvm.org/D70072 target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32 opt=1,2,3,s
//mmio: fn=u64_register(mmio,_) accesses=store64+0,load64+8
#![no_std]
#![crate_type = "lib"]

#[no_mangle]
pub unsafe extern "C" fn u64_register(registers: *mut u64, value: u64) -> u64 {
    registers.write_volatile(value);
    registers.add(1).read_volatile()
}
