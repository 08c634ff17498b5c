/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The I/O APIC against a model of another shape over long random sequences: each input a little state machine. The local APICs
 * are a stand-in that accepts or not as the test likes. Then cases by name. hostile-guest.md rows 76, 87, 88.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "ioapic.h"

#define PINS 24

/* ---- the stand-in ---- */

static struct axvm_lapic_msg sent[64];
static unsigned int sent_count;
static uint32_t refused_vectors[8]; /* a bit each */

static bool refuses(uint32_t vector)
{
    return refused_vectors[vector / 32] >> vector % 32 & 1;
}

bool axvm_lapics_deliver(struct axvm_lapics *set, const struct axvm_lapic_msg *msg, const struct axvm_lapic *self)
{
    (void)set;
    (void)self;
    assert_true(sent_count < 64);
    sent[sent_count++] = *msg;
    return !refuses(msg->vector);
}

static uint32_t done_pins;

static void on_done(void *arg, uint32_t pins)
{
    (void)arg;
    assert_int_equal(done_pins & pins, 0);
    done_pins |= pins;
}

static struct axvm_ioapic io;

static void write32(uint32_t off, uint32_t val)
{
    axvm_ioapic_write(&io, off, 4, val, NULL);
}

static uint32_t read32(uint32_t off)
{
    return (uint32_t)axvm_ioapic_read(&io, off, 4);
}

static void write_reg(uint32_t index, uint32_t val)
{
    write32(0x00, index);
    write32(0x10, val);
}

static uint32_t read_reg(uint32_t index)
{
    write32(0x00, index);
    return read32(0x10);
}

/* ---- the model ---- */

struct input {
    uint32_t vector, delivery, dest;
    bool logical, polarity, level_mode, masked; /* as written */
    bool line, remote_irr;
    bool tracked, owed, busy; /* a host's interrupt: not delivered yet; delivered as busy_vector, EOI not seen */
    uint32_t busy_vector;
};

static struct {
    struct input in[PINS];
    uint32_t id, select, done;
    struct axvm_lapic_msg sent[64];
    unsigned int sent_count;
} ref;

static bool by_level(const struct input *in)
{
    return in->level_mode && in->delivery <= 1;
}

static bool ref_send(struct input *in)
{
    if (in->delivery == 6) /* there is no such thing as a SIPI from here */
        return false;
    ref.sent[ref.sent_count++] = (struct axvm_lapic_msg){
        .dest = in->dest == 255 ? UINT32_MAX : in->dest,
        .vector = (uint8_t)in->vector,
        .delivery = (uint8_t)in->delivery,
        .logical = in->logical,
        .level = by_level(in),
        .watch = in->tracked,
    };
    return !refuses(in->vector);
}

static void ref_deliver(struct input *in)
{
    if (!ref_send(in))
        return;
    in->owed = false;
    if (by_level(in))
        in->remote_irr = true;
    if (in->tracked && in->delivery <= 1) {
        in->busy = true;
        in->busy_vector = in->vector;
    }
}

/* Anything that is not a moment's edge is tried whenever something about it changes. */
static void ref_try(struct input *in)
{
    if (in->masked)
        return;
    if ((by_level(in) && in->line && !in->remote_irr) || in->owed)
        ref_deliver(in);
}

static void ref_line(struct input *in, bool level)
{
    bool rises = level && !in->line;

    in->line = level;
    if (!level)
        in->owed = false;
    if (!rises)
        return;
    if (in->tracked)
        in->owed = true;
    if (by_level(in) || in->tracked)
        ref_try(in);
    else if (!in->masked)
        ref_deliver(in);
}

static void ref_eoi(uint32_t vector)
{
    for (int i = 0; i < PINS; i++) {
        struct input *in = &ref.in[i];

        if (in->busy && in->busy_vector == vector) {
            in->busy = false;
            in->line = in->owed = false;
            ref.done |= 1u << i;
        }
        if (in->remote_irr && in->vector == vector) {
            in->remote_irr = false;
            ref_try(in);
        }
    }
}

static void ref_write_low(struct input *in, uint32_t val)
{
    in->vector = val & 0xff;
    in->delivery = val >> 8 & 7;
    in->logical = val >> 11 & 1;
    in->polarity = val >> 13 & 1;
    in->level_mode = val >> 15 & 1;
    in->masked = val >> 16 & 1;
    if (!by_level(in))
        in->remote_irr = false;
    ref_try(in);
}

