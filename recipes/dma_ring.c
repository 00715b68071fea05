// A ring of descriptors in ordinary memory and a doorbell: whatever is done to the descriptors, the doorbell is one store.
//mmio: issue=torvalds/linux:drivers/nvme/host/pci.c target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32
//mmio: fn=submit(holds(0),_,_) accesses=store32+0x50
struct descriptor { unsigned address, length, flags, next; };
struct ring { volatile unsigned *regs; struct descriptor *table; unsigned head, size; };
void submit(struct ring *ring, unsigned address, unsigned length) {
    struct descriptor *slot = &ring->table[ring->head];
    *slot = (struct descriptor){ address, length, 2, 0 };
    ring->head = ring->head + 1 == ring->size ? 0 : ring->head + 1;
    __asm__ volatile("" ::: "memory");
    ring->regs[20] = ring->head;
}
