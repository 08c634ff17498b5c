/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts that vCPUs send each other. hostile-guest.md rows 50, A11. */
#include "vgic_fixture.h"

/* ---- SGIs: row 50, A11 ---- */

static void an_sgi_reaches_those_in_its_list(void **state)
{
    struct world *w = *state;

    send_sgi(w, 0, AXVM_SGI1R, SGI(3, 1));
    assert_int_equal(world_ack(w, 0), 3);
    assert_int_equal(world_ack(w, 1), NONE);
    world_eoi(w, 0, 3);
    send_sgi(w, 0, AXVM_SGI1R, SGI(4, 3));
    assert_int_equal(world_ack(w, 0), 4);
    assert_int_equal(world_ack(w, 1), 4);
}

static void an_sgi_to_all_leaves_out_the_sender(void **state)
{
    struct world *w = *state;

    send_sgi(w, 3, AXVM_SGI1R, SGI(3, 0) | IRM);
    for (unsigned int v = 0; v < WORLD_CPUS; v++)
        assert_int_equal(world_ack(w, v), v == 3 ? NONE : 3);
    for (unsigned int v = WORLD_CPUS; v < AXVM_MAX_VCPUS; v++)
        assert_int_equal(world_read(w, 0, GICR_SGI(v, 0x200)), 8);
}

static void sgis_use_affinities_of_clusters_of_sixteen(void **state)
{
    struct world *w = *state;

    send_sgi(w, 0, AXVM_SGI1R, SGI(6, 0x8001) | 2u << 16);
    for (unsigned int v = 0; v < AXVM_MAX_VCPUS; v++)
        assert_int_equal(world_read(w, 0, GICR_SGI(v, 0x200)), v == 32 || v == 47 ? 1u << 6 : 0);
}

static void sgis_to_nobody_are_ignored(void **state)
{
    static const uint64_t targets[] = {
        0xfffc,                     /* absent in this cluster */
        0xffff | UINT64_C(1) << 16, /* absent Aff1 */
        0xffff | UINT64_C(0xff) << 16,
        0xffff | UINT64_C(1) << 32,    /* Aff2 */
        0xffff | UINT64_C(0xff) << 48, /* Aff3 */
        0xffff | UINT64_C(1) << 44,    /* RS */
        0xffff | UINT64_C(0xf) << 44,
        0,
    };
    struct world *w = *state;

    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(targets); i++) {
        for (uint64_t intid = 0; intid < 16; intid++) {
            for (unsigned int reg = 0; reg < 3; reg++) {
                send_sgi(w, 0, (enum axvm_sgi_reg)reg, targets[i] | intid << 24);
                send_sgi(w, 0, (enum axvm_sgi_reg)reg, (targets[i] & ~UINT64_C(0xfffe)) | intid << 24);
                send_sgi(w, 0, (enum axvm_sgi_reg)reg, (targets[i] & ~UINT64_C(0xfffd)) | intid << 24);
            }
        }
    }
    assert_int_equal(world_read(w, 0, GICR_SGI(0, 0x200)), 0);
    assert_int_equal(world_read(w, 0, GICR_SGI(1, 0x200)), 0);
}

static void group_0_registers_do_not_send_group_1_sgis(void **state)
{
    struct world *w = *state;

    send_sgi(w, 0, AXVM_SGI0R, SGI(3, 3));
    send_sgi(w, 0, AXVM_ASGI1R, SGI(3, 3));
    assert_int_equal(world_ack(w, 0), NONE);
    assert_int_equal(world_ack(w, 1), NONE);
    world_write(w, 0, GICR_SGI(1, 0x80), 0xfffffff7);
    send_sgi(w, 0, AXVM_SGI0R, SGI(3, 3));
    assert_int_equal(world_ack(w, 0), NONE);
    assert_int_equal(world_ack(w, 1), 3);
    gich_fake_eoi(world_gich(w, 1), 0, 3);
    send_sgi(w, 0, AXVM_SGI1R, SGI(3, 2));
    assert_int_equal(world_ack(w, 1), 3);
}

static void an_sgi_to_self_takes_one_list_register_write(void **state)
{
    struct world *w = *state;
    unsigned int kicks = w->kicks[0];

    for (unsigned int i = 0; i < 20; i++) {
        unsigned int writes = world_gich(w, 0)->lr_writes;

        world_be(w, 0);
        axvm_vgic_sgi(w->vcpu[0], AXVM_SGI1R, SGI(i & 1, 1));
        assert_int_equal(world_gich(w, 0)->lr_writes, writes + 1);
        assert_int_equal(world_ack(w, 0), i & 1);
        gich_fake_eoi(world_gich(w, 0), 1, i & 1);
    }
    assert_int_equal(w->kicks[0], kicks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_sgi_reaches_those_in_its_list, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(an_sgi_to_all_leaves_out_the_sender, all_vcpus, teardown),
        cmocka_unit_test_setup_teardown(sgis_use_affinities_of_clusters_of_sixteen, all_vcpus, teardown),
        cmocka_unit_test_setup_teardown(sgis_to_nobody_are_ignored, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(group_0_registers_do_not_send_group_1_sgis, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(an_sgi_to_self_takes_one_list_register_write, one_vcpu, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
