// A driver's way to its registers: the window's pointer is a field of an ordinary structure. Reading the field is no
// access to the window; what is done through it is (the shape of rcore-os/virtio-drivers#142).
//mmio: issue=rcore-os/virtio-drivers#142 target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32 opt=1,2,3,s
//mmio: fn=device_struct(holds(8),_) accesses=store32+16,load32+4
struct device {
    unsigned long long id;
    volatile unsigned *base;
};

unsigned device_struct(const struct device *device, unsigned command) {
    device->base[4] = command;
    return device->base[1];
}
