/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest page faults: emulated devices, memory that is not there yet, and what the guest has no business touching. */
#include <axvm/err.h>

#include "bits.h"
#include "hs.h"
#include "insn.h"

/* What the trap's registers say. */
struct fault {
    uint64_t cause, gpa, va, htinst;
    uint32_t prot;
    bool walk; /* of the guest's own tables */
};

/* The exception for an access that the machine refuses. */
static uint64_t access_fault(uint64_t cause)
{
    switch (cause) {
    case CAUSE_FETCH_GUEST_PAGE:
        return CAUSE_FETCH_ACCESS;
    case CAUSE_LOAD_GUEST_PAGE:
        return CAUSE_LOAD_ACCESS;
    default:
        return CAUSE_STORE_ACCESS;
    }
}

static uint64_t refuse(struct axvm_vcpu *vcpu, const struct fault *f)
{
    axvm_raise_live(vcpu, access_fault(f->cause), f->va);
    return AXVM_TRAP_RESUME;
}

static struct fault read_fault(uint64_t cause)
{
    struct fault f = { .cause = cause, .va = axvm_csr_read(CSR_STVAL), .htinst = axvm_csr_read(CSR_HTINST) };
    bool write;

    /* htval is the address shifted right by 2; its lowest bits are those of stval: "htval". */
    f.gpa = axvm_csr_read(CSR_HTVAL) << 2 | (f.va & 3);
    f.prot = cause == CAUSE_FETCH_GUEST_PAGE  ? AXVM_PROT_EXEC
             : cause == CAUSE_LOAD_GUEST_PAGE ? AXVM_PROT_READ
                                              : AXVM_PROT_WRITE;
    f.walk = axvm_htinst_is_walk(f.htinst, &write);
    if (f.walk)
        f.prot = write ? AXVM_PROT_WRITE : AXVM_PROT_READ;
    return f;
}

static void remember(struct axvm_vcpu *vcpu, const struct fault *f)
{
    vcpu->arch.cause = access_fault(f->cause);
    vcpu->arch.tval = f->va;
}

/* ---- the instruction ---- */

/* A word does not cross a page if it is aligned, and neither does what is fetched of it beyond a compressed instruction. */
static bool fetch(uint64_t pc, uint64_t *insn)
{
    uint64_t high;

    if ((pc & 3) == 0)
        return axvm_hlvx_wu(pc, insn);
    if (!axvm_hlvx_hu(pc, insn))
        return false;
    if (axvm_insn_is_compressed((uint32_t)*insn))
        return true;
    if (!axvm_hlvx_hu(pc + 2, &high))
        return false;
    *insn |= high << 16;
    return true;
}

bool axvm_fetch_insn(uint32_t *insn)
{
    uint64_t pc = axvm_csr_read(CSR_SEPC), sstatus = axvm_csr_read(CSR_SSTATUS), hstatus = axvm_csr_read(CSR_HSTATUS);
    uint64_t fetched = 0;
    bool ok = fetch(pc, &fetched);

    if (!ok) {
        axvm_csr_write(CSR_HSTATUS, hstatus);
        axvm_csr_write(CSR_SSTATUS, sstatus);
        axvm_csr_write(CSR_SEPC, pc);
    }
    *insn = (uint32_t)fetched;
    return ok;
}

static uint64_t register_value(struct axvm_vcpu *vcpu, const struct axvm_insn *d)
{
    if (!d->fp)
        return vcpu->arch.gpr[d->reg];
    /* The instruction has passed the check of FS, so the registers are loaded. */
    axvm_fp_save_regs(&vcpu->arch.fp);
    return vcpu->arch.fp.f[d->reg];
}

/* Another vCPU may have changed tables or code under our hands: what is fetched must be an access as the one that trapped. */
static bool matches(struct axvm_vcpu *vcpu, const struct axvm_insn *d, const struct fault *f)
{
    bool store = f->cause == CAUSE_STORE_GUEST_PAGE;

    if (d->kind == AXVM_INSN_AMO)
        return store != d->is_lr;
    if (d->kind != (store ? AXVM_INSN_STORE : AXVM_INSN_LOAD))
        return false;
    if (d->fp && !(vcpu->arch.extra & AXVM_EXTRA_FP))
        return false;
    return vcpu->arch.gpr[d->base] + (uint64_t)d->offset == f->va;
}

/* ---- devices ---- */

static uint64_t leave_for_device(struct axvm_vcpu *vcpu, const struct fault *f, const struct axvm_insn *d)
{
    bool store = d->kind == AXVM_INSN_STORE;

    axvm_stat_inc(vcpu, AXVM_STAT_MMIO);
    remember(vcpu, f);
    vcpu->trap.mmio = (struct axvm_mmio){
        .addr = f->gpa,
        .val = { store ? axvm_extend(register_value(vcpu, d), d->size, false) : 0 },
        .space = AXVM_BUS_MMIO,
        .size = d->size,
        .count = 1,
        .write = store,
        .arch = { .dest = d->fp ? AXVM_DEST_FP : AXVM_DEST_GPR, .reg = d->reg, .sign_extend = d->sign, .insn_len = d->len },
    };
    return AXVM_TRAP_MMIO;
}

/* How far finding out what the instruction does has come. */
enum decoded { DECODED, FETCH_AGAIN, NOT_AN_ACCESS };

/* From htinst, or from the instruction itself. */
static enum decoded decode(struct axvm_vcpu *vcpu, const struct fault *f, struct axvm_insn *d)
{
    uint32_t insn;

