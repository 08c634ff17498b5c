/* SPDX-License-Identifier: BSD-2-Clause */
/* Choosing VMX controls, and mending what a VM entry refused: hostile-guest.md rows 79, 80. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vmx_caps.h"
#include "vmx_mend.h"

/* ---- controls ---- */

/* As Bochs' corei7_skylake_x has them: bits that must be set in the lower half, that may in the upper. */
static const struct axvm_vmx_raw skylake = {
    .basic = 0x00d810000000002b,
    .cr0_fixed0 = 0x80000021,
    .cr0_fixed1 = 0xffffffff,
    .cr4_fixed0 = 0x2000,
    .cr4_fixed1 = 0x3727ff,
    .pin = 0x0000007f00000016,
    .cpu = 0xfff9fffe04006172,
    .cpu2 = 0x02397cff00000000,
    .exit = 0x007fffff00036dfb,
    .entry = 0x0000ffff000011fb,
    .ept_vpid = 0x00000f0106334141,
    .misc = 0x5,
};

static void a_cpu_with_everything_gets_the_controls_we_want_and_no_others(void **unused)
{
    struct axvm_vmx_caps c;

    (void)unused;
    assert_true(axvm_vmx_caps_init(&c, &skylake));
    assert_int_equal(c.revision, 0x2b);
    assert_int_equal(c.pin, 0x16 | 1u << 0 | 1u << 3 | 1u << 5 | 1u << 6);
    assert_int_equal(c.cpu, 0x04006172 | 1u << 3 | 1u << 7 | 1u << 10 | 1u << 11 | 1u << 21 | 1u << 23 | 1u << 25 | 1u << 28 |
                                1u << 29 | 1u << 31);
    /* CR3 and CR8 accesses, INVLPG, RDTSC do not exit. */
    assert_int_equal(c.cpu & (1u << 9 | 1u << 12 | 3u << 15 | 3u << 19), 0);
    assert_int_equal(c.cpu2, 1u << 1 | 1u << 3 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 10 | 1u << 12);
    assert_int_equal(c.exit, 0x00036dfb | 1u << 2 | 1u << 9 | 1u << 19 | 1u << 21);
    assert_int_equal(c.entry, 0x000011fb | 1u << 2 | 1u << 14 | 1u << 15);
    assert_int_equal(c.cr0_fixed0, 0x20); /* NE; PE and PG are the guest's */
    assert_int_equal(c.cr4_fixed0, 0x2000);
    assert_true(c.vpid && c.page_1g && c.page_2m && c.rdtscp && c.invpcid && c.pause_loop && c.timer);
    assert_int_equal(c.timer_shift, 5);
    assert_int_equal(c.invept, 1);
}

/* Bits of the secondary controls that serve a local APIC. */
enum { ACCESSES = 1u << 0, X2APIC = 1u << 4, REGISTERS = 1u << 8, DELIVERY = 1u << 9 };

static void what_serves_local_apics_begins_clear_and_is_known(void **unused)
{
    struct axvm_vmx_raw raw = skylake;
    struct axvm_vmx_caps c;

    (void)unused;
    raw.cpu2 = UINT64_C(0x02177fff) << 32;
    assert_true(axvm_vmx_caps_init(&c, &raw));
    assert_int_equal(c.apicv, ACCESSES | X2APIC | REGISTERS | DELIVERY);
    assert_int_equal(c.cpu2 & (ACCESSES | X2APIC | REGISTERS | DELIVERY), 0);
    raw.cpu2 &= ~((uint64_t)DELIVERY << 32);
    assert_true(axvm_vmx_caps_init(&c, &raw));
    assert_int_equal(c.apicv, ACCESSES | X2APIC | REGISTERS);
}

