/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Local APICs against lapic_ref.c over long random sequences: every register of every APIC after every step, what each would
 * deliver, the events, EOIs and deadlines; and that whoever has to look is told, and told once. hostile-guest.md rows 58,
 * 72-75, X2, X3, X5, X6. In between a CPU that delivers interrupts itself (vapic_ref.c) has what is pending and in service.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <axvm/err.h>

#include "lapic_ref.h"
#include "lapic_world.h"
#include "vapic_ref.h"

static struct ref ref;
static uint64_t seed;
static uint32_t step_number;

static uint32_t any(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((seed >> 33) % n);
}

static bool one_in(uint32_t n)
{
    return any(n) == 0;
}

/* ---- values that matter ---- */

/* Few, so that they meet; on word borders; illegal ones. */
static uint32_t any_vector(void)
{
    static const uint8_t some[] = { 0, 15, 16, 31, 32, 33, 47, 48, 63, 64, 65, 127, 128, 129, 191, 192, 207, 239, 254, 255 };

    return one_in(4) ? any(256) : some[any(sizeof(some))];
}

static uint32_t any_delivery(void)
{
    return one_in(3) ? any(8) : any(2);
}

static uint32_t any_lvt(void)
{
    return any_vector() | any_delivery() << 8 | (one_in(3) ? 0x10000 : 0) | any(4) << 17 | (one_in(3) ? 0x8000 : 0) |
           (one_in(8) ? 0x2000 : 0);
}

static uint32_t any_icr(void)
{
    return any_vector() | any_delivery() << 8 | (one_in(2) ? 0x800 : 0) | (one_in(2) ? 0x4000 : 0) | (one_in(4) ? 0x8000 : 0) |
           (one_in(2) ? any(4) << 18 : 0);
}

static uint32_t any_dest(bool wide)
{
    static const uint32_t some[] = { 0, 1, 2, 3, 15, 16, 17, 63, 64, 128, 254, 255, 0x11, 0x22, 0x0f, 0xf0, 0x1f };
    uint32_t dest = one_in(4) ? any(256) : some[any(17)];

    if (!wide)
        return dest;
    if (one_in(6))
        return UINT32_MAX;
    return one_in(3) ? dest | any(3) << 16 : one_in(16) ? any(UINT32_MAX) : dest;
}

static uint32_t value_for(uint32_t reg)
{
    switch (reg) {
    case 0x08:
        return one_in(2) ? 0 : any(256);
    case 0x0d:
        return (one_in(2) ? 1u << any(8) : any(256)) << 24;
    case 0x0e:
        return one_in(2) ? UINT32_MAX : one_in(4) ? any(16) << 28 : 0;
    case 0x0f:
        return (one_in(6) ? 0 : 0x100) | any(256) | (one_in(3) ? 0x1000 : 0);
    case 0x30:
        return any_icr();
    case 0x31:
        return any_dest(false) << 24;
    case 0x32:
    case 0x33:
    case 0x34:
    case 0x35:
    case 0x36:
    case 0x37:
        return any_lvt();
    case 0x38:
        return one_in(3) ? any(4) : any(1u << (1 + any(31)));
    case 0x3e:
        return any(16);
    case 0x3f:
        return any_vector();
    default:
        return one_in(2) ? 0 : any(UINT32_MAX);
    }
}

/* ---- accesses, to both ---- */

static void fail_at(const char *what, uint32_t id, uint64_t got, uint64_t want)
{
    if (got == want)
        return;
    print_error("step %u, APIC %u: %s is %llx, reference %llx\n", step_number, id, what, (unsigned long long)got,
                (unsigned long long)want);
    fail();
}

static void rdmsr(uint32_t id, uint32_t msr)
{
    uint64_t got = 0x5a5a, want = 0x5a5a;
    int rc = axvm_lapic_msr_read(&world.apic[id], msr, &got);

    fail_at("RDMSR's fault", id, rc != AXVM_OK, !ref_rdmsr(&ref, (int)id, msr, &want));
    fail_at("an MSR", id, got, want);
}

