// The driver gets a pointer to a member and goes back to its structure: the window's pointer lies before it.
//mmio: issue=torvalds/linux:drivers/gpio/gpio-pl061.c target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32
//mmio: fn=set_direction(holds(-2w),_) accesses=load32+4,store32+4
struct chip { const char *label; unsigned long lines; };
struct bank { volatile unsigned *base; unsigned long number; struct chip chip; };
void set_direction(struct chip *chip, unsigned line) {
    struct bank *bank = (struct bank *)((char *)chip - __builtin_offsetof(struct bank, chip));
    bank->base[1] |= 1u << (line & 31);
}
