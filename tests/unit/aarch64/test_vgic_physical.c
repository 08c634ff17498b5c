/* SPDX-License-Identifier: BSD-2-Clause */
/* Physical interrupts that guests have: passthrough SPIs and the virtual timer. Rows 51, 52, 58 of hostile-guest.md; H7. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <axvm/err.h>
#include <cmocka.h>

#include "vgic_priv.h"
#include "vgic_world.h"

#define NONE GICH_FAKE_SPURIOUS
#define GUEST 50u /* ... has the host's ... */
#define HOST 100u
#define VTIMER 27u

static struct world *bound_world(const struct world_config *cfg)
{
    struct world *w = world_new(cfg);

    assert_int_equal(axvm_vgic_bind(&w->vm, GUEST, HOST, false), AXVM_OK);
    world_enable_all(w);
    return w;
}

static int by_hardware(void **state)
{
    const struct world_config cfg = { .vcpus = 2 };

    *state = bound_world(&cfg);
    return 0;
}

static int by_host(void **state)
{
    const struct world_config cfg = { .vcpus = 2, .with_complete = true, .with_mask = true };

    *state = bound_world(&cfg);
    return 0;
}

static int anything(void **state)
{
    const struct world_config cfg = { .vcpus = 2, .mode = AXVM_IRQ_PASSTHROUGH };

    *state = bound_world(&cfg);
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    assert_int_equal(w->machine.bad_deactivations, 0);
    world_free(w);
    return 0;
}

/* The host has taken it, and leaves it active. */
static void fire(struct world *w, uint32_t host)
{
    assert_false(w->machine.spi_active[host]);
    w->machine.spi_active[host] = true;
    world_host(w);
    assert_int_equal(axvm_vgic_forward(&w->vm, host), AXVM_OK);
    world_settle_all(w);
}

static bool active(const struct world *w)
{
    return w->machine.spi_active[HOST];
}

static uint64_t lr_of(struct world *w, unsigned int vcpu, uint32_t intid)
{
    for (unsigned int i = 0; i < 16; i++) {
        uint64_t lr = world_gich(w, vcpu)->lr[i];

        if ((lr & ICH_LR_STATE) && (lr & ICH_LR_VINTID) == intid)
            return lr;
    }
    return 0;
}

/* ---- who has what ---- */

static void an_input_has_one_owner(void **state)
{
    struct world *w = *state;

    assert_int_equal(axvm_vgic_claim(&w->vm, 31, false), AXVM_ERR_INVAL);
    assert_int_equal(axvm_vgic_claim(&w->vm, 1020, false), AXVM_ERR_INVAL);
    assert_int_equal(axvm_vgic_claim(&w->vm, UINT32_MAX, false), AXVM_ERR_INVAL);
    assert_int_equal(axvm_vgic_claim(&w->vm, 32, false), AXVM_OK);
    assert_int_equal(axvm_vgic_claim(&w->vm, 1019, true), AXVM_OK);
    assert_int_equal(axvm_vgic_claim(&w->vm, 32, false), AXVM_ERR_EXIST);
    assert_int_equal(axvm_vgic_claim(&w->vm, GUEST, false), AXVM_ERR_EXIST);
    assert_int_equal(axvm_vgic_bind(&w->vm, 32, 101, false), AXVM_ERR_EXIST);
    assert_int_equal(axvm_vgic_bind(&w->vm, 51, HOST, false), AXVM_ERR_EXIST);
    assert_int_equal(axvm_vgic_bind(&w->vm, 51, 31, false), AXVM_ERR_INVAL);
    assert_int_equal(axvm_vgic_bind(&w->vm, 51, 1020, false), AXVM_ERR_INVAL);
    assert_int_equal(axvm_vgic_bind(&w->vm, 51, 5120, false), AXVM_ERR_INVAL);
    assert_int_equal(axvm_vgic_bind(&w->vm, 1020, 101, false), AXVM_ERR_INVAL);
    assert_int_equal(axvm_vgic_bind(&w->vm, 51, 101, false), AXVM_OK);
}