/* X2APIC without DELIVERY, or the MSRs of x2APIC mode open without X2APIC, would give a guest the host's APIC. */
static void the_cpu_serves_a_local_apic_only_in_the_modes_that_it_knows(void **unused)
{
    const uint32_t all = ACCESSES | X2APIC | REGISTERS | DELIVERY;
    const uint64_t base = 0xfee00000, xapic = base | 0x800, x2apic = base | 0xc00;

    (void)unused;
    assert_int_equal(axvm_vmx_apicv_choose(all, x2apic, true, false), X2APIC | REGISTERS | DELIVERY);
    assert_int_equal(axvm_vmx_apicv_choose(all, x2apic, true, true), X2APIC | REGISTERS | DELIVERY);
    assert_int_equal(axvm_vmx_apicv_choose(all, x2apic | 0x100, true, false), X2APIC | REGISTERS | DELIVERY);
    assert_int_equal(axvm_vmx_apicv_choose(all, x2apic, false, false), 0);
    assert_int_equal(axvm_vmx_apicv_choose(all, base, true, false), 0);
    assert_int_equal(axvm_vmx_apicv_choose(all, base | 0x400, true, false), 0);
    assert_int_equal(axvm_vmx_apicv_choose(all, xapic, true, false), 0);
    assert_int_equal(axvm_vmx_apicv_choose(all, xapic, true, true), ACCESSES | REGISTERS | DELIVERY);
    assert_int_equal(axvm_vmx_apicv_choose(all, xapic | 0x100, true, true), ACCESSES | REGISTERS | DELIVERY);
    /* The page is there and must not be RAM; but nothing is delivered that was sent to oneself. */
    assert_int_equal(axvm_vmx_apicv_choose(all, xapic, false, true), ACCESSES | REGISTERS);
    assert_int_equal(axvm_vmx_apicv_choose(ACCESSES | REGISTERS, xapic, true, true), ACCESSES | REGISTERS);
    assert_int_equal(axvm_vmx_apicv_choose(all & ~DELIVERY, x2apic, true, true), 0);
    assert_int_equal(axvm_vmx_apicv_choose(all, xapic + 0x1000, true, true), 0);
    assert_int_equal(axvm_vmx_apicv_choose(all, base, true, true), 0);
    assert_int_equal(axvm_vmx_apicv_choose(all & ~ACCESSES, xapic, true, true), 0);
    assert_int_equal(axvm_vmx_apicv_choose(all & ~X2APIC, x2apic, true, false), 0);
    assert_int_equal(axvm_vmx_apicv_choose(all & ~REGISTERS, x2apic, true, false), 0);
    assert_int_equal(axvm_vmx_apicv_choose(0, x2apic, true, true), 0);
}

/* Each bit of each capability taken away alone: only those of the list below are missed. */
static void each_control_we_need_is_missed_when_it_is_not_there(void **unused)
{
    static const struct {
        size_t member;
        uint64_t need;
    } words[] = {
        { offsetof(struct axvm_vmx_raw, pin), 1u << 0 | 1u << 3 | 1u << 5 },
        { offsetof(struct axvm_vmx_raw, cpu),
          1u << 3 | 1u << 7 | 1u << 10 | 1u << 11 | 1u << 21 | 1u << 23 | 1u << 25 | 1u << 28 | 1u << 29 | 1u << 31 },
        { offsetof(struct axvm_vmx_raw, cpu2), 1u << 1 | 1u << 7 },
        { offsetof(struct axvm_vmx_raw, exit), 1u << 2 | 1u << 9 | 1u << 19 | 1u << 21 },
        { offsetof(struct axvm_vmx_raw, entry), 1u << 2 | 1u << 14 | 1u << 15 },
    };

    (void)unused;
    for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
        for (unsigned int b = 0; b < 32; b++) {
            struct axvm_vmx_raw raw = skylake;
            struct axvm_vmx_caps c;
            uint64_t *word = (uint64_t *)(void *)((char *)&raw + words[w].member);

            *word &= ~(UINT64_C(1) << (32 + b));
            assert_int_equal(axvm_vmx_caps_init(&c, &raw), (words[w].need >> b & 1) == 0);
        }
    }
}

static void exits_that_cannot_be_turned_off_make_a_cpu_unfit(void **unused)
{
    static const uint8_t off[] = { 2, 9, 12, 15, 16, 19, 20, 22, 30 };

    (void)unused;
    for (size_t i = 0; i < sizeof(off); i++) {
        struct axvm_vmx_raw raw = skylake;
        struct axvm_vmx_caps c;

        raw.cpu |= UINT64_C(1) << off[i];
        assert_false(axvm_vmx_caps_init(&c, &raw));
    }
}

