/* SPDX-License-Identifier: BSD-2-Clause */
/* The VMs of the device tree and the threads of their vCPUs. */
#ifndef VMS_H
#define VMS_H

#include <stdbool.h>
#include <stdint.h>

struct thread;

/* Make, boot and run all VMs that the device tree describes. From a thread. When the last has ended the machine goes off. */
void vms_start(void);

/* For the HAL. NULL: there is no such vCPU, or its thread has not been made yet. */
struct thread *vms_thread(unsigned int vm_id, unsigned int vcpu_id);
/* VM of the calling thread, and its vCPU; UINT32_MAX when it runs none. */
unsigned int vms_current(unsigned int *vcpu_id);
bool vms_inject(unsigned int vm_id, unsigned int vcpu_id, uint32_t irq);

/* A device's interrupt has fired, for a VM that it was given to. False: nobody's. Any context. */
bool vms_forward_irq(uint32_t irq);

#endif