static void bindings_are_limited_and_said_to_be(void **state)
{
    struct world *w = *state;

    for (uint32_t i = 1; i < AXVM_MAX_PASSTHROUGH; i++)
        assert_int_equal(axvm_vgic_bind(&w->vm, 200 + i, 300 + i, false), AXVM_OK);
    assert_int_equal(axvm_vgic_bind(&w->vm, 400, 500, false), AXVM_ERR_NOSPC);
    assert_int_equal(axvm_vgic_claim(&w->vm, 400, false), AXVM_OK);
}

static void a_trigger_is_as_the_host_said(void **state)
{
    struct world *w = *state;

    assert_int_equal(axvm_vgic_claim(&w->vm, 36, true), AXVM_OK);
    assert_int_equal(axvm_vgic_claim(&w->vm, 37, false), AXVM_OK);
    assert_int_equal(world_read(w, 0, GICD(0xc08)), 2u << 8);
}

static void what_is_not_bound_is_not_forwarded(void **state)
{
    struct world *w = *state;

    world_host(w);
    assert_int_equal(axvm_vgic_forward(&w->vm, GUEST), AXVM_ERR_NOENT);
    assert_int_equal(axvm_vgic_forward(&w->vm, 0), AXVM_ERR_NOENT);
    assert_int_equal(axvm_vgic_forward(&w->vm, UINT32_MAX), AXVM_ERR_NOENT);
    assert_int_equal(world_ack(w, 0), NONE);
}

static void a_vm_with_passthrough_interrupts_takes_any_under_its_own_number(void **state)
{
    struct world *w = *state;

    assert_int_equal(axvm_vgic_claim(&w->vm, 33, false), AXVM_OK);
    world_host(w);
    assert_int_equal(axvm_vgic_forward(&w->vm, 33), AXVM_ERR_NOENT);    /* a device's */
    assert_int_equal(axvm_vgic_forward(&w->vm, GUEST), AXVM_ERR_NOENT); /* that of another one */
    assert_int_equal(axvm_vgic_forward(&w->vm, 30), AXVM_ERR_NOENT);
    assert_int_equal(axvm_vgic_forward(&w->vm, 1020), AXVM_ERR_NOENT);
    fire(w, 321);
    assert_int_equal(world_ack(w, 0), 321);
    assert_true(w->machine.spi_active[321]);
    world_eoi(w, 0, 321);
    assert_false(w->machine.spi_active[321]);
    fire(w, HOST);
    assert_int_equal(world_ack(w, 0), GUEST);
}

/* ---- their way ---- */

static void the_guests_eoi_ends_the_physical_interrupt(void **state)
{
    struct world *w = *state;

    for (unsigned int i = 0; i < 3; i++) {
        fire(w, HOST);
        assert_true(lr_of(w, 0, GUEST) & ICH_LR_HW);
        assert_int_equal(world_ack(w, 0), GUEST);
        assert_true(active(w));
        gich_fake_eoi(world_gich(w, 0), 1, GUEST);
        assert_false(active(w));
        assert_false(gich_fake_maintenance(world_gich(w, 0)));
    }
}

static void a_host_may_want_to_end_it_itself(void **state)
{
    struct world *w = *state;

    fire(w, HOST);
    assert_false(lr_of(w, 0, GUEST) & ICH_LR_HW);
    assert_int_equal(world_ack(w, 0), GUEST);
    assert_true(active(w));
    world_eoi(w, 0, GUEST);
    assert_false(active(w));
    assert_int_equal(w->completions, 1);
}

static void it_may_be_ended_by_software_alone(void **state)
{
    struct world *w = *state;

    /* Taken back while pending in a list register, */
    fire(w, HOST);
    world_write(w, 0, GICD(0x284), 1u << (GUEST - 32));
    world_settle_all(w);
    assert_false(active(w));
    /* while waiting, */
    world_write(w, 0, GICD(0x184), 1u << (GUEST - 32));
    fire(w, HOST);
    assert_true(active(w));
    assert_int_equal(world_ack(w, 0), NONE);
    world_write(w, 0, GICD(0x284), 1u << (GUEST - 32));
    assert_false(active(w));
    /* and while active, by another vCPU. */
    world_write(w, 0, GICD(0x104), 1u << (GUEST - 32));
    fire(w, HOST);
    assert_int_equal(world_ack(w, 0), GUEST);
    world_write(w, 1, GICD(0x384), 1u << (GUEST - 32));
    world_settle_all(w);
    assert_false(active(w));
}

