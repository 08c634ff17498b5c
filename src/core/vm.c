/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a VM: made, loaded, booted, suspended, stopped, reset, destroyed. */
#include <axvm/err.h>
#include <axvm/vm.h>

#include "arch.h"
#include "bits.h"
#include "config_check.h"
#include "config_priv.h"
#include "hal_priv.h"
#include "load.h"
#include "vmid.h"

enum axvm_state axvm_get_state(const struct axvm *vm)
{
    return axvm_life_state(atomic_load(&vm->life));
}

uint32_t axvm_id(const struct axvm *vm)
{
    return vm->id;
}

const char *axvm_name(const struct axvm *vm)
{
    return vm->name;
}

unsigned int axvm_vcpu_count(const struct axvm *vm)
{
    return vm->vcpu_count;
}

/* ---- making one ---- */

/* Order of the smallest block of pages that holds @size bytes. */
static unsigned int order_for(size_t size)
{
    unsigned int order = 0;

    while (((size_t)AXVM_PAGE_SIZE << order) < size)
        order++;
    return order;
}

static int create_vcpu(struct axvm *vm, uint32_t id)
{
    struct axvm_vcpu *vcpu = axvm_arena_alloc(&vm->arena, &vm->hal, sizeof(*vcpu));
    uint64_t mask = vm->cfg.vcpus ? vm->cfg.vcpus[id].pcpu_mask : 0;

    if (!vcpu)
        return AXVM_ERR_NOMEM;
    vm->vcpus[id] = vcpu;
    vcpu->vm = vm;
    vcpu->id = id;
    vcpu->pcpu_mask = mask ? mask : UINT64_MAX;
    for (unsigned int space = 0; space < AXVM_BUS_SPACES; space++)
        vcpu->hit[space] = &axvm_bus_no_slot;
    return axvm_arch_vcpu_init(vcpu);
}

static int create_vcpus(struct axvm *vm)
{
    int rc = AXVM_OK;

    vm->vcpus = axvm_arena_alloc(&vm->arena, &vm->hal, vm->cfg.vcpu_count * sizeof(struct axvm_vcpu *));
    if (!vm->vcpus)
        return AXVM_ERR_NOMEM;
    /* vcpu_count says how many there are to take down again. */
    for (uint32_t id = 0; rc == AXVM_OK && id < vm->cfg.vcpu_count; id++) {
        rc = create_vcpu(vm, id);
        if (vm->vcpus[id])
            vm->vcpu_count = id + 1;
    }
    return rc;
}

static int map_regions(struct axvm *vm)
{
    const struct axvm_config *cfg = &vm->cfg;
    const struct axvm_region *regions = cfg->regions;
    uint32_t count = cfg->region_count;
    struct axvm_region ram[AXVM_DEFAULT_RAM_PIECES];
    int rc = AXVM_OK;

    if (count == 0) {
        count = axvm_config_default_ram(cfg, ram);
        regions = ram;
    }
    for (uint32_t i = 0; rc == AXVM_OK && i < count; i++)
        rc = axvm_map(vm, &regions[i]);
    return rc;
}

static int add_passthrough(struct axvm *vm)
{
    int rc = AXVM_OK;

    for (uint32_t i = 0; rc == AXVM_OK && i < vm->cfg.passthrough_count; i++) {
        const struct axvm_passthrough *p = &vm->cfg.passthrough[i];
        struct axvm_region regs = {
            .gpa = p->base_gpa,
            .hpa = p->base_hpa,
            .len = p->len,
            .kind = AXVM_REGION_DEVICE,
        };

        if (p->len != 0)
            rc = axvm_map(vm, &regs);
        if (rc == AXVM_OK && p->host_irq != 0 && vm->cfg.irq_mode != AXVM_IRQ_NONE)
            rc = axvm_arch_irq_bind(vm, p->guest_irq, p->host_irq, p->edge);
    }
    return rc;
}

