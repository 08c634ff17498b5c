/* SPDX-License-Identifier: BSD-2-Clause */
#include "timer.h"

#include "el2.h"
#include "sysreg.h"
#include "ticks.h"
#include "vgic.h"

/* How a host reaches EL1's virtual timer depends on E2H. */
static uint64_t read_vtimer_ctl(const struct axvm_cpu *cpu)
{
    return cpu->arch.vhe ? axvm_sysreg_read(CNTV_CTL_EL02) : axvm_sysreg_read(cntv_ctl_el0);
}

static void write_vtimer_ctl(const struct axvm_cpu *cpu, uint64_t v)
{
    if (cpu->arch.vhe)
        axvm_sysreg_write(CNTV_CTL_EL02, v);
    else
        axvm_sysreg_write(cntv_ctl_el0, v);
}

static uint64_t read_vtimer_cval(const struct axvm_cpu *cpu)
{
    return cpu->arch.vhe ? axvm_sysreg_read(CNTV_CVAL_EL02) : axvm_sysreg_read(cntv_cval_el0);
}

static void write_vtimer_cval(const struct axvm_cpu *cpu, uint64_t v)
{
    if (cpu->arch.vhe)
        axvm_sysreg_write(CNTV_CVAL_EL02, v);
    else
        axvm_sysreg_write(cntv_cval_el0, v);
}

/* The guest's clock, now. CNTPCT_EL0, as CNTVCT_EL0 read at EL2 has the offset or not depending on E2H. */
static uint64_t guest_count(const struct axvm *vm)
{
    axvm_isb();
    return axvm_sysreg_read(cntpct_el0) - vm->arch.cntvoff;
}

static bool enabled(const struct axvm_timer_regs *t)
{
    return (t->ctl & (CNT_CTL_ENABLE | CNT_CTL_IMASK)) == CNT_CTL_ENABLE;
}

/* "Operation of the CompareValue views of the timers": (count - cval) >= 0, unsigned. */
static bool fired(const struct axvm_timer_regs *t, uint64_t now)
{
    return enabled(t) && now >= t->cval;
}

/* ---- the virtual timer ---- */

void axvm_timer_load(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    struct axvm_timer_regs *v = &vcpu->arch.vtimer;

    if (cpu->resident != vcpu)
        write_vtimer_cval(cpu, v->cval);
    /* Written in any case: the timer was off while the host ran. */
    write_vtimer_ctl(cpu, v->ctl);
    if (vcpu->arch.ptimer.ctl & CNT_CTL_ENABLE)
        axvm_ptimer_update(vcpu);
}

void axvm_timer_put(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    struct axvm_timer_regs *v = &vcpu->arch.vtimer;

    v->ctl = read_vtimer_ctl(cpu) & ~CNT_CTL_ISTATUS;
    v->cval = read_vtimer_cval(cpu);
    if (v->ctl & CNT_CTL_ENABLE) {
        write_vtimer_ctl(cpu, 0);
        axvm_isb();
    }
}

void axvm_timer_reset(struct axvm_vcpu *vcpu)
{
    vcpu->arch.vtimer = (struct axvm_timer_regs){ 0 };
    vcpu->arch.ptimer = (struct axvm_timer_regs){ 0 };
}

/* ---- the emulated physical timer ---- */

/* A guest that sets deadlines in the near past gets its interrupt at once, and no host timer is armed for it; one in the near
 * future costs the host one interrupt. So its rate is bounded by the guest's own instructions. */
void axvm_ptimer_update(struct axvm_vcpu *vcpu)
{
    const struct axvm_timer_regs *p = &vcpu->arch.ptimer;
    const struct axvm_hal *hal = &vcpu->vm->hal;
    uint64_t now = guest_count(vcpu->vm);
    bool level = fired(p, now);

    axvm_vgic_set_ppi(vcpu, AXVM_PTIMER_PPI, level);
    if (enabled(p) && !level && hal->timer_set) {
        uint64_t ns = axvm_ticks_to_ns(p->cval - now, axvm_sysreg_read(cntfrq_el0));
        uint64_t host_now = hal->time_ns(hal->ctx);

        hal->timer_set(hal->ctx, ns > AXVM_TIME_NEVER - host_now ? AXVM_TIME_NEVER : host_now + ns);
    }
}

uint64_t axvm_ptimer_read(struct axvm_vcpu *vcpu, enum axvm_ptimer_reg reg)
{
    const struct axvm_timer_regs *p = &vcpu->arch.ptimer;
    uint64_t now = guest_count(vcpu->vm);

    switch (reg) {
    case AXVM_PTIMER_CTL:
        return p->ctl | ((p->ctl & CNT_CTL_ENABLE) && now >= p->cval ? CNT_CTL_ISTATUS : 0);
    case AXVM_PTIMER_CVAL:
        return p->cval;
    case AXVM_PTIMER_TVAL:
        return (uint32_t)(p->cval - now);
    case AXVM_PTIMER_COUNT:
        break;
    }
    return now;
}

void axvm_ptimer_write(struct axvm_vcpu *vcpu, enum axvm_ptimer_reg reg, uint64_t val)
{
    struct axvm_timer_regs *p = &vcpu->arch.ptimer;

    switch (reg) {
    case AXVM_PTIMER_CTL:
        p->ctl = val & (CNT_CTL_ENABLE | CNT_CTL_IMASK);
        break;
    case AXVM_PTIMER_CVAL:
        p->cval = val;
        break;
    case AXVM_PTIMER_TVAL:
        p->cval = guest_count(vcpu->vm) + (uint64_t)(int64_t)(int32_t)val;
        break;
    case AXVM_PTIMER_COUNT:
        return;
    }
    axvm_ptimer_update(vcpu);
}

/* ---- while it sleeps ---- */

bool axvm_timer_due(struct axvm_vcpu *vcpu)
{
    uint64_t now = guest_count(vcpu->vm);

    return (fired(&vcpu->arch.vtimer, now) && axvm_vgic_ppi_signals(vcpu, AXVM_VTIMER_PPI)) ||
           (fired(&vcpu->arch.ptimer, now) && axvm_vgic_ppi_signals(vcpu, AXVM_PTIMER_PPI));
}

static uint64_t deadline_of(struct axvm_vcpu *vcpu, const struct axvm_timer_regs *t, uint32_t ppi, uint64_t now)
{
    if (!enabled(t) || !axvm_vgic_ppi_signals(vcpu, ppi))
        return AXVM_TIME_NEVER;
    return now >= t->cval ? 0 : t->cval - now;
}

uint64_t axvm_timer_deadline(struct axvm_vcpu *vcpu)
{
    const struct axvm_hal *hal = &vcpu->vm->hal;
    uint64_t now = guest_count(vcpu->vm);
    uint64_t ticks = axvm_min(deadline_of(vcpu, &vcpu->arch.vtimer, AXVM_VTIMER_PPI, now),
                              deadline_of(vcpu, &vcpu->arch.ptimer, AXVM_PTIMER_PPI, now));
    uint64_t host_now = hal->time_ns(hal->ctx);
    uint64_t ns;

    if (ticks == AXVM_TIME_NEVER)
        return AXVM_TIME_NEVER;
    /* One tick more: rounding must not wake it before its time. */
    ns = axvm_ticks_to_ns(ticks == 0 ? 0 : ticks + 1, axvm_sysreg_read(cntfrq_el0));
    return ns > AXVM_TIME_NEVER - host_now ? AXVM_TIME_NEVER : host_now + ns;
}
