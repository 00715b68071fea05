// A register is read, changed and written under a lock that another file takes: the lock leaves the device's pointer alone.
//mmio: issue=torvalds/linux:drivers/base/regmap/regmap-mmio.c target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32 call=mutex_lock(_),mutex_unlock(_)
//mmio: fn=update(holds(2w),_,_) accesses=load32+0x2c,store32+0x2c
struct device { unsigned long lock[2]; volatile unsigned *base; };
void mutex_lock(void *);
void mutex_unlock(void *);
void update(struct device *device, unsigned mask, unsigned bits) {
    mutex_lock(device->lock);
    device->base[11] = (device->base[11] & ~mask) | bits;
    mutex_unlock(device->lock);
}
