// Reset, wait, enable: between the writes stands a call of a function that takes a number and knows nothing of the device.
//mmio: issue=u-boot/u-boot:drivers/usb/host/ehci-hcd.c target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32 call=udelay(_),wake()
//mmio: fn=reset(mmio) accesses=store32+0x1344,store32+0x1348
//mmio: fn=kick(mmio) accesses=store32+0
void udelay(unsigned);
void wake(void);
void reset(volatile unsigned char *base) {
    *(volatile unsigned *)(base + 0x1344) = 1;
    udelay(10);
    *(volatile unsigned *)(base + 0x1348) = 3;
}
void kick(volatile unsigned *base) { *base = 1; wake(); }
