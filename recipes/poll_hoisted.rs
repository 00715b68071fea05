// The status is read through a reference: compilers read it once and then spin for ever. It must be bad.
//mmio: issue=japaric/vcell#10 target=aarch64,x86_64,riscv64
//mmio: fn=wait_ready(mmio) accesses=load8+5*
#![no_std]
#![crate_type = "lib"]
#[no_mangle] pub unsafe extern "C" fn wait_ready(port: &[u8; 8]) { while port[5] & 0x20 == 0 { core::hint::spin_loop() } }
