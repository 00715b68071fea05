// A register of type float: the value arrives in `s0` and is stored from there. A SIMD&FP transfer leaves no valid
// syndrome, and llvm/llvm-project#196305, which is about writeback, leaves it as it is.
//@ edition: 2018
//mmio: issue=llvm/llvm-project#173014 target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32 opt=1,2,3,s
//mmio: fn=float_register(mmio,float) accesses=store32+0
#![no_std]
#![crate_type = "lib"]

#[no_mangle]
pub unsafe extern "C" fn float_register(target: *mut f32, value: f32) {
    target.write_volatile(value);
}
