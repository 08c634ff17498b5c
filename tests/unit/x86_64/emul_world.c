/* SPDX-License-Identifier: BSD-2-Clause */
#include "emul_world.h"

static struct world *world_of(struct axvm *vm)
{
    return (struct world *)((char *)vm - offsetof(struct world, vm));
}

static const struct axvm_x86_seg flat = { .sel = 0x10, .attr = 0xc93, .limit = UINT32_MAX };

void world_init(struct world *w, uint64_t base, uint8_t *mem)
{
    memset(w, 0, sizeof(*w));
    w->mem = mem;
    w->base = base;
    w->vm.as.gen = 1;
    w->vcpu.vm = &w->vm;
    w->vcpu.arch.rflags = RFLAGS_FIXED1;
    w->env.mode = AXVM_X86_MODE64;
    w->env.protected_mode = true;
    w->env.paging = (struct axvm_x86_paging){ .cr0 = CR0_PE, .phys_bits = 40, .gbpages = true };
    for (unsigned int i = 0; i < AXVM_EMUL_SEGS; i++)
        w->env.seg[i] = flat;
    w->env.seg[AXVM_X86_CS].attr = 0xa9b;
    w->env.cs = w->env.seg[AXVM_X86_CS];
}

struct world *world_new(uint64_t base)
{
    struct world *w = malloc(sizeof(*w));
    uint8_t *mem = calloc(WORLD_PAGES, WORLD_PAGE);

    assert_non_null(w);
    assert_non_null(mem);
    world_init(w, base, mem);
    return w;
}

void world_free(struct world *w)
{
    free(w->mem);
    free(w);
}

uint8_t *world_at(struct world *w, uint64_t gpa)
{
    assert_true(gpa >= w->base && gpa - w->base < WORLD_PAGES * WORLD_PAGE);
    return w->mem + (gpa - w->base);
}

void world_set_kind(struct world *w, uint64_t gpa, uint64_t len, enum world_kind kind)
{
    for (uint64_t at = gpa & ~UINT64_C(4095); at < gpa + len; at += WORLD_PAGE)
        w->kind[(at - w->base) / WORLD_PAGE] = (uint8_t)kind;
    w->vm.as.gen++;
}

void world_code(struct world *w, uint64_t gpa, const void *bytes, size_t len)
{
    world_set_kind(w, gpa, 32, WORLD_RAM);
    memset(world_at(w, gpa), 0x90, 32);
    memcpy(world_at(w, gpa), bytes, len);
    w->vcpu.arch.rip = gpa - w->env.cs.base;
}

/* ---- what emulation calls ---- */

int axvm_aspace_page(struct axvm *vm, uint64_t gpa, uint32_t prot, uint8_t **va)
{
    struct world *w = world_of(vm);
    uint64_t page = (gpa - w->base) / WORLD_PAGE;

    assert_int_equal(vm->as.lock.held, 1);
    assert_true(prot == AXVM_PROT_READ || prot == AXVM_PROT_WRITE);
    w->lookups++;
    if (w->hook)
        w->hook(w);
    if (gpa < w->base || page >= WORLD_PAGES || w->kind[page] == WORLD_BUS)
        return AXVM_ERR_NOENT;
    if (w->kind[page] == WORLD_ABSENT)
        return AXVM_ERR_AGAIN;
    if (w->kind[page] == WORLD_ROM && prot == AXVM_PROT_WRITE)
        return AXVM_ERR_NOENT;
    *va = w->mem + page * WORLD_PAGE;
    return AXVM_OK;
}

static struct world *world_of_vcpu(struct axvm_vcpu *vcpu)
{
    return (struct world *)((char *)vcpu - offsetof(struct world, vcpu));
}

void axvm_emul_env(struct axvm_vcpu *vcpu, struct axvm_emul_env *env)
{
    const struct axvm_emul_env *from = &world_of_vcpu(vcpu)->env;

    env->paging = from->paging;
    env->mode = from->mode;
    env->cs = from->seg[AXVM_X86_CS];
    /* Nobody may count on these. */
    env->paging.ac = !env->paging.ac;
    env->protected_mode = !env->protected_mode;
    memset(env->seg, 0xa5, sizeof(env->seg));
}

