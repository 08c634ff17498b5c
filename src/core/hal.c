/* SPDX-License-Identifier: BSD-2-Clause */
/* What of struct axvm_hal has to be there, and taking it over from hosts of any age. */
#include "hal_priv.h"

#include <axvm/err.h>
#include <stddef.h>

#include "mem.h"
#include "str.h"

/* The struct of the first release; a host cannot have been compiled against less. */
#define FIRST_SIZE ((uint32_t)(offsetof(struct axvm_hal, entropy) + sizeof(((struct axvm_hal *)0)->entropy)))

/* Required members, in the order of the struct: the first that is missing is reported. */
static const char *missing_memory(const struct axvm_hal *hal)
{
    if (!hal->host)
        return "host";
    if (!hal->page_alloc)
        return "page_alloc";
    if (!hal->page_free)
        return "page_free";
    if (!hal->phys_to_virt)
        return "phys_to_virt";
    if (!hal->virt_to_phys)
        return "virt_to_phys";
    /* One without the other would leak, or could never be called. */
    if (hal->region_alloc_at && !hal->region_free_at)
        return "region_free_at";
    if (!hal->region_alloc_at && hal->region_free_at)
        return "region_alloc_at";
    return NULL;
}

static const char *missing_cpu(const struct axvm_hal *hal)
{
    if (!hal->time_ns)
        return "time_ns";
    if (!hal->this_cpu)
        return "this_cpu";
    if (!hal->pcpu_id)
        return "pcpu_id";
    if (!hal->kick_cpu)
        return "kick_cpu";
    if (!hal->wake_vcpu)
        return "wake_vcpu";
    return NULL;
}

const char *axvm_hal_missing(const struct axvm_hal *hal)
{
    const char *member;

    if (hal->size < FIRST_SIZE)
        return "size";
    if (hal->reserved != 0)
        return "reserved";
    member = missing_memory(hal);
    return member ? member : missing_cpu(hal);
}

static void report_missing(const struct axvm_hal *hal, const char *member)
{
    char line[64];

    /* The member itself may lie behind the end of what the host has given. */
    if (hal->size >= FIRST_SIZE && hal->log)
        hal->log(hal->ctx, AXVM_LOG_ERROR, (axvm_put_str(axvm_put_str(line, "hal: missing or wrong: "), member), line));
}

int axvm_hal_copy(struct axvm_hal *dst, const struct axvm_hal *src)
{
    const char *member = axvm_hal_missing(src);

    if (member) {
        report_missing(src, member);
        return AXVM_ERR_INVAL;
    }
    memset(dst, 0, sizeof(*dst));
    memcpy(dst, src, src->size < sizeof(*dst) ? src->size : sizeof(*dst));
    dst->size = sizeof(*dst);
    return AXVM_OK;
}
