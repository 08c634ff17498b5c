/* SPDX-License-Identifier: BSD-2-Clause */
/* The VM of the hostile guests on the x86_64 backend with SVM. */
#ifndef X86_HOSTILE_H
#define X86_HOSTILE_H

#include "native_hostile.h"
#include "x86_world.h"

#define RAM_SIZE (8 * MIB)
#define CODE MIB                    /* where a flat image is, and where it begins */
#define DEVICE UINT64_C(0xd0000000) /* the probe, like the two that follow */
#define PORT 0x5000u
#define PORT_END 0xffffu /* one more port, the last */
#define HOLE UINT64_C(0xd1000000)

/* The image; zeroes before and after each test. */
extern uint8_t code[4096];

struct axvm *make(struct fake_hal *hal, uint32_t vcpus);

#define THREADS 3u
/* native_stop_and_reset() with a guest whose argument is the struct native_smp. */
void stop_and_reset(struct fake_hal *hal, x86_guest guest);

#endif
