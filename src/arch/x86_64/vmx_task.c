/* SPDX-License-Identifier: BSD-2-Clause */
/* Hardware task switches exit always, and are not emulated: no 64-bit system has them, and 32-bit ones only for a double fault
 * that is the end of them. Intel SDM vol. 3C, "Exit Qualification for Task Switches". */
#include "vmx.h"

#define QUAL_TASK_SELECTOR AXVM_BITS(15, 0)

enum axvm_trap_kind axvm_vmx_exit_task_switch(struct axvm_vcpu *vcpu)
{
    axvm_log_guest(vcpu->vm, AXVM_LOG_WARN, "a hardware task switch is not emulated; selector",
                   axvm_field(axvm_vmread(VMCS_QUALIFICATION), QUAL_TASK_SELECTOR));
    return axvm_x86_exit_shutdown(vcpu);
}
