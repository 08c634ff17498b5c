/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hardware task switches: VMX leaves all of them to us, SVM none. Intel SDM vol. 3A, "Task Switching"; vol. 3C, "Exit
 * Qualification for Task Switches". First all memory that is needed is looked at, so that the switch can be begun again as long
 * as nothing has changed; then it is carried out. 16-bit TSSs are not known here: no system of this century has them.
 */
#include <axvm/err.h>

#include "emul.h"
#include "mem.h"
#include "task_seg.h"
#include "vmx.h"

#define QUAL_TASK_SELECTOR AXVM_BITS(15, 0)
#define QUAL_TASK_SOURCE AXVM_BITS(31, 30)
enum { TASK_CALL, TASK_IRET, TASK_JMP, TASK_GATE };

#define DR7_LOCAL 0x155u
#define TSS_TRAP 1u
#define RFLAGS_OF_TASKS UINT64_C(0x3f7fd5)
#define DR6_BT AXVM_BIT(15)

struct task {
    struct axvm_vcpu *vcpu;
    struct axvm_x86_paging paging; /* the old task's */
    unsigned int source;
    uint64_t event; /* of a task gate in the IDT: what came */
    uint64_t gdt;
    uint32_t gdt_limit;
    uint16_t sel;
    bool quiet;    /* page faults are not raised */
    bool begun;    /* there is no way back: RAM that nobody has touched is read as zeros */
    uint64_t desc; /* of the new TSS */
    struct axvm_x86_seg old, new;
    struct axvm_x86_tss32 tss;
};

/* ---- linear memory, as the CPU itself accesses it ---- */

enum access { CHECK, LOAD, STORE };

static int untouched(struct task *t, uint64_t gpa, uint32_t prot)
{
    t->vcpu->trap.gpa = axvm_gpa(gpa);
    t->vcpu->trap.prot = prot;
    return AXVM_ERR_AGAIN;
}

/* AXVM_OK with *va, or NULL: no RAM; AXVM_ERR_AGAIN: RAM that nobody has touched, vcpu->trap says where; AXVM_ERR_BUSY: try
 * again; AXVM_ERR_GUEST: a page fault. */
static int find(struct task *t, const struct axvm_x86_paging *p, uint64_t linear, bool write, uint8_t **va)
{
    struct axvm_x86_walk_cache *cache = &t->vcpu->arch.emul.cache;
    uint32_t prot = write ? AXVM_PROT_WRITE : AXVM_PROT_READ, error = 0;
    uint64_t gpa = 0;
    int rc;

    switch (axvm_x86_walk(t->vcpu->vm, cache, p, linear, AXVM_X86_IMPLICIT | (write ? AXVM_X86_WRITE : AXVM_X86_READ), &gpa,
                          &error)) {
    case AXVM_X86_WALK_OK:
        break;
    case AXVM_X86_WALK_FAULT:
        if (!t->quiet)
            axvm_x86_raise_pf(t->vcpu, linear, error);
        return AXVM_ERR_GUEST;
    case AXVM_X86_WALK_ABSENT:
        return untouched(t, gpa, AXVM_PROT_READ);
    default:
        return AXVM_ERR_BUSY;
    }
    *va = NULL;
    rc = axvm_x86_walk_page(t->vcpu->vm, cache, 0, axvm_align_down(gpa, AXVM_PAGE_SIZE), prot, va);
    if (rc == AXVM_ERR_AGAIN)
        return untouched(t, gpa, prot);
    if (*va)
        *va += gpa % AXVM_PAGE_SIZE;
    return AXVM_OK;
}

static int access_part(struct task *t, const struct axvm_x86_paging *p, uint64_t linear, uint8_t *buf, size_t len,
                       enum access what)
{
    uint8_t *va = NULL;
    int rc = find(t, p, linear, what != LOAD, &va);

