// An xHCI-like walk: the capability length says where the operational registers are, and a bit there is polled.
//mmio: issue=rcore-os/virtio-drivers#142 target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32
//mmio: fn=halt(holds(1w->2w)) each=load8+0,load32*,store32
struct private { long state, flags; volatile unsigned char *base; };
struct device { const char *name; struct private *private; };
void halt(struct device *device) {
    volatile unsigned char *base = device->private->base;
    volatile unsigned *operational = (volatile unsigned *)(base + base[0]);
    operational[0] &= ~1u;
    while (!(operational[1] & 1)) {}
}
