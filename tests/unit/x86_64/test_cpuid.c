/* SPDX-License-Identifier: BSD-2-Clause */
/* The CPUID a guest sees: hostile-guest.md rows 78, 86. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bits.h"
#include "cpuid.h"

static struct axvm_cpuid_host host;
static struct axvm_cpuid c;

static uint32_t *host_leaf(uint32_t leaf, uint32_t subleaf)
{
    struct axvm_cpuid_entry *e;

    for (uint32_t i = 0; i < host.count; i++) {
        if (host.entry[i].leaf == leaf && host.entry[i].subleaf == subleaf)
            return host.entry[i].r;
    }
    assert_true(host.count < AXVM_CPUID_HOST_MAX);
    e = &host.entry[host.count++];
    e->leaf = leaf;
    e->subleaf = subleaf;
    return e->r;
}

static void set(uint32_t leaf, uint32_t subleaf, uint32_t a, uint32_t b, uint32_t cx, uint32_t d)
{
    uint32_t *r = host_leaf(leaf, subleaf);

    r[0] = a;
    r[1] = b;
    r[2] = cx;
    r[3] = d;
}

/* A host that has every feature there is, and many there are not: what of it shows is ours to say. */
static void host_with_everything(bool amd)
{
    memset(&host, 0, sizeof(host));
    for (uint32_t leaf = 0; leaf < 0x20; leaf++)
        set(leaf, 0, ~0u, ~0u, ~0u, ~0u);
    for (uint32_t leaf = 0x80000000; leaf < 0x80000022; leaf++)
        set(leaf, 0, ~0u, ~0u, ~0u, ~0u);
    set(7, 1, ~0u, ~0u, ~0u, ~0u);
    if (amd)
        set(0, 0, 0x20, 0x68747541, 0x444d4163, 0x69746e65);
    else
        set(0, 0, 0x20, 0x756e6547, 0x6c65746e, 0x49656e69);
    set(1, 0, 0x50654, 0x12345678, ~0u, ~0u);
    for (uint32_t i = 0; i < 4; i++) {
        set(4, i, 0xfc1fc121 | (i == 0 ? 1u : 3u) << 5, 0x1c0003f, 0x3f, 7);
        set(0x8000001d, i, 0x3ffc121 | (i == 0 ? 1u : 3u) << 5, 0x1c0003f, 0x3f, 3);
    }
    set(4, 3, 0, 0, 0, 0);
    set(0x8000001d, 3, 0, 0, 0, 0);
    set(0xd, 1, ~0u, ~0u, ~0u, ~0u);
    set(0xd, 2, 256, 576, 0, 0);
    set(0xd, 3, 64, 960, 0, 0);
    set(0xd, 4, 64, 1024, 0, 0);
    set(0xd, 5, 64, 1088, 0, 0);
    set(0xd, 6, 512, 1152, 0, 0);
    set(0xd, 7, 1024, 1664, 2, 0);
    set(0x80000000, 0, amd ? 0x80000028 : 0x80000008, 0, 0, 0);
    set(0x80000008, 0, 0x3034, ~0u, ~0u, ~0u);
}

static const struct axvm_cpuid_config plain = {
    .vcpu_count = 4,
    .phys_bits = 40,
    .xcr0 = 0xe7,
    .tsc_khz = 2600000,
    .apic_timer_khz = 1000000,
    .invariant_tsc = true,
};

static void make(bool amd, const struct axvm_cpuid_config *cfg)
{
    host_with_everything(amd);
    axvm_cpuid_init(&c, &host, cfg);
}

struct regs {
    uint32_t r[4];
};

static struct regs cpuid(uint32_t leaf, uint32_t subleaf, const struct axvm_cpuid_state *s)
{
    static const struct axvm_cpuid_state zero;
    const struct axvm_cpuid_entry *e = axvm_cpuid_find(&c, leaf, subleaf);
    struct regs out;

    memcpy(out.r, e->r, sizeof(out.r));
    if (e->dynamic != AXVM_CPUID_STATIC)
        axvm_cpuid_patch(&c, e, subleaf, s ? s : &zero, out.r);
    return out;
}

static void expect(uint32_t leaf, uint32_t subleaf, uint32_t a, uint32_t b, uint32_t cx, uint32_t d)
{
    struct regs got = cpuid(leaf, subleaf, NULL);

    assert_int_equal(got.r[0], a);
    assert_int_equal(got.r[1], b);
    assert_int_equal(got.r[2], cx);
    assert_int_equal(got.r[3], d);
}

