/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AXVM_X86_64_ACPI_PRIV_H
#define AXVM_X86_64_ACPI_PRIV_H

#include "aml.h"
#include "vm_priv.h"

/* The AML of the DSDT: sleep states, CPUs, devices. */
void axvm_acpi_write_devices(const struct axvm *vm, struct axvm_aml *w);

#endif