static void what_a_cpu_may_lack_is_done_without(void **unused)
{
    struct axvm_vmx_raw raw = skylake;
    struct axvm_vmx_caps c;

    (void)unused;
    raw.pin &= ~(UINT64_C(1) << 38);
    raw.cpu2 = (UINT64_C(1) << 1 | UINT64_C(1) << 7) << 32;
    raw.ept_vpid = UINT64_C(1) << 6 | UINT64_C(1) << 14 | UINT64_C(1) << 20 | UINT64_C(1) << 26;
    assert_true(axvm_vmx_caps_init(&c, &raw));
    assert_false(c.vpid || c.page_1g || c.page_2m || c.rdtscp || c.invpcid || c.pause_loop || c.timer);
    assert_int_equal(c.invept, 2);
    /* VPIDs that cannot be invalidated are none. */
    raw = skylake;
    raw.ept_vpid &= ~(UINT64_C(1) << 42);
    assert_true(axvm_vmx_caps_init(&c, &raw));
    assert_false(c.vpid);
    assert_int_equal(c.cpu2 & 1u << 5, 0);
}

static void old_or_odd_cpus_are_refused(void **unused)
{
    static const struct {
        size_t member;
        uint64_t bit;
    } t[] = {
        { offsetof(struct axvm_vmx_raw, basic), UINT64_C(1) << 55 },    /* no true controls */
        { offsetof(struct axvm_vmx_raw, basic), UINT64_C(1) << 51 },    /* VMCS not write-back */
        { offsetof(struct axvm_vmx_raw, ept_vpid), UINT64_C(1) << 6 },  /* no 4 levels */
        { offsetof(struct axvm_vmx_raw, ept_vpid), UINT64_C(1) << 14 }, /* no write-back tables */
        { offsetof(struct axvm_vmx_raw, ept_vpid), UINT64_C(1) << 20 }, /* no INVEPT */
        { offsetof(struct axvm_vmx_raw, ept_vpid), UINT64_C(1) << 26 },
    };
    struct axvm_vmx_raw raw = skylake;
    struct axvm_vmx_caps c = { .revision = 77 };

    (void)unused;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        raw = skylake;
        *(uint64_t *)(void *)((char *)&raw + t[i].member) &= ~t[i].bit;
        assert_false(axvm_vmx_caps_init(&c, &raw));
    }
    raw = skylake;
    raw.basic += UINT64_C(1) << 32; /* larger than a page */
    assert_false(axvm_vmx_caps_init(&c, &raw));
    assert_int_equal(c.revision, 77);
}

/* ---- mending ---- */

#define TF 0x100u
#define IF 0x200u
#define STI 1u
#define MOV_SS 2u
#define NMI 8u
#define BS 0x4000u
#define VALID 0x80000000u

/*
 * The checks of "Checks on Guest RIP, RFLAGS, and SSP", "... Non-Register State" and "VM-Entry Controls for Event Injection" as
 * far as these fields are concerned, as a model that says yes or no.
 */
static bool entry_accepts(const struct axvm_vmx_entry_state *s)
{
    uint64_t type = s->event >> 8 & 7, vector = s->event & 0xff;
    bool injecting = (s->event & VALID) != 0;
    bool shadow = (s->blocking & (STI | MOV_SS)) != 0;

    if (s->code64 ? (s->rip >> 47 != 0 && s->rip >> 47 != 0x1ffff) : s->rip >> 32 != 0)
        return false;
    if ((s->rflags & ~UINT64_C(0x3f7fd7)) != 0 || !(s->rflags & 2))
        return false;
    if ((s->rflags & 0x20000) && (s->long_mode || !s->protected_mode))
        return false;
    if ((s->blocking & 3) == 3 || ((s->blocking & STI) && !(s->rflags & IF)))
        return false;
    if (injecting && type == 0 && (!(s->rflags & IF) || shadow))
        return false;
    if (injecting && type == 2 && (s->blocking & (MOV_SS | STI | NMI)))
        return false;
    if (shadow && !(s->pending_db & BS) != !(s->rflags & TF))
        return false;
    if (injecting && type == 3) {
        bool has = (vector == 8 || (vector >= 10 && vector <= 14) || vector == 17) && s->protected_mode;

        if (has != ((s->event >> 11 & 1) != 0))
            return false;
    }
    return true;
}