static void wrmsr(uint32_t id, uint32_t msr, uint64_t val)
{
    int rc = axvm_lapic_msr_write(&world.apic[id], msr, val);

    fail_at("WRMSR's fault", id, rc != AXVM_OK, !ref_wrmsr(&ref, (int)id, msr, val));
}

static void load(uint32_t id, uint32_t off, unsigned int size)
{
    fail_at("a register", id, axvm_lapic_mmio_read(&world.apic[id], off, size), ref_mmio_read(&ref, (int)id, off, (int)size));
}

static void store(uint32_t id, uint32_t off, unsigned int size, uint64_t val)
{
    axvm_lapic_mmio_write(&world.apic[id], off, size, val);
    ref_mmio_write(&ref, (int)id, off, (int)size, val);
}

static uint32_t any_reg(void)
{
    static const uint8_t often[] = { 0x08, 0x0b, 0x0b, 0x0b, 0x0d, 0x0f, 0x28, 0x30,
                                     0x30, 0x30, 0x32, 0x35, 0x37, 0x38, 0x3e, 0x3f };

    return one_in(4) ? any(0x41) : often[any(sizeof(often))];
}

static void write_something(uint32_t id)
{
    uint32_t reg = any_reg(), val = value_for(reg);

    switch (ref.apic[id].mode) {
    case REF_X2APIC:
        wrmsr(id, 0x800 + reg, (reg == 0x30 ? (uint64_t)any_dest(true) << 32 : one_in(16) ? 1ull << any(64) : 0) | val);
        break;
    case REF_XAPIC:
        if (one_in(10))
            store(id, (reg * 16 + any(16)) & 0xfff, 1u << any(4), val);
        else
            store(id, reg * 16, 4, val);
        break;
    default: /* nobody is there to write to */
        wrmsr(id, 0x800 + reg, val);
        break;
    }
}

static void read_something(uint32_t id)
{
    uint32_t off = one_in(3) ? any(0xff8) : any(0x40) * 16 + any(4);

    if (ref.apic[id].mode == REF_XAPIC)
        load(id, off, 1u << any(4));
    rdmsr(id, 0x800 + any(0x100));
}

static void write_base(uint32_t id)
{
    static const uint32_t modes[] = { 0, 0x400, 0x800, 0xc00 };
    uint64_t val = 0xfee00000 | modes[any(4)] | (one_in(2) ? 0x100 : 0);

    if (one_in(4))
        val ^= 1ull << any(64);
    wrmsr(id, 0x1b, val);
}

/* ---- what is not a register ---- */

static struct axvm_lapic *any_self(void)
{
    return one_in(3) ? NULL : &world.apic[any(world.set.count)];
}

static void deliver(struct axvm_lapic *self)
{
    struct axvm_lapic_msg msg = {
        .dest = axvm_lapic_dest8(any_dest(false)),
        .vector = (uint8_t)any_vector(),
        .delivery = (uint8_t)any_delivery(),
        .logical = one_in(2),
        .level = one_in(3),
        .watch = one_in(4),
    };
    bool got = axvm_lapics_deliver(&world.set, &msg, self);

    fail_at("acceptance", msg.dest, got,
            ref_message(&ref, msg.dest, msg.logical, msg.delivery, msg.vector, msg.level, msg.watch));
}

static void msi(struct axvm_lapic *self)
{
    uint64_t addr = (one_in(16) ? 0xfef00000 : 0xfee00000) | any_dest(false) << 12 | any(16);
    uint32_t data = any_vector() | any_delivery() << 8 | any(4) << 14;
    bool got = axvm_lapics_msi(&world.set, addr, data, self);

    fail_at("MSI's acceptance", (uint32_t)(addr >> 12 & 0xff), got, ref_msi(&ref, addr, data));
}

static void pin(struct axvm_lapic *self)
{
    uint32_t id = any(world.set.count), n = any(3) == 0;
    bool level = one_in(2);

    axvm_lapic_lint(&world.apic[id], n, level, self);
    ref_pin(&ref, (int)id, (int)n, level);
}

static void local(struct axvm_lapic *self)
{
    uint32_t id = any(world.set.count), which = 1 + any(2);

    axvm_lapic_local(&world.apic[id], (enum axvm_lapic_lvt)which, self);
    ref_local(&ref, (int)id, (int)which);
}