    *d = axvm_insn_decode_htinst(f->htinst, f->cause == CAUSE_STORE_GUEST_PAGE);
    if (d->kind == AXVM_INSN_OTHER) {
        /* What cannot be fetched now is tried again by the guest. */
        if (!axvm_fetch_insn(&insn))
            return FETCH_AGAIN;
        *d = axvm_insn_decode(insn);
        if (!matches(vcpu, d, f))
            return NOT_AN_ACCESS;
    }
    /* I/O memory: AMONone, RsrvNone, and nothing misaligned ("Physical Memory Attributes"). */
    return d->kind == AXVM_INSN_AMO || (f->gpa & (d->size - 1u)) != 0 ? NOT_AN_ACCESS : DECODED;
}

/* AMOs fault as stores do. A QEMU with one CPU makes a load and a store of them, and reports the load. */
static uint64_t refuse_insn(struct axvm_vcpu *vcpu, struct fault *f, const struct axvm_insn *d)
{
    if (d->kind == AXVM_INSN_AMO && !d->is_lr)
        f->cause = CAUSE_STORE_GUEST_PAGE;
    return refuse(vcpu, f);
}

/* Nothing in stage 2 is there: the host may answer. */
static uint64_t exit_nobody(struct axvm_vcpu *vcpu, struct fault *f)
{
    struct axvm_insn d;

    switch (decode(vcpu, f, &d)) {
    case FETCH_AGAIN:
        return AXVM_TRAP_RESUME;
    case NOT_AN_ACCESS:
        return refuse_insn(vcpu, f, &d);
    case DECODED:
        break;
    }
    return leave_for_device(vcpu, f, &d);
}

/* A device: if it is of the fast tier, the whole way of a register access, from the bus to the guest's register. */
static uint64_t exit_device(struct axvm_vcpu *vcpu, struct fault *f)
{
    struct axvm_access acc = { .off = f->gpa, .vcpu = vcpu };
    struct axvm_insn d;
    bool write;
    int rc;

    switch (decode(vcpu, f, &d)) {
    case FETCH_AGAIN:
        return AXVM_TRAP_RESUME;
    case NOT_AN_ACCESS:
        return refuse_insn(vcpu, f, &d);
    case DECODED:
        break;
    }
    if (d.fp)
        return leave_for_device(vcpu, f, &d);
    write = d.kind == AXVM_INSN_STORE;
    acc.size = d.size;
    if (write)
        acc.val = axvm_extend(vcpu->arch.gpr[d.reg], d.size, false);
    rc = axvm_bus_access(&vcpu->vm->bus[AXVM_BUS_MMIO], &vcpu->hit[AXVM_BUS_MMIO], &acc, write);
    if (rc == AXVM_ERR_AGAIN)
        return leave_for_device(vcpu, f, &d);
    if (rc != AXVM_OK)
        return refuse(vcpu, f);
    if (!write && d.reg != 0)
        vcpu->arch.gpr[d.reg] = axvm_extend(acc.val, d.size, d.sign);
    axvm_stat_inc(vcpu, AXVM_STAT_MMIO);
    axvm_csr_write(CSR_SEPC, axvm_csr_read(CSR_SEPC) + d.len);
    return axvm_wake_trap(vcpu->vm);
}

static bool is_device(struct axvm_vcpu *vcpu, uint64_t gpa)
{
    const struct axvm_bus_slot *hit = vcpu->hit[AXVM_BUS_MMIO];

    return (hit && gpa - hit->base < hit->len) || axvm_bus_find(&vcpu->vm->bus[AXVM_BUS_MMIO], gpa, 1) != NULL;
}

uint64_t axvm_exit_guest_page_fault(struct axvm_vcpu *vcpu, uint64_t cause)
{
    struct fault f = read_fault(cause);
    int rc;

    if (cause != CAUSE_FETCH_GUEST_PAGE && !f.walk && is_device(vcpu, f.gpa))
        return exit_device(vcpu, &f);
    rc = axvm_aspace_fault(vcpu->vm, &vcpu->pages, axvm_gpa(f.gpa), f.prot);
    if (rc == AXVM_OK) {
        vcpu->arch.ram_hint = f.gpa;
        axvm_stat_inc(vcpu, AXVM_STAT_FAULT);
        /* CPUs may cache that there was nothing. */
        axvm_fence_gpa_local(f.gpa);
        return AXVM_TRAP_RESUME;
    }
    if (rc == AXVM_ERR_AGAIN) {
        remember(vcpu, &f);
        vcpu->trap.gpa = axvm_gpa(f.gpa);
        vcpu->trap.prot = f.prot;
        return AXVM_TRAP_FAULT;
    }
    if (rc != AXVM_ERR_NOENT || f.walk || cause == CAUSE_FETCH_GUEST_PAGE)
        return refuse(vcpu, &f);
    return exit_nobody(vcpu, &f);
}

/* In the same GiB as the last fault on RAM, so that a device is unlikely; what is none is looked at again in the long way. */
uint64_t axvm_quick_ram(struct axvm_vcpu *vcpu, uint64_t gpa, bool write)
{
    uint32_t prot = write ? AXVM_PROT_WRITE : AXVM_PROT_READ;
    uint64_t htinst = axvm_csr_read(CSR_HTINST);

    /* A transformed instruction, or none; not a walk of the guest's own tables. */
    if ((gpa ^ vcpu->arch.ram_hint) >> 30 != 0 || (htinst != 0 && (htinst & 1) == 0) ||
        axvm_aspace_fault(vcpu->vm, &vcpu->pages, axvm_gpa(gpa), prot) != AXVM_OK)
        return AXVM_TRAP_SAVE_ALL;
    axvm_stat_inc(vcpu, AXVM_STAT_FAULT);
    axvm_fence_gpa_local(gpa);
    return AXVM_TRAP_RESUME;
}
