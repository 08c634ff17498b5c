/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x87, SSE, AVX and what else XSAVE knows. The registers are the guest's from its first use of them, which is #NM, as CR0.TS is
 * set in hardware until then, to when the vCPU leaves for the host tier. A guest that uses XSAVE (CR4.OSXSAVE) is taken to use
 * them always, and has them with each entry: it saves most of the traps, and QEMU's XSAVE and XRSTOR do not mind TS. What is
 * exchanged is all that the host's XCR0 has enabled: guests are offered no more.
 *
 * fp_loaded: the guest may use them; they are in the CPU as long as the vCPU is loaded.
 */
#include <axvm/err.h>

#include "cpu.h"
#include "exit.h"
#include "mem.h"

#define CR4_OF_HOST (CR4_OSFXSR | CR4_OSXSAVE)
#define LEGACY_SIZE 512u
#define MXCSR_RESET 0x1f80u
#define FCW_RESET 0x037fu

/* The host's CR0 and CR4 allow it: its own TS may be set, and OSFXSR need not be. */
struct host_state {
    uint64_t cr0, cr4;
};

static struct host_state allow(void)
{
    struct host_state s = { .cr0 = axvm_read_cr0(), .cr4 = axvm_read_cr4() };

    if (s.cr0 & (CR0_TS | CR0_EM))
        axvm_write_cr0(s.cr0 & ~(CR0_TS | CR0_EM));
    if ((s.cr4 & CR4_OSFXSR) == 0)
        axvm_write_cr4(s.cr4 | CR4_OSFXSR);
    return s;
}

static void disallow(struct host_state s)
{
    if ((s.cr4 & CR4_OSFXSR) == 0)
        axvm_write_cr4(s.cr4);
    if (s.cr0 & (CR0_TS | CR0_EM))
        axvm_write_cr0(s.cr0);
}

static void save(const struct axvm_arch_cpu *h, void *area)
{
    if (h->has_xsave)
        __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(UINT32_MAX), "d"(UINT32_MAX) : "memory");
    else
        __asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

/* FNINIT and EMMS: AMD keeps the last x87 instruction's addresses out of FXRSTOR's reach when no exception is pending: APM vol.
 * 2, "FXSAVE and FXRSTOR Instructions"; they would be the other world's. */
static void restore(const struct axvm_arch_cpu *h, const void *area)
{
    static const uint32_t zero = 0;

    __asm__ volatile("fninit\n\tfildl %0\n\tfninit" : : "m"(zero));
    if (h->has_xsave)
        __asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(UINT32_MAX), "d"(UINT32_MAX) : "memory");
    else
        __asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

/* With the host's XCR0, so that what the guest has disabled in its own is kept, too. */
static void exchange(struct axvm_arch_cpu *h, void *out, const void *in)
{
    struct host_state s = allow();
    uint64_t xcr0 = h->has_xsave ? axvm_xgetbv(0) : 0;

    if (xcr0 != h->host_xcr0)
        axvm_xsetbv(0, h->host_xcr0);
    save(h, out);
    restore(h, in);
    if (xcr0 != h->host_xcr0)
        axvm_xsetbv(0, xcr0);
    disallow(s);
}

void axvm_x86_fp_load(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    struct axvm_arch_cpu *h = &v->cpu->arch;

    exchange(h, h->host_fpu.area, v->fpu.area);
    v->fp_loaded = true;
    axvm_x86_hw(vcpu, fp_access, true);
}

void axvm_x86_fp_put(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    struct axvm_arch_cpu *h = &v->cpu->arch;

    v->cr0 = axvm_x86_get_cr0(vcpu);
    v->fp_loaded = false;
    axvm_x86_hw(vcpu, fp_access, false);
    exchange(h, v->fpu.area, h->host_fpu.area);
}

void axvm_x86_fp_enter(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    struct axvm_arch_cpu *h = &v->cpu->arch;

    if (v->fp_loaded)
        exchange(h, h->host_fpu.area, v->fpu.area);
    else if (v->osxsave)
        axvm_x86_fp_load(vcpu);
}

void axvm_x86_fp_leave(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    struct axvm_arch_cpu *h = &v->cpu->arch;

    if (!v->fp_loaded)
        return;
    if (!v->osxsave) {
        axvm_x86_fp_put(vcpu);
        return;
    }
    v->cr0 = axvm_x86_get_cr0(vcpu);
    exchange(h, v->fpu.area, h->host_fpu.area);
}

/* ---- areas ---- */

static unsigned int order_of(uint32_t size)
{
    unsigned int order = 0;

    while (((uint32_t)AXVM_PAGE_SIZE << order) < size)
        order++;
    return order;
}

static int area_init(struct axvm_x86_fpu *fpu, const struct axvm_hal *hal, uint32_t size)
{
    axvm_hpa_t pa;

    fpu->order = (uint8_t)order_of(size);
    if (!hal->page_alloc(hal->ctx, fpu->order, &pa))
        return AXVM_ERR_NOMEM;
    fpu->area = hal->phys_to_virt(hal->ctx, pa);
    return AXVM_OK;
}

static void area_fini(struct axvm_x86_fpu *fpu, const struct axvm_hal *hal)
{
    if (fpu->area)
        hal->page_free(hal->ctx, hal->virt_to_phys(hal->ctx, fpu->area), fpu->order);
    fpu->area = NULL;
}

/* The largest that any XCR0 of this CPU calls for: CPUID leaf 0xd, ECX. */
static uint32_t area_size(void)
{
    if ((axvm_read_cr4() & CR4_OSXSAVE) == 0)
        return LEGACY_SIZE;
    return axvm_cpuid(0xd, 0).ecx;
}

int axvm_x86_fpu_cpu_init(struct axvm_cpu *cpu)
{
    struct axvm_arch_cpu *h = &cpu->arch;

    h->has_xsave = (axvm_read_cr4() & CR4_OSXSAVE) != 0;
    h->host_xcr0 = h->has_xsave ? axvm_xgetbv(0) : 0;
    h->fpu_size = area_size();
    return area_init(&h->host_fpu, &cpu->hal, h->fpu_size);
}

void axvm_x86_fpu_cpu_fini(struct axvm_cpu *cpu)
{
    area_fini(&cpu->arch.host_fpu, &cpu->hal);
}

int axvm_x86_fpu_vcpu_init(struct axvm_vcpu *vcpu)
{
    return area_init(&vcpu->arch.fpu, &vcpu->vm->hal, area_size());
}

void axvm_x86_fpu_vcpu_fini(struct axvm_vcpu *vcpu)
{
    area_fini(&vcpu->arch.fpu, &vcpu->vm->hal);
}

/* XSTATE_BV of zero: all components as after reset, but for MXCSR, which is always read. */
void axvm_x86_fpu_reset(struct axvm_vcpu *vcpu)
{
    uint8_t *area = vcpu->arch.fpu.area;
    uint16_t fcw = FCW_RESET;
    uint32_t mxcsr = MXCSR_RESET;

    memset(area, 0, (size_t)AXVM_PAGE_SIZE << vcpu->arch.fpu.order);
    memcpy(area, &fcw, sizeof(fcw));
    memcpy(area + 24, &mxcsr, sizeof(mxcsr));
}
