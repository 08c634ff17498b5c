/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports, second-level faults, and the way of what they come to: bus, local APIC, host. */
#include <axvm/err.h>

#include "exit.h"
#include "vlapic.h"

/* ---- answering an access ---- */

static inline bool is_lapic_page(struct axvm_vcpu *vcpu, uint64_t gpa)
{
    return vcpu->vm->arch.vintc && axvm_vlapic_mmio(vcpu, gpa);
}

static inline bool is_lapic(struct axvm_vcpu *vcpu, const struct axvm_mmio *mmio)
{
    return mmio->space == AXVM_BUS_MMIO && is_lapic_page(vcpu, mmio->addr);
}

static inline void answer_lapic(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio)
{
    uint32_t off = (uint32_t)mmio->addr & (AXVM_LAPIC_SIZE - 1);

    if (axvm_x86_has_lapic(vcpu))
        axvm_x86_want_lapic_back(vcpu);
    if (mmio->write)
        axvm_vlapic_mmio_write(vcpu, off, mmio->size, mmio->val[0]);
    else
        mmio->val[0] = axvm_vlapic_mmio_read(vcpu, off, mmio->size);
    axvm_x86_lapic_touched(vcpu);
}

bool axvm_x86_answer_lapic(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio)
{
    if (!is_lapic(vcpu, mmio) || mmio->count != 1)
        return false;
    answer_lapic(vcpu, mmio);
    return true;
}

static inline void merge_rax(struct axvm_vcpu *vcpu, uint64_t val, unsigned int size)
{
    uint64_t *rax = &vcpu->arch.gpr[AXVM_RAX];

    /* A 32-bit result clears the upper half, as everywhere. */
    if (__builtin_expect(size == 1, 1))
        *(uint8_t *)rax = (uint8_t)val; /* the lowest: little-endian */
    else if (size == 2)
        *rax = (*rax & ~UINT64_C(0xffff)) | (uint16_t)val;
    else
        *rax = (uint32_t)val;
}

/* The shadow of STI or MOV SS is over since the exit. */
static inline bool go_on_after(struct axvm_vcpu *vcpu, const struct axvm_mmio *mmio)
{
    vcpu->arch.rip = mmio->arch.next;
    if (axvm_x86_is_stepping(vcpu))
        vcpu->arch.work |= AXVM_WORK_DONE;
    return false;
}

static inline bool finish_port(struct axvm_vcpu *vcpu, const struct axvm_mmio *mmio, uint64_t val)
{
    if (!mmio->write)
        merge_rax(vcpu, val, mmio->size);
    return go_on_after(vcpu, mmio);
}

bool axvm_x86_finish(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    switch (mmio->arch.kind) {
    case AXVM_X86_MMIO_PORT:
        return finish_port(vcpu, mmio, mmio->val[0]);
    case AXVM_X86_MMIO_MSR:
        if (!mmio->write) {
            v->gpr[AXVM_RAX] = (uint32_t)mmio->val[0];
            v->gpr[AXVM_RDX] = mmio->val[0] >> 32;
        }
        return go_on_after(vcpu, mmio);
    default:
        return axvm_emul_continue(vcpu, mmio) == AXVM_EMUL_ACCESS;
    }
}

bool axvm_x86_refuse(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio)
{
    switch (mmio->arch.kind) {
    case AXVM_X86_MMIO_PORT:
        return finish_port(vcpu, mmio, UINT64_MAX);
    case AXVM_X86_MMIO_MSR:
        axvm_x86_raise_error(vcpu, X86_GP, 0);
        return false;
    default:
        return axvm_emul_refuse(vcpu, mmio) == AXVM_EMUL_ACCESS;
    }
}

/* What the host tier would leave for the next entry. */
static inline void finish_here(struct axvm_vcpu *vcpu)
{
    if (vcpu->arch.work & AXVM_WORK_DONE) {
        vcpu->arch.work &= ~AXVM_WORK_DONE;
        axvm_x86_instruction_done(vcpu);
    }
}

