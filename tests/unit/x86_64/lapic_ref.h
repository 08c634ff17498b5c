/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Local APICs once more, slow and obvious, from the text of Intel's SDM: an array element for each vector, everything computed
 * when it is asked for, the timer as a countdown. Shares nothing with src/devices/lapic*.c but the numbers of delivery modes.
 */
#ifndef LAPIC_REF_H
#define LAPIC_REF_H

#include <stdbool.h>
#include <stdint.h>

#define REF_MAX 20
#define REF_NONE (-1)
#define REF_EXTINT 256

enum ref_mode { REF_DISABLED, REF_XAPIC, REF_X2APIC };

struct ref_apic {
    int id;
    enum ref_mode mode;
    uint64_t base; /* all of IA32_APIC_BASE but the mode */
    bool irr[256], isr[256], tmr[256], watched[256];
    uint32_t tpr, ldr, dfr, svr, esr, new_errors;
    uint32_t icr_low, icr_high;
    uint32_t lvt[6];
    uint32_t initial, divide;
    uint64_t left_ns; /* until the count is 0; 0: it does not run */
    uint64_t tsc_deadline;
    bool pin[2], remote_irr, ext_message;
};

struct ref_event {
    int apic, what, vector;
};

struct ref {
    int count;
    uint64_t now;
    int turn;
    struct ref_apic apic[REF_MAX];
    struct ref_event events[64];
    int event_count;
    struct {
        int apic, vector;
    } eois[64];
    int eoi_count;
};

void ref_init(struct ref *r, int count);
void ref_power_on(struct ref *r, int id);
void ref_init_signal(struct ref *r, int id);
void ref_advance(struct ref *r, uint64_t ns);

int ref_pending(const struct ref *r, int id);
int ref_highest(const struct ref *r, int id);
void ref_accept(struct ref *r, int id, int what);

bool ref_message(struct ref *r, uint32_t dest, bool logical, int delivery, int vector, bool level, bool watch);
bool ref_msi(struct ref *r, uint64_t addr, uint32_t data);
void ref_pin(struct ref *r, int id, int pin, bool level);
void ref_local(struct ref *r, int id, int which);
void ref_set_cr8(struct ref *r, int id, uint32_t cr8);

uint64_t ref_mmio_read(struct ref *r, int id, uint32_t off, int size);
void ref_mmio_write(struct ref *r, int id, uint32_t off, int size, uint64_t val);
/* False: #GP */
bool ref_rdmsr(struct ref *r, int id, uint32_t msr, uint64_t *val);
bool ref_wrmsr(struct ref *r, int id, uint32_t msr, uint64_t val);

/* Guest TSC runs at 1 GHz, so that a deadline is a time. */
uint64_t ref_deadline(const struct ref *r, int id);

#endif
