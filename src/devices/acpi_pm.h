/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI fixed hardware: ACPI Specification 6.5, "ACPI Hardware Specification"; the timer has 32 bits. And the reset control
 * register of PIIX and ICH chips, port 0xcf9; and Bochs' port for turning off, 0x8900. */
#ifndef AXVM_DEVICES_ACPI_PM_H
#define AXVM_DEVICES_ACPI_PM_H

#include <axvm/device.h>

/* From the base. */
#define AXVM_ACPI_PM1_STATUS 0u
#define AXVM_ACPI_PM1_ENABLE 2u
#define AXVM_ACPI_PM1_CONTROL 4u
#define AXVM_ACPI_PM_TIMER 8u
#define AXVM_ACPI_PM_SIZE 16u
#define AXVM_ACPI_PM_TIMER_HZ 3579545u

struct axvm_acpi_pm_config {
    uint16_t base;
    uint32_t sci; /* input of the interrupt controller */
    bool has_sci;
    uint8_t slp_typ_s5; /* SLP_TYPx of soft off, the only sleep there is */
};

/* Make one: [base, base + 16), 0x8900, and 0xcf8..0xcff, where PCI's configuration ports would be. Errors as
 * axvm_device_attach(). */
int axvm_acpi_pm_create(struct axvm *vm, const struct axvm_acpi_pm_config *cfg);

#endif
