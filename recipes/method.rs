// A method as Rust names it, without `#[no_mangle]`: its symbol has a hash that differs from compiler to compiler.
//mmio: issue=rust-osdev/uart_16550#35 target=aarch64,x86_64,riscv64
//mmio: fn=method::Serial::send(holds(0),_) accesses=load8+5*,store8+0
#![no_std]
#![crate_type = "lib"]
#[repr(C)] pub struct Serial { base: *mut u8 }
impl Serial {
    #[inline(never)] pub unsafe fn send(&self, byte: u8) {
        while self.base.add(5).read_volatile() & 0x20 == 0 {}
        self.base.write_volatile(byte);
    }
}
