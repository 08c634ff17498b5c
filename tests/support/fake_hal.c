/* SPDX-License-Identifier: BSD-2-Clause */
/* The fake host: everything but its memory (fake_mem.c). */
#define _GNU_SOURCE
#include "fake_hal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "arch_irq.h"
#include "fake_hal_priv.h"

static _Thread_local unsigned int this_pcpu;

void fake_hal_set_cpu(unsigned int pcpu)
{
    this_pcpu = pcpu;
}

unsigned int fake_hal_cpu(void)
{
    return this_pcpu;
}

/* ---- what every callback does first ---- */

void fake_enter(struct fake_hal *hal, enum fake_callback which)
{
    hal->calls[which]++;
    if (hal->hook)
        hal->hook(hal, which, hal->hook_arg);
}

/* For callbacks that may sleep. */
void fake_enter_sleeping(struct fake_hal *hal, enum fake_callback which, const char *name)
{
    fake_enter(hal, which);
    if (fake_irqs_masked)
        fake_violation(hal, name, "called with interrupts off, but it may sleep");
}

void fake_violation(struct fake_hal *hal, const char *where, const char *what)
{
    fprintf(stderr, "fake_hal: %s: %s\n", where, what);
    hal->violations++;
}

bool fake_fails(struct fake_hal *hal, enum fake_callback which)
{
    bool fails;

    pthread_mutex_lock(&hal->lock);
    fails = hal->fail_after[which] == 0;
    if (hal->fail_after[which] != UINT64_MAX && !(fails && hal->fail_for_good[which]))
        hal->fail_after[which]--; /* 0 becomes UINT64_MAX: only once */
    pthread_mutex_unlock(&hal->lock);
    return fails;
}

void fake_hal_fail(struct fake_hal *hal, enum fake_callback which, uint64_t n, bool for_good)
{
    hal->fail_after[which] = n;
    hal->fail_for_good[which] = for_good;
}

void fake_hal_fail_alloc(struct fake_hal *hal, uint64_t n)
{
    fake_hal_fail(hal, FAKE_PAGE_ALLOC, n, false);
}

void fake_hal_fail_nothing(struct fake_hal *hal)
{
    for (unsigned int i = 0; i < FAKE_CALLBACKS; i++)
        fake_hal_fail(hal, (enum fake_callback)i, UINT64_MAX, false);
}

/* ---- time ---- */

static uint64_t time_ns(void *ctx)
{
    struct fake_hal *hal = ctx;

    fake_enter(hal, FAKE_TIME_NS);
    return atomic_fetch_add(&hal->now_ns, hal->tick_ns);
}

static void timer_set(void *ctx, uint64_t deadline_ns)
{
    struct fake_hal *hal = ctx;

    fake_enter(hal, FAKE_TIMER_SET);
    hal->timer_ns[this_pcpu] = deadline_ns;
}

/* ---- CPUs and threads ---- */

static struct axvm_cpu *this_cpu(void *ctx)
{
    struct fake_hal *hal = ctx;

    fake_enter(hal, FAKE_THIS_CPU);
    if (!fake_irqs_masked)
        fake_violation(hal, "this_cpu", "called with interrupts on");
    return hal->cpus[this_pcpu];
}

static unsigned int pcpu_id(void *ctx)
{
    fake_enter(ctx, FAKE_PCPU_ID);
    return this_pcpu;
}

static void kick_cpu(void *ctx, unsigned int pcpu)
{
    struct fake_hal *hal = ctx;

    fake_enter(hal, FAKE_KICK_CPU);
    if (pcpu >= FAKE_CPUS) {
        fake_violation(hal, "kick_cpu", "no such CPU");
        return;
    }
    hal->kicks[pcpu]++;
    hal->kicked[pcpu] = 1;
}

bool fake_hal_take_kick(struct fake_hal *hal, unsigned int pcpu)
{
    return atomic_exchange(&hal->kicked[pcpu], 0) != 0;
}

static void wake_vcpu(void *ctx, unsigned int vm_id, unsigned int vcpu_id)
{
    struct fake_hal *hal = ctx;

    fake_enter_sleeping(hal, FAKE_WAKE_VCPU, "wake_vcpu");
    if (vm_id >= FAKE_VMS || vcpu_id >= AXVM_MAX_VCPUS) {
        fake_violation(hal, "wake_vcpu", "no such vCPU");
        return;
    }
    hal->wakes[vm_id][vcpu_id]++;
    pthread_mutex_lock(&hal->lock);
    hal->woken[vm_id][vcpu_id] = true;
    pthread_cond_broadcast(&hal->wake_cond);
    pthread_mutex_unlock(&hal->lock);
}

bool fake_hal_sleep(struct fake_hal *hal, unsigned int vm_id, unsigned int vcpu_id, unsigned int timeout_ms)
{
    struct timespec until;
    bool woken;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    until.tv_sec += timeout_ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&hal->lock);
    while (!hal->woken[vm_id][vcpu_id]) {
        if (pthread_cond_timedwait(&hal->wake_cond, &hal->lock, &until) != 0)
            break;
    }
    woken = hal->woken[vm_id][vcpu_id];
    hal->woken[vm_id][vcpu_id] = false;
    pthread_mutex_unlock(&hal->lock);
    return woken;
}

