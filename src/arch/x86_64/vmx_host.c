/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's registers across VM exits. Most are loaded from the VMCS by each exit ("Loading Host State"), so what the host has
 * now is written there with each host-tier entry, if it is not there yet. What exits leave in a state of their own is put back
 * when the vCPU leaves for the host tier: limits of GDTR, IDTR and TR, LDTR, selectors that the VMCS cannot hold,
 * IA32_DEBUGCTL. IA32_PAT and IA32_EFER a host sets up once for each CPU. MSRs without a field are exchanged here, too.
 */
#include "cpu.h"
#include "vmx.h"

#define SEL_RPL_TI 7u
#define TR_LIMIT_AFTER_EXIT 0x67u
#define TABLE_LIMIT_AFTER_EXIT 0xffffu

#define READ_SEL(name, insn)                                                                                                   \
    static inline uint16_t read_##name(void)                                                                                   \
    {                                                                                                                          \
        uint16_t sel;                                                                                                          \
                                                                                                                               \
        __asm__ volatile(insn " %0" : "=r"(sel));                                                                              \
        return sel;                                                                                                            \
    }
READ_SEL(cs, "mov %%cs,")
READ_SEL(ss, "mov %%ss,")
READ_SEL(ds, "mov %%ds,")
READ_SEL(es, "mov %%es,")
READ_SEL(fs, "mov %%fs,")
READ_SEL(gs, "mov %%gs,")
READ_SEL(tr, "str")
READ_SEL(ldtr, "sldt")

/* ---- into the VMCS ---- */

static inline void sync(uint64_t *have, uint64_t now, uint64_t field)
{
    if (__builtin_expect(*have != now, 0)) {
        *have = now;
        axvm_vmwrite(field, now);
    }
}

static inline void sync_sel(uint16_t *have, uint16_t now, uint64_t field)
{
    if (__builtin_expect(*have != now, 0)) {
        *have = now;
        axvm_vmwrite(field, now);
    }
}

/* "Segment Descriptors": of a 64-bit TSS. */
static uint64_t tss_base(const uint64_t d[2])
{
    return axvm_field(d[0], AXVM_BITS(39, 16)) | axvm_field(d[0], AXVM_BITS(63, 56)) << 24 | (d[1] & AXVM_BITS(31, 0)) << 32;
}

/* The limits of all but the task register are the same after every exit. */
static void take_tr(struct axvm_vmx_host *h, uint16_t tr)
{
    const uint64_t *d = (const uint64_t *)(uintptr_t)(h->gdtr_base + (tr & ~SEL_RPL_TI));
    uint64_t limit = (d[0] & AXVM_BITS(15, 0)) | (d[0] >> 32 & AXVM_BITS(19, 16));

    sync_sel(&h->tr, tr, VMCS_HOST_TR);
    sync(&h->tr_base, tss_base(d), VMCS_HOST_TR_BASE);
    h->long_tr = limit != TR_LIMIT_AFTER_EXIT;
}

static inline void take_tables(struct axvm_vmx_host *h)
{
    uint16_t tr = read_tr();

    __asm__ volatile("sgdt %0\n\tsidt %1" : "=m"(h->gdtr), "=m"(h->idtr));
    sync(&h->idtr_base, h->idtr.base, VMCS_HOST_IDTR_BASE);
    if (__builtin_expect(h->gdtr_base == h->gdtr.base && h->tr == tr, 1))
        return;
    sync(&h->gdtr_base, h->gdtr.base, VMCS_HOST_GDTR_BASE);
    take_tr(h, tr);
}

/* "Checks on Host Segment and Descriptor-Table Registers": RPL and TI are clear. Others are null after an exit, and put back.
 */
static __attribute__((noinline)) void set_data_segments(struct axvm_vmx_host *h)
{
    const uint16_t now[VMX_HOST_SEGS] = { read_es(), read_ds(), read_fs(), read_gs() };
    static const uint16_t field[VMX_HOST_SEGS] = { VMCS_HOST_ES, VMCS_HOST_DS, VMCS_HOST_FS, VMCS_HOST_GS };

    h->odd_seg = false;
    for (unsigned int i = 0; i < VMX_HOST_SEGS; i++) {
        h->seg[i] = now[i];
        h->odd_seg |= (now[i] & SEL_RPL_TI) != 0;
        axvm_vmwrite(field[i], now[i] & SEL_RPL_TI ? 0 : now[i]);
    }
}

static inline void take_data_segments(struct axvm_vmx_host *h)
{
    if (__builtin_expect(h->seg[0] != read_es() || h->seg[1] != read_ds() || h->seg[2] != read_fs() || h->seg[3] != read_gs(),
                         0))
        set_data_segments(h);
}

static inline void take_sysenter(struct axvm_vmx_host *h)
{
    sync(&h->sysenter_cs, axvm_rdmsr(MSR_IA32_SYSENTER_CS), VMCS_HOST_SYSENTER_CS);
    sync(&h->sysenter_esp, axvm_rdmsr(MSR_IA32_SYSENTER_ESP), VMCS_HOST_SYSENTER_ESP);
    sync(&h->sysenter_eip, axvm_rdmsr(MSR_IA32_SYSENTER_EIP), VMCS_HOST_SYSENTER_EIP);
}

static const uint32_t syscall_msrs[VMX_SYSCALL_MSRS] = { MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK };

static inline void take_msr(struct axvm_vmx *vmx, uint32_t msr, unsigned int i)
{
    vmx->host_msr[i] = axvm_rdmsr(msr);
    if (vmx->host_msr[i] != vmx->msr[i])
        axvm_wrmsr(msr, vmx->msr[i]);
}

