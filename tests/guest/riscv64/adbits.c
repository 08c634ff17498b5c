/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who sets A and D bits of page tables: SBI's FWFT feature PTE_AD_HW_UPDATING. The command line says what the machine is:
 * "adbits.choice" has Svadu for guests, and harts choose; with "adbits.faults" they fault; with "adbits.always" the CPU is one
 * that has always set them. Two harts choose differently. Ends with "adbits: done FAILURES".
 */
#include "report.h"

#define SBI_FWFT 0x46574654ul
#define AD_UPDATING 4u
enum { NOT_SUPPORTED = -2, DENIED_LOCKED = -14 };
enum { FWFT_SET, FWFT_GET };
enum { HART_STOP = 1, HART_STATUS = 2, STOPPED = 1 };
#define ROUNDS 40u

#define PTE_V 1ul
#define PTE_R 2ul
#define PTE_W 4ul
#define PTE_X 8ul
#define PTE_A 64ul
#define PTE_D 128ul
#define GIB (1ul << 30)
#define SV39 (8ul << 60)
#define TEST_VA (4 * GIB)
enum { LOAD_PAGE_FAULT = 13, STORE_PAGE_FAULT = 15 };

/* Of each hart: RAM and the UART where they are, and one page of its own at TEST_VA. */
struct tables {
    volatile uint64_t root[512], mid[512], leaf[512];
    volatile uint64_t page[512];
};
static struct tables tables[2] __attribute__((aligned(4096)));

static uint64_t pte(const volatile void *at, uint64_t flags)
{
    return ((uint64_t)at >> 12) << 10 | flags;
}

static struct tables *mine(void)
{
    return &tables[hart() & 1];
}

static void fence(void)
{
    __asm__ volatile("sfence.vma" : : : "memory");
}

static void translate(void)
{
    struct tables *t = mine();
    uint64_t all = PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D;

    t->root[0] = pte((void *)0, all);
    t->root[RAM / GIB] = pte((void *)RAM, all);
    t->root[TEST_VA / GIB] = pte(t->mid, PTE_V);
    t->mid[0] = pte(t->leaf, PTE_V);
    write_csr(satp, SV39 | (uint64_t)t->root >> 12);
    fence();
}

static volatile uint64_t *leaf_with(uint64_t bits)
{
    struct tables *t = mine();

    t->leaf[0] = pte(t->page, PTE_V | PTE_R | PTE_W | bits);
    fence();
    return t->leaf;
}

static uint64_t load(void)
{
    uint64_t v = 0;

    return TRY(__asm__ volatile("ld %0, (%1)" : "+r"(v) : "r"(TEST_VA) : "memory"));
}

static uint64_t store(uint64_t v)
{
    return TRY(__asm__ volatile("sd %0, (%1)" : : "r"(v), "r"(TEST_VA) : "memory"));
}

/* 0: as it has to be; else which step is not. */
static unsigned int faults_for_each_bit(void)
{
    struct tables *t = mine();
    volatile uint64_t *leaf = leaf_with(0);

    t->page[0] = 1;
    if (load() != LOAD_PAGE_FAULT || (*leaf & (PTE_A | PTE_D)) != 0)
        return 1;
    if (store(2) != STORE_PAGE_FAULT || (*leaf & (PTE_A | PTE_D)) != 0)
        return 2;
    leaf_with(PTE_A);
    if (load() != NO_FAULT || (*leaf & PTE_D) != 0)
        return 3;
    if (store(2) != STORE_PAGE_FAULT || (*leaf & PTE_D) != 0 || t->page[0] != 1)
        return 4;
    leaf_with(PTE_A | PTE_D);
    return store(2) != NO_FAULT || t->page[0] != 2 ? 5 : 0;
}

static unsigned int bits_are_set(void)
{
    struct tables *t = mine();
    volatile uint64_t *leaf = leaf_with(0);

    t->page[0] = 3;
    if (load() != NO_FAULT || (*leaf & (PTE_A | PTE_D)) != PTE_A)
        return 1;
    if (store(4) != NO_FAULT || (*leaf & (PTE_A | PTE_D)) != (PTE_A | PTE_D) || t->page[0] != 4)
        return 2;
    leaf_with(0);
    return store(5) != NO_FAULT || (*leaf & (PTE_A | PTE_D)) != (PTE_A | PTE_D) || t->page[0] != 5 ? 3 : 0;
}

