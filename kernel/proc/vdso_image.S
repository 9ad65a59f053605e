// SPDX-License-Identifier: MIT
// The vDSO as built, page-aligned.
    .section .rodata.vdso, "a", @progbits
    .balign 4096
    .globl vdso_image_start, vdso_image_end
vdso_image_start:
    .incbin "vdso.so"
vdso_image_end:
    .balign 4096
