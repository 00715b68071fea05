// A 16550 whose registers are pointers of their own in a structure: the status is polled in every round, then one byte put.
//mmio: issue=rust-osdev/uart_16550#35 target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32
//mmio: fn=put(holds(data@0,status@5w),_) accesses=status.load8+0*,data.store8+0
struct port { volatile unsigned char *data, *int_en, *fifo, *line, *modem, *status; };
void put(struct port *port, unsigned char byte) {
    while (!(*port->status & 0x20)) {}
    *port->data = byte;
}
