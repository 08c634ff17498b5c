/* SPDX-License-Identifier: BSD-2-Clause */
/* How interrupts get to vCPUs. hostile-guest.md rows 45, 52, 59, 88, A12, H8. */
#include "vgic_fixture.h"

/* ---- lines: rows 52, 88 ---- */

static void a_line_that_stays_high_interrupts_again_after_each_eoi(void **state)
{
    struct world *w = *state;

    set_spi(w, 33, true);
    for (unsigned int i = 0; i < 5; i++) {
        assert_int_equal(world_ack(w, 0), 33);
        assert_int_equal(world_ack(w, 0), NONE);
        world_eoi(w, 0, 33);
    }
    assert_int_equal(world_ack(w, 0), 33);
    set_spi(w, 33, false);
    world_eoi(w, 0, 33);
    assert_int_equal(world_ack(w, 0), NONE);
}

static void a_line_that_falls_before_it_is_taken_is_not_taken(void **state)
{
    struct world *w = *state;

    set_spi(w, 33, true);
    assert_true(pending_at(w, 0));
    set_spi(w, 33, false);
    assert_false(pending_at(w, 0));
    assert_int_equal(world_ack(w, 0), NONE);
}

static void an_edge_is_taken_even_if_the_line_has_fallen(void **state)
{
    struct world *w = *state;

    world_write(w, 0, GICD(0xc08), 0xaaaaaaaa);
    set_spi(w, 33, true);
    set_spi(w, 33, false);
    assert_int_equal(world_ack(w, 0), 33);
    /* One while it is active comes after it, two are one. */
    set_spi(w, 33, true);
    set_spi(w, 33, false);
    set_spi(w, 33, true);
    assert_int_equal(world_ack(w, 0), NONE);
    world_eoi(w, 0, 33);
    assert_int_equal(world_ack(w, 0), 33);
    world_eoi(w, 0, 33);
    assert_int_equal(world_ack(w, 0), NONE);
}

static void a_stuck_line_that_nobody_handles_costs_nothing(void **state)
{
    struct world *w = *state;
    unsigned int writes, kicks;

    set_spi(w, 33, true);
    writes = world_gich(w, 0)->lr_writes;
    kicks = w->kicks[0];
    for (unsigned int i = 0; i < 1000; i++)
        set_spi(w, 33, true);
    assert_int_equal(world_gich(w, 0)->lr_writes, writes);
    assert_int_equal(w->kicks[0], kicks);
}

static void software_can_make_a_level_interrupt_pending_and_take_it_back(void **state)
{
    struct world *w = *state;

    world_write(w, 0, GICD(0x204), 2);
    assert_int_equal(world_read(w, 0, GICD(0x204)), 2);
    world_write(w, 0, GICD(0x284), 2);
    assert_int_equal(world_read(w, 0, GICD(0x204)), 0);
    assert_int_equal(world_ack(w, 0), NONE);
    /* The line is not software's. */
    set_spi(w, 33, true);
    world_write(w, 0, GICD(0x284), 2);
    assert_int_equal(world_read(w, 0, GICD(0x204)), 2);
    assert_int_equal(world_ack(w, 0), 33);
}

/* ---- in another vCPU's list registers: row 52 ---- */

static void a_disable_is_done_when_rwp_says_so(void **state)
{
    struct world *w = *state;

    route(w, 33, 1);
    inject(w, 0, 33);
    assert_int_not_equal(gich_fake_hppi(world_gich(w, 1), &(unsigned int){ 0 }), NONE);
    world_write(w, 0, GICD(0x184), 2);
    assert_int_equal(world_read(w, 0, GICD(0)) >> 31, 1);
    assert_true(atomic_load(&w->vcpu[1]->requests) & AXVM_REQ_IRQ);
    world_settle(w, 1);
    assert_int_equal(world_read(w, 0, GICD(0)) >> 31, 0);
    assert_int_equal(world_ack(w, 1), NONE);
    /* It is still pending. */
    world_write(w, 0, GICD(0x104), 2);
    world_settle_all(w);
    assert_int_equal(world_ack(w, 1), 33);
}

