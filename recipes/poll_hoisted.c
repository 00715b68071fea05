// The status is read through an ordinary pointer: compilers read it once and then spin for ever. It must be bad.
//mmio: issue=japaric/vcell#10 target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32
//mmio: fn=wait_ready(mmio) accesses=load8+5*
void wait_ready(const unsigned char *port) {
    for (;;)
        if (port[5] & 0x20) return;
}