void axvm_emul_env_segs(struct axvm_vcpu *vcpu, struct axvm_emul_env *env)
{
    const struct axvm_emul_env *from = &world_of_vcpu(vcpu)->env;

    env->paging.ac = (vcpu->arch.rflags & RFLAGS_AC) != 0;
    env->protected_mode = from->protected_mode && !(vcpu->arch.rflags & RFLAGS_VM);
    memcpy(env->seg, from->seg, sizeof(env->seg));
}

bool axvm_emul_get_xmm(struct axvm_vcpu *vcpu, unsigned int n, uint64_t val[2])
{
    struct world *w = world_of_vcpu(vcpu);

    assert_true(n < 16);
    memcpy(val, w->xmm[n], 16);
    return !w->no_xmm;
}

void axvm_emul_set_xmm(struct axvm_vcpu *vcpu, unsigned int n, const uint64_t val[2])
{
    assert_true(n < 16);
    memcpy(world_of_vcpu(vcpu)->xmm[n], val, 16);
}

void axvm_emul_raise(struct axvm_vcpu *vcpu, enum axvm_x86_vector vector)
{
    world_of_vcpu(vcpu)->raised = 1u << vector;
}

void axvm_emul_load_msw(struct axvm_vcpu *vcpu, uint16_t msw)
{
    world_of_vcpu(vcpu)->msw = msw;
}

/* ---- the bus ---- */

static void answer(struct world *w, struct axvm_mmio *mmio)
{
    bool port = mmio->space == AXVM_BUS_PORT;

    assert_true(mmio->count == 1);
    assert_true(mmio->size == 1 || mmio->size == 2 || mmio->size == 4 || mmio->size == 8);
    assert_true(mmio->size == 8 || mmio->val[0] >> 8 * mmio->size == 0);
    assert_int_equal(w->vm.as.lock.held, 0);
    if (port) {
        assert_true(mmio->addr < WORLD_PORTS && mmio->size <= 4);
        if (!mmio->write)
            mmio->val[0] = w->port_in++ & (UINT64_MAX >> (64 - 8 * mmio->size));
    } else if (mmio->addr < w->base || mmio->addr - w->base > WORLD_PAGES * WORLD_PAGE - mmio->size ||
               w->kind[(mmio->addr - w->base) / WORLD_PAGE] != WORLD_BUS) {
        /* Nobody, or memory: no device. */
        if (!mmio->write)
            mmio->val[0] = UINT64_MAX >> (64 - 8 * mmio->size);
    } else if (mmio->write) {
        memcpy(world_at(w, mmio->addr), &mmio->val[0], mmio->size);
    } else {
        mmio->val[0] = 0;
        memcpy(&mmio->val[0], world_at(w, mmio->addr), mmio->size);
    }
    if (w->count < 512)
        w->log[w->count] = (struct world_access){ mmio->addr, mmio->val[0], mmio->size, mmio->write, port };
    w->count++;
}

enum axvm_emul_result world_finish(struct world *w, enum axvm_emul_result rc, struct axvm_mmio *mmio)
{
    unsigned int n = 0;

    while (rc == AXVM_EMUL_ACCESS) {
        assert_true(++n <= 256); /* AXVM_MMIO_MAX_ACCESSES */
        answer(w, mmio);
        rc = axvm_emul_continue(&w->vcpu, mmio);
        /* Where it may be in the host tier it can only be done or go on. */
        assert_true(rc == AXVM_EMUL_ACCESS || rc == AXVM_EMUL_DONE);
    }
    assert_int_equal(w->vm.as.lock.held, 0);
    return rc;
}

enum axvm_emul_result world_mmio(struct world *w, uint64_t gpa, bool write)
{
    struct axvm_mmio mmio;

    memset(&mmio, 0xee, sizeof(mmio));
    return world_finish(w, axvm_emul_mmio(&w->vcpu, gpa, write, &mmio), &mmio);
}

enum axvm_emul_result world_io(struct world *w, const struct axvm_emul_io *io)
{
    struct axvm_mmio mmio;

    memset(&mmio, 0xee, sizeof(mmio));
    return world_finish(w, axvm_emul_io(&w->vcpu, io, &mmio), &mmio);
}

enum axvm_emul_result world_msw(struct world *w)
{
    struct axvm_mmio mmio;

    memset(&mmio, 0xee, sizeof(mmio));
    return world_finish(w, axvm_emul_msw(&w->vcpu, &mmio), &mmio);
}