static void a_disable_of_a_private_interrupt_is_done_when_rwp_says_so(void **state)
{
    struct world *w = *state;

    inject(w, 1, 20);
    world_write(w, 0, GICR_SGI(1, 0x180), 1u << 20);
    assert_int_equal(world_read(w, 0, GICR(1, 0)), 8);
    assert_int_equal(world_read(w, 0, GICR(0, 0)), 0);
    assert_int_equal(world_read(w, 0, GICD(0)) >> 31, 0);
    world_settle(w, 1);
    assert_int_equal(world_read(w, 0, GICR(1, 0)), 0);
    assert_int_equal(world_ack(w, 1), NONE);
}

static void the_last_of_contrary_writes_counts(void **state)
{
    struct world *w = *state;

    /* While the interrupt is in the list registers of a vCPU that does not look. */
    route(w, 33, 1);
    inject(w, 0, 33);
    world_write(w, 0, GICD(0x304), 2);
    world_write(w, 0, GICD(0x384), 2);
    world_settle(w, 1);
    assert_int_equal(world_ack(w, 1), 33);
    world_write(w, 0, GICD(0x384), 2);
    world_write(w, 0, GICD(0x304), 2);
    world_write(w, 0, GICD(0x204), 2);
    world_write(w, 0, GICD(0x284), 2);
    world_settle(w, 1);
    assert_int_equal(world_read(w, 0, GICD(0x204)), 0);
    assert_int_equal(world_read(w, 0, GICD(0x304)), 2);
    world_settle(w, 1);
    world_write(w, 0, GICD(0x284), 2);
    world_write(w, 0, GICD(0x204), 2);
    world_settle(w, 1);
    assert_int_equal(world_read(w, 0, GICD(0x204)), 2);
}

static void a_vcpu_that_leaves_carries_out_what_was_asked_of_it(void **state)
{
    struct world *w = *state;

    route(w, 33, 1);
    inject(w, 0, 33);
    world_write(w, 0, GICD(0), 0);
    assert_int_equal(world_read(w, 0, GICD(0)) >> 31, 1);
    world_put(w, 1);
    assert_int_equal(world_read(w, 0, GICD(0)), 0x50);
    assert_false(pending_at(w, 1));
}

static void a_pending_interrupt_follows_its_route(void **state)
{
    struct world *w = *state;

    inject(w, 0, 33);
    route(w, 33, 1);
    world_settle_all(w);
    assert_int_equal(world_ack(w, 0), NONE);
    assert_int_equal(world_ack(w, 1), 33);
    /* Active, it stays where it is; what comes then goes to the new one, when it is over. */
    route(w, 33, 0);
    inject(w, 0, 33);
    assert_int_equal(world_ack(w, 0), NONE);
    world_eoi(w, 1, 33);
    world_settle_all(w);
    assert_int_equal(world_ack(w, 1), NONE);
    assert_int_equal(world_ack(w, 0), 33);
}

/* Row 45 */
static void an_interrupt_for_nobody_waits_for_a_route(void **state)
{
    static const uint64_t nobody[] = { 2, 0x10, 0xff, 0x100, 0x10000, 0xffffff };
    struct world *w = *state;

    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(nobody); i++) {
        route(w, 33, nobody[i]);
        inject(w, 0, 33);
        assert_int_equal(world_ack(w, 0), NONE);
        assert_int_equal(world_ack(w, 1), NONE);
        assert_int_equal(world_read(w, 0, GICD(0x204)), 2);
        route(w, 33, 1);
        world_settle_all(w);
        assert_int_equal(world_ack(w, 1), 33);
        world_eoi(w, 1, 33);
    }
}

static void a_poll_of_another_vcpus_state_comes_to_an_end(void **state)
{
    struct world *w = *state;

    route(w, 33, 1);
    inject(w, 0, 33);
    assert_int_equal(world_ack(w, 1), 33);
    assert_int_equal(world_read(w, 0, GICD(0x304)), 0); /* what was known last ... */
    world_settle(w, 1);
    assert_int_equal(world_read(w, 0, GICD(0x304)), 2); /* ... and what it said when asked */
    gich_fake_eoi(world_gich(w, 1), 1, 33);
    assert_int_equal(world_read(w, 0, GICD(0x304)), 2);
    world_settle(w, 1);
    assert_int_equal(world_read(w, 0, GICD(0x304)), 0);
}

