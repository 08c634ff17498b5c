/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines for the host's log. What a guest can cause is limited per VM, or it could fill the log or slow the host's console. */
#include "vm_priv.h"

#include "str.h"

/* A burst of lines, then one a second. */
#define LINE_NS UINT64_C(1000000000)
#define BURST 8u

#define MSG_MAX 96u

void axvm_log(const struct axvm_hal *hal, enum axvm_log_level level, const char *msg)
{
    if (hal->log)
        hal->log(hal->ctx, level, msg);
}

/*
 * Every line costs LINE_NS of time; log_paid_ns is how far time has been spent. Up to BURST lines may be spent ahead of the
 * clock. One word, so that vCPUs need no lock.
 */
static bool may_log(struct axvm *vm)
{
    uint64_t now = vm->hal.time_ns(vm->hal.ctx);
    uint64_t paid = atomic_load_explicit(&vm->log_paid_ns, memory_order_relaxed);
    uint64_t base;

    do {
        /* Further ahead than a burst: the host's clock went backwards. */
        base = paid < now || paid - now > BURST * LINE_NS ? now : paid;
        if (base - now > (BURST - 1) * LINE_NS) {
            atomic_fetch_add_explicit(&vm->log_suppressed, 1, memory_order_relaxed);
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&vm->log_paid_ns, &paid, base + LINE_NS, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

/* As axvm_put_str(), of at most MSG_MAX characters. */
static char *put_msg(char *p, const char *msg)
{
    for (unsigned int i = 0; msg[i] != '\0' && i < MSG_MAX; i++)
        *p++ = msg[i];
    *p = '\0';
    return p;
}

void axvm_log_guest(struct axvm *vm, enum axvm_log_level level, const char *msg, uint64_t value)
{
    /* "vm <name>: <msg> 0x<value> (0x<count> lines suppressed)" */
    char line[sizeof(vm->name) + MSG_MAX + 80];
    uint32_t suppressed;
    char *p;

    if (!vm->hal.log || !may_log(vm))
        return;
    p = axvm_put_str(axvm_put_str(axvm_put_str(line, "vm "), vm->name), ": ");
    p = axvm_put_hex(axvm_put_str(put_msg(p, msg), " 0x"), value);
    suppressed = atomic_exchange_explicit(&vm->log_suppressed, 0, memory_order_relaxed);
    if (suppressed != 0)
        axvm_put_str(axvm_put_hex(axvm_put_str(p, " (0x"), suppressed), " lines suppressed)");
    vm->hal.log(vm->hal.ctx, level, line);
}