    if (rc == AXVM_ERR_AGAIN && t->begun && what == LOAD) {
        memset(buf, 0, len);
        return AXVM_OK;
    }
    if (rc != AXVM_OK || what == CHECK)
        return rc;
    /* What is no RAM reads as all ones. */
    if (what == STORE && va)
        memcpy(va, buf, len);
    else if (what == LOAD && va)
        memcpy(buf, va, len);
    else if (what == LOAD)
        memset(buf, 0xff, len);
    return AXVM_OK;
}

/* At most one page is crossed. */
static int access_as(struct task *t, const struct axvm_x86_paging *p, uint64_t linear, void *buf, size_t len, enum access what)
{
    size_t first = axvm_min(len, AXVM_PAGE_SIZE - linear % AXVM_PAGE_SIZE);
    unsigned long irqs = axvm_x86_walk_lock(t->vcpu->vm, &t->vcpu->arch.emul.cache);
    int rc = access_part(t, p, (uint32_t)linear, buf, first, what);

    if (rc == AXVM_OK && first < len)
        rc = access_part(t, p, (uint32_t)(linear + first), buf ? (uint8_t *)buf + first : NULL, len - first, what);
    axvm_x86_walk_unlock(t->vcpu->vm, irqs);
    return rc;
}

static int access(struct task *t, uint64_t linear, void *buf, size_t len, enum access what)
{
    return access_as(t, &t->paging, linear, buf, len, what);
}

static int fault(struct task *t, unsigned int vector, uint32_t error)
{
    axvm_x86_raise_error(t->vcpu, vector, error);
    return AXVM_ERR_GUEST;
}

/* ---- before anything changes ---- */

/* INT n, INT3, INTO: the gate's DPL is not checked by the CPU before the exit. */
static int check_gate(struct task *t)
{
    uint64_t type = axvm_field(t->event, EVENT_TYPE), vector = axvm_field(t->event, EVENT_VECTOR), gate;
    struct axvm_x86_seg idtr = axvm_x86_get_idtr(t->vcpu);
    int rc;

    if (t->source != TASK_GATE || (type != EVENT_SOFT_INT && type != EVENT_SOFT_EXCEPTION))
        return AXVM_OK;
    rc = access(t, idtr.base + vector * 8, &gate, sizeof(gate), LOAD);
    if (rc == AXVM_OK && (gate >> 45 & 3) < t->paging.cpl)
        return fault(t, X86_GP, (uint32_t)(vector << 3 | 2));
    return rc;
}

static int check_new_tss(struct task *t)
{
    uint32_t error = t->sel & ~3u;
    unsigned int want = t->source == TASK_IRET ? DESC_TSS32_BUSY : DESC_TSS32;
    int rc;

    if ((t->sel & SEL_TI) || (t->sel | 7u) > t->gdt_limit)
        return fault(t, t->source == TASK_IRET ? X86_TS : X86_GP, error);
    rc = access(t, t->gdt + (t->sel & ~7u), &t->desc, sizeof(t->desc), LOAD);
    if (rc != AXVM_OK)
        return rc;
    t->new = axvm_x86_decode_desc(t->sel, t->desc);
    if (t->new.attr & SEG_S || (t->new.attr &SEG_TYPE) != want)
        return fault(t, t->source == TASK_IRET ? X86_TS : X86_GP, error);
    if (!(t->new.attr &SEG_P))
        return fault(t, X86_NP, error);
    return t->new.limit < sizeof(t->tss) - 1 ? fault(t, X86_TS, error) : AXVM_OK;
}

/* Will the error code find memory on the new task's stack? Whatever else may be wrong with that is for carry_out() to find. */
static int look_at_stack(struct task *t)
{
    struct axvm_x86_paging p = t->paging;
    uint16_t sel = (uint16_t)t->tss.seg[AXVM_X86_SS];
    uint64_t desc;
    int rc;

    if (!(t->event & EVENT_HAS_ERROR) || (sel & SEL_TI))
        return AXVM_OK;
    t->quiet = true;
    p.cr3 = t->tss.cr3;
    rc = access_as(t, &p, t->gdt + (sel & ~7u), &desc, sizeof(desc), LOAD);
    if (rc == AXVM_OK)
        rc = access_as(t, &p, axvm_x86_decode_desc(sel, desc).base + t->tss.gpr[AXVM_RSP] - 4, NULL, 4, CHECK);
    t->quiet = false;
    return rc == AXVM_ERR_GUEST ? AXVM_OK : rc;
}

