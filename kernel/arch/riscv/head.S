// SPDX-License-Identifier: MIT
// Entry from the firmware: the boot hart and, through SBI HSM, every further one.
//
// Follows the RISC-V Linux boot-image format: a0 = hart, a1 = device tree, MMU off, loaded at any
// 2 MiB boundary. Paging is turned on by a jump through stvec: the fetch behind the write of satp
// faults, because no identity map exists, and the trap lands on the linked address.
#include "arch/layout.h"
#include "arch/riscv/asm.h"

#define PTE_TABLE  0x01
#define PTE_RW_G   0xe7 // D A G W R V
#define PTE_RWX_G  0xef
#define ROOT_INDEX(va) (((va) >> 30) & 511)
#define IMAGE_HUGE  8 // 2 MiB pages

    .section .text.head, "ax"
    .globl _start
_start:
    j boot_entry
    .balign 8
    .dword 0x200000                     // text_offset
    .dword kernel_end - kernel_start    // image_size
    .dword 0                            // flags: little-endian
    .word 2                             // version 0.2
    .word 0
    .dword 0
    .ascii "RISCV\0\0\0"
    .ascii "RSC\005"
    .word 0

boot_entry:
    csrw sie, zero
    csrw sscratch, zero
    mv s0, a0
    mv s1, a1

    // Only the first hart boots; it starts the others (smp_hart_start says how one gets here).
    lla t0, boot_lottery
    li t1, 1
    amoadd.d t1, t1, (t0)
    bnez t1, hart_park

    lla t0, kernel_bss_start
    lla t1, kernel_bss_end
1:  sd zero, 0(t0)
    addi t0, t0, 8
    bltu t0, t1, 1b

    // Direct map: 1 GiB pages.
    lla s2, kernel_root
    li t0, ROOT_INDEX(DIRECT_MAP) * 8
    add t0, t0, s2
    li t1, PTE_RW_G
    li t2, DIRECT_GIBS
    li t3, 1 << 28
2:  sd t1, 0(t0)
    add t1, t1, t3
    addi t0, t0, 8
    addi t2, t2, -1
    bnez t2, 2b

    // The image: 2 MiB pages.
    lla s3, boot_image_table
    srli t0, s3, 2
    ori t0, t0, PTE_TABLE
    li t1, ROOT_INDEX(KERNEL_BASE) * 8
    add t1, t1, s2
    sd t0, 0(t1)
    lla s4, kernel_start
    srli t0, s4, 2
    ori t0, t0, PTE_RWX_G
    li t1, IMAGE_HUGE
    li t2, 1 << 19
3:  sd t0, 0(s3)
    add t0, t0, t2
    addi s3, s3, 8
    addi t1, t1, -1
    bnez t1, 3b

    lla a0, boot_virtual_pointer
    call paging_on
    .balign 4
boot_virtual:
    la t0, kernel_phys_base
    sd s4, 0(t0)
    la t0, boot_hart_id
    sd s0, 0(t0)
    la tp, boot_thread_storage
    la sp, boot_stack_top
    addi t0, sp, -FRAME_SIZE
    sd t0, T_KERNEL_SP(tp)
    call hart_init
    mv a0, s0
    mv a1, s1
    mv s0, zero
    call up_kmain

// a0: physical address of a pointer to the linked address to go on at. Uses t0, t1.
paging_on:
    ld t0, 0(a0)
    csrw stvec, t0
    lla t0, kernel_root
    srli t0, t0, 12
    li t1, SATP_SV39
    or t0, t0, t1
    sfence.vma
    csrw satp, t0
    .balign 4
4:  j 4b

hart_park:
    li a7, SBI_HSM
    li a6, SBI_HSM_STOP
    ecall
5:  wfi
    j 5b

// A further hart: a0 = hart id, a1 = linked or direct-map address of its idle thread.
    .globl secondary_entry
secondary_entry:
    csrw sie, zero
    csrw sscratch, zero
    mv s1, a1
    lla a0, secondary_virtual_pointer
    call paging_on
    .balign 4
secondary_virtual:
    mv tp, s1
    ld sp, T_KERNEL_SP(tp)
    mv s0, zero
    call hart_init
    call smp_hart_online
    mv s0, zero
    call up_hart_main

    .balign 8
boot_virtual_pointer:
    .dword boot_virtual
secondary_virtual_pointer:
    .dword secondary_virtual

    .section .bss.page, "aw", @nobits
    .balign 4096
    .globl kernel_root
kernel_root:
    .skip 4096
boot_image_table:
    .skip 4096
    .globl boot_thread_storage
boot_thread_storage:
    .skip 4096

    .section .data
    .balign 8
    .globl kernel_phys_base, boot_hart_id
kernel_phys_base:
    .dword 0
boot_hart_id:
    .dword 0
boot_lottery: // harts that came to boot_entry; not in .bss, which the first of them clears
    .dword 0