/* ---- what may show ---- */

static void a_host_with_every_bit_shows_an_intel_guest_only_these(void **unused)
{
    (void)unused;
    make(false, &plain);
    assert_int_equal(cpuid(1, 0, NULL).r[2], 0xf7fa3203); /* MONITOR, VMX, SMX, EIST, PDCM, DCA, OSXSAVE are not among them */
    assert_int_equal(cpuid(1, 0, NULL).r[3], 0x1f8bfbff & ~(1u << 9));
    expect(7, 0, 1, 0xfdbf27eb, 0x1a405f47, 0x0080451c);
    expect(7, 1, 0x00001c30, 0, 0, 0);
    expect(0xd, 1, 5, 0, 0, 0);
    expect(0x80000001, 0, 0, 0, 0x121, 0x2c100800);
    expect(0x80000007, 0, 0, 0, 0, 0x100);
    expect(0x80000008, 0, 0x3028, 0, 0, 0);
    expect(6, 0, 4, 0, 0, 0);
}

static void a_host_with_every_bit_shows_an_amd_guest_only_these(void **unused)
{
    (void)unused;
    make(true, &plain);
    assert_int_equal(cpuid(1, 0, NULL).r[2], 0xf7fa3203);
    assert_int_equal(cpuid(0x80000001, 0, NULL).r[2], 0x006109e3);
    assert_int_equal(cpuid(0x80000001, 0, NULL).r[3], 0xefd3fbff & ~(1u << 9));
    expect(0x80000007, 0, 0, 0, 0, 0x100);
    expect(0x80000008, 0, 0x3028, 5, 0x2003, 0);
    expect(0x80000021, 0, 0x44, 0, 0, 0);
    expect(0x8000000a, 0, 0, 0, 0, 0); /* SVM */
    expect(0x8000001f, 0, 0, 0, 0, 0); /* SEV */
    expect(0x8000001b, 0, 0, 0, 0, 0); /* IBS */
}

static void leaves_of_what_is_not_virtualized_are_zero(void **unused)
{
    static const uint32_t hidden[] = { 3, 5, 8, 9, 0xa, 0xc, 0xe, 0xf, 0x10, 0x11, 0x12, 0x13, 0x14 };

    (void)unused;
    for (int amd = 0; amd < 2; amd++) {
        make(amd, &plain);
        for (size_t i = 0; i < AXVM_ARRAY_LEN(hidden); i++) {
            for (uint32_t s = 0; s < 4; s++)
                expect(hidden[i], s, 0, 0, 0, 0);
        }
        expect(7, 2, 0, 0, 0, 0);
        expect(7, 0xffffffff, 0, 0, 0, 0);
        expect(0xd, 8, 0, 0, 0, 0);
        expect(0xd, 3, 0, 0, 0, 0); /* MPX */
        expect(0xd, 0xffffffff, 0, 0, 0, 0);
    }
}

static void a_host_without_anything_shows_only_what_is_emulated(void **unused)
{
    (void)unused;
    memset(&host, 0, sizeof(host));
    set(0, 0, 1, 0x756e6547, 0x6c65746e, 0x49656e69);
    axvm_cpuid_init(&c, &host, &plain);
    assert_int_equal(cpuid(1, 0, NULL).r[2], 0x81200000);
    assert_int_equal(cpuid(1, 0, NULL).r[3], 0x100050b0);
    expect(7, 0, 1, 2, 0, 0);
    expect(0xd, 0, 0, 0, 0, 0);
    assert_int_equal(c.limits.xcr0, 0);
    assert_int_equal(c.limits.efer, 0);
    assert_int_equal(c.limits.phys_bits, 36);
}

/* Nothing outside of the table, whatever is asked for: no host value is left in. */
static void every_other_leaf_is_zero_or_by_intels_rule_the_last_one(void **unused)
{
    uint32_t x = 1;

    (void)unused;
    for (int amd = 0; amd < 2; amd++) {
        make(amd, &plain);
        for (unsigned int i = 0; i < 2000000; i++) {
            uint32_t leaf = x = x * 1664525 + 1013904223;

            if (leaf < 0x20 || (leaf >= 0x40000000 && leaf < 0x40000011) || (leaf >= 0x80000000 && leaf < 0x80000022))
                continue;
            if (amd || leaf >> 28 == 4)
                assert_int_equal(axvm_cpuid_find(&c, leaf, x >> 7) - c.entry, 0);
            else
                assert_ptr_equal(axvm_cpuid_find(&c, leaf, 1), axvm_cpuid_find(&c, 0x1f, 1));
        }
    }
    make(false, &plain);
    assert_ptr_equal(axvm_cpuid_find(&c, 0x80000009, 0), axvm_cpuid_find(&c, 0x1f, 0));
    make(true, &plain);
    expect(0x20, 0, 0, 0, 0, 0);
    expect(0x80000022, 0, 0, 0, 0, 0);
}