static void take(uint32_t id)
{
    int what = axvm_lapic_pending(&world.apic[id]);

    fail_at("pending", id, (uint64_t)what, (uint64_t)ref_pending(&ref, (int)id));
    if (what == AXVM_LAPIC_NONE)
        return;
    axvm_lapic_accept(&world.apic[id], what);
    ref_accept(&ref, (int)id, what);
}

static void cr8(uint32_t id)
{
    uint32_t val = one_in(2) ? 0 : any(16);

    axvm_lapic_set_tpr(&world.apic[id], val << 4);
    ref_set_cr8(&ref, (int)id, val);
}

static void deadline(uint32_t id)
{
    uint64_t tsc = one_in(8) ? (one_in(2) ? 0 : UINT64_MAX) : ref.now + any(40000) - 10000;

    rdmsr(id, 0x6e0);
    wrmsr(id, 0x6e0, tsc);
}

static void restart(uint32_t id)
{
    if (one_in(2)) {
        axvm_lapic_init_reset(&world.apic[id]);
        ref_init_signal(&ref, (int)id);
    } else {
        axvm_lapic_reset(&world.apic[id]);
        ref_power_on(&ref, (int)id);
    }
}

/* ---- a CPU that delivers interrupts itself ---- */

static struct vapic cpu;

/* What the owner of such a CPU does before it enters the guest; and what the CPU then delivers at once. */
static void enter(uint32_t id)
{
    struct axvm_lapic *apic = &world.apic[id];
    bool external = axvm_lapic_external(apic);
    int top = axvm_lapic_lend_pending(apic, cpu.page);

    if (top > cpu.rvi)
        cpu.rvi = (uint8_t)top;
    vapic_enter(&cpu);
    fail_at("what is delivered", id, (uint64_t)(external ? AXVM_LAPIC_EXTINT : vapic_recognized(&cpu)),
            (uint64_t)ref_pending(&ref, (int)id));
    if (one_in(2))
        return;
    if (external) {
        axvm_lapic_accept(apic, AXVM_LAPIC_EXTINT);
        ref_accept(&ref, (int)id, REF_EXTINT);
    } else if (vapic_recognized(&cpu) >= 0) {
        ref_accept(&ref, (int)id, vapic_recognized(&cpu));
        vapic_deliver(&cpu);
    }
}

static void write_ref(uint32_t id, uint32_t reg, uint32_t val)
{
    if (ref.apic[id].mode == REF_X2APIC)
        ref_wrmsr(&ref, (int)id, 0x800 + reg, val);
    else
        ref_mmio_write(&ref, (int)id, reg * 16, 4, val);
}

static void eoi_in_guest(uint32_t id)
{
    uint32_t vector = (uint32_t)vapic_eoi(&cpu);

    if (atomic_load(&world.apic[id].watch[vector / 64]) >> vector % 64 & 1)
        axvm_lapic_eoi_seen(&world.apic[id], vector);
    write_ref(id, 0x0b, 0);
}

/* To oneself, by short-hand: in both modes the same. As vectors that are level-triggered or watched stay so in hardware, and
 * not in the reference, others. */
static void self_ipi_in_guest(uint32_t id)
{
    uint32_t vector = 16 + any(240);

    if (ref.apic[id].tmr[vector] || ref.apic[id].watched[vector])
        return;
    vapic_self_ipi(&cpu, (uint8_t)vector);
    ref_message(&ref, id, false, 0, (int)vector, false, false);
}

static void run_guest(uint32_t id)
{
    uint32_t tpr;

    switch (any(4)) {
    case 0:
        tpr = one_in(2) ? 0 : any(256);
        vapic_write_tpr(&cpu, (uint8_t)tpr);
        axvm_lapic_show_tpr(&world.apic[id], tpr);
        write_ref(id, 0x08, tpr);
        break;
    case 1:
        self_ipi_in_guest(id);
        break;
    default:
        eoi_in_guest(id);
        break;
    }
}

static void page_is_clean(void)
{
    for (int vector = 0; vector < 256; vector++)
        assert_false(vapic_is_set(&cpu, 0x100, vector) || vapic_is_set(&cpu, 0x200, vector));
}

