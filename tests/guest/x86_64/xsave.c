/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is kept of x87, SSE and AVX, for every subset of them in use, and whether the CPU still knows which are in use: each
 * byte that XSAVE, XSAVEOPT and FXSAVE store, XSTATE_BV, XINUSE and MXCSR, before and after the guest has left the CPU to
 * another one ("second" on its command line) with values of its own. hostile-guest.md, rows 60, 78, 86. It ends with "xsave:
 * done FAILURES".
 *
 * XSAVEC is looked at only when CPUID offers it, or "xsavec" is on the command line: src/arch/x86_64/cpuid_features.c.
 */
#include "report.h"

#define TIMER_VECTOR 0x62u
#define X87 1u
#define SSE 2u
#define AVX 4u
#define FILL 0xeeu
#define AREA 1024u /* more than any that these three take */
#define MXCSR_AT 24u
#define XMM_AT 160u
#define HEADER_AT 512u
#define AVX_AT 576u
#define MXCSR_RESET 0x1f80u

struct area {
    uint8_t b[AREA];
} __attribute__((aligned(64)));

enum how { XSAVE, XSAVEOPT, XSAVEC, FXSAVE, HOWS };
static const char *const names[HOWS] = { "XSAVE", "XSAVEOPT", "XSAVEC", "FXSAVE" };

static bool have[HOWS], has_avx, has_xinuse;
static uint32_t states; /* of XCR0 */
static uint8_t seed;

static void fail(const char *what, uint32_t subset, uint32_t at, uint64_t got, uint64_t expected)
{
    report_number("in use", subset);
    report_number("at", at);
    report_wrong(what, got, expected);
}

/* ---- areas ---- */

static void fill(void *p, uint8_t v, size_t n)
{
    uint8_t *b = p;

    while (n-- > 0)
        *b++ = v;
}