static void ref_write(uint32_t val)
{
    if (ref.select == 0)
        ref.id = val >> 24 & 15;
    if (ref.select < 0x10 || ref.select >= 0x10 + 2 * PINS)
        return;
    if (ref.select % 2 == 0) {
        ref_write_low(&ref.in[(ref.select - 0x10) / 2], val);
    } else {
        ref.in[(ref.select - 0x10) / 2].dest = val >> 24;
        ref_try(&ref.in[(ref.select - 0x10) / 2]);
    }
}

static uint32_t ref_read(void)
{
    const struct input *in;

    if (ref.select == 0 || ref.select == 2)
        return ref.id << 24;
    if (ref.select == 1)
        return 0x00170020;
    if (ref.select < 0x10 || ref.select >= 0x10 + 2 * PINS)
        return 0;
    in = &ref.in[(ref.select - 0x10) / 2];
    if (ref.select % 2 == 1)
        return in->dest << 24;
    return in->vector | in->delivery << 8 | (uint32_t)in->logical << 11 | (uint32_t)in->polarity << 13 |
           (uint32_t)in->remote_irr << 14 | (uint32_t)in->level_mode << 15 | (uint32_t)in->masked << 16;
}

/* ---- random ---- */

static uint64_t seed;

static uint32_t any(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((seed >> 33) % n);
}

static void setup_world(void)
{
    memset(&io, 0, sizeof(io));
    memset(&ref, 0, sizeof(ref));
    memset(refused_vectors, 0, sizeof(refused_vectors));
    sent_count = 0;
    done_pins = 0;
    io.done = on_done;
    axvm_ioapic_reset(&io);
    for (int i = 0; i < PINS; i++)
        ref.in[i].masked = true;
}

static int setup(void **state)
{
    (void)state;
    setup_world();
    return 0;
}

static void compare(void)
{
    assert_int_equal(sent_count, ref.sent_count);
    for (unsigned int i = 0; i < sent_count; i++) {
        assert_int_equal(sent[i].dest, ref.sent[i].dest);
        assert_int_equal(sent[i].vector, ref.sent[i].vector);
        assert_int_equal(sent[i].delivery, ref.sent[i].delivery);
        assert_int_equal(sent[i].logical, ref.sent[i].logical);
        assert_int_equal(sent[i].level, ref.sent[i].level);
        assert_int_equal(sent[i].watch, ref.sent[i].watch);
    }
    sent_count = ref.sent_count = 0;
    assert_int_equal(done_pins, ref.done);
    done_pins = ref.done = 0;
}

static void any_access(void)
{
    static const uint32_t offs[] = { 0x00, 0x10, 0x10, 0x40, 0x04, 0x11, 0x20, 0xffc };
    uint32_t off = offs[any(8)], val = any(UINT32_MAX), size = 1u << any(4);

    if (off == 0x00)
        val = any(4) ? 0x10 + 2 * any(6) + any(2) : any(256);
    else if (off == 0x10)
        val = (16 + any(6)) | any(8) * any(2) << 8 | any(4) * any(2) << 11 | any(4) << 15 | any(256) << 24;
    else if (off == 0x40)
        val = 16 + any(6);
    if (any(4) != 0)
        size = 4;
    axvm_ioapic_write(&io, off, size, val, NULL);
    if (off == 0x00)
        ref.select = val & 0xff;
    else if (off == 0x10 && size >= 4)
        ref_write(val);
    else if (off == 0x40 && size >= 4)
        ref_eoi(val & 0xff);
}

static void retry(void)
{
    axvm_ioapic_retry(&io, NULL);
    for (int i = 0; i < PINS; i++)
        ref_try(&ref.in[i]);
}

static void step(void)
{
    uint32_t pin = any(6), vector = 16 + any(6);
    bool level = any(2);

    switch (any(7)) {
    case 0:
    case 1:
    case 2:
        any_access();
        break;
    case 3:
    case 4:
        axvm_ioapic_set(&io, pin, level, NULL);
        ref_line(&ref.in[pin], level);
        break;
    case 5:
        axvm_ioapic_eoi(&io, vector, NULL);
        ref_eoi(vector);
        break;
    default:
        refused_vectors[vector / 32] ^= any(4) == 0 ? 1u << vector % 32 : 0;
        if (any(4) == 0)
            retry();
        break;
    }
    compare();
    assert_int_equal(read32(0x10), ref_read());
    assert_int_equal(read32(0x00), ref.select);
}