/* Nobody has it: the host may answer. What core does with AXVM_TRAP_MMIO, but without a second search. */
static enum axvm_trap_kind leave_for_host(struct axvm_vcpu *vcpu)
{
    const struct axvm_mmio *mmio = &vcpu->trap.mmio;
    struct axvm_exit *exit = vcpu->arch.exit;

    exit->reason = mmio->space == AXVM_BUS_PORT   ? AXVM_EXIT_IO
                   : mmio->space == AXVM_BUS_MMIO ? AXVM_EXIT_MMIO
                                                  : AXVM_EXIT_SYSREG;
    exit->u.access.addr = mmio->addr;
    exit->u.access.data = mmio->write ? mmio->val[0] : 0;
    exit->u.access.size = mmio->size;
    exit->u.access.write = mmio->write;
    exit->u.access.fetch = false;
    vcpu->pending = AXVM_PENDING_MMIO;
    return AXVM_TRAP_EXIT;
}

/* In the fast tier as far as it goes. */
enum axvm_trap_kind axvm_x86_answer(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio)
{
    bool more;

    for (unsigned int n = 0; n < AXVM_MMIO_MAX_ACCESSES; n++) {
        int rc = AXVM_OK;

        if (is_lapic(vcpu, mmio))
            answer_lapic(vcpu, mmio);
        else
            rc = axvm_core_mmio(vcpu, mmio, false);
        if (rc == AXVM_ERR_NOENT && mmio->count == 1)
            return leave_for_host(vcpu);
        if (rc == AXVM_ERR_AGAIN)
            return AXVM_TRAP_MMIO;
        if (rc != AXVM_OK)
            more = axvm_x86_refuse(vcpu, mmio);
        else if (mmio->arch.kind == AXVM_X86_MMIO_EMUL)
            more = axvm_emul_continue(vcpu, mmio) == AXVM_EMUL_ACCESS;
        else
            more = axvm_x86_finish(vcpu, mmio);
        if (!more)
            break;
    }
    finish_here(vcpu);
    return AXVM_TRAP_RESUME;
}

/* Of a device that needs neither the host nor a lock of ours? */
static inline bool is_quick(const struct axvm_bus_slot *slot, uint64_t off, unsigned int size)
{
    return off < slot->quick_len && off + size <= slot->quick_len;
}

/* ---- ports ---- */

/* The ports around @port that no device has. */
static void find_hole(struct axvm_vcpu *vcpu, uint16_t port)
{
    const struct axvm_bus *bus = &vcpu->vm->bus[AXVM_BUS_PORT];
    uint32_t lo = 0, hi = 0x10000;

    for (uint32_t i = 0; i < bus->count; i++) {
        const struct axvm_bus_slot *slot = &bus->slots[i];

        if (slot->base > port) {
            hi = (uint32_t)slot->base;
            break;
        }
        lo = (uint32_t)(slot->base + slot->len);
    }
    vcpu->arch.port_hole = (uint16_t)lo;
    vcpu->arch.port_hole_len = hi - lo;
}

static inline void make_port(struct axvm_vcpu *vcpu, uint16_t port, unsigned int size, bool in, uint64_t next)
{
    struct axvm_mmio *mmio = &vcpu->trap.mmio;

    mmio->addr = port;
    mmio->val[0] = in ? 0 : axvm_extend(vcpu->arch.gpr[AXVM_RAX], size, false);
    mmio->space = AXVM_BUS_PORT;
    mmio->size = (uint8_t)size;
    mmio->count = 1;
    mmio->write = !in;
    mmio->arch.kind = AXVM_X86_MMIO_PORT;
    mmio->arch.next = next;
}

static AXVM_COLD enum axvm_trap_kind io_not_done(struct axvm_vcpu *vcpu, int rc)
{
    if (rc == AXVM_ERR_NOENT) {
        find_hole(vcpu, (uint16_t)vcpu->trap.mmio.addr);
        return leave_for_host(vcpu);
    }
    if (rc == AXVM_ERR_AGAIN)
        return AXVM_TRAP_MMIO;
    axvm_x86_refuse(vcpu, &vcpu->trap.mmio);
    return AXVM_TRAP_RESUME;
}