/* While it is lent others post to it, and it sends and sets its timer by its other registers. */
static void lend(uint32_t id)
{
    struct axvm_lapic *apic = &world.apic[id];

    if (ref.apic[id].mode == REF_DISABLED || (ref.apic[id].svr & 0x100) == 0)
        return;
    cpu.rvi = 0;
    cpu.svi = (uint8_t)axvm_lapic_lend(apic, cpu.page);
    for (uint32_t n = 1 + any(8); n > 0; n--) {
        enter(id);
        run_guest(id);
        if (one_in(2))
            deliver(apic);
        if (one_in(8))
            pin(apic);
    }
    axvm_lapic_return(apic, cpu.page, cpu.rvi != 0, cpu.svi != 0);
    page_is_clean();
}

/* ---- what a guest reads on a page, shown when .changes says so ---- */

static uint8_t shown[WORLD_MAX][4096];
static uint32_t shown_for[WORLD_MAX];

static uint32_t shown_register(uint32_t id, uint32_t reg)
{
    uint32_t val;

    memcpy(&val, &shown[id][16 * reg], sizeof(val));
    return val;
}

static void compare_shown(uint32_t id)
{
    static const uint8_t regs[] = { 0x02, 0x03, 0x0b, 0x0d, 0x0e, 0x0f, 0x28, 0x30, 0x31,
                                    0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x3e };
    struct axvm_lapic *apic = &world.apic[id];

    if (shown_for[id] != apic->changes)
        axvm_lapic_show(apic, shown[id]);
    shown_for[id] = apic->changes;
    axvm_lapic_show_pending(apic, shown[id]);
    axvm_lapic_show_vectors(apic, shown[id]);
    for (uint32_t i = 0; i < sizeof(regs); i++)
        fail_at("a shown register", id, shown_register(id, regs[i]), ref_mmio_read(&ref, (int)id, regs[i] * 16u, 4));
    for (uint32_t reg = 0x10; reg < 0x28; reg++)
        fail_at("shown vectors", id, shown_register(id, reg), ref_mmio_read(&ref, (int)id, reg * 16, 4));
}

/* ---- both agree ---- */

static void compare_logs(void)
{
    fail_at("events", 0, world.event_count, (uint64_t)ref.event_count);
    for (unsigned int i = 0; i < world.event_count && i < 64; i++) {
        fail_at("an event's target", i, world.events[i].apic, (uint64_t)ref.events[i].apic);
        fail_at("an event", i, world.events[i].what, (uint64_t)ref.events[i].what);
        fail_at("an event's vector", i, world.events[i].vector, (uint64_t)ref.events[i].vector);
    }
    fail_at("EOIs", 0, world.eoi_count, (uint64_t)ref.eoi_count);
    for (unsigned int i = 0; i < world.eoi_count && i < 64; i++) {
        fail_at("an EOI's APIC", i, world.eois[i].apic, (uint64_t)ref.eois[i].apic);
        fail_at("an EOI", i, world.eois[i].vector, (uint64_t)ref.eois[i].vector);
    }
    world.event_count = world.eoi_count = 0;
    ref.event_count = ref.eoi_count = 0;
}

static void compare_registers(uint32_t id)
{
    for (uint32_t reg = 0; reg < 0x40; reg++) {
        if (ref.apic[id].mode == REF_X2APIC)
            rdmsr(id, 0x800 + reg);
        else if (ref.apic[id].mode == REF_XAPIC && reg != 0 && world.apic[id].lvt[AXVM_LAPIC_LVT_ERROR] & 0x10000)
            load(id, reg * 16, 4);
    }
    if (ref.apic[id].mode == REF_XAPIC)
        compare_shown(id);
    rdmsr(id, 0x1b);
    fail_at("CR8", id, axvm_lapic_cr8(&world.apic[id]), ref.apic[id].tpr / 16);
    fail_at("highest", id, (uint64_t)axvm_lapic_highest(&world.apic[id]), (uint64_t)ref_highest(&ref, (int)id));
}