/* ---- who is told: A12, rows 59, H8 ---- */

static void a_vcpu_that_runs_elsewhere_is_asked_to_look(void **state)
{
    struct world *w = *state;
    unsigned int kicks = w->kicks[1], others = w->kicks[0];

    route(w, 33, 1);
    world_host(w);
    axvm_vgic_set_spi(&w->vm, 33, true);
    assert_int_equal(w->kicks[1], kicks + 1);
    assert_int_equal(w->kicks[0], others);
    world_settle(w, 1);
    assert_int_equal(world_ack(w, 1), 33);
}

static void the_vcpu_that_causes_it_is_not(void **state)
{
    struct world *w = *state;
    unsigned int kicks = w->kicks[0];

    world_be(w, 0);
    axvm_vgic_set_spi(&w->vm, 33, true);
    assert_int_equal(w->kicks[0], kicks);
    assert_int_equal(world_ack(w, 0), 33);
}

static void a_vcpu_that_sleeps_is_woken_and_has_it_when_it_comes_back(void **state)
{
    struct world *w = *state;
    unsigned int kicks;

    world_put(w, 1);
    kicks = w->kicks[1];
    assert_false(pending_at(w, 1));
    world_be(w, 0);
    axvm_vgic_sgi(w->vcpu[0], AXVM_SGI1R, SGI(5, 2));
    assert_int_equal(w->kicks[1], kicks + 1);
    assert_true(pending_at(w, 1));
    world_load(w, 1, true);
    assert_int_equal(world_ack(w, 1), 5);
}

/* vCPU 1 sleeps, and is asked to look. */
static bool is_asked(struct world *w)
{
    return (atomic_exchange(&w->vcpu[1]->requests, 0) & AXVM_REQ_IRQ) != 0;
}

/* One that is in a list register of a vCPU that sleeps, and did not wake it. */
static void a_vcpu_that_sleeps_is_woken_when_what_it_had_masked_is_not_any_more(void **state)
{
    struct world *w = *state;

    gich_fake_set_pmr(world_gich(w, 1), 0x80);
    route(w, 33, 1);
    inject(w, 1, 33); /* priority 0xa0 */
    world_put(w, 1);
    assert_false(pending_at(w, 1));
    is_asked(w);
    set_prio(w, 33, 0x40);
    assert_true(pending_at(w, 1));
    assert_true(is_asked(w));
}

static void a_vcpu_that_sleeps_in_a_handler_is_woken_when_another_ends_that(void **state)
{
    struct world *w = *state;

    gich_fake_set_eoimode(world_gich(w, 1), true);
    route(w, 33, 1);
    inject(w, 1, 33);
    assert_int_equal(world_ack(w, 1), 33);
    gich_fake_eoi(world_gich(w, 1), 1, 33);
    inject(w, 1, 33);
    world_put(w, 1);
    assert_false(pending_at(w, 1)); /* active and pending */
    is_asked(w);
    world_write(w, 0, GICD(0x384), 2);
    assert_true(pending_at(w, 1));
    assert_true(is_asked(w));
}

/* It sleeps without a limit: its timer would have interrupted nobody. */
static void a_vcpu_that_sleeps_is_woken_when_its_timer_would_wake_it(void **state)
{
    struct world *w = *state;

    world_put(w, 1);
    world_write(w, 0, GICR_SGI(1, 0x180), 1u << 27);
    assert_false(axvm_vgic_ppi_signals(w->vcpu[1], 27));
    is_asked(w);
    world_write(w, 0, GICR_SGI(1, 0x100), 1u << 27);
    assert_true(axvm_vgic_ppi_signals(w->vcpu[1], 27));
    assert_true(is_asked(w));
    world_try_write(w, 0, GICR_SGI(1, 0x400 + 27), 1, 0xf8);
    assert_false(axvm_vgic_ppi_signals(w->vcpu[1], 27));
    is_asked(w);
    world_try_write(w, 0, GICR_SGI(1, 0x400 + 27), 1, 0x40);
    assert_true(axvm_vgic_ppi_signals(w->vcpu[1], 27));
    assert_true(is_asked(w));
    world_write(w, 0, GICD(0), 0);
    assert_false(axvm_vgic_ppi_signals(w->vcpu[1], 27));
    is_asked(w);
    world_write(w, 0, GICD(0), 3);
    assert_true(axvm_vgic_ppi_signals(w->vcpu[1], 27));
    assert_true(is_asked(w));
}

