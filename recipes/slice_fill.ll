; What rustc hands to LLVM for `slice_fill.rs`, instruction for instruction as a comment of 2025-09-18 on
; rust-lang/rust#131894 quotes it (names ours): one and the same IR for every back end. Opaque pointers: clang 15 on.
;mmio: issue=rust-lang/rust#131894 target=aarch64,x86_64,riscv64 opt=1,2,3,s
;mmio: fn=slice_fill(mmio-slice) each=store32
define dso_local void @slice_fill(ptr noalias noundef nonnull align 4 %data, i64 noundef %length) unnamed_addr {
start:
  %end = getelementptr inbounds i32, ptr %data, i64 %length
  %empty = icmp eq i64 %length, 0
  br i1 %empty, label %done, label %loop

done:
  ret void

loop:
  %x = phi ptr [ %next, %loop ], [ %data, %start ]
  %next = getelementptr inbounds i32, ptr %x, i64 1
  store volatile i32 42, ptr %x, align 4
  %last = icmp eq ptr %next, %end
  br i1 %last, label %done, label %loop
}
