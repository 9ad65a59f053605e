// SPDX-License-Identifier: MIT
// The control and status registers that the C part of arch/riscv uses, one set a simulated hart.
// There is no TLB: each access walks the tables, so the fences have nothing to do.
#pragma once
#include "lib/types.h"

enum machine_csr { CSR_sstatus, CSR_sip, CSR_sie, CSR_satp, CSR_COUNT };

extern u64 *machine_csrs; // of the hart that runs

#define csr_read(csr)         (machine_csrs[CSR_##csr])
#define csr_write(csr, value) ((void)(machine_csrs[CSR_##csr] = (value)))
#define csr_set(csr, bits)    ((void)(machine_csrs[CSR_##csr] |= (bits)))
#define csr_clear(csr, bits)  ((void)(machine_csrs[CSR_##csr] &= ~(bits)))

static inline void sfence_all(void)
{
}

static inline void sfence_page(vaddr_t va)
{
}

static inline void sfence_user_page(uaddr_t va, u64 asid)
{
}

static inline void sfence_asid(u64 asid)
{
}

static inline void fence_i(void)
{
}
