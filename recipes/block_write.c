// 1024 bytes as one volatile assignment. No instruction is that wide, so no width is asked for, only that each byte is
// written once; what compilers make of it is a call to memcpy, which promises nothing about its accesses.
//mmio: issue=rust-lang/rust#131894 target=aarch64,arm,thumb,x86_64,i386,riscv64,riscv32 opt=1,2,3,s
//mmio: fn=block_write(mmio,_) covers=store+0..1024
struct block {
    unsigned char bytes[1024];
};

void block_write(volatile struct block *window, const struct block *from) { *window = *from; }
