// The window's pointer is what another function gives, or null, and it is kept in the device: probe and remove.
//mmio: issue=torvalds/linux:drivers/virtio/virtio_mmio.c target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32 call=ioremap(_,_)->regs:mmio,iounmap(mmio)
//mmio: fn=attach(_,_) accesses=regs.load32+0?,regs.store32+8?
//mmio: fn=detach(holds(1w)) accesses=store32+8
struct device { unsigned long flags; volatile unsigned *base; };
volatile unsigned *ioremap(unsigned long address, unsigned long size);
void iounmap(volatile unsigned *base);
int attach(struct device *device, unsigned long address) {
    volatile unsigned *base = ioremap(address, 0x1000);
    if (!base) return -12;
    device->base = base;
    device->flags = base[0];
    base[2] = 1;
    return 0;
}
void detach(struct device *device) { device->base[2] = 0; iounmap(device->base); }