/* Who thinks that nothing has changed is right. */
static void compare_delivery(uint32_t id)
{
    const struct axvm_lapic *apic = &world.apic[id];
    int want = ref_pending(&ref, (int)id);

    if (atomic_load(&apic->attention) == 0)
        fail_at("what it thinks it delivers", id, (uint64_t)apic->deliverable, (uint64_t)want);
    if (want != REF_NONE)
        assert_true(axvm_lapic_wakes(apic));
    if (atomic_load(&apic->attention) == 0 && want == REF_NONE)
        assert_false(axvm_lapic_wakes(apic));
    if (one_in(2))
        fail_at("pending", id, (uint64_t)axvm_lapic_pending(&world.apic[id]), (uint64_t)want);
}

/* Told when attention became set by somebody else; never otherwise. */
static void check_notified(const uint32_t *attention, const struct axvm_lapic *self)
{
    for (uint32_t id = 0; id < world.set.count; id++) {
        bool became = attention[id] == 0 && atomic_load(&world.apic[id].attention) != 0;

        fail_at("notifications", id, world.notified[id], became && self != &world.apic[id]);
        world.notified[id] = 0;
    }
}

static void poll_timers(void)
{
    for (uint32_t id = 0; id < world.set.count; id++)
        axvm_lapic_timer_poll(&world.apic[id], world.now);
    ref_advance(&ref, 0);
}

static void pass_time(void)
{
    uint64_t ns = one_in(4) ? any(2000000) : any(3000);

    world.now += ns;
    ref_advance(&ref, ns);
    poll_timers();
    for (uint32_t id = 0; id < world.set.count; id++)
        fail_at("the deadline", id, axvm_lapic_deadline(&world.apic[id]), ref_deadline(&ref, (int)id));
}

/* Something that only the APIC's own CPU does. */
static void act(uint32_t id)
{
    switch (any(16)) {
    case 0:
        read_something(id);
        break;
    case 1:
        cr8(id);
        break;
    case 2:
        if (one_in(3))
            write_base(id);
        break;
    case 3:
        if (one_in(30))
            restart(id);
        break;
    case 4:
        deadline(id);
        break;
    case 5:
    case 6:
        take(id);
        break;
    case 7:
        lend(id);
        break;
    default:
        write_something(id);
        break;
    }
}

static void step(void)
{
    uint32_t attention[WORLD_MAX];
    struct axvm_lapic *self = any_self();

    for (uint32_t id = 0; id < world.set.count; id++)
        attention[id] = atomic_load(&world.apic[id].attention);
    switch (any(8)) {
    case 0:
        deliver(self);
        break;
    case 1:
        if (one_in(2))
            msi(self);
        else
            local(self);
        break;
    case 2:
        pin(self);
        break;
    case 3:
        self = NULL;
        break;
    default:
        self = &world.apic[any(world.set.count)];
        act(self->id);
        break;
    }
    check_notified(attention, self);
    poll_timers();
}

static void run(uint32_t count, uint32_t steps, uint64_t from)
{
    seed = from;
    lapic_world_init(count);
    ref_init(&ref, (int)count);
    memset(shown_for, 0, sizeof(shown_for));
    for (step_number = 0; step_number < steps; step_number++) {
        step();
        if (one_in(4))
            pass_time();
        compare_logs();
        for (uint32_t id = 0; id < count; id++)
            compare_delivery(id);
        compare_registers(any(count));
        compare_logs();
    }
}

static void one_apic_does_what_the_reference_does(void **state)
{
    (void)state;
    for (uint64_t s = 1; s <= 8; s++)
        run(1, 20000, s);
}

static void several_do_what_the_reference_does(void **state)
{
    (void)state;
    for (uint64_t s = 1; s <= 8; s++)
        run(4, 20000, 100 + s);
}

/* More than one x2APIC cluster. */
static void twenty_do_what_the_reference_does(void **state)
{
    (void)state;
    for (uint64_t s = 1; s <= 4; s++)
        run(20, 10000, 200 + s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_apic_does_what_the_reference_does),
        cmocka_unit_test(several_do_what_the_reference_does),
        cmocka_unit_test(twenty_do_what_the_reference_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