static void pending_by_software_and_by_the_device_do_not_mix_up(void **state)
{
    struct world *w = *state;

    fire(w, HOST);
    assert_int_equal(world_ack(w, 0), GUEST);
    /* Active and pending cannot have the HW bit. */
    world_write(w, 0, GICD(0x204), 1u << (GUEST - 32));
    assert_true((lr_of(w, 0, GUEST) & ICH_LR_STATE) == ICH_LR_STATE);
    world_eoi(w, 0, GUEST);
    assert_int_equal(world_ack(w, 0), GUEST);
    world_eoi(w, 0, GUEST);
    assert_false(active(w));
    assert_int_equal(world_ack(w, 0), NONE);
}

static void one_that_is_routed_away_while_active_goes_on_there_when_it_is_over_here(void **state)
{
    struct world *w = *state;

    fire(w, HOST);
    assert_int_equal(world_ack(w, 0), GUEST);
    world_write64(w, 0, GICD(0x6000 + 8 * GUEST), 1);
    world_write(w, 0, GICD(0x204), 1u << (GUEST - 32));
    world_settle_all(w);
    assert_int_equal(world_ack(w, 1), NONE);
    world_eoi(w, 0, GUEST);
    world_settle_all(w);
    assert_int_equal(world_ack(w, 0), NONE);
    assert_int_equal(world_ack(w, 1), GUEST);
    world_eoi(w, 1, GUEST);
    assert_false(active(w));
}

static void a_masked_interrupt_waits_without_firing_again(void **state)
{
    struct world *w = *state;

    world_write(w, 0, GICD(0x184), 1u << (GUEST - 32));
    fire(w, HOST);
    for (unsigned int i = 0; i < 3; i++) {
        world_put(w, 0);
        world_load(w, 0, i & 1);
    }
    assert_true(active(w));
    world_write(w, 0, GICD(0x104), 1u << (GUEST - 32));
    assert_int_equal(world_ack(w, 0), GUEST);
    world_eoi(w, 0, GUEST);
    assert_false(active(w));
}

static void it_stays_tied_while_its_vcpu_moves(void **state)
{
    struct world *w = *state;

    fire(w, HOST);
    world_put(w, 0);
    assert_true(active(w));
    w->where[0] = 4;
    world_load(w, 0, false);
    assert_int_equal(world_ack(w, 0), GUEST);
    world_put(w, 0);
    w->where[0] = 5;
    world_load(w, 0, false);
    assert_true(active(w));
    world_eoi(w, 0, GUEST);
    assert_false(active(w));
}

static void the_host_masks_as_the_guest_does(void **state)
{
    struct world *w = *state;

    assert_false(w->masked[HOST]); /* world_enable_all() */
    world_write(w, 0, GICD(0x184), 0xffffffff);
    assert_true(w->masked[HOST]);
    world_write(w, 0, GICD(0x104), 0xffffffff);
    assert_false(w->masked[HOST]);
    world_write(w, 0, GICD(0x180 + 4 * (HOST / 32)), 1u << HOST % 32); /* another interrupt of the guest */
    assert_false(w->masked[HOST]);
    assert_int_equal(axvm_vgic_bind(&w->vm, 60, 160, false), AXVM_OK);
    assert_true(w->masked[160]);
}

/* ---- the end ---- */

static void stop(struct world *w)
{
    world_put(w, 0);
    world_put(w, 1);
    world_host(w);
}

static void a_reset_gives_back_what_the_guest_has_not_finished(void **state)
{
    struct world *w = *state;
    bool complete = w->vm.hal.irq_complete != NULL;

    /* Pending in a list register; active there; waiting */
    for (unsigned int how = 0; how < 3; how++) {
        if (how == 2)
            world_write(w, 0, GICD(0x184), 0xffffffff);
        fire(w, HOST);
        if (how == 1)
            assert_int_equal(world_ack(w, 0), GUEST);
        stop(w);
        assert_true(active(w));
        axvm_vgic_reset(&w->vm);
        assert_false(active(w));
        assert_int_equal(w->completions, complete ? how + 1 : 0);
        assert_true(!w->vm.hal.irq_mask || w->masked[HOST]);
        world_enable_all(w);
    }
}

