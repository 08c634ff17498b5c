/* SPDX-License-Identifier: BSD-2-Clause */
/* Segments of a task that is switched to: hostile-guest.md row 79. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fault.h"
#include "task_seg.h"

static void descriptors_are_taken_apart_as_the_manual_draws_them(void **unused)
{
    struct axvm_x86_seg s = axvm_x86_decode_desc(0x1b, 0x12cffa345678ffff);

    (void)unused;
    assert_int_equal(s.sel, 0x1b);
    assert_int_equal(s.base, 0x12345678);
    assert_int_equal(s.limit, 0xffffffff);
    assert_int_equal(s.attr, 0xcfa & 0xfff);
    s = axvm_x86_decode_desc(8, 0x00408b0100000067);
    assert_int_equal(s.base, 0x010000);
    assert_int_equal(s.limit, 0x67);
    assert_int_equal(s.attr, 0x48b);
    s = axvm_x86_v86_seg(0xf000);
    assert_int_equal(s.base, 0xf0000);
    assert_int_equal(s.attr, 0xf3);
    assert_int_equal(s.limit, 0xffff);
}

/* The table of exception conditions, as one predicate for each kind of register. */
static unsigned int expected(enum axvm_x86_segreg reg, unsigned int access, unsigned int rpl, unsigned int cpl)
{
    unsigned int type = access & 15, dpl = access >> 5 & 3;
    bool s = access >> 4 & 1, present = access >> 7, code = type >> 3 & 1, bit2 = type >> 2 & 1, bit1 = type >> 1 & 1;

    if (reg == AXVM_X86_CS)
        return !s || !code || (bit2 ? dpl > cpl : dpl != cpl) ? X86_TS : present ? 0 : X86_NP;
    if (reg == AXVM_X86_SS)
        return !s || code || !bit1 || dpl != cpl || rpl != cpl ? X86_TS : present ? 0 : X86_SS;
    if (reg == AXVM_X86_LDTR)
        return s || type != 2 || !present ? X86_TS : 0;
    if (!s || (code && !bit1) || (!(code && bit2) && (dpl < cpl || dpl < rpl)))
        return X86_TS;
    return present ? 0 : X86_NP;
}

static void each_register_takes_its_kinds_of_segments_only(void **unused)
{
    static const enum axvm_x86_segreg regs[] = { AXVM_X86_ES, AXVM_X86_CS, AXVM_X86_SS, AXVM_X86_GS, AXVM_X86_LDTR };

    (void)unused;
    for (unsigned int r = 0; r < 5; r++) {
        for (unsigned int access = 0; access < 256; access++) {
            for (unsigned int i = 0; i < 16; i++) {
                struct axvm_x86_seg s = { .sel = (uint16_t)(0x20 | (i & 3)), .attr = (uint16_t)access };

                assert_int_equal(axvm_x86_task_seg_fault(regs[r], &s, i >> 2), expected(regs[r], access, i & 3, i >> 2));
            }
        }
    }
}

static void an_ldt_is_not_in_an_ldt(void **unused)
{
    struct axvm_x86_seg s = { .sel = 0x24, .attr = 0x82 };

    (void)unused;
    assert_int_equal(axvm_x86_task_seg_fault(AXVM_X86_LDTR, &s, 0), X86_TS);
    s.sel = 0x20;
    assert_int_equal(axvm_x86_task_seg_fault(AXVM_X86_LDTR, &s, 0), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors_are_taken_apart_as_the_manual_draws_them),
        cmocka_unit_test(each_register_takes_its_kinds_of_segments_only),
        cmocka_unit_test(an_ldt_is_not_in_an_ldt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
