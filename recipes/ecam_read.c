// PCI configuration space (ECAM): base, bus, device, function and register added up; one load of the width asked for.
//mmio: issue=torvalds/linux:drivers/pci/ecam.c target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32
//mmio: fn=config_read(mmio,_,_,_) each=load32 max=1
unsigned config_read(volatile unsigned char *ecam, unsigned bus, unsigned devfn, unsigned reg) {
    return *(volatile unsigned *)(ecam + ((bus & 15) << 20) + ((devfn & 255) << 12) + (reg & 0xffc));
}
//mmio: fn=config_write(mmio,_,_,_) each=store16 max=1
void config_write(volatile unsigned char *ecam, unsigned devfn, unsigned reg, unsigned value) {
    *(volatile unsigned short *)(ecam + ((devfn & 255) << 12) + (reg & 0xffe)) = value;
}