static int look(struct task *t)
{
    int rc = check_gate(t);

    if (rc == AXVM_OK)
        rc = check_new_tss(t);
    if (rc == AXVM_OK)
        rc = access(t, t->new.base, &t->tss, sizeof(t->tss), LOAD);
    /* All that is written below. */
    if (rc == AXVM_OK)
        rc = access(t, t->new.base, NULL, sizeof(t->tss), CHECK);
    if (rc == AXVM_OK)
        rc = access(t, t->old.base, NULL, sizeof(t->tss), CHECK);
    if (rc == AXVM_OK)
        rc = access(t, t->gdt + (t->sel & ~7u), NULL, 8, CHECK);
    if (rc == AXVM_OK)
        rc = access(t, t->gdt + (t->old.sel & ~7u), NULL, 8, CHECK);
    return rc == AXVM_OK ? look_at_stack(t) : rc;
}

/* ---- carrying it out ---- */

static bool keeps_old(const struct task *t)
{
    return t->source == TASK_CALL || t->source == TASK_GATE;
}

/* The instruction that switches is done, an event's delivery comes between two. */
static uint64_t next_rip(const struct task *t)
{
    uint64_t type = axvm_field(t->event, EVENT_TYPE);
    bool between = t->source == TASK_GATE && type != EVENT_SOFT_INT && type != EVENT_SOFT_EXCEPTION && type != EVENT_PRIV_SOFT;

    return t->vcpu->arch.rip + (between ? 0 : axvm_vmread(VMCS_EXIT_INSN_LEN));
}

static void save_old(struct task *t)
{
    struct axvm_arch_vcpu *v = &t->vcpu->arch;
    struct axvm_x86_tss32 old;

    if (access(t, t->old.base, &old, sizeof(old), LOAD) != AXVM_OK)
        return;
    old.eip = (uint32_t)next_rip(t);
    old.eflags = (uint32_t)(t->source == TASK_IRET ? v->rflags & ~RFLAGS_NT : v->rflags);
    for (int i = 0; i < 8; i++)
        old.gpr[i] = (uint32_t)v->gpr[i];
    for (int i = AXVM_X86_ES; i <= AXVM_X86_GS; i++)
        old.seg[i] = axvm_x86_get_seg(t->vcpu, (enum axvm_x86_segreg)i).sel;
    access(t, t->old.base, &old, sizeof(old), STORE);
}

static void set_busy(struct task *t, uint16_t sel, bool busy)
{
    uint64_t desc, at = t->gdt + (sel & ~7u);

    if (access(t, at, &desc, sizeof(desc), LOAD) != AXVM_OK)
        return;
    desc = busy ? desc | DESC_TSS_BUSY : desc & ~DESC_TSS_BUSY;
    access(t, at, &desc, sizeof(desc), STORE);
}

static int load_cr3(struct task *t)
{
    uint64_t pdpte[4];

    if (!(t->paging.cr0 & CR0_PG))
        return AXVM_OK;
    if (t->paging.cr4 & CR4_PAE) {
        if (!axvm_x86_read_pdptes(t->vcpu, t->tss.cr3, pdpte))
            return fault(t, X86_GP, 0);
        axvm_vmx_set_pdptes(t->vcpu, pdpte);
    }
    axvm_x86_set_cr3(t->vcpu, t->tss.cr3);
    axvm_vmx_flush(t->vcpu);
    t->paging.cr3 = t->tss.cr3;
    return AXVM_OK;
}

