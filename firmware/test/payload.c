// SPDX-License-Identifier: MIT
// A supervisor-mode program that exercises the SBI and prints one line a check.
#include "../firmware.h"

#define EXT_BASE   0x10
#define EXT_TIME   0x54494d45
#define EXT_IPI    0x735049
#define EXT_RFENCE 0x52464e43
#define EXT_HSM    0x48534d
#define EXT_SRST   0x53525354
#define EXT_DBCN   0x4442434e

#define ALL_HARTS (~0UL)
#define ROUNDS    100
#define ARGUMENT  0x1234567800UL
#define PTE_VALID 1UL
#define PTE_LEAF  0xcfUL      /* D A X W R V */
#define WAIT_MAX  600000000UL /* time units: 60 s */

/* Survives a reset, which reloads only the images. */
static volatile u64 *const reset_mark = (volatile u64 *)0x80a00000;
#define RESET_MAGIC 0x7265736574UL

struct result {
    s64 error;
    u64 value;
};

void payload_main(u64 hart, const void *tree);
void payload_second(u64 hart, u64 arg);
void second_start(void);

static u64 ipis[FW_HARTS], timers[FW_HARTS], running[FW_HARTS], stop;
static volatile u64 fault;
static int failures, has_dbcn;

static struct result sbi(u64 ext, u64 function, u64 a, u64 b, u64 c, u64 d, u64 e)
{
    register u64 a0 __asm__("a0") = a;
    register u64 a1 __asm__("a1") = b;
    register u64 a2 __asm__("a2") = c;
    register u64 a3 __asm__("a3") = d;
    register u64 a4 __asm__("a4") = e;
    register u64 a6 __asm__("a6") = function;
    register u64 a7 __asm__("a7") = ext;

    __asm__ volatile("ecall"
                     : "+r"(a0), "+r"(a1)
                     : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7)
                     : "memory");
    return (struct result){a0, a1};
}

static void print(const char *text)
{
    u64 length = 0;

    while (text[length])
        length++;
    if (has_dbcn)
        sbi(EXT_DBCN, 0, length, (u64)text, 0, 0, 0);
    else
        while (*text)
            sbi(1, 0, (u8)*text++, 0, 0, 0, 0);
}

static void check(const char *what, int good)
{
    print(good ? "ok   " : "FAIL ");
    print(what);
    print("\n");
    failures += !good;
}

static u64 now(void)
{
    return CSR_READ(time);
}

/* Wait until *word is at least value; false after WAIT_MAX. */
static int wait_for(u64 *word, u64 value)
{
    u64 end = now() + WAIT_MAX;

    while (__atomic_load_n(word, __ATOMIC_SEQ_CST) < value)
        if (now() > end)
            return 0;
    return 1;
}

void trap_handle(struct trap_frame *frame)
{
    u64 cause = CSR_READ(scause), id;

    __asm__ volatile("mv %0, tp" : "=r"(id));
    if (cause == (1UL << 63 | 1)) {
        CSR_CLEAR(sip, IRQ_SSI);
        __atomic_fetch_add(&ipis[id], 1, __ATOMIC_SEQ_CST);
    } else if (cause == (1UL << 63 | 5)) {
        timers[id]++;
        sbi(EXT_TIME, 0, ~0UL, 0, 0, 0, 0);
    } else {
        fault = cause;
        CSR_WRITE(sepc, CSR_READ(sepc) + 4);
    }
}

static void interrupts_init(u64 hart)
{
    __asm__ volatile("mv tp, %0" : : "r"(hart));
    CSR_SET(sie, IRQ_SSI | IRQ_STI);
    CSR_SET(sstatus, 2);
}

static s64 fence(u64 function)
{
    return sbi(EXT_RFENCE, function, 0, ALL_HARTS, 0x1000, 0x3000, 0).error;
}

void payload_second(u64 hart, u64 arg)
{
    interrupts_init(hart);
    u64 bad = arg != ARGUMENT + hart;
    for (int i = 0; i < ROUNDS; i++)
        bad |= fence(i % 3) != 0;
    __atomic_store_n(&running[hart], bad ? 0 : 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST))
        ;
    CSR_CLEAR(sstatus, 2);
    sbi(EXT_HSM, 1, 0, 0, 0, 0, 0);
}

