// The same with the pointers in atomics, as shared ports have them.
//mmio: issue=rust-osdev/uart_16550#35 target=aarch64,x86_64,riscv64
//mmio: fn=put(holds(data@0,status@5w),_) accesses=status.load8+0*,data.store8+0
#![no_std]
#![crate_type = "lib"]
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};
#[repr(C)] pub struct Port { data: AtomicPtr<u8>, int_en: AtomicPtr<u8>, fifo: AtomicPtr<u8>, line: AtomicPtr<u8>, modem: AtomicPtr<u8>, status: AtomicPtr<u8> }
#[no_mangle] pub unsafe extern "C" fn put(port: &Port, byte: u8) {
    let (data, status) = (port.data.load(Relaxed), port.status.load(Relaxed));
    while status.read_volatile() & 0x20 == 0 {}
    data.write_volatile(byte);
}
