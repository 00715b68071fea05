// An interrupt controller's two windows at constant addresses: each access goes to its own one.
//mmio: issue=torvalds/linux:drivers/irqchip/irq-gic.c target=aarch64,arm,thumb,riscv64 window=dist:0x8000000..0x8010000,cpu:0x8010000..0x8012000
//mmio: fn=enable(_) accesses=dist.load32+0,dist.store32+0,cpu.store32+4,cpu.store32+0
void enable(unsigned mask) {
    volatile unsigned *dist = (volatile unsigned *)0x8000000, *cpu = (volatile unsigned *)0x8010000;
    dist[0] |= 1;
    cpu[1] = mask;
    cpu[0] = 1;
}
//mmio: fn=acknowledge() accesses=cpu.load32+12,cpu.store32+16?
unsigned acknowledge(void) {
    volatile unsigned *cpu = (volatile unsigned *)0x8010000;
    unsigned number = cpu[3];
    if (number < 1020) cpu[4] = number;
    return number;
}