static uint64_t random64(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static struct axvm_vmx_entry_state random_state(uint64_t *x)
{
    static const uint64_t rips[] = {
        0x1000, 0x100000000, 0x7fffffffffff, 0x800000000000, 0xffff7fffffffffff, 0xffffffff81000000, 0x5000000000000000
    };
    uint64_t r = random64(x);
    struct axvm_vmx_entry_state s = {
        .rip = rips[r % 7],
        .rflags = r >> 36 & 1 ? random64(x) : (random64(x) & 0x247fd5) | 2,
        .blocking = r >> 8 & (STI | MOV_SS | NMI),
        .pending_db = r >> 16 & BS,
        .event = r >> 40 & 1 ? VALID | (r >> 41 & 1   ? 3u << 8 | (r >> 48 & 31) | (r >> 56 & 0x800)
                                        : r >> 42 & 1 ? 0x202
                                                      : 0x40)
                             : 0,
        .code64 = r >> 32 & 1,
        .protected_mode = (r >> 32 & 1) || (r >> 33 & 1),
    };

    s.long_mode = s.code64 || (r >> 34 & 3) == 3;
    if (s.long_mode)
        s.protected_mode = true;
    return s;
}

static void whatever_is_refused_is_accepted_after_mending(void **unused)
{
    uint64_t x = 88172645463325252;
    unsigned int refused = 0, fine = 0;

    (void)unused;
    for (unsigned int i = 0; i < 2000000; i++) {
        struct axvm_vmx_entry_state s = random_state(&x), was = s;
        bool accepted = entry_accepts(&s);
        enum axvm_vmx_mended r = axvm_vmx_mend(&s);

        assert_true(entry_accepts(&s));
        if (!accepted) {
            refused++;
            assert_int_not_equal(r, AXVM_VMX_HOPELESS);
            continue;
        }
        fine++;
        /* Nothing to mend, but never "try again" with the same state: that would be without end. */
        if (r == AXVM_VMX_HOPELESS)
            assert_true(s.rip == was.rip && s.rflags == was.rflags && s.blocking == was.blocking && s.event == was.event);
    }
    assert_true(refused > 100000 && fine > 1000);
}

static void a_state_that_is_fine_is_not_touched(void **unused)
{
    struct axvm_vmx_entry_state s = {
        .rip = 0xffffffff81000000, .rflags = 0x246, .code64 = true, .long_mode = true, .protected_mode = true
    };

    (void)unused;
    assert_int_equal(axvm_vmx_mend(&s), AXVM_VMX_HOPELESS);
    assert_int_equal(s.rip, 0xffffffff81000000);
    assert_int_equal(s.rflags, 0x246);
}

static void single_steps_in_the_shadow_of_mov_ss_pend(void **unused)
{
    struct axvm_vmx_entry_state s = { .rip = 0x1000, .rflags = 2 | TF, .blocking = MOV_SS, .protected_mode = true };

    (void)unused;
    assert_int_equal(axvm_vmx_mend(&s), AXVM_VMX_MENDED);
    assert_int_equal(s.pending_db, BS);
    assert_int_equal(s.blocking, MOV_SS);
}

static void a_rip_beyond_the_canonical_addresses_is_a_fault(void **unused)
{
    struct axvm_vmx_entry_state s = {
        .rip = 0x800000000000, .rflags = 2, .code64 = true, .long_mode = true, .protected_mode = true
    };

    (void)unused;
    assert_int_equal(axvm_vmx_mend(&s), AXVM_VMX_MENDED_GP);
    assert_int_equal(s.rip, 0x7fffffffffff);
    s.rip = 0x100000005;
    s.code64 = false; /* compatibility mode wraps */
    assert_int_equal(axvm_vmx_mend(&s), AXVM_VMX_MENDED);
    assert_int_equal(s.rip, 5);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cpu_with_everything_gets_the_controls_we_want_and_no_others),
        cmocka_unit_test(what_serves_local_apics_begins_clear_and_is_known),
        cmocka_unit_test(the_cpu_serves_a_local_apic_only_in_the_modes_that_it_knows),
        cmocka_unit_test(each_control_we_need_is_missed_when_it_is_not_there),
        cmocka_unit_test(exits_that_cannot_be_turned_off_make_a_cpu_unfit),
        cmocka_unit_test(what_a_cpu_may_lack_is_done_without),
        cmocka_unit_test(old_or_odd_cpus_are_refused),
        cmocka_unit_test(whatever_is_refused_is_accepted_after_mending),
        cmocka_unit_test(a_state_that_is_fine_is_not_touched),
        cmocka_unit_test(single_steps_in_the_shadow_of_mov_ss_pend),
        cmocka_unit_test(a_rip_beyond_the_canonical_addresses_is_a_fault),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