static void load_gprs(struct task *t)
{
    struct axvm_arch_vcpu *v = &t->vcpu->arch;

    for (int i = 0; i < 8; i++)
        v->gpr[i] = t->tss.gpr[i];
    v->rip = t->tss.eip;
    v->rflags = (t->tss.eflags & RFLAGS_OF_TASKS) | RFLAGS_FIXED1;
    if (keeps_old(t))
        v->rflags |= RFLAGS_NT;
}

/* Its selector is there already. @ldt: where descriptors with TI set are. */
static int load_seg(struct task *t, enum axvm_x86_segreg reg, uint16_t sel, const struct axvm_x86_seg *ldt, unsigned int cpl)
{
    bool local = (sel & SEL_TI) != 0;
    uint64_t at = (local ? ldt->base : t->gdt) + (sel & ~7u), desc;
    struct axvm_x86_seg seg;
    unsigned int vector;
    int rc;

    if ((sel & ~3u) == 0)
        return reg == AXVM_X86_CS || reg == AXVM_X86_SS ? fault(t, X86_TS, 0) : AXVM_OK;
    if ((sel | 7u) > (local ? ldt->limit : t->gdt_limit))
        return fault(t, X86_TS, sel & ~3u);
    rc = access(t, at, &desc, sizeof(desc), LOAD);
    if (rc != AXVM_OK)
        return rc;
    seg = axvm_x86_decode_desc(sel, desc);
    vector = axvm_x86_task_seg_fault(reg, &seg, cpl);
    if (vector != 0)
        return fault(t, vector, sel & ~3u);
    if (reg != AXVM_X86_LDTR && !(desc & DESC_ACCESSED)) {
        desc |= DESC_ACCESSED;
        access(t, at, &desc, sizeof(desc), STORE);
        seg.attr |= 1;
    }
    axvm_x86_set_seg(t->vcpu, reg, seg);
    return AXVM_OK;
}

/* Not usable until their descriptors have been loaded; CS and SS stay the old task's, so that faults find a way. */
static void clear_segs(struct task *t)
{
    static const uint8_t regs[] = { AXVM_X86_ES, AXVM_X86_DS, AXVM_X86_FS, AXVM_X86_GS };

    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(regs); i++)
        axvm_x86_set_seg(t->vcpu, (enum axvm_x86_segreg)regs[i],
                         (struct axvm_x86_seg){ .sel = (uint16_t)t->tss.seg[regs[i]], .attr = SEG_UNUSABLE });
    axvm_x86_set_seg(t->vcpu, AXVM_X86_LDTR, (struct axvm_x86_seg){ .sel = (uint16_t)t->tss.ldtr, .attr = SEG_UNUSABLE });
}

static int load_segs(struct task *t)
{
    static const uint8_t order[] = { AXVM_X86_CS, AXVM_X86_SS, AXVM_X86_ES, AXVM_X86_DS, AXVM_X86_FS, AXVM_X86_GS };
    bool v86 = (t->tss.eflags & RFLAGS_VM) != 0;
    unsigned int cpl = v86 ? 3 : t->tss.seg[AXVM_X86_CS] & SEL_RPL;
    struct axvm_x86_seg none = { .limit = 0 }, ldt;
    int rc;

    clear_segs(t);
    rc = load_seg(t, AXVM_X86_LDTR, (uint16_t)t->tss.ldtr, &none, cpl);
    ldt = axvm_x86_get_seg(t->vcpu, AXVM_X86_LDTR);
    for (unsigned int i = 0; rc == AXVM_OK && i < AXVM_ARRAY_LEN(order); i++) {
        uint16_t sel = (uint16_t)t->tss.seg[order[i]];

        if (v86)
            axvm_x86_set_seg(t->vcpu, (enum axvm_x86_segreg)order[i], axvm_x86_v86_seg(sel));
        else
            rc = load_seg(t, (enum axvm_x86_segreg)order[i], sel, &ldt, cpl);
    }
    return rc;
}

