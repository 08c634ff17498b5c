/* SPDX-License-Identifier: BSD-2-Clause */
/* Debug registers: DR0 to DR3 are the host's until the guest uses any, DR6 and DR7 are in the VMCB or VMCS. */
#include "cpu.h"
#include "exit.h"

static void read_all(uint64_t dr[4])
{
    dr[0] = axvm_read_dr0();
    dr[1] = axvm_read_dr1();
    dr[2] = axvm_read_dr2();
    dr[3] = axvm_read_dr3();
}

static void write_all(const uint64_t dr[4])
{
    axvm_write_dr0(dr[0]);
    axvm_write_dr1(dr[1]);
    axvm_write_dr2(dr[2]);
    axvm_write_dr3(dr[3]);
}

/* The host's DR7 is not in force between exit and entry: both vendors' exits disable all breakpoints. */
void axvm_x86_dr_load(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    if (v->dr_loaded)
        return;
    axvm_write_dr7(0x400);
    read_all(v->host_dr);
    write_all(v->dr);
    v->dr_loaded = true;
    axvm_x86_hw(vcpu, dr_access, true);
}

void axvm_x86_dr_put(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    read_all(v->dr);
    write_all(v->host_dr);
    v->dr_loaded = false;
    axvm_x86_hw(vcpu, dr_access, false);
}
