// Four banks of one chip, each with a window of its own: the loop goes through their pointers.
//mmio: issue=torvalds/linux:drivers/dma/dw/core.c target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32
//mmio: fn=reset_first(holds(1w[4])) accesses=store32+0x10,store32+0x10
//mmio: fn=select(holds(0[2/16]),_) accesses=store32+4
struct chip { unsigned long count; volatile unsigned *bank[4]; };
void reset_first(struct chip *chip) { chip->bank[0][4] = ~0u; chip->bank[1][4] = ~0u; }
struct channel { volatile unsigned *base; unsigned char more[16 - sizeof(void *)]; };
void select(struct channel *channels, unsigned value) { channels[1].base[1] = value; }
