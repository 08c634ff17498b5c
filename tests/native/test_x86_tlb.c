/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How stale translations go on x86, where nobody can make another CPU drop them (src/arch/x86_64/s2_hw.h): vCPUs on threads
 * that each have a TLB, and a host that takes memory away meanwhile. hostile-guest.md rows 10, 14, 15, I7. Also for TSan.
 */
#include "x86_world.h"
#include "native_fixture.h"

#include <axvm/err.h>
#include <axvm/memory.h>
#include <axvm/x86_64.h>
#include <sched.h>

#include "exit.h"
#include "svm.h"

#define VCPUS 3u
#define CPUS 2u /* two vCPUs share the second */
#define PAGES 4u
#define AREA UINT64_C(0x40000000)
#define ROUNDS 1500u

/* What a CPU has cached: by the number that the VM has there, as the vCPUs of a VM share it. */
struct tlb {
    uint64_t asid;
    uint64_t *hva[PAGES]; /* NULL: nothing */
};

struct world {
    struct fake_hal *hal;
    struct axvm *vm;
    struct tlb tlb[FAKE_CPUS];
    pthread_mutex_t cpu[FAKE_CPUS]; /* one vCPU at a time on each */
    _Atomic bool stop;
    _Atomic uint64_t reads, walks, entries;
};

/* ---- the hardware ---- */

/* Nested tables, as a table walker reads them: without a lock. APM vol. 2, "4-Kbyte Page Translation". */
static uint64_t *walk(struct world *w, uint64_t gpa)
{
    uint64_t table = w->vm->as.root_hpa.v;

    for (int shift = 39; shift >= 12; shift -= 9) {
        const uint64_t *entries = (const uint64_t *)(w->hal->mem + (table - FAKE_MEM_BASE));
        uint64_t e = __atomic_load_n(&entries[gpa >> shift & 511], __ATOMIC_ACQUIRE);

        if ((e & 1) == 0)
            return NULL;
        table = e & UINT64_C(0xffffffffff000);
        if (e & 0x80)
            break;
        assert_true(table >= FAKE_MEM_BASE && table - FAKE_MEM_BASE < FAKE_MEM_SIZE);
    }
    return (uint64_t *)(w->hal->mem + (table - FAKE_MEM_BASE));
}

/* "TLB Control", and a number that is another VM's. */
static void begin(struct tlb *tlb, const struct axvm_vmcb *b)
{
    if (b->tlb_control != TLB_KEEP || tlb->asid != b->asid)
        memset(tlb, 0, sizeof(*tlb));
    tlb->asid = b->asid;
}

/* ---- the guest ---- */

#define MARK UINT64_C(0x6d656d6f72790000)

/*
 * Read each page, through what is cached if it is; as long as nobody interrupts. A page that has been taken away holds
 * something else by then, and must not be touched.
 */
static void read_pages(struct axvm_vcpu *vcpu, void *arg)
{
    struct world *w = arg;
    struct tlb *tlb = &w->tlb[fake_hal_cpu()];

    if (w->entries++ % 8 == 0)
        axvm_vcpu_kick(vcpu); /* another vCPU's turn, once it is out */
    begin(tlb, vcpu->arch.vmcb);
    for (unsigned int i = 0; i < 64 && !fake_hal_take_kick(w->hal, fake_hal_cpu()); i++) {
        unsigned int page = i % PAGES;

        if (!tlb->hva[page]) {
            tlb->hva[page] = walk(w, AREA + page * AXVM_PAGE_SIZE);
            w->walks++;
        }
        if (!tlb->hva[page])
            continue;
        assert_int_equal(__atomic_load_n(tlb->hva[page], __ATOMIC_RELAXED) & ~UINT64_C(0xffff), MARK);
        w->reads++;
        if (i % 16 == 15)
            sched_yield();
    }
    x86_exit_interrupted(vcpu);
}

struct vcpu_thread {
    struct world *w;
    pthread_t thread;
    unsigned int id, pcpu;
};

static void *run_thread(void *arg)
{
    struct vcpu_thread *t = arg;
    struct axvm_exit exit;

    fake_hal_set_cpu(t->pcpu);
    while (!t->w->stop) {
        pthread_mutex_lock(&t->w->cpu[t->pcpu]);
        assert_int_equal(axvm_run_vcpu(t->w->vm, t->id, &exit), AXVM_OK);
        assert_int_equal(exit.reason, AXVM_EXIT_KICKED);
        pthread_mutex_unlock(&t->w->cpu[t->pcpu]);
        sched_yield();
    }
    return NULL;
}

/* ---- the host ---- */

static void map_page(struct world *w, unsigned int page)
{
    const struct axvm_region r = {
        .gpa = { AREA + page * AXVM_PAGE_SIZE },
        .len = AXVM_PAGE_SIZE,
        .kind = AXVM_REGION_LINEAR,
        .hpa = { 0 },
        .prot = AXVM_PROT_READ | AXVM_PROT_WRITE,
    };
    struct axvm_region region = r;
    axvm_hpa_t pa;
    uint64_t *va;

    assert_true(w->hal->ops.page_alloc(w->hal, 0, &pa));
    va = w->hal->ops.phys_to_virt(w->hal, pa);
    __atomic_store_n(va, MARK + page, __ATOMIC_RELAXED);
    region.hpa = pa;
    assert_int_equal(axvm_map(w->vm, &region), AXVM_OK);
}