/* ---- identity and topology ---- */

static void the_vendor_and_the_model_are_the_hosts(void **unused)
{
    (void)unused;
    make(false, &plain);
    expect(0, 0, 0x1f, 0x756e6547, 0x6c65746e, 0x49656e69);
    assert_int_equal(cpuid(1, 0, NULL).r[0], 0x50654);
    make(true, &plain);
    expect(0, 0, 0x16, 0x68747541, 0x444d4163, 0x69746e65);
    expect(0x80000000, 0, 0x80000021, 0x68747541, 0x444d4163, 0x69746e65);
    assert_true(c.limits.amd);
}

static void topology_has_a_core_for_each_vcpu_whatever_the_hosts(void **unused)
{
    (void)unused;
    for (uint32_t n = 1; n <= 128; n++) {
        for (int amd = 0; amd < 2; amd++) {
            struct axvm_cpuid_config cfg = plain;
            struct axvm_cpuid_state s = { .apic_id = n - 1 };
            struct regs r;
            uint32_t shift;

            cfg.vcpu_count = n;
            make(amd, &cfg);
            r = cpuid(0xb, 1, &s);
            shift = r.r[0];
            /* "the number of bits to shift right to get the package": no two vCPUs fall together, no bit too many */
            assert_true(1u << shift >= n && (shift == 0 || 1u << (shift - 1) < n));
            assert_int_equal(r.r[1], n);
            assert_int_equal(r.r[2], 0x201);
            assert_int_equal(r.r[3], n - 1);
            r = cpuid(0xb, 0, &s);
            assert_int_equal(r.r[0], 0);
            assert_int_equal(r.r[1], 1);
            assert_int_equal(r.r[2], 0x100);
            assert_int_equal(r.r[3], n - 1);
            r = cpuid(0xb, 0x7f, &s);
            assert_int_equal(r.r[0] | r.r[1], 0);
            assert_int_equal(r.r[2], 0x7f);
            assert_int_equal(r.r[3], n - 1);
            r = cpuid(1, 0, &s);
            assert_int_equal(r.r[1] >> 24, n - 1);
            assert_int_equal(r.r[1] >> 8 & 0xff, 0x56);
            assert_int_equal(r.r[1] >> 16 & 0xff, n == 1 ? 0 : amd ? n : 1u << shift);
            assert_int_equal(r.r[3] >> 28 & 1, n > 1);
            r = cpuid(amd ? 0x8000001d : 4, 0, &s);
            assert_int_equal(r.r[0] >> 14 & 0xfff, 0); /* the first level is a core's own */
            r = cpuid(amd ? 0x8000001d : 4, 2, &s);
            assert_int_equal(r.r[0] >> 14 & 0xfff, (1u << shift) - 1);
            if (!amd) {
                assert_int_equal(r.r[0] >> 26, (1u << shift) - 1 > 63 ? 63 : (1u << shift) - 1);
                continue;
            }
            assert_int_equal(cpuid(0x80000008, 0, &s).r[2], (n - 1) | shift << 12);
            r = cpuid(0x8000001e, 0, &s);
            assert_int_equal(r.r[0], n - 1);
            assert_int_equal(r.r[1], n - 1);
            assert_int_equal(r.r[2], 0);
        }
    }
}

static void leaves_1f_and_b_agree(void **unused)
{
    (void)unused;
    make(false, &plain);
    for (uint32_t s = 0; s < 4; s++)
        assert_memory_equal(&(struct regs[]){ cpuid(0xb, s, NULL) }, &(struct regs[]){ cpuid(0x1f, s, NULL) }, 16);
}

/* ---- what depends on the vCPU ---- */

static void osxsave_and_apic_follow_their_registers(void **unused)
{
    struct axvm_cpuid_state s = { .apic_enabled = true, .cr4 = 1u << 18 };

    (void)unused;
    make(true, &plain);
    assert_int_equal(cpuid(1, 0, &s).r[2] >> 27 & 1, 1);
    assert_int_equal(cpuid(1, 0, &s).r[3] >> 9 & 1, 1);
    assert_int_equal(cpuid(0x80000001, 0, &s).r[3] >> 9 & 1, 1);
    s = (struct axvm_cpuid_state){ 0 };
    assert_int_equal(cpuid(1, 0, &s).r[2] >> 27 & 1, 0);
    assert_int_equal(cpuid(1, 0, &s).r[3] >> 9 & 1, 0);
    assert_int_equal(cpuid(0x80000001, 0, &s).r[3] >> 9 & 1, 0);
}