static s64 hart_status(u64 hart)
{
    struct result r = sbi(EXT_HSM, 2, hart, 0, 0, 0, 0);

    return r.error ? r.error : (s64)r.value;
}

static void base_check(void)
{
    check("BASE version", sbi(EXT_BASE, 0, 0, 0, 0, 0, 0).value >= 1 << 24);
    int good = 1;
    static const u64 ids[] = {EXT_BASE, EXT_TIME, EXT_IPI, EXT_RFENCE, EXT_HSM, EXT_SRST};
    for (u64 i = 0; i < 6; i++)
        good &= sbi(EXT_BASE, 3, ids[i], 0, 0, 0, 0).value != 0;
    check("BASE probe", good);
    check("BASE probe of an unknown one", !sbi(EXT_BASE, 3, 0x999999, 0, 0, 0, 0).value);
    check("unknown extension", sbi(0x999999, 0, 0, 0, 0, 0, 0).error == SBI_ERR_NOT_SUPPORTED);
    check("unknown function", sbi(EXT_HSM, 77, 0, 0, 0, 0, 0).error == SBI_ERR_NOT_SUPPORTED);
    for (const char *c = "ok   legacy putchar\n"; *c; c++)
        sbi(1, 0, *c, 0, 0, 0, 0);
    check("legacy getchar", sbi(2, 0, 0, 0, 0, 0, 0).error == -1);
}

static void dbcn_check(void)
{
    static const char text[] = "ok   DBCN write\n";
    char buffer[8];
    struct result r = sbi(EXT_DBCN, 0, sizeof(text) - 1, (u64)text, 0, 0, 0);

    check("DBCN write count", r.error == 0 && r.value == sizeof(text) - 1);
    r = sbi(EXT_DBCN, 1, sizeof(buffer), (u64)buffer, 0, 0, 0);
    check("DBCN read of nothing", r.error == 0 && r.value == 0);
    r = sbi(EXT_DBCN, 0, 8, FW_BASE + FW_SIZE - 4, 0, 0, 0);
    check("DBCN write from firmware", r.error == SBI_ERR_INVALID_PARAM);
    r = sbi(EXT_DBCN, 1, 8, FW_BASE + 64, 0, 0, 0);
    check("DBCN read to firmware", r.error == SBI_ERR_INVALID_PARAM);
    r = sbi(EXT_DBCN, 0, 8, 0x7000000000, 0, 0, 0);
    check("DBCN write from nowhere", r.error == SBI_ERR_INVALID_PARAM);
    r = sbi(EXT_DBCN, 0, 8, 0, 1, 0, 0);
    check("DBCN write above 64 bits", r.error == SBI_ERR_INVALID_PARAM);
    check("DBCN write_byte", sbi(EXT_DBCN, 2, '\n', 0, 0, 0, 0).error == 0);
}

/* Start all others (which fence all harts while this one does, too), interrupt and stop them. */
static void harts_check(u64 self, const char *what)
{
    u64 others = 0;
    int good = 1;

    stop = 0;
    for (u64 id = 0; hart_status(id) >= 0; id++) {
        if (id == self)
            continue;
        others |= 1UL << id;
        running[id] = 0;
        good &= hart_status(id) == HART_STOPPED;
        good &= !sbi(EXT_HSM, 0, id, (u64)second_start, ARGUMENT + id, 0, 0).error;
    }
    for (int i = 0; i < ROUNDS; i++)
        good &= fence(i % 3) == 0;
    for (u64 id = 0; others >> id; id++)
        good &= !(others >> id & 1) || (wait_for(&running[id], 1) && hart_status(id) == 0);
    u64 before[FW_HARTS];
    for (u64 id = 0; id < FW_HARTS; id++)
        before[id] = ipis[id];
    good &= sbi(EXT_IPI, 0, others, 0, 0, 0, 0).error == 0;
    for (u64 id = 0; others >> id; id++)
        good &= !(others >> id & 1) || wait_for(&ipis[id], before[id] + 1);
    good &= ipis[self] == before[self];
    __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
    u64 end = now() + WAIT_MAX;
    for (u64 id = 0; others >> id; id++)
        while ((others >> id & 1) && hart_status(id) != HART_STOPPED)
            good &= now() < end;
    check(what, good);
}