/* Once axvm_unmap() is back nobody reads the page any more: it may be anything, at once. */
static void unmap_page(struct world *w, unsigned int page)
{
    axvm_hpa_t pa;
    uint64_t len, *va;

    assert_int_equal(axvm_translate(w->vm, axvm_gpa(AREA + page * AXVM_PAGE_SIZE), &pa, &len), AXVM_OK);
    assert_int_equal(axvm_unmap(w->vm, axvm_gpa(AREA + page * AXVM_PAGE_SIZE), AXVM_PAGE_SIZE), AXVM_OK);
    va = w->hal->ops.phys_to_virt(w->hal, pa);
    *va = 0; /* not atomic: TSan sees who still reads */
    w->hal->ops.page_free(w->hal, pa, 0);
}

static void start(struct world *w, struct vcpu_thread *t)
{
    static uint8_t kernel[16];
    const struct axvm_config cfg = {
        .vcpu_count = VCPUS,
        .ram_size = 4 << 20,
        .ram_kind = AXVM_REGION_TOUCH,
        .image = { .kernel = { kernel, sizeof(kernel) }, .kind = AXVM_IMAGE_FLAT },
    };

    for (unsigned int i = 0; i < CPUS; i++) {
        pthread_mutex_init(&w->cpu[i], NULL);
        if (i != 0)
            assert_int_equal(native_enable_cpu(w->hal, i), AXVM_OK);
    }
    fake_hal_set_cpu(0);
    w->vm = native_vm(w->hal, &cfg);
    fake_hal_set_cpu(CPUS); /* no guest's */
    x86.guest = read_pages;
    x86.guest_arg = w;
    assert_int_equal(axvm_boot(w->vm), AXVM_OK);
    for (unsigned int i = 0; i < VCPUS; i++) {
        t[i] = (struct vcpu_thread){ .w = w, .id = i, .pcpu = i % CPUS };
        if (i != 0)
            axvm_x86_sipi(w->vm->vcpus[i], 1);
    }
    for (unsigned int i = 0; i < VCPUS; i++)
        assert_int_equal(pthread_create(&t[i].thread, NULL, run_thread, &t[i]), 0);
}

static void end(struct world *w, struct vcpu_thread *t)
{
    w->stop = true;
    for (unsigned int i = 0; i < VCPUS; i++) {
        axvm_vcpu_kick(w->vm->vcpus[i]);
        pthread_join(t[i].thread, NULL);
    }
    fake_hal_set_cpu(0);
    native_destroy(w->vm);
}

static void memory_that_is_taken_away_is_read_by_nobody_any_more(void **state)
{
    struct world w = { .hal = *state };
    struct vcpu_thread t[VCPUS];

    fake_hal_set_cpu(0);
    start(&w, t);
    for (unsigned int round = 0; round < ROUNDS; round++) {
        uint64_t seen = w.entries;

        for (unsigned int page = 0; page < PAGES; page++)
            map_page(&w, page);
        /* So that there is something cached. */
        while (round % 8 == 0 && w.entries < seen + VCPUS)
            sched_yield();
        for (unsigned int page = 0; page < PAGES; page++)
            unmap_page(&w, page);
    }
    while (w.reads == 0 && w.walks == 0)
        sched_yield();
    end(&w, t);
}

/* ---- one thread: each entry after a change flushes, once ---- */

static void note_flush(struct axvm_vcpu *vcpu, void *arg)
{
    unsigned int *flushes = arg;

    *flushes += vcpu->arch.vmcb->tlb_control != TLB_KEEP;
    axvm_vcpu_kick(vcpu);
    x86_exit_interrupted(vcpu);
}

static unsigned int flushes_of_next_run(struct axvm *vm)
{
    unsigned int flushes = 0;
    struct axvm_exit exit;

    x86.guest = note_flush;
    x86.guest_arg = &flushes;
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    return flushes;
}

static void each_change_is_followed_by_one_flush(void **state)
{
    static const uint32_t cpus[] = { 0, AXVM_X86_NO_FLUSH_BY_ASID };
    struct fake_hal *hal = *state;

    for (unsigned int i = 0; i < 2; i++) {
        const struct axvm_config cfg = { .vcpu_count = 1, .ram_size = 4 << 20 };
        struct world w = { .hal = hal };

        assert_int_equal(axvm_cpu_disable(hal->cpus[0]), AXVM_OK);
        hal->cpus[0] = NULL;
        x86.flags = cpus[i];
        assert_int_equal(native_enable_cpu(hal, 0), AXVM_OK);
        w.vm = native_vm(hal, &cfg);
        assert_int_equal(axvm_boot(w.vm), AXVM_OK);
        assert_true(flushes_of_next_run(w.vm) >= 1); /* it has never been here */
        assert_int_equal(flushes_of_next_run(w.vm), 0);
        map_page(&w, 0);
        flushes_of_next_run(w.vm);
        assert_int_equal(flushes_of_next_run(w.vm), 0);
        unmap_page(&w, 0);
        assert_int_equal(flushes_of_next_run(w.vm), 1);
        assert_int_equal(flushes_of_next_run(w.vm), 0);
        native_destroy(w.vm);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NATIVE_TEST(each_change_is_followed_by_one_flush),
        NATIVE_TEST(memory_that_is_taken_away_is_read_by_nobody_any_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