static void nothing_wakes_that_would_not_be_signalled(void **state)
{
    struct world *w = *state;

    gich_fake_set_pmr(world_gich(w, 0), 0x80);
    inject(w, 0, 33); /* priority 0xa0 */
    assert_false(pending_at(w, 0));
    world_put(w, 0);
    assert_false(pending_at(w, 0));
    set_prio(w, 33, 0x78);
    assert_true(pending_at(w, 0));
    world_write(w, 0, GICD(0), 0);
    assert_false(pending_at(w, 0));
    world_write(w, 0, GICD(0), 3);
    assert_true(pending_at(w, 0));
    world_write(w, 0, GICD(0x184), 2);
    assert_false(pending_at(w, 0));
}

static void what_cannot_preempt_does_not_wake(void **state)
{
    struct world *w = *state;

    set_prio(w, 33, 0x40);
    inject(w, 0, 33);
    assert_int_equal(world_ack(w, 0), 33);
    inject(w, 0, 34);
    assert_false(pending_at(w, 0));
    world_put(w, 0);
    assert_false(pending_at(w, 0));
    world_load(w, 0, false);
    world_eoi(w, 0, 33);
    assert_true(pending_at(w, 0));
}

static void a_timer_knows_whether_its_interrupt_would_be_signalled(void **state)
{
    struct world *w = *state;

    world_put(w, 0);
    assert_true(axvm_vgic_ppi_signals(w->vcpu[0], 27));
    world_write(w, 0, GICR_SGI(0, 0x180), 1u << 27);
    assert_false(axvm_vgic_ppi_signals(w->vcpu[0], 27));
    world_write(w, 0, GICR_SGI(0, 0x100), 1u << 27);
    world_try_write(w, 0, GICR_SGI(0, 0x400 + 27), 1, 0xf8);
    assert_false(axvm_vgic_ppi_signals(w->vcpu[0], 27));
    world_try_write(w, 0, GICR_SGI(0, 0x400 + 27), 1, 0xf0);
    assert_true(axvm_vgic_ppi_signals(w->vcpu[0], 27));
    world_write(w, 0, GICR_SGI(0, 0x300), 1u << 27);
    assert_false(axvm_vgic_ppi_signals(w->vcpu[0], 27));
}

/* ---- several things before a vCPU looks ---- */

static void an_sgi_to_self_is_not_taken_back_by_an_earlier_write(void **state)
{
    struct world *w = *state;

    send_sgi(w, 1, AXVM_SGI1R, SGI(5, 2));
    assert_int_equal(world_ack(w, 1), 5);
    gich_fake_eoi(world_gich(w, 1), 1, 5);
    world_write(w, 0, GICR_SGI(1, 0x280), 1u << 5);
    send_sgi(w, 1, AXVM_SGI1R, SGI(5, 2));
    assert_int_equal(world_ack(w, 1), 5);
}

static void an_sgi_does_not_hide_a_line(void **state)
{
    struct world *w = *state;

    world_host(w);
    axvm_vgic_set_ppi(w->vcpu[1], 20, true);
    world_be(w, 0);
    axvm_vgic_sgi(w->vcpu[0], AXVM_SGI1R, SGI(5, 2));
    world_settle(w, 1);
    for (unsigned int i = 0; i < 2; i++) {
        uint32_t intid = world_ack(w, 1);

        assert_true(intid == 5 || intid == 20);
        axvm_vgic_set_ppi(w->vcpu[1], 20, intid == 5);
        world_eoi(w, 1, intid);
    }
}

static void an_edge_does_not_hide_its_line(void **state)
{
    struct world *w = *state;

    world_host(w);
    axvm_vgic_set_ppi(w->vcpu[1], 20, true);
    inject(w, 1, 20);
    for (unsigned int i = 0; i < 3; i++) {
        assert_int_equal(world_ack(w, 1), 20);
        world_eoi(w, 1, 20);
    }
}

