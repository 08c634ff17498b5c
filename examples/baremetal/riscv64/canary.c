/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does libaxvm leave this host's CPU state alone? The values are the same on all CPUs and in all threads that check, so it
 * does not matter when a thread is preempted meanwhile, or comes back on another CPU.
 */
#include "board.h"
#include "canary_vector.h"
#include "lib.h"
#include "riscv.h"

uint64_t canary_call(int (*fn)(void *arg), void *arg, int *result);

#define SSCRATCH_PATTERN UINT64_C(0x55c455c455c455c4)
#define VSSCRATCH_PATTERN UINT64_C(0x7557755775577557)
#define SCOUNTEREN_PATTERN 7u

/* What every trap of the host itself changes: SPP, SPIE; SPVP, SPV, GVA. */
#define SSTATUS_TRAPS (1u << 8 | 1u << 5)
#define HSTATUS_TRAPS (1u << 8 | 1u << 7 | 1u << 6)

/* What must not change, by the assembler's name and ours, and but for which bits. */
#define STATE_REGS(X)                                                                                                          \
    X("stvec", "stvec", 0)                                                                                                     \
    X("sscratch", "sscratch", 0)                                                                                               \
    X("sstatus", "sstatus", SSTATUS_TRAPS)                                                                                     \
    X("sie", "sie", 0)                                                                                                         \
    X("satp", "satp", 0)                                                                                                       \
    X("scounteren", "scounteren", 0)                                                                                           \
    X("0x10a", "senvcfg", 0)                                                                                                   \
    X("0x600", "hstatus", HSTATUS_TRAPS)                                                                                       \
    X("fcsr", "fcsr", 0)

struct state {
    uint64_t value[16];
    unsigned int count;
};

static void read_state(struct state *s, bool host_uses_guest_regs)
{
    s->count = 0;
#define READ(reg, name, ignored) s->value[s->count++] = READ_CSR(reg) & ~(uint64_t)(ignored);
    STATE_REGS(READ)
#undef READ
    if (host_uses_guest_regs)
        s->value[s->count++] = READ_CSR("0x240");
}

static const char *state_name(unsigned int index)
{
#define NAME(reg, name, ignored) name,
    static const char *const names[] = { STATE_REGS(NAME) "vsscratch" };
#undef NAME
    return names[index];
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

void canary_cpu_init(bool host_uses_guest_regs)
{
    int result;

    SET_CSR("sstatus", 3u << 13); /* FS */
    WRITE_CSR("sscratch", SSCRATCH_PATTERN);
    WRITE_CSR("scounteren", SCOUNTEREN_PATTERN);
    if (host_uses_guest_regs)
        WRITE_CSR("0x240", VSSCRATCH_PATTERN);
    canary_vector_put();
    canary_call(nothing, NULL, &result); /* leaves its values in f0..f31, for threads that come from other CPUs */
}

/* The lowest bit of what canary_call() returns. */
static const char *general_name(uint64_t changed)
{
    static char name[8];
    unsigned int bit = (unsigned int)__builtin_ctzll(changed);

    if (bit == 12 || bit == 13)
        return bit == 12 ? "gp" : "sp";
    if (bit >= 32)
        format(name, sizeof(name), "f%u", bit - 32);
    else
        format(name, sizeof(name), "s%u", bit);
    return name;
}

const char *board_canary_call(int (*fn)(void *arg), void *arg, bool host_uses_guest_regs, int *result)
{
    struct state before, after;
    const char *vector_changed;
    uint64_t changed;

    canary_cpu_init(host_uses_guest_regs);
    read_state(&before, host_uses_guest_regs);
    changed = canary_call(fn, arg, result);
    read_state(&after, host_uses_guest_regs);
    vector_changed = canary_vector_changed();
    for (unsigned int i = 0; i < after.count; i++) {
        if (after.value[i] != before.value[i])
            return state_name(i);
    }
    return changed ? general_name(changed) : vector_changed;
}