static void a_vm_that_goes_away_gives_back_what_it_has_not_finished(void **state)
{
    struct world *w = *state;

    fire(w, HOST);
    stop(w);
    axvm_vgic_fini(&w->vm);
    assert_false(active(w));
    axvm_vgic_fini(&w->vm);
}

/* ---- the virtual timer ---- */

/* It has fired, been acknowledged, and is active on this CPU. */
static void timer_fires(struct world *w, unsigned int vcpu)
{
    world_be(w, vcpu);
    assert_false(gich_here->ppi_active[VTIMER]);
    gich_here->ppi_active[VTIMER] = true;
    axvm_vgic_forward_ppi(w->vcpu[vcpu], VTIMER, VTIMER);
}

static bool timer_active(struct world *w, unsigned int vcpu)
{
    return world_gich(w, vcpu)->ppi_active[VTIMER];
}

static void the_timer_may_fire_again_after_the_guests_eoi(void **state)
{
    struct world *w = *state;

    for (unsigned int i = 0; i < 5; i++) {
        unsigned int writes = world_gich(w, 1)->lr_writes;

        timer_fires(w, 1);
        assert_int_equal(world_gich(w, 1)->lr_writes, writes + 1);
        assert_int_equal(world_ack(w, 1), VTIMER);
        assert_true(timer_active(w, 1));
        gich_fake_eoi(world_gich(w, 1), 1, VTIMER);
        assert_false(timer_active(w, 1));
        assert_false(gich_fake_maintenance(world_gich(w, 1)));
    }
}

static void a_timer_that_fires_again_after_a_switch_is_the_same_interrupt(void **state)
{
    struct world *w = *state;

    /* while it is pending, */
    timer_fires(w, 0);
    world_put(w, 0);
    assert_false(timer_active(w, 0));
    assert_true(axvm_vgic_pending(w->vcpu[0]));
    world_load(w, 0, true);
    timer_fires(w, 0);
    assert_int_equal(world_ack(w, 0), VTIMER);
    /* and while the guest handles it. */
    world_put(w, 0);
    w->where[0] = 6;
    world_load(w, 0, false);
    timer_fires(w, 0);
    assert_int_equal(world_ack(w, 0), NONE);
    world_eoi(w, 0, VTIMER);
    assert_false(timer_active(w, 0));
    assert_int_equal(world_ack(w, 0), NONE);
}

static void a_timer_that_is_both_active_and_pending_fires_again_after_both(void **state)
{
    struct world *w = *state;

    timer_fires(w, 0);
    assert_int_equal(world_ack(w, 0), VTIMER);
    world_write(w, 0, GICR_SGI(0, 0x200), 1u << VTIMER);
    world_put(w, 0);
    world_load(w, 0, true);
    axvm_vgic_refresh(w->vcpu[0]);
    timer_fires(w, 0);
    for (unsigned int i = 0; i < 2; i++) {
        assert_true(timer_active(w, 0));
        world_eoi(w, 0, VTIMER);
        assert_int_equal(world_ack(w, 0), i == 0 ? VTIMER : NONE);
    }
    assert_false(timer_active(w, 0));
}

static void a_disabled_timer_does_not_storm(void **state)
{
    struct world *w = *state;

    world_write(w, 0, GICR_SGI(0, 0x180), 1u << VTIMER);
    timer_fires(w, 0);
    assert_true(timer_active(w, 0));
    assert_int_equal(world_ack(w, 0), NONE);
    world_write(w, 0, GICR_SGI(0, 0x100), 1u << VTIMER);
    assert_int_equal(world_ack(w, 0), VTIMER);
    world_eoi(w, 0, VTIMER);
    assert_false(timer_active(w, 0));
}

static void a_timer_interrupt_is_ended_on_its_own_cpu(void **state)
{
    struct world *w = *state;

    /* Pending in a list register; disabled; active. Ended by the other vCPU, on another CPU. */
    timer_fires(w, 1);
    world_write(w, 0, GICR_SGI(1, 0x280), 1u << VTIMER);
    world_settle_all(w);
    assert_false(timer_active(w, 1));
    world_write(w, 0, GICR_SGI(1, 0x180), 1u << VTIMER);
    timer_fires(w, 1);
    world_write(w, 0, GICR_SGI(1, 0x280), 1u << VTIMER);
    world_settle_all(w);
    assert_false(timer_active(w, 1));
    world_write(w, 0, GICR_SGI(1, 0x100), 1u << VTIMER);
    world_settle_all(w);
    timer_fires(w, 1);
    assert_int_equal(world_ack(w, 1), VTIMER);
    world_write(w, 0, GICR_SGI(1, 0x380), 1u << VTIMER);
    world_settle_all(w);
    assert_false(timer_active(w, 1));
}

