// 1024 bytes as one `write_volatile`. No instruction is that wide, so no width is asked for, only that each byte is
// written once; what rustc makes of it is a call to memcpy, which promises nothing about its accesses.
//@ edition: 2018
//mmio: issue=rust-lang/rust#131894 target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32 opt=1,2,3,s
//mmio: fn=block_write(mmio,_) covers=store+0..1024
#![no_std]
#![crate_type = "lib"]

#[no_mangle]
pub unsafe extern "C" fn block_write(window: *mut u8, from: &[u8; 1024]) {
    window.cast::<[u8; 1024]>().write_volatile(*from);
}
