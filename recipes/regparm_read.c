// Linux on i386 passes the first three arguments in registers.
//@ compile-flags: -mregparm=3
//mmio: issue=torvalds/linux:arch/x86/Makefile target=i386
//mmio: fn=readl(mmio) accesses=load32+8
//mmio: fn=writel(_,mmio) accesses=store32+4
unsigned readl(const volatile unsigned *base) { return base[2]; }
void writel(unsigned value, volatile unsigned *base) { base[1] = value; }
