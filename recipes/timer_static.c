// A timer whose base is put into a static when the kernel starts, and a structure of such: early code knows no device.
//mmio: issue=rust-embedded/wg#87 target=aarch64,arm,thumb,x86_64,riscv64,riscv32
//mmio: static=timer:timer_base,clocks(clock@1w)
//mmio: fn=ticks() accesses=timer.load32+8
//mmio: fn=set_rate(_) accesses=clock.store32+0,clock.store32+4
volatile unsigned *timer_base;
struct { unsigned long count; volatile unsigned *base; } clocks;
unsigned ticks(void) { return timer_base[2]; }
void set_rate(unsigned rate) { clocks.base[0] = 0; clocks.base[1] = rate; }