/* Everything that can fail. The caller takes down what came to be. */
static int build(struct axvm *vm, const struct axvm_config *cfg)
{
    int rc = axvm_config_copy(vm, cfg);

    if (rc == AXVM_OK)
        rc = axvm_aspace_init(vm);
    if (rc == AXVM_OK)
        rc = axvm_arch_vm_init(vm);
    if (rc == AXVM_OK)
        rc = create_vcpus(vm);
    if (rc == AXVM_OK)
        rc = axvm_config_add_devices(vm);
    if (rc == AXVM_OK)
        rc = map_regions(vm);
    if (rc == AXVM_OK)
        rc = add_passthrough(vm);
    return rc;
}

static void take_down(struct axvm *vm)
{
    struct axvm_hal hal = vm->hal;

    axvm_bus_destroy_devices(vm);
    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        axvm_arch_vcpu_fini(vm->vcpus[i]);
        axvm_page_cache_drain(&vm->vcpus[i]->pages, &hal);
    }
    axvm_arch_vm_fini(vm);
    axvm_aspace_fini(vm);
    axvm_vmid_free(vm);
    axvm_arena_free_all(&vm->arena, &hal);
    hal.page_free(hal.ctx, hal.virt_to_phys(hal.ctx, vm), order_for(sizeof(*vm)));
}

static int check_arguments(const struct axvm_hal *hal, const struct axvm_config *cfg, struct axvm_hal *copy)
{
    struct axvm_config_error err;
    int rc = axvm_hal_copy(copy, hal);

    if (rc != AXVM_OK)
        return rc;
    rc = axvm_config_check(cfg, &err);
    if (rc != AXVM_OK)
        axvm_config_log_error(copy, &err);
    return rc;
}

int axvm_new(const struct axvm_hal *hal, const struct axvm_config *cfg, struct axvm **out)
{
    struct axvm_hal copy;
    struct axvm *vm;
    axvm_hpa_t pa;
    int rc;

    if (!hal || !cfg || !out)
        return AXVM_ERR_INVAL;
    rc = check_arguments(hal, cfg, &copy);
    if (rc != AXVM_OK)
        return rc;
    if (!copy.page_alloc(copy.ctx, order_for(sizeof(*vm)), &pa))
        return AXVM_ERR_NOMEM;
    vm = copy.phys_to_virt(copy.ctx, pa);
    vm->hal = copy;
    atomic_store(&vm->next_deadline, AXVM_TIME_NEVER);
    rc = build(vm, cfg);
    if (rc != AXVM_OK) {
        take_down(vm);
        return rc;
    }
    *out = vm;
    return AXVM_OK;
}

int axvm_destroy(struct axvm *vm)
{
    unsigned long irqs;
    bool busy = false;

    if (!vm)
        return AXVM_ERR_INVAL;
    irqs = axvm_lock_irqsave(&vm->lock);
    /* No vCPU gets in any more: with LOADING, axvm_run_vcpu() turns back at its first look. */
    for (uint32_t i = 0; i < vm->vcpu_count; i++)
        busy |= atomic_load(&vm->vcpus[i]->refs) != 0;
    if (axvm_get_state(vm) == AXVM_RUNNING || axvm_get_state(vm) == AXVM_SUSPENDED ||
        axvm_life_inside(atomic_load(&vm->life)) != 0)
        busy = true;
    axvm_unlock_irqrestore(&vm->lock, irqs);
    if (busy)
        return AXVM_ERR_BUSY;
    take_down(vm);
    return AXVM_OK;
}

/* ---- starting ---- */

/* @from -> @to, if it is in @from. */
static bool change_state(struct axvm *vm, enum axvm_state from, enum axvm_state to)
{
    uint32_t life = atomic_load(&vm->life);

    while (axvm_life_state(life) == from) {
        if (atomic_compare_exchange_weak(&vm->life, &life, AXVM_LIFE(to, axvm_life_inside(life))))
            return true;
    }
    return false;
}

/* Make every vCPU look at the state, wherever it is. */
static void notify_all(struct axvm *vm)
{
    for (uint32_t i = 0; i < vm->vcpu_count; i++)
        axvm_vcpu_request(vm->vcpus[i], AXVM_REQ_STOP);
}

