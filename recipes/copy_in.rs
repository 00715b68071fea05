// An ordinary buffer copied to a window. The loads are ordinary memory's and may be post-indexed as they like: only
// the window's stores count (llvm/llvm-project#173014).
//@ edition: 2018
//mmio: issue=llvm/llvm-project#173014 target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32 opt=1,2,3,s
//mmio: fn=copy_in(mmio,_,_) each=store32
#![no_std]
#![crate_type = "lib"]

#[no_mangle]
pub unsafe extern "C" fn copy_in(window: *mut u32, buffer: *const u32, n: usize) {
    for i in 0..n {
        window.add(i).write_volatile(*buffer.add(i));
    }
}