static void xsave_sizes_follow_xcr0(void **unused)
{
    static const struct {
        uint64_t xcr0;
        uint32_t standard;
    } t[] = { { 1, 576 }, { 3, 576 }, { 7, 832 }, { 0xe7, 2688 } };

    (void)unused;
    make(false, &plain);
    for (size_t i = 0; i < AXVM_ARRAY_LEN(t); i++) {
        struct axvm_cpuid_state s = { .xcr0 = t[i].xcr0 };
        struct regs r = cpuid(0xd, 0, &s);

        assert_int_equal(r.r[0], 0xe7);
        assert_int_equal(r.r[1], t[i].standard);
        assert_int_equal(r.r[2], 2688);
        assert_int_equal(r.r[3], 0);
        assert_int_equal(cpuid(0xd, 1, &s).r[1], 0); /* no XSAVEC */
    }
    expect(0xd, 2, 256, 576, 0, 0);
    expect(0xd, 7, 1024, 1664, 2, 0);
}

static void what_the_backend_cannot_switch_is_not_offered(void **unused)
{
    struct axvm_cpuid_config cfg = plain;

    (void)unused;
    cfg.xcr0 = 7;
    make(false, &cfg);
    assert_int_equal(c.limits.xcr0, 7);
    assert_int_equal(cpuid(7, 0, NULL).r[1] & 0xdc230000, 0); /* AVX-512 */
    assert_int_equal(cpuid(7, 0, NULL).r[1] >> 5 & 1, 1);     /* AVX2 */
    expect(0xd, 5, 0, 0, 0, 0);
    cfg.xcr0 = 0x67; /* a part of AVX-512 is nothing */
    make(false, &cfg);
    assert_int_equal(c.limits.xcr0, 7);
    cfg.xcr0 = 3;
    make(false, &cfg);
    assert_int_equal(cpuid(1, 0, NULL).r[2] & 0x30001000, 0); /* AVX, F16C, FMA */
    assert_int_equal(cpuid(1, 0, NULL).r[2] >> 26 & 1, 1);
    cfg.xcr0 = 0;
    make(false, &cfg);
    assert_int_equal(cpuid(1, 0, NULL).r[2] >> 26 & 1, 0);
    assert_int_equal(c.limits.cr4 >> 18 & 1, 0);
    expect(0xd, 0, 0, 0, 0, 0);
    cfg = plain;
    cfg.no_rdtscp = cfg.no_invpcid = true;
    make(false, &cfg);
    assert_false(c.limits.tsc_aux);
    assert_int_equal(cpuid(7, 0, NULL).r[1] >> 10 & 1, 0);
    assert_int_equal(cpuid(0x80000001, 0, NULL).r[3] >> 27 & 1, 0);
}

/* ---- frequencies ---- */

/* As Linux computes it, in 32 bits. */
static void the_frequency_leaf_is_close_and_mostly_exact(void **unused)
{
    struct axvm_cpuid_config cfg = plain;
    unsigned int exact = 0;
    uint32_t x = 7;

    (void)unused;
    host_with_everything(false);
    for (unsigned int i = 0; i < 20000; i++) {
        struct regs r;
        int64_t off;

        x = x * 1664525 + 1013904223;
        cfg.tsc_khz = i < 4000 ? 10000 + i * 1000 : 50000 + x % 4200000;
        axvm_cpuid_init(&c, &host, &cfg);
        r = cpuid(0x15, 0, NULL);
        assert_int_equal(r.r[2], 1000000000);
        assert_true(r.r[0] != 0 && (uint64_t)(r.r[2] / 1000) * r.r[1] <= UINT32_MAX);
        off = (int64_t)(r.r[2] / 1000 * r.r[1] / r.r[0]) - cfg.tsc_khz;
        if (off < 0)
            off = -off;
        /* 120 ppm, and the division's remainder */
        assert_true(off <= 1 + (int64_t)cfg.tsc_khz * 120 / 1000000);
        exact += off <= 1 + (int64_t)cfg.tsc_khz / 1000000;
        assert_int_equal(cpuid(0x16, 0, NULL).r[0], (cfg.tsc_khz + 500) / 1000);
        assert_int_equal(cpuid(0x40000010, 0, NULL).r[0], cfg.tsc_khz);
    }
    assert_true(exact > 18000);
}

