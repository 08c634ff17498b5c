/* SPDX-License-Identifier: BSD-2-Clause */
#include "report.h"

unsigned int report_failures;
static const char *current_part; /* set at run time: the image may not be where it was linked */

void report_part(const char *part)
{
    current_part = part;
}

static void begin_line(const char *name)
{
    put_str(GUEST_NAME ": ");
    if (current_part)
        put_str(current_part);
    put_str(name);
}

static void end_line_with(const char *label, uint64_t v)
{
    put_str(label);
    put_hex(v);
    put_char('\n');
}

void result_if_wrong(const char *name, bool ok, uint64_t got)
{
    if (ok)
        return;
    report_failures++;
    begin_line(name);
    end_line_with(" FAIL got=", got);
}

void result(const char *name, bool ok, uint64_t got)
{
    result_if_wrong(name, ok, got);
    if (!ok)
        return;
    begin_line(name);
    put_str(" ok\n");
}

void report_wrong(const char *name, uint64_t got, uint64_t expected)
{
    report_failures++;
    begin_line(name);
    put_str(" FAIL got=");
    put_hex(got);
    end_line_with(" expected=", expected);
}

void expect_same(const char *name, uint64_t got, uint64_t expected)
{
    if (got != expected)
        report_wrong(name, got, expected);
}

void report_number(const char *name, uint64_t value)
{
    begin_line(name);
    put_char(' ');
    put_dec(value);
    put_char('\n');
}

void report_done(void)
{
    report_number("done", report_failures);
}
