// A volatile 128-bit integer: no general register holds it, so any widths will do that cover its 16 bytes once; since
// LLVM's D69559 (LLVM 10) it is one `stp`, and a pair leaves no valid syndrome either.
//@ edition: 2018
//mmio: issue=https://reviews.llvm.org/D69559 target=aarch64,x86_64,riscv64 opt=1,2,3,s
//mmio: fn=u128_register(mmio,wide) covers=store+0..16
#![no_std]
#![crate_type = "lib"]

#[no_mangle]
pub unsafe fn u128_register(target: *mut u128, value: u128) {
    target.write_volatile(value);
}