static void a_timer_waits_for_a_list_register_like_any_other(void **state)
{
    struct world *w = *state;

    world_try_write(w, 0, GICR_SGI(0, 0x400 + VTIMER), 1, 0xc0);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(axvm_vgic_inject(w->vcpu[0], 60 + i), AXVM_OK);
    world_settle_all(w);
    timer_fires(w, 0);
    world_settle_all(w);
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t intid = world_ack(w, 0);

        assert_in_range(intid, 60, 67);
        world_eoi(w, 0, intid);
    }
    assert_int_equal(world_ack(w, 0), VTIMER);
    world_eoi(w, 0, VTIMER);
    assert_false(timer_active(w, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_input_has_one_owner, by_hardware, teardown),
        cmocka_unit_test_setup_teardown(bindings_are_limited_and_said_to_be, by_hardware, teardown),
        cmocka_unit_test_setup_teardown(a_trigger_is_as_the_host_said, by_hardware, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_bound_is_not_forwarded, by_hardware, teardown),
        cmocka_unit_test_setup_teardown(a_vm_with_passthrough_interrupts_takes_any_under_its_own_number, anything, teardown),
        cmocka_unit_test_setup_teardown(the_guests_eoi_ends_the_physical_interrupt, by_hardware, teardown),
        cmocka_unit_test_setup_teardown(a_host_may_want_to_end_it_itself, by_host, teardown),
        cmocka_unit_test_setup_teardown(it_may_be_ended_by_software_alone, by_hardware, teardown),
        cmocka_unit_test_setup_teardown(it_may_be_ended_by_software_alone, by_host, teardown),
        cmocka_unit_test_setup_teardown(pending_by_software_and_by_the_device_do_not_mix_up, by_hardware, teardown),
        cmocka_unit_test_setup_teardown(pending_by_software_and_by_the_device_do_not_mix_up, by_host, teardown),
        cmocka_unit_test_setup_teardown(one_that_is_routed_away_while_active_goes_on_there_when_it_is_over_here, by_hardware,
                                        teardown),
        cmocka_unit_test_setup_teardown(one_that_is_routed_away_while_active_goes_on_there_when_it_is_over_here, by_host,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_masked_interrupt_waits_without_firing_again, by_hardware, teardown),
        cmocka_unit_test_setup_teardown(it_stays_tied_while_its_vcpu_moves, by_hardware, teardown),
        cmocka_unit_test_setup_teardown(it_stays_tied_while_its_vcpu_moves, by_host, teardown),
        cmocka_unit_test_setup_teardown(the_host_masks_as_the_guest_does, by_host, teardown),
        cmocka_unit_test_setup_teardown(a_reset_gives_back_what_the_guest_has_not_finished, by_hardware, teardown),
        cmocka_unit_test_setup_teardown(a_reset_gives_back_what_the_guest_has_not_finished, by_host, teardown),
        cmocka_unit_test_setup_teardown(a_vm_that_goes_away_gives_back_what_it_has_not_finished, by_hardware, teardown),
        cmocka_unit_test_setup_teardown(a_vm_that_goes_away_gives_back_what_it_has_not_finished, by_host, teardown),
        cmocka_unit_test_setup_teardown(the_timer_may_fire_again_after_the_guests_eoi, by_hardware, teardown),
        cmocka_unit_test_setup_teardown(a_timer_that_fires_again_after_a_switch_is_the_same_interrupt, by_hardware, teardown),
        cmocka_unit_test_setup_teardown(a_timer_that_is_both_active_and_pending_fires_again_after_both, by_hardware, teardown),
        cmocka_unit_test_setup_teardown(a_disabled_timer_does_not_storm, by_hardware, teardown),
        cmocka_unit_test_setup_teardown(a_timer_interrupt_is_ended_on_its_own_cpu, by_hardware, teardown),
        cmocka_unit_test_setup_teardown(a_timer_waits_for_a_list_register_like_any_other, by_hardware, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
