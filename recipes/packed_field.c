// A word at offset 1 of a packed structure. Packing takes the alignment away, so code built for strict alignment, as
// bare-metal code is, tears the one store into four of a byte, and GCC reads each first (rust-lang/rust#82701).
//@ compile-flags: -mstrict-align
//mmio: issue=rust-lang/rust#82701 target=aarch64 opt=1,2,3,s
//mmio: fn=packed_field(mmio,_) accesses=store32+1
struct __attribute__((packed)) device {
    unsigned char id;
    unsigned control;
};

void packed_field(volatile struct device *device, unsigned value) { device->control = value; }