int axvm_load(struct axvm *vm)
{
    int rc;

    if (!vm || axvm_get_state(vm) != AXVM_LOADING)
        return AXVM_ERR_STATE;
    rc = axvm_load_images(vm, &vm->boot_entry, &vm->boot_arg);
    if (rc != AXVM_OK)
        return rc;
    return change_state(vm, AXVM_LOADING, AXVM_LOADED) ? AXVM_OK : AXVM_ERR_STATE;
}

/* Whoever else boots it at the same time does not move its clock. */
static bool start(struct axvm *vm)
{
    unsigned long irqs = axvm_lock_irqsave(&vm->lock);
    bool loaded = axvm_get_state(vm) == AXVM_LOADED;

    if (loaded) {
        axvm_arch_clock_start(vm);
        loaded = change_state(vm, AXVM_LOADED, AXVM_RUNNING);
    }
    axvm_unlock_irqrestore(&vm->lock, irqs);
    return loaded;
}

int axvm_boot(struct axvm *vm)
{
    int rc;

    if (!vm)
        return AXVM_ERR_INVAL;
    if (axvm_get_state(vm) == AXVM_LOADING) {
        rc = axvm_load(vm);
        if (rc != AXVM_OK)
            return rc;
    }
    if (!start(vm))
        return AXVM_ERR_STATE;
    axvm_vcpu_power_on(vm->vcpus[0], vm->boot_entry, vm->boot_arg);
    axvm_wake_flush(vm);
    return AXVM_OK;
}

/* ---- suspending ---- */

/* The lock is held. vCPUs may still run, and see the time go on: each that leaves stops it again, the last one for good. */
static void stop_clock(struct axvm *vm)
{
    vm->suspended_at = vm->hal.time_ns(vm->hal.ctx);
    axvm_arch_clock_stop(vm);
}

int axvm_suspend(struct axvm *vm)
{
    unsigned long irqs;
    bool done;

    if (!vm)
        return AXVM_ERR_STATE;
    irqs = axvm_lock_irqsave(&vm->lock);
    done = change_state(vm, AXVM_RUNNING, AXVM_SUSPENDED);
    if (done)
        stop_clock(vm);
    axvm_unlock_irqrestore(&vm->lock, irqs);
    if (!done)
        return AXVM_ERR_STATE;
    notify_all(vm);
    return AXVM_OK;
}

static int resume_locked(struct axvm *vm)
{
    uint32_t life = atomic_load(&vm->life);

    if (axvm_life_state(life) != AXVM_SUSPENDED)
        return AXVM_ERR_STATE;
    /* A vCPU that still runs would see its clock jump. */
    if (axvm_life_inside(life) != 0)
        return AXVM_ERR_BUSY;
    vm->suspended_ns += vm->hal.time_ns(vm->hal.ctx) - vm->suspended_at;
    axvm_arch_clock_start(vm);
    return change_state(vm, AXVM_SUSPENDED, AXVM_RUNNING) ? AXVM_OK : AXVM_ERR_STATE;
}

int axvm_resume(struct axvm *vm)
{
    unsigned long irqs;
    int rc;

    if (!vm)
        return AXVM_ERR_STATE;
    irqs = axvm_lock_irqsave(&vm->lock);
    rc = resume_locked(vm);
    axvm_unlock_irqrestore(&vm->lock, irqs);
    if (rc != AXVM_OK)
        return rc;
    notify_all(vm);
    axvm_wake_flush(vm);
    return AXVM_OK;
}

/* ---- stopping ---- */

static void stop_clock_again(struct axvm *vm)
{
    unsigned long irqs = axvm_lock_irqsave(&vm->lock);

    if (axvm_get_state(vm) == AXVM_SUSPENDED)
        stop_clock(vm);
    axvm_unlock_irqrestore(&vm->lock, irqs);
}

void axvm_vm_leave(struct axvm *vm, bool ran)
{
    uint32_t life = atomic_load(&vm->life), next;

    do {
        if (ran && axvm_life_state(life) == AXVM_SUSPENDED) {
            stop_clock_again(vm);
            ran = false;
        }
        next = life == AXVM_LIFE(AXVM_STOPPING, 1) ? AXVM_LIFE(AXVM_STOPPED, 0) : life - 1;
    } while (!atomic_compare_exchange_weak(&vm->life, &life, next));
}