static void timer_check(u64 hart)
{
    u64 start = now(), before = timers[hart];

    sbi(EXT_TIME, 0, start + 100000, 0, 0, 0, 0);
    check("TIME interrupt", wait_for(&timers[hart], before + 1) && now() - start >= 100000);
    start = now();
    sbi(EXT_TIME, 0, start + 100000, 0, 0, 0, 0);
    s64 error = 0;
    while (timers[hart] < before + 2 && !error)
        error = sbi(EXT_HSM, 3, 0, 0, 0, 0, 0).error;
    check("HSM suspend until a timer", !error && now() - start >= 100000);
    before = ipis[hart];
    sbi(EXT_IPI, 0, 0, ALL_HARTS, 0, 0, 0);
    check("IPI to self", wait_for(&ipis[hart], before + 1));
}

/* A fence of the last page there is: the hart sees the page's new table entry. */
static void fence_end_check(void)
{
    static u64 tables[3][512] __attribute__((aligned(4096)));
    static u64 pages[2][512] __attribute__((aligned(4096))) = {{1}, {2}};
    volatile u64 *last = (volatile u64 *)-4096L;
    u64 good;

    tables[0][2] = 0x80000000UL >> 2 | PTE_LEAF; /* where this program lies */
    tables[0][511] = (u64)tables[1] >> 2 | PTE_VALID;
    tables[1][511] = (u64)tables[2] >> 2 | PTE_VALID;
    tables[2][511] = (u64)pages[0] >> 2 | PTE_LEAF;
    CSR_WRITE(satp, 8UL << 60 | (u64)tables[0] >> 12);
    __asm__ volatile("sfence.vma" : : : "memory");
    good = *last == 1;
    tables[2][511] = (u64)pages[1] >> 2 | PTE_LEAF;
    good &= sbi(EXT_RFENCE, 1, 0, ALL_HARTS, (u64)last, 4096, 0).error == 0 && *last == 2;
    CSR_WRITE(satp, 0);
    __asm__ volatile("sfence.vma" : : : "memory");
    check("RFENCE up to the end of the address space", good);
}

static void protection_check(void)
{
    fault = 0;
    __asm__ volatile(".option push\n.option norvc\nlw zero, 0(%0)\n.option pop"
                     :
                     : "r"(FW_BASE)
                     : "memory");
    check("firmware not readable", fault == 5);
    fault = 0;
    __asm__ volatile(".option push\n.option norvc\nsw zero, 0(%0)\n.option pop"
                     :
                     : "r"(FW_BASE + 64)
                     : "memory");
    check("firmware not writable", fault == 7);
    fault = 0;
    __asm__ volatile(".4byte 0xffffffff");
    check("illegal instruction delegated", fault == 2);
}

void payload_main(u64 hart, const void *tree)
{
    has_dbcn = sbi(EXT_BASE, 3, EXT_DBCN, 0, 0, 0, 0).value != 0;
    interrupts_init(hart);
    if (*reset_mark == RESET_MAGIC) {
        *reset_mark = 0;
        print("ok   SRST reboot\n");
        sbi(EXT_SRST, 0, 0, 0, 0, 0, 0);
    }
    print("\n");
    base_check();
    if (has_dbcn)
        dbcn_check();
    check("device tree", *(const u32 *)tree == 0xedfe0dd0);
    protection_check();
    timer_check(hart);
    fence_end_check();
    check("HSM no such hart", hart_status(63) == SBI_ERR_INVALID_PARAM);
    check("HSM own state", hart_status(hart) == HART_STARTED);
    harts_check(hart, "harts start, fence, take interrupts, stop");
    harts_check(hart, "and once more");
    check("SRST invalid type", sbi(EXT_SRST, 0, 99, 0, 0, 0, 0).error == SBI_ERR_INVALID_PARAM);
    print(failures ? "FAILED\n" : "PASSED\n");
    *reset_mark = RESET_MAGIC;
    __asm__ volatile("fence" : : : "memory");
    sbi(EXT_SRST, 0, 1, 0, 0, 0, 0);
}