static __attribute__((noinline)) enum axvm_trap_kind io_on_bus(struct axvm_vcpu *vcpu, uint64_t next)
{
    struct axvm_mmio *mmio = &vcpu->trap.mmio;
    int rc = axvm_core_mmio(vcpu, mmio, false);

    if (rc != AXVM_OK)
        return io_not_done(vcpu, rc);
    if (!mmio->write)
        merge_rax(vcpu, mmio->val[0], mmio->size);
    return axvm_x86_step_to(vcpu, next);
}

/* No device that it has found before. */
static __attribute__((noinline)) enum axvm_trap_kind io_anywhere(struct axvm_vcpu *vcpu, uint16_t port, unsigned int size,
                                                                 uint64_t next, bool in)
{
    const struct axvm_arch_vcpu *v = &vcpu->arch;

    make_port(vcpu, port, size, in, next);
    if ((uint16_t)(port - v->port_hole) + size <= v->port_hole_len)
        return leave_for_host(vcpu);
    return io_on_bus(vcpu, next);
}

/* Where the last one was answered, not now. */
static AXVM_COLD enum axvm_trap_kind io_not_quick(struct axvm_vcpu *vcpu, const struct axvm_access *acc, bool in, uint64_t next,
                                                  int rc)
{
    make_port(vcpu, (uint16_t)(vcpu->hit[AXVM_BUS_PORT]->base + acc->off), acc->size, in, next);
    return io_not_done(vcpu, rc);
}

static inline uint64_t out_value(const struct axvm_vcpu *vcpu, unsigned int size)
{
    uint64_t rax = vcpu->arch.gpr[AXVM_RAX];

    return __builtin_expect(size == 1, 1) ? (uint8_t)rax : axvm_extend(rax, size, false);
}

/* A device that needs neither the host nor a lock of ours; the same as last time. */
static inline __attribute__((always_inline)) enum axvm_trap_kind
io_quick(struct axvm_vcpu *vcpu, const struct axvm_bus_slot *slot, uint64_t off, unsigned int size, bool in, uint64_t next)
{
    struct axvm_access acc = {
        .off = axvm_nospec(off, slot->quick_len),
        .val = in ? 0 : out_value(vcpu, size),
        .size = (uint8_t)size,
        .may_call_host = false,
        .vcpu = vcpu,
    };
    int rc = axvm_bus_call(slot, &acc, !in);

    if (__builtin_expect(rc != AXVM_OK, 0))
        return io_not_quick(vcpu, &acc, in, next, rc);
    if (in)
        merge_rax(vcpu, acc.val, acc.size);
    return axvm_x86_step_to(vcpu, next);
}

/* The order is that in which an exit's arguments are in registers already. */
static __attribute__((noinline)) enum axvm_trap_kind in_quick(struct axvm_vcpu *vcpu, uint64_t off, unsigned int size,
                                                              uint64_t next, const struct axvm_bus_slot *slot)
{
    return io_quick(vcpu, slot, off, size, true, next);
}

static __attribute__((noinline)) enum axvm_trap_kind out_quick(struct axvm_vcpu *vcpu, uint64_t off, unsigned int size,
                                                               uint64_t next, const struct axvm_bus_slot *slot)
{
    return io_quick(vcpu, slot, off, size, false, next);
}

enum axvm_trap_kind axvm_x86_exit_in(struct axvm_vcpu *vcpu, uint16_t port, unsigned int size, uint64_t next)
{
    const struct axvm_bus_slot *slot = vcpu->hit[AXVM_BUS_PORT];
    uint64_t off = port - slot->base;

    axvm_stat_inc(vcpu, AXVM_STAT_IO);
    return is_quick(slot, off, size) ? in_quick(vcpu, off, size, next, slot) : io_anywhere(vcpu, port, size, next, true);
}

enum axvm_trap_kind axvm_x86_exit_out(struct axvm_vcpu *vcpu, uint16_t port, unsigned int size, uint64_t next)
{
    const struct axvm_bus_slot *slot = vcpu->hit[AXVM_BUS_PORT];
    uint64_t off = port - slot->base;

