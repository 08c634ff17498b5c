/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM with a GICv3 on fake CPUs, for tests of src/arch/aarch64/vgic*.c. vCPU n is on CPU n unless a test moves it. */
#ifndef VGIC_WORLD_H
#define VGIC_WORLD_H

#include "gich_fake.h"
#include "vgic.h"

#define WORLD_CPUS 8u
#define GICD(off) (UINT64_C(0x08000000) + (off))
/* The redistributors of vCPUs 123..127 do not fit between the first and the UART. */
#define GICR(vcpu, off)                                                                                                        \
    ((uint64_t)(vcpu) < 123 ? UINT64_C(0x080a0000) + (uint64_t)(vcpu)*0x20000 + (off)                                          \
                            : UINT64_C(0x0e000000) + ((uint64_t)(vcpu)-123) * 0x20000 + (off))
#define GICR_SGI(vcpu, off) GICR(vcpu, 0x10000 + (off))

struct world_config {
    unsigned int vcpus;   /* 0: one */
    unsigned int lrs;     /* 0: four */
    unsigned int prebits; /* 0: five */
    bool no_tdir;
    bool counts_drops;
    bool with_complete; /* hal->irq_complete, instead of deactivation by the GIC */
    bool with_mask;     /* hal->irq_mask */
    enum axvm_irq_mode mode;
};

struct world {
    struct gich_fake_machine machine;
    struct gich_fake phys[WORLD_CPUS];
    struct axvm_cpu cpu[WORLD_CPUS];
    struct axvm vm;
    struct axvm_vcpu *vcpu[AXVM_MAX_VCPUS];
    unsigned int where[AXVM_MAX_VCPUS]; /* CPU of each vCPU */
    bool masked[GICH_FAKE_HOST_INTIDS];
    _Atomic unsigned int kicks[AXVM_MAX_VCPUS]; /* axvm_vcpu_request() that was not there before */
    unsigned int completions;
    _Atomic unsigned int actor;          /* whom world_be() was last called for */
    _Atomic bool looked[AXVM_MAX_VCPUS]; /* it is not loaded, was asked to look, and world_settle() let it */
};

struct world *world_new(const struct world_config *cfg);
void world_free(struct world *w);

/* The calling thread is on the CPU of a vCPU, in its fast tier if that is loaded. world_host(): on a CPU that runs no
 * guest. */
void world_be(struct world *w, unsigned int vcpu);
void world_host(struct world *w);
struct gich_fake *world_gich(struct world *w, unsigned int vcpu);
struct axvm_vgic_cpu *world_vgic(struct world *w, unsigned int vcpu);

/* As run.c does, on the CPU where the calling thread is. */
void world_enter(struct axvm_vcpu *vcpu, bool resident);
void world_leave(struct axvm_vcpu *vcpu);
/* The same, being that vCPU; what was asked of it before is forgotten, and quiet is checked. */
void world_load(struct world *w, unsigned int vcpu, bool resident);
void world_put(struct world *w, unsigned int vcpu);
/* Carry out what is asked of a vCPU: AXVM_REQ_IRQ, and maintenance. Fails the test when that does not come to an end. */
void world_settle(struct world *w, unsigned int vcpu);
void world_settle_all(struct world *w);

/* Accesses by a guest. The result is that of the device's operation. */
int world_try_read(struct world *w, unsigned int vcpu, uint64_t gpa, unsigned int size, uint64_t *val);
int world_try_write(struct world *w, unsigned int vcpu, uint64_t gpa, unsigned int size, uint64_t val);
uint32_t world_read(struct world *w, unsigned int vcpu, uint64_t gpa);
void world_write(struct world *w, unsigned int vcpu, uint64_t gpa, uint32_t val);
uint64_t world_read64(struct world *w, unsigned int vcpu, uint64_t gpa);
void world_write64(struct world *w, unsigned int vcpu, uint64_t gpa, uint64_t val);

/* What most tests start with: both groups on everywhere, priority mask open, everything enabled at priority 0xa0, loaded. */
void world_enable_all(struct world *w);
/* Acknowledge in whatever group, GICH_FAKE_SPURIOUS if nothing is signalled. */
uint32_t world_ack(struct world *w, unsigned int vcpu);
/* EOI of group 1, which all are in unless a test changes it, and what comes of it. */
void world_eoi(struct world *w, unsigned int vcpu, uint32_t intid);

#endif
