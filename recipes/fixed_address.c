// A device at an address that the source spells out: the UART (PL011) of QEMU's machine `virt`. No argument points to
// the window; its accesses are told by the constants that the code builds.
//mmio: issue=llvm/llvm-project#173014 target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32 opt=1,2,3,s window=0x09000000..0x09001000
//mmio: fn=fixed_address(_) accesses=store32+0x30,store32+0
#define UART 0x09000000ul

void fixed_address(unsigned char byte) {
    *(volatile unsigned *)(UART + 0x30) = 0x301;
    *(volatile unsigned *)UART = byte;
}