static int64_t set(uint64_t to, uint64_t flags)
{
    return sbi(SBI_FWFT, FWFT_SET, AD_UPDATING, to, flags, 0, 0).error;
}

static bool is_set(uint64_t to)
{
    struct sbi_ret r = sbi(SBI_FWFT, FWFT_GET, AD_UPDATING, 0, 0, 0, 0);

    return r.error == 0 && r.value == to;
}

/* ---- two harts ---- */

static volatile uint32_t turn;
static volatile uint32_t wrong; /* of hart 1: what of it, and where */

static void note_wrong(uint32_t where, uint32_t what)
{
    if (what != 0 && wrong == 0)
        wrong = where << 8 | what;
}

/* One after the other: in between the other has run. */
static void take_turns(uint32_t me, unsigned int (*check)(void), uint32_t where)
{
    for (uint32_t n = 0; n < ROUNDS; n++) {
        unsigned int what;

        while (turn != 2 * n + me)
            ;
        what = check();
        if (me == 0)
            result_if_wrong("beside a hart that has chosen otherwise", what == 0, what);
        else
            note_wrong(where, what);
        __asm__ volatile("fence rw, rw" : : : "memory");
        turn++;
    }
}

/* Whatever others have chosen, and it itself before it was stopped: it starts without. */
void guest_secondary_main(uint64_t cpu, uint64_t opaque)
{
    (void)cpu;
    translate();
    note_wrong(1, !is_set(0));
    note_wrong(2, faults_for_each_bit());
    if (opaque == 0)
        take_turns(1, faults_for_each_bit, 3);
    note_wrong(4, set(1, 1) != 0);
    note_wrong(5, set(0, 0) != DENIED_LOCKED);
    note_wrong(6, set(1, 0) != DENIED_LOCKED);
    note_wrong(7, !is_set(1));
    note_wrong(8, bits_are_set());
    sbi(SBI_HSM, HART_STOP, 0, 0, 0, 0, 0);
}

static void run_other(uint64_t opaque)
{
    result("another hart starts", start_cpu(1, opaque) == 0, 0);
    if (opaque == 0)
        take_turns(0, bits_are_set, 0);
    while (sbi(SBI_HSM, HART_STATUS, 1, 0, 0, 0, 0).value != STOPPED)
        ;
    result("it found all as it had to be", wrong == 0, wrong);
}

static void choose(uint64_t fdt)
{
    result("the device tree has both", fdt_has_word(fdt, "_svade") && fdt_has_word(fdt, "_svadu"), 0);
    result("67 off at first", is_set(0), 0);
    expect_same("faults at first", faults_for_each_bit(), 0);
    result("67 on", set(1, 0) == 0 && is_set(1), 0);
    expect_same("bits are set", bits_are_set(), 0);
    result("67 off again", set(0, 0) == 0 && is_set(0), 0);
    expect_same("faults again", faults_for_each_bit(), 0);
    result("67 on again", set(1, 0) == 0 && is_set(1), 0);
    run_other(0);
    run_other(1);
    expect_same("bits are still set", bits_are_set(), 0);
}

void guest_main(uint64_t fdt)
{
    translate();
    if (fdt_has_word(fdt, "adbits.choice")) {
        choose(fdt);
    } else {
        bool faults = fdt_has_word(fdt, "adbits.faults");

        result("the device tree has it", fdt_has_word(fdt, "_svade") == faults && !fdt_has_word(fdt, "_svadu"), 0);
        result("67 no choice", set(1, 0) == NOT_SUPPORTED && set(0, 0) == NOT_SUPPORTED && !is_set(0), 0);
        expect_same("as it always is", faults ? faults_for_each_bit() : bits_are_set(), 0);
    }
    report_done();
    power_off();
}
