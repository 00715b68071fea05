// A loop of `write_volatile` through a moving pointer: the plainest shape of the bug. From opt-level 2 on every LLVM
// from before 9 up to the fix (llvm/llvm-project#196305) makes it post-indexed: here only the fix is a transition.
//@ edition: 2018
//mmio: issue=rust-lang/rust#131894 target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32 opt=1,2,3,s
//mmio: fn=fill_loop(mmio,_,_) each=store32
#![no_std]
#![crate_type = "lib"]

#[no_mangle]
pub unsafe extern "C" fn fill_loop(p: *mut u32, n: usize, value: u32) {
    for i in 0..n {
        p.add(i).write_volatile(value);
    }
}