static void an_sgi_to_a_vcpu_that_handles_the_same_and_leaves_is_not_lost(void **state)
{
    struct world *w = *state;

    send_sgi(w, 0, AXVM_SGI1R, SGI(5, 2));
    assert_int_equal(world_ack(w, 1), 5);
    world_be(w, 0);
    axvm_vgic_sgi(w->vcpu[0], AXVM_SGI1R, SGI(5, 2));
    world_put(w, 1);
    world_load(w, 1, true);
    world_eoi(w, 1, 5);
    assert_int_equal(world_ack(w, 1), 5);
}

/* ---- active by software ---- */

static void what_software_makes_active_software_can_deactivate(void **state)
{
    struct world *w = *state;

    gich_fake_set_eoimode(world_gich(w, 0), true);
    world_put(w, 0);
    world_load(w, 0, true);
    world_write(w, 0, GICD(0x304), 2);
    world_write(w, 0, GICR_SGI(0, 0x300), 1u << 20);
    world_be(w, 0);
    for (unsigned int i = 0; i < 2; i++) {
        if (!gich_fake_dir(gich_here, i ? 20 : 33))
            axvm_vgic_dir(w->vcpu[0], i ? 20 : 33);
    }
    assert_int_equal(world_read(w, 0, GICD(0x304)), 0);
    assert_int_equal(world_read(w, 0, GICR_SGI(0, 0x300)), 0);
}

static void what_is_active_nowhere_is_no_vcpus(void **state)
{
    struct world *w = *state;

    route(w, 33, 0x55);
    world_write(w, 0, GICD(0x304), 2);
    assert_int_equal(world_read(w, 0, GICD(0x304)), 2);
    route(w, 33, 0);
    inject(w, 0, 33);
    assert_int_equal(world_ack(w, 0), NONE);
    world_write(w, 0, GICD(0x384), 2);
    assert_int_equal(world_ack(w, 0), 33);
    world_eoi(w, 0, 33);
    assert_int_equal(world_gich(w, 0)->hcr, ICH_HCR_EN);
}

/* ---- vCPUs come and go ---- */

static void a_vcpu_that_is_switched_on_again_has_kept_what_was_active(void **state)
{
    struct world *w = *state;

    route(w, 33, 1);
    inject(w, 1, 33);
    inject(w, 1, 20);
    assert_int_not_equal(world_ack(w, 1), NONE);
    world_put(w, 1);
    world_host(w);
    axvm_vgic_vcpu_reset(w->vcpu[1]);
    assert_int_equal(world_read(w, 0, GICD(0x304)) | world_read(w, 0, GICR_SGI(1, 0x300)),
                     world_vgic(w, 1)->bank.active ? 1u << 20 : 2);
    world_load(w, 1, true); /* whoever is still in the hardware */
    /* The CPU interface is as after power-on ... */
    assert_int_equal(world_gich(w, 1)->vmcr & 3, 0);
    assert_int_equal(world_gich(w, 1)->ap1r[0], 0);
    /* ... and what software does then puts it in order. */
    world_write(w, 1, GICR_SGI(1, 0x380), 0xffffffff);
    world_write(w, 1, GICD(0x384), 0xffffffff);
    gich_fake_set_pmr(world_gich(w, 1), 0xf8);
    gich_fake_set_group(world_gich(w, 1), 1, true);
    assert_int_not_equal(world_ack(w, 1), NONE);
}

static void a_vcpu_may_move_to_a_cpu_with_fewer_list_registers(void **state)
{
    struct world *w = *state;

    w->phys[5].lr_count = 1;
    for (uint32_t intid = 32; intid < 36; intid++)
        inject(w, 0, intid);
    assert_in_range(world_ack(w, 0), 32, 35);
    world_put(w, 0);
    w->where[0] = 5;
    world_load(w, 0, false);
    world_settle(w, 0);
    for (unsigned int n = 0; n < 4; n++) {
        for (uint32_t intid = 32; intid < 36; intid++) {
            if (world_read(w, 0, GICD(0x304)) & 1u << (intid - 32))
                world_eoi(w, 0, intid);
        }
        world_ack(w, 0);
    }
    assert_int_equal(world_read(w, 0, GICD(0x204)), 0);
}

