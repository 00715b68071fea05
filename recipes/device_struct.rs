// A driver's way to its registers: the window's pointer is a field of an ordinary structure. Reading the field is no
// access to the window; what is done through it is (the shape of rcore-os/virtio-drivers#142).
//@ edition: 2018
//mmio: issue=rcore-os/virtio-drivers#142 target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32 opt=1,2,3,s
//mmio: fn=device_struct(holds(8),_) accesses=store32+16,load32+4
#![no_std]
#![crate_type = "lib"]

#[repr(C)]
pub struct Device {
    id: u64,
    base: *mut u32,
}

#[no_mangle]
pub unsafe extern "C" fn device_struct(device: &Device, command: u32) -> u32 {
    device.base.add(4).write_volatile(command);
    device.base.add(1).read_volatile()
}
