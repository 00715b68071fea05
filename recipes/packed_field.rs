// A word at offset 1, in a packed structure of its own: so Rust writes an unaligned one volatilely. Packing takes the
// alignment away, so code built for strict alignment, as bare-metal code is, tears the one store into four of a byte
// (rust-lang/rust#82701).
//@ edition: 2018
//@ compile-flags: -C target-feature=+strict-align
//mmio: issue=rust-lang/rust#82701 target=aarch64 opt=1,2,3,s
//mmio: fn=packed_field(mmio,_) accesses=store32+1
#![no_std]
#![crate_type = "lib"]

#[repr(C, packed)]
pub struct Control(u32);

#[no_mangle]
pub unsafe extern "C" fn packed_field(device: *mut u8, value: u32) {
    device.add(1).cast::<Control>().write_volatile(Control(value));
}