static void it_does_what_the_reference_does(void **state)
{
    (void)state;
    for (uint64_t s = 1; s <= 30; s++) {
        seed = s;
        setup_world();
        for (int i = 0; i < 3; i++) {
            axvm_ioapic_track(&io, (unsigned int)i);
            ref.in[i].tracked = true;
        }
        for (int i = 0; i < 20000; i++)
            step();
    }
}

/* ---- by name ---- */

#define LEVEL 0x8000u
#define MASKED 0x10000u

static void an_index_beyond_the_table_does_nothing(void **state) /* 76, 87 */
{
    struct axvm_ioapic before;

    (void)state;
    before = io;
    for (uint32_t index = 0x10 + 2 * PINS; index < 0x100; index++) {
        write_reg(index, 0x31);
        assert_int_equal(read_reg(index), 0);
    }
    assert_memory_equal(before.entry, io.entry, sizeof(before.entry));
    for (uint32_t index = 3; index < 0x10; index++)
        assert_int_equal(read_reg(index), 0);
}

static void version_is_read_only_and_the_id_is_also_the_arbitration_id(void **state)
{
    (void)state;
    write_reg(1, UINT32_MAX);
    assert_int_equal(read_reg(1), 0x00170020);
    write_reg(0, UINT32_MAX);
    assert_int_equal(read_reg(0), 0x0f000000);
    write_reg(2, 0);
    assert_int_equal(read_reg(2), 0x0f000000);
}

static void a_level_is_sent_once_until_its_eoi(void **state)
{
    (void)state;
    write_reg(0x10 + 2 * 5, 0x31 | LEVEL);
    axvm_ioapic_set(&io, 5, true, NULL);
    assert_int_equal(sent_count, 1);
    axvm_ioapic_set(&io, 5, true, NULL);
    axvm_ioapic_set(&io, 5, false, NULL);
    axvm_ioapic_set(&io, 5, true, NULL);
    assert_int_equal(sent_count, 1);
    assert_int_equal(read_reg(0x10 + 2 * 5), 0x31 | LEVEL | 0x4000);
    axvm_ioapic_eoi(&io, 0x31, NULL);
    assert_int_equal(sent_count, 2); /* still high */
    axvm_ioapic_set(&io, 5, false, NULL);
    axvm_ioapic_eoi(&io, 0x31, NULL);
    assert_int_equal(sent_count, 2);
    assert_int_equal(read_reg(0x10 + 2 * 5), 0x31 | LEVEL);
}

static void masking_in_service_holds_the_next_one_back(void **state) /* 76 */
{
    (void)state;
    write_reg(0x10 + 2 * 5, 0x31 | LEVEL);
    axvm_ioapic_set(&io, 5, true, NULL);
    write_reg(0x10 + 2 * 5, 0x31 | LEVEL | MASKED);
    axvm_ioapic_eoi(&io, 0x31, NULL);
    assert_int_equal(sent_count, 1);
    write_reg(0x10 + 2 * 5, 0x31 | LEVEL);
    assert_int_equal(sent_count, 2);
}

static void an_eoi_of_a_foreign_vector_changes_nothing(void **state) /* 76 */
{
    (void)state;
    write_reg(0x10 + 2 * 5, 0x31 | LEVEL);
    axvm_ioapic_set(&io, 5, true, NULL);
    for (uint32_t v = 0; v < 256; v++) {
        if (v != 0x31)
            axvm_ioapic_eoi(&io, v, NULL);
    }
    assert_int_equal(sent_count, 1);
    assert_int_equal(read_reg(0x10 + 2 * 5) & 0x4000, 0x4000);
}

/* What older kernels do in place of an EOI register. */
static void an_entry_made_edge_triggered_and_back_is_sent_again(void **state)
{
    (void)state;
    write_reg(0x10 + 2 * 5, 0x31 | LEVEL);
    axvm_ioapic_set(&io, 5, true, NULL);
    write_reg(0x10 + 2 * 5, 0x31 | MASKED);
    write_reg(0x10 + 2 * 5, 0x31 | LEVEL);
    assert_int_equal(sent_count, 2);
}

static void a_level_that_nobody_accepts_waits_without_remote_irr(void **state) /* 76: destination absent */
{
    (void)state;
    memset(refused_vectors, 0xff, sizeof(refused_vectors));
    write_reg(0x10 + 2 * 5, 0x31 | LEVEL);
    axvm_ioapic_set(&io, 5, true, NULL);
    assert_int_equal(sent_count, 1);
    assert_int_equal(read_reg(0x10 + 2 * 5) & 0x4000, 0);
    memset(refused_vectors, 0, sizeof(refused_vectors));
    axvm_ioapic_retry(&io, NULL);
    assert_int_equal(sent_count, 2);
    assert_int_equal(read_reg(0x10 + 2 * 5) & 0x4000, 0x4000);
}