void axvm_vm_stop(struct axvm *vm)
{
    uint32_t life = atomic_load(&vm->life);

    /* Whichever of the two it is at the moment. */
    do {
        if (axvm_life_state(life) != AXVM_RUNNING && axvm_life_state(life) != AXVM_SUSPENDED)
            return;
    } while (!atomic_compare_exchange_weak(&vm->life, &life, AXVM_LIFE(AXVM_STOPPING, axvm_life_inside(life))));
    notify_all(vm);
}

int axvm_shutdown(struct axvm *vm)
{
    enum axvm_state state;

    if (!vm)
        return AXVM_ERR_INVAL;
    state = axvm_get_state(vm);
    if (state == AXVM_LOADING || state == AXVM_LOADED)
        return AXVM_ERR_STATE;
    /* Inside for so long: the VM is not STOPPED, and to be destroyed, while there are still vCPUs to be told. */
    atomic_fetch_add(&vm->life, 1);
    axvm_vm_stop(vm);
    axvm_wake_flush(vm);
    axvm_vm_leave(vm, false);
    return AXVM_OK;
}

static void reset_vcpu(struct axvm_vcpu *vcpu)
{
    atomic_store(&vcpu->power, AXVM_POWER_OFF);
    atomic_store(&vcpu->requests, 0);
    atomic_store(&vcpu->state, AXVM_VCPU_CREATED);
    vcpu->pending = AXVM_PENDING_NONE;
    vcpu->answered = false;
    axvm_arch_vcpu_reset(vcpu, 0, 0);
}

int axvm_reset(struct axvm *vm)
{
    int rc;

    if (!vm)
        return AXVM_ERR_INVAL;
    if (axvm_get_state(vm) == AXVM_STOPPING || axvm_life_inside(atomic_load(&vm->life)) != 0)
        return AXVM_ERR_BUSY;
    /* LOADING keeps vCPUs out, should a thread come early. */
    if (!change_state(vm, AXVM_STOPPED, AXVM_LOADING) && !change_state(vm, AXVM_LOADED, AXVM_LOADING))
        return AXVM_ERR_STATE;
    for (uint32_t i = 0; i < vm->vcpu_count; i++)
        reset_vcpu(vm->vcpus[i]);
    axvm_bus_reset_devices(vm);
    axvm_arch_vm_reset(vm);
    rc = axvm_aspace_reset(vm);
    return rc == AXVM_OK ? axvm_load(vm) : rc;
}

/* ---- interrupts ---- */

static int check_targets(const struct axvm *vm, const struct axvm_vcpu_set *vcpus)
{
    for (unsigned int id = 0; id < AXVM_MAX_VCPUS; id++) {
        if ((vcpus->bits[id / 64] >> id % 64 & 1) && id >= vm->vcpu_count)
            return AXVM_ERR_INVAL;
    }
    return AXVM_OK;
}

int axvm_inject(struct axvm *vm, const struct axvm_vcpu_set *vcpus, uint32_t irq)
{
    int rc;

    if (!vm || !vcpus)
        return AXVM_ERR_INVAL;
    if (vm->cfg.irq_mode == AXVM_IRQ_NONE)
        return AXVM_ERR_NOSUP;
    rc = check_targets(vm, vcpus);
    for (unsigned int id = 0; rc == AXVM_OK && id < vm->vcpu_count; id++) {
        if (vcpus->bits[id / 64] >> id % 64 & 1)
            rc = axvm_arch_irq_inject(vm->vcpus[id], irq);
    }
    axvm_wake_flush(vm);
    return rc;
}

int axvm_forward_irq(struct axvm *vm, uint32_t host_irq)
{
    int rc;

    if (!vm)
        return AXVM_ERR_INVAL;
    if (vm->cfg.irq_mode == AXVM_IRQ_NONE)
        return AXVM_ERR_NOENT;
    rc = axvm_arch_irq_forward(vm, host_irq);
    axvm_wake_flush(vm);
    return rc;
}