static inline void give_back_msr(const struct axvm_vmx *vmx, uint32_t msr, unsigned int i)
{
    if (vmx->host_msr[i] != vmx->msr[i])
        axvm_wrmsr(msr, vmx->host_msr[i]);
}

static void take_syscall_msrs(struct axvm_vmx *vmx)
{
    for (unsigned int i = 0; i < VMX_SYSCALL_MSRS; i++)
        take_msr(vmx, syscall_msrs[i], i);
}

static void give_back_syscall_msrs(const struct axvm_vmx *vmx)
{
    for (unsigned int i = 0; i < VMX_SYSCALL_MSRS; i++)
        give_back_msr(vmx, syscall_msrs[i], i);
}

void axvm_vmx_set_syscall(struct axvm_vmx *vmx, bool on)
{
    if (on == vmx->syscall)
        return;
    vmx->syscall = on;
    if (on)
        take_syscall_msrs(vmx);
    else
        give_back_syscall_msrs(vmx);
}

void axvm_vmx_host_take(struct axvm_cpu *cpu, struct axvm_vmx *vmx)
{
    struct axvm_vmx_host *h = &vmx->host;

    if (vmx->host_cpu != cpu) {
        axvm_vmwrite(VMCS_HOST_PAT, axvm_rdmsr(MSR_IA32_PAT));
        axvm_vmwrite(VMCS_HOST_EFER, axvm_rdmsr(MSR_EFER));
        vmx->host_cpu = cpu;
    }
    sync(&h->cr0, axvm_read_cr0(), VMCS_HOST_CR0);
    sync(&h->cr3, axvm_read_cr3(), VMCS_HOST_CR3);
    sync(&h->cr4, axvm_read_cr4(), VMCS_HOST_CR4);
    sync(&h->fs_base, axvm_rdmsr(MSR_FS_BASE), VMCS_HOST_FS_BASE);
    sync(&h->gs_base, axvm_rdmsr(MSR_GS_BASE), VMCS_HOST_GS_BASE);
    sync_sel(&h->cs, read_cs(), VMCS_HOST_CS);
    sync_sel(&h->ss, read_ss(), VMCS_HOST_SS);
    take_tables(h);
    take_data_segments(h);
    take_sysenter(h);
    h->ldtr = read_ldtr();
    h->debugctl = axvm_rdmsr(MSR_IA32_DEBUGCTL);
    take_msr(vmx, MSR_KERNEL_GS_BASE, VMX_KERNEL_GS);
    if (vmx->syscall)
        take_syscall_msrs(vmx);
}

/* ---- and back ---- */

static inline void give_back_tables(const struct axvm_vmx_host *h)
{
    if (h->gdtr.limit != TABLE_LIMIT_AFTER_EXIT)
        __asm__ volatile("lgdt %0" : : "m"(h->gdtr) : "memory");
    if (h->idtr.limit != TABLE_LIMIT_AFTER_EXIT)
        __asm__ volatile("lidt %0" : : "m"(h->idtr) : "memory");
    if (h->ldtr != 0)
        __asm__ volatile("lldt %0" : : "r"(h->ldtr));
}

#define DESC_BUSY AXVM_BIT(41)

/* A TSS with an I/O bitmap: its limit comes back with LTR, which wants it not busy. The host's GDT has to be writable, then. */
static void give_back_tr(const struct axvm_vmx_host *h)
{
    volatile uint64_t *d = (volatile uint64_t *)(uintptr_t)(h->gdtr_base + (h->tr & ~SEL_RPL_TI));

    *d &= ~DESC_BUSY;
    __asm__ volatile("ltr %0" : : "r"(h->tr) : "memory");
}

/* Loading FS and GS loads their bases. */
static void give_back_data_segments(const struct axvm_vmx_host *h)
{
    if (h->seg[0] & SEL_RPL_TI)
        __asm__ volatile("mov %0, %%es" : : "r"((uint32_t)h->seg[0]));
    if (h->seg[1] & SEL_RPL_TI)
        __asm__ volatile("mov %0, %%ds" : : "r"((uint32_t)h->seg[1]));
    if (h->seg[2] & SEL_RPL_TI) {
        __asm__ volatile("mov %0, %%fs" : : "r"((uint32_t)h->seg[2]));
        axvm_wrmsr(MSR_FS_BASE, h->fs_base);
    }
    if (h->seg[3] & SEL_RPL_TI) {
        __asm__ volatile("mov %0, %%gs" : : "r"((uint32_t)h->seg[3]));
        axvm_wrmsr(MSR_GS_BASE, h->gs_base);
    }
}

void axvm_vmx_host_give_back(struct axvm_vmx *vmx)
{
    const struct axvm_vmx_host *h = &vmx->host;

    give_back_tables(h);
    if (__builtin_expect(h->long_tr, 0))
        give_back_tr(h);
    if (__builtin_expect(h->odd_seg, 0))
        give_back_data_segments(h);
    if (__builtin_expect(h->debugctl != 0, 0))
        axvm_wrmsr(MSR_IA32_DEBUGCTL, h->debugctl);
    /* The guest has changed it by itself; of writes to the others we know. */
    vmx->msr[VMX_KERNEL_GS] = axvm_rdmsr(MSR_KERNEL_GS_BASE);
    give_back_msr(vmx, MSR_KERNEL_GS_BASE, VMX_KERNEL_GS);
    if (vmx->syscall)
        give_back_syscall_msrs(vmx);
}