int fake_hal_enable_cpu(struct fake_hal *hal, unsigned int pcpu)
{
    fake_hal_set_cpu(pcpu);
    return axvm_cpu_enable(&hal->ops, NULL, &hal->cpus[pcpu]);
}

/* ---- interrupts ---- */

static bool inject_irq_to_vcpu(void *ctx, unsigned int vm_id, unsigned int vcpu_id, unsigned int irq)
{
    struct fake_hal *hal = ctx;

    fake_enter(hal, FAKE_INJECT);
    if (fake_fails(hal, FAKE_INJECT) || vm_id >= FAKE_VMS || vcpu_id >= AXVM_MAX_VCPUS)
        return false;
    hal->injected++;
    hal->last_injected_irq = irq;
    return true;
}

static void irq_complete(void *ctx, unsigned int host_irq)
{
    struct fake_hal *hal = ctx;

    fake_enter(hal, FAKE_IRQ_COMPLETE);
    hal->completed++;
    hal->last_completed_irq = host_irq;
}

static void irq_mask(void *ctx, unsigned int host_irq, bool masked)
{
    struct fake_hal *hal = ctx;

    (void)host_irq;
    (void)masked;
    fake_enter(hal, FAKE_IRQ_MASK);
    hal->masks++;
}

/* ---- the rest ---- */

static void log_line(void *ctx, enum axvm_log_level level, const char *msg)
{
    struct fake_hal *hal = ctx;
    size_t len = strlen(msg);
    char *text;

    (void)level;
    fake_enter(hal, FAKE_LOG);
    if (strchr(msg, '\n'))
        fake_violation(hal, "log", "a newline");
    pthread_mutex_lock(&hal->lock);
    hal->log_lines++;
    snprintf(hal->last_line, sizeof(hal->last_line), "%s", msg);
    text = realloc(hal->log_text, hal->log_size + len + 2);
    if (text) {
        memcpy(text + hal->log_size, msg, len);
        memcpy(text + hal->log_size + len, "\n", 2);
        hal->log_text = text;
        hal->log_size += len + 1;
    }
    pthread_mutex_unlock(&hal->lock);
}

bool fake_hal_logged(struct fake_hal *hal, const char *text)
{
    bool found;

    pthread_mutex_lock(&hal->lock);
    found = hal->log_text && strstr(hal->log_text, text);
    pthread_mutex_unlock(&hal->lock);
    return found;
}

static bool entropy(void *ctx, void *buf, size_t len)
{
    struct fake_hal *hal = ctx;
    uint8_t *bytes = buf;

    fake_enter_sleeping(hal, FAKE_ENTROPY, "entropy");
    if (fake_fails(hal, FAKE_ENTROPY))
        return false;
    /* Not random, but never twice the same. */
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(hal->calls[FAKE_ENTROPY] * 101 + i * 7 + 13);
    return true;
}

struct fake_hal *fake_hal_new(void)
{
    struct fake_hal *hal = calloc(1, sizeof(*hal));

    if (!hal)
        abort();
    hal->ops = (struct axvm_hal){
        .size = sizeof(hal->ops),
        .ctx = hal,
        .host = &hal->host,
        .time_ns = time_ns,
        .timer_set = timer_set,
        .this_cpu = this_cpu,
        .pcpu_id = pcpu_id,
        .kick_cpu = kick_cpu,
        .wake_vcpu = wake_vcpu,
        .inject_irq_to_vcpu = inject_irq_to_vcpu,
        .irq_complete = irq_complete,
        .irq_mask = irq_mask,
        .log = log_line,
        .entropy = entropy,
    };
    pthread_mutex_init(&hal->lock, NULL);
    pthread_cond_init(&hal->wake_cond, NULL);
    fake_mem_init(hal);
    fake_hal_fail_nothing(hal);
    hal->now_ns = 1000000000;
    for (unsigned int i = 0; i < FAKE_CPUS; i++)
        hal->timer_ns[i] = AXVM_TIME_NEVER;
    fake_hal_set_cpu(0);
    return hal;
}

uint64_t fake_hal_free(struct fake_hal *hal)
{
    uint64_t left;

    for (unsigned int i = 0; i < FAKE_CPUS; i++) {
        if (hal->cpus[i]) {
            fake_hal_set_cpu(i);
            if (axvm_cpu_disable(hal->cpus[i]) != AXVM_OK)
                fake_violation(hal, "axvm_cpu_disable", "a vCPU is still inside a run");
        }
    }
    fake_hal_set_cpu(0);
    left = hal->live_pages + hal->violations;
    fake_mem_fini(hal);
    pthread_cond_destroy(&hal->wake_cond);
    pthread_mutex_destroy(&hal->lock);
    free(hal->log_text);
    free(hal);
    return left;
}

/* ---- a terminal ---- */

static size_t console_write(void *ctx, const uint8_t *buf, size_t len)
{
    struct fake_console *con = ctx;
    size_t take = len < con->most ? len : con->most;

    con->calls++;
    if (take > con->room)
        take = con->room;
    if (take > sizeof(con->text) - 1 - con->len)
        take = sizeof(con->text) - 1 - con->len;
    memcpy(con->text + con->len, buf, take);
    con->len += take;
    con->room -= take;
    return take;
}

struct axvm_chardev fake_console_init(struct fake_console *con)
{
    memset(con, 0, sizeof(*con));
    con->most = con->room = SIZE_MAX;
    return (struct axvm_chardev){ .write = console_write, .ctx = con };
}
