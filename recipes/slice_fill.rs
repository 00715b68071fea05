// The minimal case of rust-lang/rust#131894: `write_volatile` to every element of a slice.
//@ edition: 2018
//mmio: issue=rust-lang/rust#131894 target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32 opt=1,2,3,s
//mmio: fn=slice_fill(mmio-slice) each=store32
#![no_std]
#![crate_type = "lib"]

#[no_mangle]
pub fn slice_fill(xs: &mut [u32]) {
    for x in xs {
        unsafe { core::ptr::write_volatile(x, 42) }
    }
}
