/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a payload guest has found, a line each, with its name before it: "hostile: NAME ok", or "hostile: NAME FAIL got=...".
 * The last line, "hostile: done FAILURES", is what a system test waits for: it has to end in 0. CPUs that report at the same
 * time have a lock of their own.
 */
#ifndef AXVM_TESTS_GUEST_REPORT_H
#define AXVM_TESTS_GUEST_REPORT_H

#include "guest.h"

/* Of this guest so far. */
extern unsigned int report_failures;

/* Text between the guest's name and what it says from now on; NULL: none. */
void report_part(const char *part);

void result(const char *name, bool ok, uint64_t got);
/* For what is looked at again and again: nothing is said while it is as it has to be. */
void result_if_wrong(const char *name, bool ok, uint64_t got);
void expect_same(const char *name, uint64_t got, uint64_t expected);
/* Something has been found wrong. */
void report_wrong(const char *name, uint64_t got, uint64_t expected);

/* "NAME VALUE" */
void report_number(const char *name, uint64_t value);
void report_done(void);

#endif