static void without_an_interrupt_controller_nothing_happens(void **state)
{
    const struct world_config cfg = { .vcpus = 1 };
    struct world *w = world_new(&cfg);

    (void)state;
    world_host(w);
    axvm_vgic_fini(&w->vm);
    assert_int_equal(axvm_vgic_inject(w->vcpu[0], 33), AXVM_ERR_NOSUP);
    assert_int_equal(axvm_vgic_claim(&w->vm, 33, false), AXVM_ERR_NOSUP);
    assert_int_equal(axvm_vgic_bind(&w->vm, 33, 33, false), AXVM_ERR_NOSUP);
    assert_int_equal(axvm_vgic_forward(&w->vm, 33), AXVM_ERR_NOENT);
    world_load(w, 0, false);
    assert_int_equal(gich_here->hcr, 7 << 10); /* whatever it does to ICC_* traps */
    axvm_vgic_set_spi(&w->vm, 33, true);
    axvm_vgic_set_ppi(w->vcpu[0], 30, true);
    axvm_vgic_sgi(w->vcpu[0], AXVM_SGI1R, SGI(1, 1));
    axvm_vgic_dir(w->vcpu[0], 33);
    axvm_vgic_refresh(w->vcpu[0]);
    gich_here->ppi_active[27] = true;
    axvm_vgic_forward_ppi(w->vcpu[0], 27, 27);
    assert_true(gich_here->ppi_active[27]); /* until it leaves, or it would fire for ever */
    assert_false(axvm_vgic_pending(w->vcpu[0]));
    assert_false(axvm_vgic_ppi_signals(w->vcpu[0], 27));
    world_put(w, 0);
    assert_int_equal(gich_here->hcr, 0);
    axvm_vgic_reset(&w->vm);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_that_stays_high_interrupts_again_after_each_eoi, one_vcpu, teardown),
        cmocka_unit_test_setup_teardown(a_line_that_falls_before_it_is_taken_is_not_taken, one_vcpu, teardown),
        cmocka_unit_test_setup_teardown(an_edge_is_taken_even_if_the_line_has_fallen, one_vcpu, teardown),
        cmocka_unit_test_setup_teardown(a_stuck_line_that_nobody_handles_costs_nothing, one_vcpu, teardown),
        cmocka_unit_test_setup_teardown(software_can_make_a_level_interrupt_pending_and_take_it_back, one_vcpu, teardown),
        cmocka_unit_test_setup_teardown(a_disable_is_done_when_rwp_says_so, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(a_disable_of_a_private_interrupt_is_done_when_rwp_says_so, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(the_last_of_contrary_writes_counts, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(a_vcpu_that_leaves_carries_out_what_was_asked_of_it, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(a_pending_interrupt_follows_its_route, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(an_interrupt_for_nobody_waits_for_a_route, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(a_poll_of_another_vcpus_state_comes_to_an_end, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(a_vcpu_that_runs_elsewhere_is_asked_to_look, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(the_vcpu_that_causes_it_is_not, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(a_vcpu_that_sleeps_is_woken_and_has_it_when_it_comes_back, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(a_vcpu_that_sleeps_is_woken_when_what_it_had_masked_is_not_any_more, two_vcpus,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_vcpu_that_sleeps_in_a_handler_is_woken_when_another_ends_that, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(a_vcpu_that_sleeps_is_woken_when_its_timer_would_wake_it, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(nothing_wakes_that_would_not_be_signalled, one_vcpu, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_preempt_does_not_wake, one_vcpu, teardown),
        cmocka_unit_test_setup_teardown(a_timer_knows_whether_its_interrupt_would_be_signalled, one_vcpu, teardown),
        cmocka_unit_test_setup_teardown(an_sgi_to_self_is_not_taken_back_by_an_earlier_write, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(an_sgi_does_not_hide_a_line, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(an_edge_does_not_hide_its_line, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(an_sgi_to_a_vcpu_that_handles_the_same_and_leaves_is_not_lost, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(what_software_makes_active_software_can_deactivate, one_vcpu, teardown),
        cmocka_unit_test_setup_teardown(what_is_active_nowhere_is_no_vcpus, one_vcpu, teardown),
        cmocka_unit_test_setup_teardown(a_vcpu_that_is_switched_on_again_has_kept_what_was_active, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(a_vcpu_may_move_to_a_cpu_with_fewer_list_registers, one_vcpu, teardown),
        cmocka_unit_test(without_an_interrupt_controller_nothing_happens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
