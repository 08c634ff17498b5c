/* SPDX-License-Identifier: BSD-2-Clause */
/* The VM of the hostile guests on the riscv64 backend. */
#ifndef RISCV64_HOSTILE_H
#define RISCV64_HOSTILE_H

#include "hs_world.h"
#include "native_hostile.h"

#define RAM UINT64_C(0x80000000)
#define RAM_SIZE (4 * MIB)
#define ROM (RAM + 64 * MIB)
#define DEVICE UINT64_C(0x0a000000) /* the probe */
#define DEVICE_LEN 0x100u
#define HOLE UINT64_C(0x0b000000)
#define WALK_READ 0x3000u /* htinst: of the guest's own tables, 64-bit PTE */
#define WALK_WRITE 0x3020u
#define LW 0x0005a503u /* lw a0, (a1) */
#define SW 0x00a5a023u /* sw a0, (a1) */
#define LD 0x0005b503u
#define AMOADD 0x00a5a52fu /* amoadd.w a0, a0, (a1) */
#define LR 0x1005a52fu     /* lr.w a0, (a1) */

struct axvm *make(struct fake_hal *hal, uint32_t vcpus, uint32_t irqchip);

/* The end of a guest that has nothing more to do: it is kicked out. */
void leave(struct axvm_vcpu *vcpu, struct hs_trap *trap);
/* A guest on a thread has to take its interrupts. */
bool kicked(struct fake_hal *hal, struct hs_trap *trap);
/* A guest that is interrupted by the host *arg times, an uint64_t. */
void interrupted(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg);

#define THREADS 4u
/* native_stop_and_reset() with a guest whose argument is the struct native_smp. */
void stop_and_reset(struct fake_hal *hal, hs_guest guest);

#endif
