/* SPDX-License-Identifier: BSD-2-Clause */
/* Bit scans without the compiler's builtins, as they are on RISC-V, against those. */
#define AXVM_NO_BIT_BUILTINS
#include "bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void check(uint64_t v)
{
    assert_int_equal(axvm_ctz64(v), __builtin_ctzll(v));
    assert_int_equal(axvm_top_bit64(v), 63 - __builtin_clzll(v));
}

static void scans_find_what_the_compilers_find(void **state)
{
    uint64_t random = 1;

    (void)state;
    for (unsigned int hi = 0; hi < 64; hi++) {
        for (unsigned int lo = 0; lo <= hi; lo++) {
            check(UINT64_C(1) << hi | UINT64_C(1) << lo);
            check(AXVM_BITS(hi, lo));
        }
    }
    for (unsigned int i = 0; i < 100000; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        check(random >> random % 64 | UINT64_C(1) << i % 64);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(scans_find_what_the_compilers_find) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