static void a_line_that_sticks_costs_one_message_per_eoi(void **state) /* 88 */
{
    (void)state;
    write_reg(0x10 + 2 * 5, 0x31 | LEVEL);
    axvm_ioapic_set(&io, 5, true, NULL);
    for (unsigned int i = 1; i < 60; i++) {
        assert_int_equal(sent_count, i);
        axvm_ioapic_retry(&io, NULL);
        axvm_ioapic_set(&io, 5, true, NULL);
        axvm_ioapic_eoi(&io, 0x31, NULL);
    }
}

static void an_edge_of_a_masked_input_is_lost_unless_it_is_the_hosts(void **state)
{
    (void)state;
    axvm_ioapic_track(&io, 6);
    axvm_ioapic_set(&io, 5, true, NULL);
    axvm_ioapic_set(&io, 6, true, NULL);
    write_reg(0x10 + 2 * 5, 0x31);
    assert_int_equal(sent_count, 0);
    write_reg(0x10 + 2 * 6, 0x32);
    assert_int_equal(sent_count, 1);
    assert_int_equal(sent[0].vector, 0x32);
    assert_true(sent[0].watch);
    assert_int_equal(done_pins, 0);
    axvm_ioapic_eoi(&io, 0x32, NULL);
    assert_int_equal(done_pins, 1u << 6);
}

/* The guest moves the vector while the interrupt is in service: its end is that of what was delivered. */
static void the_end_of_a_hosts_interrupt_is_found_by_the_vector_it_went_out_with(void **state)
{
    (void)state;
    axvm_ioapic_track(&io, 6);
    write_reg(0x10 + 2 * 6, 0x32);
    axvm_ioapic_set(&io, 6, true, NULL);
    write_reg(0x10 + 2 * 6, 0x41);
    axvm_ioapic_eoi(&io, 0x41, NULL);
    assert_int_equal(done_pins, 0);
    axvm_ioapic_eoi(&io, 0x32, NULL);
    assert_int_equal(done_pins, 1u << 6);
}

static void registers_are_read_at_any_width_and_written_as_words(void **state) /* 76 */
{
    (void)state;
    write_reg(0, 0x05000000);
    axvm_ioapic_write(&io, 0x00, 1, 0, NULL);
    axvm_ioapic_write(&io, 0x10, 1, 0xff, NULL);
    axvm_ioapic_write(&io, 0x10, 2, 0xffff, NULL);
    assert_int_equal(read_reg(0), 0x05000000);
    assert_int_equal(axvm_ioapic_read(&io, 0x10, 1), 0);
    assert_int_equal(axvm_ioapic_read(&io, 0x10, 8), 0x05000000);
    for (uint32_t off = 0; off < 0x1000; off++) {
        if (off != 0 && off != 0x10 && off != 0x40)
            axvm_ioapic_write(&io, off, 4, UINT32_MAX, NULL);
        if (off != 0 && off != 0x10)
            assert_int_equal(axvm_ioapic_read(&io, off, 4), 0);
    }
    assert_int_equal(read_reg(0), 0x05000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_does_what_the_reference_does, setup),
        cmocka_unit_test_setup(an_index_beyond_the_table_does_nothing, setup),
        cmocka_unit_test_setup(version_is_read_only_and_the_id_is_also_the_arbitration_id, setup),
        cmocka_unit_test_setup(a_level_is_sent_once_until_its_eoi, setup),
        cmocka_unit_test_setup(masking_in_service_holds_the_next_one_back, setup),
        cmocka_unit_test_setup(an_eoi_of_a_foreign_vector_changes_nothing, setup),
        cmocka_unit_test_setup(an_entry_made_edge_triggered_and_back_is_sent_again, setup),
        cmocka_unit_test_setup(a_level_that_nobody_accepts_waits_without_remote_irr, setup),
        cmocka_unit_test_setup(a_line_that_sticks_costs_one_message_per_eoi, setup),
        cmocka_unit_test_setup(an_edge_of_a_masked_input_is_lost_unless_it_is_the_hosts, setup),
        cmocka_unit_test_setup(the_end_of_a_hosts_interrupt_is_found_by_the_vector_it_went_out_with, setup),
        cmocka_unit_test_setup(registers_are_read_at_any_width_and_written_as_words, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