    axvm_stat_inc(vcpu, AXVM_STAT_IO);
    return is_quick(slot, off, size) ? out_quick(vcpu, off, size, next, slot) : io_anywhere(vcpu, port, size, next, false);
}

/* ---- emulated instructions ---- */

static enum axvm_trap_kind need_page(struct axvm_vcpu *vcpu)
{
    vcpu->trap.gpa = vcpu->arch.emul.page;
    vcpu->trap.prot = vcpu->arch.emul.prot;
    return AXVM_TRAP_FAULT;
}

static enum axvm_trap_kind act_on(struct axvm_vcpu *vcpu, enum axvm_emul_result result)
{
    switch (result) {
    case AXVM_EMUL_DONE:
        axvm_x86_instruction_done(vcpu);
        return AXVM_TRAP_RESUME;
    case AXVM_EMUL_ACCESS:
        vcpu->trap.mmio.arch.kind = AXVM_X86_MMIO_EMUL;
        vcpu->arch.work |= AXVM_WORK_DONE;
        return axvm_x86_answer(vcpu, &vcpu->trap.mmio);
    case AXVM_EMUL_FAULT:
        axvm_x86_raise_fault(vcpu, &vcpu->arch.emul.fault);
        return AXVM_TRAP_RESUME;
    case AXVM_EMUL_PAGE:
        return need_page(vcpu);
    case AXVM_EMUL_RETRY:
        return AXVM_TRAP_RESUME;
    case AXVM_EMUL_UNHANDLED:
        break;
    }
    axvm_log_guest(vcpu->vm, AXVM_LOG_WARN, "an instruction on a device is not known; RIP", vcpu->arch.rip);
    axvm_x86_raise(vcpu, X86_UD);
    return AXVM_TRAP_RESUME;
}

enum axvm_trap_kind axvm_x86_exit_io_string(struct axvm_vcpu *vcpu, uint16_t port, unsigned int size, bool in, bool rep)
{
    struct axvm_emul_io io = { .port = port, .size = (uint8_t)size, .in = in, .rep = rep };

    axvm_stat_inc(vcpu, AXVM_STAT_IO);
    vcpu->arch.emul.given = 0;
    return act_on(vcpu, axvm_emul_io(vcpu, &io, &vcpu->trap.mmio));
}

enum axvm_trap_kind axvm_x86_exit_msw(struct axvm_vcpu *vcpu)
{
    axvm_stat_inc(vcpu, AXVM_STAT_SYSREG);
    vcpu->arch.emul.given = 0;
    return act_on(vcpu, axvm_emul_msw(vcpu, &vcpu->trap.mmio));
}

/* ---- second-level faults ---- */

/* An XMM register may have been an operand, and is in memory with all others then. */
static inline enum axvm_trap_kind with_fp(struct axvm_vcpu *vcpu, enum axvm_trap_kind kind)
{
    const struct axvm_arch_vcpu *v = &vcpu->arch;

    if (v->osxsave && !v->fp_loaded)
        axvm_x86_fp_enter(vcpu);
    return kind;
}

static AXVM_COLD enum axvm_trap_kind plain_not_done(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio, int rc)
{
    mmio->arch.kind = AXVM_X86_MMIO_EMUL;
    vcpu->arch.work |= AXVM_WORK_DONE;
    if (rc == AXVM_ERR_AGAIN)
        return AXVM_TRAP_MMIO;
    axvm_x86_refuse(vcpu, mmio);
    finish_here(vcpu);
    return AXVM_TRAP_RESUME;
}

/* The device that was found last, if it is quick. */
static inline int answer_quick(struct axvm_vcpu *vcpu, const struct axvm_bus_slot *slot, struct axvm_mmio *mmio)
{
    struct axvm_access acc = {
        .off = axvm_nospec(mmio->addr - slot->base, slot->quick_len),
        .val = mmio->val[0],
        .size = mmio->size,
        .may_call_host = false,
        .vcpu = vcpu,
    };
    int rc = axvm_bus_call(slot, &acc, mmio->write);

    mmio->val[0] = acc.val;
    return rc;
}

