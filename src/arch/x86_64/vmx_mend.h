/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest state that a VM entry has refused. Pure logic. Intel SDM vol. 3C, "Checks on the Guest State Area", "VM-Entry Control
 * Fields". */
#ifndef AXVM_X86_64_VMX_MEND_H
#define AXVM_X86_64_VMX_MEND_H

#include <stdbool.h>
#include <stdint.h>

/* What can be out of step with each other after an instruction was emulated or an event interrupted. */
struct axvm_vmx_entry_state {
    uint64_t rip, rflags;
    uint64_t blocking, pending_db, event; /* as the VMCS has them */
    bool code64;                          /* in 64-bit mode */
    bool long_mode;
    bool protected_mode;
};

enum axvm_vmx_mended {
    AXVM_VMX_HOPELESS,  /* all of this is as it should be */
    AXVM_VMX_MENDED,    /* try again */
    AXVM_VMX_MENDED_GP, /* the same, but with #GP(0): RIP was beyond the addresses there are */
};

enum axvm_vmx_mended axvm_vmx_mend(struct axvm_vmx_entry_state *s);

#endif
