/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions that come while another event is being delivered. Intel SDM vol. 3A, "Interrupt 8—Double Fault Exception (#DF)".
 * Pure. */
#include "exit.h"

enum fault_class { BENIGN, CONTRIBUTORY, PAGE_FAULT };

static enum fault_class class_of(uint64_t vector)
{
    switch (vector) {
    case X86_DE:
    case X86_TS:
    case X86_NP:
    case X86_SS:
    case X86_GP:
        return CONTRIBUTORY;
    case X86_PF:
        return PAGE_FAULT;
    default:
        return BENIGN;
    }
}

uint64_t axvm_x86_exception(uint64_t vector, bool has_error, uint32_t error)
{
    uint64_t event = EVENT_VALID | axvm_put_field(EVENT_TYPE, EVENT_EXCEPTION) | vector;

    return has_error ? event | EVENT_HAS_ERROR | axvm_put_field(EVENT_ERROR, error) : event;
}

/* @first has not been delivered when @second came. */
uint64_t axvm_x86_merge_events(uint64_t first, uint64_t second)
{
    uint64_t v1 = axvm_field(first, EVENT_VECTOR), v2 = axvm_field(second, EVENT_VECTOR);

    /* An interrupt whose delivery faults is gone: its controller has been acknowledged. Traps and INT n happen again. */
    if ((first & EVENT_VALID) == 0 || axvm_field(first, EVENT_TYPE) != EVENT_EXCEPTION)
        return second;
    if (v1 == X86_DF && class_of(v2) != BENIGN)
        return EVENT_VALID | axvm_put_field(EVENT_TYPE, EVENT_SHUTDOWN);
    if ((class_of(v1) == CONTRIBUTORY && class_of(v2) == CONTRIBUTORY) ||
        (class_of(v1) == PAGE_FAULT && class_of(v2) != BENIGN))
        return axvm_x86_exception(X86_DF, true, 0);
    return second;
}