/* A plain load or store, which is what drivers do. Of the local APIC or a quick device it is over at once. */
static inline enum axvm_trap_kind answer_plain(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio)
{
    const struct axvm_bus_slot *slot = vcpu->hit[AXVM_BUS_MMIO];
    int rc;

    if (is_lapic_page(vcpu, mmio->addr)) {
        answer_lapic(vcpu, mmio);
    } else if (is_quick(slot, mmio->addr - slot->base, mmio->size)) {
        rc = answer_quick(vcpu, slot, mmio);
        if (__builtin_expect(rc != AXVM_OK, 0))
            return plain_not_done(vcpu, mmio, rc);
    } else {
        return act_on(vcpu, AXVM_EMUL_ACCESS);
    }
    axvm_emul_continue(vcpu, mmio);
    axvm_x86_instruction_done(vcpu);
    return AXVM_TRAP_RESUME;
}

static __attribute__((noinline)) enum axvm_trap_kind exit_mmio(struct axvm_vcpu *vcpu, uint64_t gpa, bool write)
{
    struct axvm_mmio *mmio = &vcpu->trap.mmio;
    enum axvm_emul_result result;

    axvm_stat_inc(vcpu, AXVM_STAT_MMIO);
    vcpu->arch.emul.given = 0;
    result = axvm_emul_mmio(vcpu, gpa, write, mmio);
    if (__builtin_expect(result == AXVM_EMUL_ACCESS && vcpu->arch.emul.shortcut, 1))
        return answer_plain(vcpu, mmio);
    return with_fp(vcpu, act_on(vcpu, result));
}

static enum axvm_trap_kind exit_tables(struct axvm_vcpu *vcpu)
{
    vcpu->arch.emul.given = 0;
    return with_fp(vcpu, act_on(vcpu, axvm_emul_tables(vcpu, &vcpu->trap.mmio)));
}

/* The one of last time, or the local APIC. */
static inline bool is_known_device(struct axvm_vcpu *vcpu, uint64_t gpa)
{
    const struct axvm_bus_slot *hit = vcpu->hit[AXVM_BUS_MMIO];

    return gpa - hit->base < hit->len || is_lapic_page(vcpu, gpa);
}

/* Code in what a bus answers with all ones is no instruction. */
static enum axvm_trap_kind refuse_fetch(struct axvm_vcpu *vcpu)
{
    axvm_x86_raise(vcpu, X86_UD);
    return AXVM_TRAP_RESUME;
}

static __attribute__((noinline)) enum axvm_trap_kind exit_unmapped(struct axvm_vcpu *vcpu, uint64_t gpa, uint32_t prot,
                                                                   bool walk)
{
    int rc;

    if (!walk && prot != AXVM_PROT_EXEC && axvm_bus_find(&vcpu->vm->bus[AXVM_BUS_MMIO], gpa, 1))
        return exit_mmio(vcpu, gpa, prot == AXVM_PROT_WRITE);
    rc = axvm_aspace_fault(vcpu->vm, &vcpu->pages, axvm_gpa(gpa), prot);
    if (rc == AXVM_OK) {
        axvm_stat_inc(vcpu, AXVM_STAT_FAULT);
        return AXVM_TRAP_RESUME;
    }
    if (rc == AXVM_ERR_AGAIN) {
        vcpu->trap.gpa = axvm_gpa(gpa);
        vcpu->trap.prot = prot;
        return AXVM_TRAP_FAULT;
    }
    if (walk)
        return exit_tables(vcpu);
    return prot == AXVM_PROT_EXEC ? refuse_fetch(vcpu) : exit_mmio(vcpu, gpa, prot == AXVM_PROT_WRITE);
}

enum axvm_trap_kind axvm_x86_exit_fault(struct axvm_vcpu *vcpu, uint64_t gpa, uint32_t prot, bool walk)
{
    if (!walk && prot != AXVM_PROT_EXEC && is_known_device(vcpu, gpa))
        return exit_mmio(vcpu, gpa, prot == AXVM_PROT_WRITE);
    return exit_unmapped(vcpu, gpa, prot, walk);
}