static void an_unknown_frequency_is_not_told(void **unused)
{
    struct axvm_cpuid_config cfg = plain;

    (void)unused;
    cfg.tsc_khz = 0;
    cfg.invariant_tsc = false;
    make(false, &cfg);
    expect(0x15, 0, 0, 0, 0, 0);
    expect(0x16, 0, 0, 0, 0, 0);
    expect(0x40000010, 0, 0, 0, 0, 0);
    expect(0x80000007, 0, 0, 0, 0, 0);
}

static void the_hypervisor_signs_as_itself_and_beside_it_for_kvms_interfaces(void **unused)
{
    struct axvm_cpuid_config cfg = plain;
    struct regs r;

    (void)unused;
    make(false, &cfg);
    r = cpuid(0x40000000, 0, NULL);
    assert_int_equal(r.r[0], 0x40000010);
    assert_memory_equal(&r.r[1], "AXVMAXVMAXVM", 12);
    expect(0x40000001, 0, 0, 0, 0, 0);
    r = cpuid(0x40000100, 0, NULL);
    assert_int_equal(r.r[0], 0x40000101);
    assert_memory_equal(&r.r[1], "KVMKVMKVM\0\0\0", 12);
    expect(0x40000101, 0, 0, 0, 0, 0);
    expect(0x40000102, 0, 0, 0, 0, 0);
    cfg.pv_clock = true;
    make(false, &cfg);
    expect(0x40000101, 0, 0x01000028, 0, 0, 0);
    assert_true(c.limits.pv_clock);
}

/* ---- what registers may hold ---- */

static void register_limits_follow_from_the_leaves(void **unused)
{
    (void)unused;
    make(false, &plain);
    /* All but LA57, VMXE, SMXE, PKE, CET */
    assert_int_equal(c.limits.cr4, 0x370fff);
    assert_int_equal(c.limits.efer, 0xd01);
    assert_int_equal(c.limits.xcr0, 0xe7);
    assert_int_equal(c.limits.phys_bits, 40);
    assert_int_equal(c.limits.gpa_mask, 0xffffffffff);
    make(true, &plain);
    assert_int_equal(c.limits.efer, 0x4d01);
}

static void this_machines_own_cpu_makes_a_table(void **unused)
{
#if defined(__x86_64__)
    struct axvm_cpuid_host mine;

    axvm_cpuid_host_read(&mine);
    axvm_cpuid_init(&c, &mine, &plain);
    assert_true(mine.count > 10 && mine.count < AXVM_CPUID_HOST_MAX);
    assert_int_equal(cpuid(1, 0, NULL).r[2] & ~axvm_cpuid_host_find(&mine, 1, 0)->r[2],
                     0x81200000 & ~axvm_cpuid_host_find(&mine, 1, 0)->r[2]);
    assert_int_equal(cpuid(7, 0, NULL).r[1] & ~(axvm_cpuid_host_find(&mine, 7, 0)->r[1] | 2), 0);
#endif
    (void)unused;
    assert_true(c.count < AXVM_CPUID_MAX_ENTRIES);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_with_every_bit_shows_an_intel_guest_only_these),
        cmocka_unit_test(a_host_with_every_bit_shows_an_amd_guest_only_these),
        cmocka_unit_test(leaves_of_what_is_not_virtualized_are_zero),
        cmocka_unit_test(a_host_without_anything_shows_only_what_is_emulated),
        cmocka_unit_test(every_other_leaf_is_zero_or_by_intels_rule_the_last_one),
        cmocka_unit_test(the_vendor_and_the_model_are_the_hosts),
        cmocka_unit_test(topology_has_a_core_for_each_vcpu_whatever_the_hosts),
        cmocka_unit_test(leaves_1f_and_b_agree),
        cmocka_unit_test(osxsave_and_apic_follow_their_registers),
        cmocka_unit_test(xsave_sizes_follow_xcr0),
        cmocka_unit_test(what_the_backend_cannot_switch_is_not_offered),
        cmocka_unit_test(the_frequency_leaf_is_close_and_mostly_exact),
        cmocka_unit_test(an_unknown_frequency_is_not_told),
        cmocka_unit_test(the_hypervisor_signs_as_itself_and_beside_it_for_kvms_interfaces),
        cmocka_unit_test(register_limits_follow_from_the_leaves),
        cmocka_unit_test(this_machines_own_cpu_makes_a_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