static void put(struct area *a, uint32_t at, uint64_t v, unsigned int size)
{
    for (unsigned int i = 0; i < size; i++)
        a->b[at + i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get(const struct area *a, uint32_t at, unsigned int size)
{
    uint64_t v = 0;

    for (unsigned int i = size; i-- > 0;)
        v = v << 8 | a->b[at + i];
    return v;
}

static void save(enum how how, struct area *a, uint32_t mask)
{
    fill(a, FILL, sizeof(*a));
    if (how != FXSAVE)
        fill(a->b + HEADER_AT, 0, 64);
    switch (how) {
    case XSAVE:
        __asm__ volatile("xsave64 (%0)" : : "r"(a), "a"(mask), "d"(0) : "memory");
        break;
    case XSAVEOPT:
        __asm__ volatile("xsaveopt64 (%0)" : : "r"(a), "a"(mask), "d"(0) : "memory");
        break;
    case XSAVEC:
        __asm__ volatile("xsavec64 (%0)" : : "r"(a), "a"(mask), "d"(0) : "memory");
        break;
    default:
        __asm__ volatile("fxsave64 (%0)" : : "r"(a) : "memory");
        break;
    }
}

static void load(const struct area *a, uint32_t mask)
{
    if (have[XSAVE])
        __asm__ volatile("xrstor64 (%0)" : : "r"(a), "a"(mask), "d"(0) : "memory");
    else
        __asm__ volatile("fxrstor64 (%0)" : : "r"(a) : "memory");
}

static uint32_t xinuse(void)
{
    uint32_t a, d;

    if (!has_xinuse)
        return states;
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(1));
    return a & states;
}

static void set_xcr0(uint32_t v)
{
    __asm__ volatile("xsetbv" : : "a"(v), "d"(0), "c"(0) : "memory");
}

/* ---- what there should be ---- */

static uint8_t pattern(uint32_t at)
{
    return (uint8_t)((at * 37u + seed) | 1); /* never all zeros, so always in use */
}

/* The image of these in use, the others as after reset. Eight numbers are on the x87 stack, none an infinity or NaN. */
static void make(struct area *a, uint32_t subset)
{
    fill(a, 0, sizeof(*a));
    put(a, 0, 0x37f, 2);
    put(a, MXCSR_AT, MXCSR_RESET, 4);
    put(a, HEADER_AT, subset, 8);
    if (subset & X87) {
        put(a, 0, seed & 1 ? 0x077f : 0x0b7f, 2);
        put(a, 2, 0x4100, 2); /* C3, C0; the stack's top is register 0 */
        put(a, 4, 0xff, 1);
        for (uint32_t i = 0; i < 80; i++)
            a->b[32 + i / 10 * 16 + i % 10] = i % 10 == 9 ? 0x3f : i % 10 == 7 ? 0x80 | pattern(i) : pattern(i);
    }
    for (uint32_t i = 0; (subset & SSE) && i < 256; i++)
        a->b[XMM_AT + i] = pattern(XMM_AT + i);
    if (subset & SSE)
        put(a, MXCSR_AT, seed & 1 ? 0x3f80 : 0x5f80, 4);
    for (uint32_t i = 0; (subset & AVX) && i < 256; i++)
        a->b[AVX_AT + i] = pattern(AVX_AT + i);
}

/* Which state a byte of the standard format belongs to; 0: none, or nobody says what is there. */
static uint32_t owner(uint32_t at)
{
    if (at < 5 || (at >= 32 && at < XMM_AT && at % 16 < 10))
        return X87;
    if (at >= XMM_AT && at < XMM_AT + 256)
        return SSE;
    return at >= AVX_AT && at < AVX_AT + 256 ? AVX : 0;
}

/* Nobody owns it, and nobody may write it. */
static bool is_padding(uint32_t at)
{
    return (at >= XMM_AT + 256 && at < HEADER_AT) || at >= AVX_AT + 256;
}

/* "XSAVEOPT", "XSAVEC": what is not in use need not be written. XSAVEC has the same places for these three. */
static void check_byte(enum how how, const struct area *a, const struct area *model, uint32_t subset, uint32_t mask,
                       uint32_t at)
{
    uint32_t mine = owner(at);
    bool optional = how == XSAVEOPT || how == XSAVEC;
    uint8_t v = a->b[at];

    if (is_padding(at) && v != FILL)
        fail(names[how], subset, at, v, FILL);
    if (mine == 0)
        return;
    if ((mine & mask) == 0) {
        if (v != FILL)
            fail(names[how], subset, at, v, FILL);
        return;
    }
    if (v != model->b[at] && !(optional && (mine & subset) == 0 && v == FILL))
        fail(names[how], subset, at, v, model->b[at]);
}

static void check_header(enum how how, const struct area *a, uint32_t subset, uint32_t mask)
{
    uint64_t components = how == XSAVEC ? UINT64_C(1) << 63 | mask : 0;

    if (get(a, HEADER_AT, 8) != (xinuse() & mask))
        fail("XSTATE_BV", subset, mask, get(a, HEADER_AT, 8), xinuse() & mask);
    if (get(a, HEADER_AT + 8, 8) != components)
        fail("XCOMP_BV", subset, mask, get(a, HEADER_AT + 8, 8), components);
    for (uint32_t i = 16; i < 64; i += 8) {
        if (get(a, HEADER_AT + i, 8) != 0)
            fail("XSAVE header", subset, i, get(a, HEADER_AT + i, 8), 0);
    }
}

static void check_area(enum how how, const struct area *a, const struct area *model, uint32_t subset, uint32_t mask)
{
    unsigned int before = report_failures;

    for (uint32_t at = 0; at < AREA && report_failures < before + 4; at++)
        check_byte(how, a, model, subset, mask, at);
    if (how != FXSAVE)
        check_header(how, a, subset, mask);
    if ((mask & SSE) && get(a, MXCSR_AT, 4) != get(model, MXCSR_AT, 4))
        fail("MXCSR", subset, mask, get(a, MXCSR_AT, 4), get(model, MXCSR_AT, 4));
}

/* Not by what XSAVE says, but by the registers. */
static void check_registers(const struct area *model, uint32_t subset)
{
    static struct area now;
    uint32_t mxcsr;

    __asm__ volatile(".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\tmovups %%xmm\\n, \\n * 16(%0)\n\t.endr"
                     :
                     : "r"(now.b + XMM_AT)
                     : "memory");
    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    for (uint32_t at = XMM_AT; at < XMM_AT + 256; at += 8) {
        if (get(&now, at, 8) != get(model, at, 8))
            fail("XMM", subset, at, get(&now, at, 8), get(model, at, 8));
    }
    if (mxcsr != get(model, MXCSR_AT, 4))
        fail("MXCSR by STMXCSR", subset, 0, mxcsr, get(model, MXCSR_AT, 4));
    if (!has_avx)
        return;
    __asm__ volatile(".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\tvextractf128 $1, %%ymm\\n, \\n * 16(%0)\n\t.endr"
                     :
                     : "r"(now.b + AVX_AT)
                     : "memory");
    for (uint32_t at = AVX_AT; at < AVX_AT + 256; at += 8) {
        if (get(&now, at, 8) != get(model, at, 8))
            fail("YMM", subset, at, get(&now, at, 8), get(model, at, 8));
    }
}

/* ---- to leave the CPU, in each of the ways ---- */

/* An exit, no more. */
static void leave_briefly(void)
{
    cpuid(0, 0);
}

/* To the host's thread, which lets the other guest run. */
static void leave_idle(void)
{
    apic_write(APIC_TIMER_COUNT, 20000);
    wait_irq();
}

/* Until the host has had an interrupt of its own, as is most likely by then. */
static void leave_by_force(void)
{
    irqs_on();
    for (unsigned int i = 0; i < 20000; i++)
        __asm__ volatile("");
    irqs_off();
}

static void (*const ways[])(void) = { leave_briefly, leave_idle, leave_by_force };
#define WAYS (sizeof(ways) / sizeof(ways[0]))

/* ---- rounds ---- */

static void check_all(const struct area *model, uint32_t subset)
{
    static struct area a;

    for (unsigned int how = 0; how < HOWS; how++) {
        for (uint32_t mask = 1; have[how] && mask <= states; mask++)
            if (how != FXSAVE || mask == (X87 | SSE)) {
                save((enum how)how, &a, mask);
                check_area((enum how)how, &a, model, subset, mask);
            }
    }
}

/* FOP, FIP and FDP, too, whatever they are. */
static void compare(enum how how, const struct area *a, const struct area *b, uint32_t subset)
{
    for (uint32_t at = 0; at < AREA; at++) {
        if (a->b[at] != b->b[at]) {
            fail(names[how], subset, at, b->b[at], a->b[at]);
            return;
        }
    }
}

static void one(uint32_t subset, unsigned int way)
{
    static struct area model, before, after;
    enum how how = have[XSAVE] ? XSAVE : FXSAVE;
    uint32_t used;

    make(&model, subset);
    load(&model, states);
    save(how, &before, states);
    used = xinuse();
    if ((subset & ~used) != 0)
        fail("XINUSE when loaded", subset, 0, used, subset);
    ways[way]();
    if (xinuse() != used)
        fail("XINUSE", subset, way, xinuse(), used);
    save(how, &after, states);
    compare(how, &before, &after, subset);
    check_all(&model, subset);
    check_registers(&model, subset);
}

static void every_subset(unsigned int rounds)
{
    for (unsigned int n = 0; n < rounds && report_failures < 10; n++) {
        for (uint32_t subset = 0; subset <= states && report_failures < 10; subset++, seed += 2) {
            for (unsigned int way = 0; way < WAYS; way++)
                one(subset, way);
        }
    }
}

/* What XCR0 leaves out is kept: "XSAVE-Supported Features and State-Component Bitmaps". */
static void what_xcr0_leaves_out(void)
{
    static struct area model;

    for (unsigned int way = 0; way < WAYS; way++) {
        make(&model, states);
        load(&model, states);
        set_xcr0(X87);
        ways[way]();
        set_xcr0(X87 | SSE);
        ways[way]();
        set_xcr0(states);
        check_registers(&model, states);
        check_all(&model, states);
    }
}

/* The first use after it left by one kind of use, lazily: OSXSAVE is set in between. */
static void enable_xsave(void)
{
    static struct area model;

    make(&model, X87 | SSE);
    load(&model, X87 | SSE);
    leave_idle();
    WRITE_REG("cr4", READ_REG("cr4") | 1ul << 18);
    states = X87 | SSE | (has_avx ? AVX : 0);
    have[XSAVE] = true;
    set_xcr0(states);
    check_registers(&model, X87 | SSE);
}

static void find_features(const char *cmdline)
{
    uint32_t leaf = cpuid(0xd, 1).a;

    has_avx = (cpuid(1, 0).c >> 28 & 1) != 0;
    has_xinuse = (leaf & 4) != 0;
    have[XSAVEOPT] = (leaf & 1) != 0;
    have[XSAVEC] = (leaf & 2) != 0 || find_word(cmdline, "xsavec");
}

void guest_main(uint32_t magic, const char *cmdline)
{
    bool second = find_word(cmdline, "second") != NULL, avx;

    (void)magic;
    report_part(second ? "second " : NULL);
    seed = second ? 0x81 : 0x10;
    WRITE_REG("cr0", (READ_REG("cr0") & ~4ul) | 2); /* not EM, but MP */
    WRITE_REG("cr4", READ_REG("cr4") | 0x600);
    apic_enable(false);
    apic_write(APIC_TIMER_DIVIDE, 0xb);
    apic_write(APIC_LVT_TIMER, TIMER_VECTOR);
    states = X87 | SSE;
    have[FXSAVE] = true;
    every_subset(10);
    if (cpuid(1, 0).c >> 26 & 1) {
        avx = (cpuid(1, 0).c >> 28 & 1) != 0;
        has_avx = avx;
        enable_xsave();
        find_features(cmdline);
        every_subset(10);
        what_xcr0_leaves_out();
    }
    put_str("xsave: states ");
    put_dec(states);
    put_str(have[XSAVEOPT] ? " XSAVEOPT" : "");
    put_str(have[XSAVEC] ? " XSAVEC" : "");
    put_str(has_xinuse ? " XINUSE\n" : "\n");
    report_done();
}
