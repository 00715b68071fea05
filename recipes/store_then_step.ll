; Two stores through a pointer that then moves on: the same IR that clang 17 and 18 make of the C case, as their optimiser
; leaves it, so what differs between their objects is the back end's doing.
;mmio: issue=rust-lang/rust#131894 target=aarch64 opt=1,2,3
;mmio: fn=store_then_step(mmio) accesses=store32+0,store32+4
define ptr @store_then_step(ptr %p) {
  store volatile i32 1, ptr %p, align 4
  %next = getelementptr inbounds i8, ptr %p, i64 4
  store volatile i32 2, ptr %next, align 4
  %last = getelementptr inbounds i8, ptr %p, i64 8
  ret ptr %last
}