static int push_error(struct task *t)
{
    struct axvm_arch_vcpu *v = &t->vcpu->arch;
    struct axvm_x86_seg ss = axvm_x86_get_seg(t->vcpu, AXVM_X86_SS);
    uint32_t error, esp = (uint32_t)v->gpr[AXVM_RSP] - 4;

    if (t->source != TASK_GATE || !(t->event & EVENT_HAS_ERROR))
        return AXVM_OK;
    error = (uint32_t)axvm_vmread(VMCS_IDT_EVENT_ERROR);
    if (!(ss.attr & SEG_DB))
        esp = (uint32_t)((v->gpr[AXVM_RSP] & 0xffff0000u) | (esp & 0xffff));
    v->gpr[AXVM_RSP] = esp;
    return access(t, ss.base + (ss.attr & SEG_DB ? esp : esp & 0xffff), &error, sizeof(error), STORE);
}

/* From here on faults are the new task's. */
static void carry_out(struct task *t)
{
    uint32_t link = t->old.sel;
    int rc;

    save_old(t);
    t->begun = true;
    if (t->source == TASK_IRET || t->source == TASK_JMP)
        set_busy(t, t->old.sel, false);
    if (t->source != TASK_IRET)
        set_busy(t, t->sel, true);
    if (keeps_old(t))
        access(t, t->new.base, &link, sizeof(link), STORE);
    t->new.attr |= 2;
    axvm_x86_set_seg(t->vcpu, AXVM_X86_TR, t->new);
    axvm_x86_set_cr0(t->vcpu, axvm_x86_get_cr0(t->vcpu) | CR0_TS);
    axvm_x86_set_dr7(t->vcpu, axvm_x86_get_dr7(t->vcpu) & ~(uint64_t)DR7_LOCAL);
    axvm_vmx_clear_int_shadow(t->vcpu);
    rc = load_cr3(t);
    load_gprs(t);
    if (rc == AXVM_OK)
        rc = load_segs(t);
    if (rc == AXVM_OK)
        rc = push_error(t);
    if (rc == AXVM_OK && (t->tss.trap & TSS_TRAP)) {
        axvm_x86_set_dr6(t->vcpu, axvm_x86_get_dr6(t->vcpu) | DR6_BT);
        axvm_x86_raise(t->vcpu, X86_DB);
    }
}

static void begin(struct task *t)
{
    struct axvm_vcpu *vcpu = t->vcpu;
    uint64_t q = axvm_vmread(VMCS_QUALIFICATION), event = axvm_vmread(VMCS_IDT_EVENT);
    struct axvm_x86_seg gdtr = axvm_x86_get_gdtr(vcpu);

    axvm_emul_env(vcpu, &vcpu->arch.emul.env);
    t->paging = vcpu->arch.emul.env.paging;
    t->source = (unsigned int)axvm_field(q, QUAL_TASK_SOURCE);
    t->sel = (uint16_t)axvm_field(q, QUAL_TASK_SELECTOR);
    t->event = event & EVENT_VALID ? event : 0;
    t->gdt = gdtr.base;
    t->gdt_limit = gdtr.limit;
    t->old = axvm_x86_get_seg(vcpu, AXVM_X86_TR);
}

enum axvm_trap_kind axvm_vmx_exit_task_switch(struct axvm_vcpu *vcpu)
{
    struct task t = { .vcpu = vcpu };
    int rc;

    begin(&t);
    if ((t.old.attr & SEG_TYPE) != DESC_TSS32_BUSY) {
        axvm_log_guest(vcpu->vm, AXVM_LOG_WARN, "a task switch from a 16-bit TSS is not known; to", t.sel);
        return axvm_x86_exit_shutdown(vcpu);
    }
    rc = look(&t);
    if (rc == AXVM_OK) {
        carry_out(&t);
        return AXVM_TRAP_RESUME;
    }
    if (rc != AXVM_ERR_GUEST && t.event != 0)
        axvm_vmx_redeliver(vcpu); /* the event that led here comes again with the next try */
    return rc == AXVM_ERR_AGAIN ? AXVM_TRAP_FAULT : AXVM_TRAP_RESUME;
}
