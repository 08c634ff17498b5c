/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The GIC's virtual CPU interface of one physical CPU, as hardware would behave: what src/arch/aarch64/gich.h offers to the
 * library, and what a guest does with its ICC_* registers. IHI 0069, "The virtual CPU interface" and the pseudocode of ICV_*.
 */
#ifndef GICH_FAKE_H
#define GICH_FAKE_H

#include <stdbool.h>
#include <stdint.h>

#define GICH_FAKE_HOST_INTIDS 1024u
#define GICH_FAKE_SPURIOUS 1023u

/* Physical interrupts: which are active. Shared ones belong to the machine, the first 32 to each CPU. */
struct gich_fake_machine {
    bool spi_active[GICH_FAKE_HOST_INTIDS];
    unsigned int bad_deactivations; /* of interrupts that were not active */
};

struct gich_fake {
    struct gich_fake_machine *machine;
    bool ppi_active[32];
    unsigned int lr_count; /* 1..16 */
    unsigned int prebits;  /* 5..7 */
    bool tds;
    bool counts_drops; /* EOIcount also counts EOIs that only drop the priority, as some implementations do */
    uint64_t lr[16], hcr, vmcr;
    uint32_t ap0r[4], ap1r[4];
    unsigned int lr_writes;
};

/* The CPU that the calling thread is. */
extern _Thread_local struct gich_fake *gich_here;

/* ---- for the library ---- */

uint64_t axvm_gich_read_vtr(void);
uint64_t axvm_gich_read_hcr(void);
void axvm_gich_write_hcr(uint64_t val);
uint64_t axvm_gich_read_vmcr(void);
void axvm_gich_write_vmcr(uint64_t val);
void axvm_gich_read_apr(unsigned int prebits, uint32_t ap0r[4], uint32_t ap1r[4]);
void axvm_gich_write_apr(unsigned int prebits, const uint32_t ap0r[4], const uint32_t ap1r[4]);
uint64_t axvm_gich_read_lr(unsigned int n);
void axvm_gich_write_lr(unsigned int n, uint64_t val);
void axvm_gich_write_dir(uint32_t intid);
void axvm_gich_enable_sre(void);

/* ---- the guest on this CPU ---- */

/* What IAR would give, whichever group; GICH_FAKE_SPURIOUS: nothing is signalled. @group receives its group. */
uint32_t gich_fake_hppi(const struct gich_fake *cpu, unsigned int *group);
/* ICC_IAR<group>_EL1 */
uint32_t gich_fake_ack(struct gich_fake *cpu, unsigned int group);
/* ICC_EOIR<group>_EL1 */
void gich_fake_eoi(struct gich_fake *cpu, unsigned int group, uint32_t intid);
/* ICC_DIR_EL1; false: it traps, and nothing was done */
bool gich_fake_dir(struct gich_fake *cpu, uint32_t intid);
void gich_fake_set_pmr(struct gich_fake *cpu, uint8_t pmr);
void gich_fake_set_group(struct gich_fake *cpu, unsigned int group, bool enabled);
void gich_fake_set_eoimode(struct gich_fake *cpu, bool split);
/* Fields as in ICH_VMCR_EL2 */
void gich_fake_set_bpr(struct gich_fake *cpu, unsigned int bpr0, unsigned int bpr1, bool common);

/* Is the maintenance interrupt asserted (ICH_MISR_EL2 not zero)? */
bool gich_fake_maintenance(const struct gich_fake *cpu);

#endif
