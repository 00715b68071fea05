// edk2's accessors on X64: the first argument is in rcx, as Microsoft's convention has it.
//mmio: issue=tianocore/edk2#9875 target=x86_64 abi=ms
//mmio: fn=MmioRead32(mmio) accesses=load32+0
//mmio: fn=MmioAndThenOr32(mmio,_,_) accesses=load32+0,store32+0
#define EFIAPI __attribute__((ms_abi))
unsigned EFIAPI MmioRead32(unsigned long address) { return *(volatile unsigned *)address; }
unsigned EFIAPI MmioAndThenOr32(unsigned long address, unsigned and, unsigned or) {
    return *(volatile unsigned *)address = (*(volatile unsigned *)address & and) | or;
}
