// A transport that is opened behind a `Result` and then used: its pointer, or null for an error, goes from function to function.
//mmio: issue=rcore-os/virtio-drivers#142 target=aarch64,x86_64,riscv64
//mmio: fn=init(mmio) accesses=load32+0,load32+4?,store32+112?,store32+112?
#![no_std]
#![crate_type = "lib"]
use core::ptr::NonNull;
pub struct Transport { header: NonNull<u32> }
impl Transport {
    #[inline(never)] unsafe fn open(header: NonNull<u32>) -> Result<Self, ()> {
        let header = header.as_ptr();
        if header.read_volatile() != 0x7472_6976 || header.add(1).read_volatile() != 2 { return Err(()); }
        Ok(Transport { header: NonNull::new_unchecked(header) })
    }
    unsafe fn set_status(&mut self, status: u32) { self.header.as_ptr().add(28).write_volatile(status) }
}
#[no_mangle] pub unsafe extern "C" fn init(base: NonNull<u32>) -> bool {
    match Transport::open(base) {
        Ok(mut transport) => { transport.set_status(0); transport.set_status(3); true }
        Err(()) => false,
    }
}
