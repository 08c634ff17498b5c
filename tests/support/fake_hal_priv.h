/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the fake host. */
#ifndef FAKE_HAL_PRIV_H
#define FAKE_HAL_PRIV_H

#include "fake_hal.h"

void fake_enter(struct fake_hal *hal, enum fake_callback which);
void fake_enter_sleeping(struct fake_hal *hal, enum fake_callback which, const char *name);
void fake_violation(struct fake_hal *hal, const char *where, const char *what);
bool fake_fails(struct fake_hal *hal, enum fake_callback which);

void fake_mem_init(struct fake_hal *hal);
void fake_mem_fini(struct fake_hal *hal);

#endif
