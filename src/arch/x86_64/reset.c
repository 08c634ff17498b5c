/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers as a vCPU begins with. Intel SDM vol. 3A, "IA-32 and Intel 64 Processor States Following Power-up, Reset, or INIT";
 * boot.h. */
#include "exit.h"
#include "mem.h"

#define ATTR_CODE 0x9b /* present, accessed, execute/read */
#define ATTR_DATA 0x93 /* present, accessed, read/write */
#define ATTR_LDT 0x82
#define ATTR_TSS 0x8b /* busy, 32-bit: long mode is not entered with one of 16 bits */
#define CR0_RESET (CR0_CD | CR0_NW | CR0_ET)

static struct axvm_x86_seg seg(uint16_t sel, uint16_t attr, uint32_t limit, uint64_t base)
{
    return (struct axvm_x86_seg){ .sel = sel, .attr = attr, .limit = limit, .base = base };
}

static void set_data(struct axvm_x86_sys *s, struct axvm_x86_seg data)
{
    s->seg[AXVM_X86_ES] = data;
    s->seg[AXVM_X86_SS] = data;
    s->seg[AXVM_X86_DS] = data;
    s->seg[AXVM_X86_FS] = data;
    s->seg[AXVM_X86_GS] = data;
}

/* Real mode, at @cs : @ip. */
static void power_on(struct axvm_arch_vcpu *v, uint16_t cs, uint64_t cs_base, uint64_t ip)
{
    struct axvm_x86_sys *s = &v->sys;

    memset(s, 0, sizeof(*s));
    set_data(s, seg(0, ATTR_DATA, 0xffff, 0));
    s->seg[AXVM_X86_CS] = seg(cs, ATTR_CODE, 0xffff, cs_base);
    s->seg[AXVM_X86_LDTR] = seg(0, ATTR_LDT, 0xffff, 0);
    s->seg[AXVM_X86_TR] = seg(0, ATTR_TSS, 0xffff, 0);
    s->gdtr.limit = 0xffff;
    s->idtr.limit = 0xffff;
    s->cr0 = CR0_RESET;
    s->dr6 = DR6_FIXED1;
    s->dr7 = DR7_FIXED1;
    s->pat = PAT_RESET;
    v->rip = ip;
}

/* ---- what loaders ask for ---- */

static void flat(struct axvm_arch_vcpu *v, const struct axvm_x86_boot *boot, bool wide)
{
    struct axvm_x86_sys *s = &v->sys;

    set_data(s, seg(AXVM_X86_BOOT_DS, ATTR_DATA | SEG_G | SEG_DB, UINT32_MAX, 0));
    s->seg[AXVM_X86_CS] = seg(AXVM_X86_BOOT_CS, (uint16_t)(ATTR_CODE | SEG_G | (wide ? SEG_L : SEG_DB)), UINT32_MAX, 0);
    s->seg[AXVM_X86_TR] = seg(AXVM_X86_BOOT_TR, ATTR_TSS, 0x67, 0);
    s->gdtr = seg(0, 0, boot->gdt_limit, boot->gdt);
    s->idtr.limit = 0;
    s->cr0 = CR0_PE | CR0_ET;
    if (!wide)
        return;
    s->cr0 |= CR0_PG | CR0_NE | CR0_MP;
    s->cr3 = boot->cr3;
    s->cr4 = CR4_PAE;
    s->efer = EFER_LME | EFER_LMA;
}

static void boot_state(struct axvm_arch_vcpu *v, const struct axvm_x86_boot *boot, uint64_t entry, uint64_t info)
{
    bool wide = boot->mode == AXVM_X86_BOOT_LINUX || boot->mode == AXVM_X86_BOOT_ELF64;

    power_on(v, 0xf000, 0xffff0000u, 0xfff0);
    if (boot->mode == AXVM_X86_BOOT_RESET)
        return;
    flat(v, boot, wide);
    v->rip = entry;
    switch (boot->mode) {
    case AXVM_X86_BOOT_MULTIBOOT:
        v->gpr[AXVM_RAX] = AXVM_X86_MULTIBOOT_MAGIC;
        v->gpr[AXVM_RBX] = info;
        break;
    case AXVM_X86_BOOT_LINUX:
        v->gpr[AXVM_RSI] = info;
        break;
    case AXVM_X86_BOOT_ELF64:
        v->gpr[AXVM_RDI] = info;
        v->gpr[AXVM_RBX] = info;
        break;
    default:
        v->gpr[AXVM_RBX] = info;
        break;
    }
}

/* ---- */

static void forget(struct axvm_arch_vcpu *v)
{
    memset(v->gpr, 0, sizeof(v->gpr));
    memset(v->dr, 0, sizeof(v->dr));
    memset(&v->sites, 0, sizeof(v->sites));
    v->gpr[AXVM_RDX] = 0x600; /* family, model, stepping: nobody looks */
    v->cr2 = 0;
    v->work = AXVM_WORK_WINDOW; /* one that was open is closed: the hardware's control block outlives the reset */
    v->event = 0;
    v->pv = (struct axvm_pv){ .version = v->pv.version };
    v->halted = false;
    v->nmi_held = false;
    v->osxsave = false;
    v->fp_loaded = false;
    v->dr_loaded = false;
    v->xcr0 = XCR0_X87;
    v->tsc_aux = 0;
    v->tsc_moved = 0;
    v->cr8 = AXVM_CR8_UNKNOWN;
    v->nmi_state = AXVM_NMI_OPEN;
    v->last_cpu = NULL;
    v->sys_dirty = true;
    atomic_store(&v->nmi, 0);
}

/* A start by SIPI leaves the local APIC, the TSC and the MSRs as INIT has left them; FP registers are not touched by INIT
 * either, but no system expects anything in them. */
void axvm_arch_vcpu_reset(struct axvm_vcpu *vcpu, uint64_t entry, uint64_t arg)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    forget(v);
    axvm_x86_set_rflags(vcpu, RFLAGS_FIXED1);
    if (arg == AXVM_X86_START_SIPI)
        power_on(v, (uint16_t)(entry >> 4), entry, 0);
    else
        boot_state(v, &vcpu->vm->arch.boot, entry, arg);
    v->cr0 = v->sys.cr0;
    axvm_msrs_reset(&v->msrs, &vcpu->vm->arch.cpuid->limits);
    axvm_x86_fpu_reset(vcpu);
    /* A SIPI has said already that it is on; and an INIT may have come since. */
    if (arg != AXVM_X86_START_SIPI)
        atomic_store(&v->startup, atomic_load(&vcpu->power) != AXVM_POWER_OFF ? AXVM_STARTUP_ON : 0);
}
