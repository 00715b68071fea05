// virtio-mmio's probe: the writes are asked for only if magic and version fit, and in this order.
//mmio: issue=rcore-os/virtio-drivers#142 target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32
//mmio: fn=probe(mmio) accesses=load32+0,load32+4?,store32+0x70?,store32+0x70?,load32+0x10?,store32+0x20?
int probe(volatile unsigned *reg) {
    if (reg[0] != 0x74726976) return -19;
    if (reg[1] != 2) return -6;
    reg[28] = 0;
    reg[28] = 3;
    reg[8] = reg[4] & 1;
    return 0;
}
