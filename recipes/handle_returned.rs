// A handle that is returned in memory whose address the caller hands over unseen.
//mmio: issue=rcore-os/virtio-drivers#142 target=aarch64,x86_64,riscv64
//mmio: fn=open(mmio,_)->memory accesses=store32+0,load32+8
#![no_std]
#![crate_type = "lib"]
#[repr(C)] pub struct Handle { base: *mut u32, id: u64, index: u64 }
#[no_mangle] pub unsafe extern "C" fn open(base: *mut u32, index: u64) -> Handle {
    base.write_volatile(1);
    Handle { base, id: base.add(2).read_volatile().into(), index }
}
