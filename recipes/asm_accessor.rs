// The control, good everywhere: the shapes of `store_then_step` and `fill_loop` with the accessor in inline assembly,
// as the crate safe-mmio has it. Stable inline assembly begins with Rust 1.59; older ones reject the case.
//@ edition: 2018
//mmio: issue=rust-lang/rust#131894 target=aarch64 opt=1,2,3,s
//mmio: fn=asm_accessor(mmio) accesses=store32+0,store32+4
//mmio: fn=asm_accessor_fill(mmio,_,_) each=store32
#![no_std]
#![crate_type = "lib"]

#[inline(always)]
unsafe fn write32(address: *mut u32, value: u32) {
    core::arch::asm!("str {0:w}, [{1}]", in(reg) value, in(reg) address, options(nostack, preserves_flags));
}

#[no_mangle]
pub unsafe extern "C" fn asm_accessor(p: *mut u32) -> *mut u32 {
    write32(p, 1);
    write32(p.add(1), 2);
    p.add(2)
}

#[no_mangle]
pub unsafe extern "C" fn asm_accessor_fill(p: *mut u32, n: usize, value: u32) {
    for i in 0..n {
        write32(p.add(i), value);
    }
}
