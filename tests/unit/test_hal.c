/* SPDX-License-Identifier: BSD-2-Clause */
/* struct axvm_hal: what has to be in it, hosts of other versions, and the conformance kit. */
#include "fake_fixture.h"

#include <axvm/err.h>
#include <string.h>

#include "hal_priv.h"

/* H20 */
static void a_missing_required_member_is_named(void **state)
{
    struct fake_hal *fake = *state;
    static const struct {
        size_t offset;
        const char *name;
    } required[] = {
        { offsetof(struct axvm_hal, host), "host" },
        { offsetof(struct axvm_hal, page_alloc), "page_alloc" },
        { offsetof(struct axvm_hal, page_free), "page_free" },
        { offsetof(struct axvm_hal, phys_to_virt), "phys_to_virt" },
        { offsetof(struct axvm_hal, virt_to_phys), "virt_to_phys" },
        { offsetof(struct axvm_hal, time_ns), "time_ns" },
        { offsetof(struct axvm_hal, this_cpu), "this_cpu" },
        { offsetof(struct axvm_hal, pcpu_id), "pcpu_id" },
        { offsetof(struct axvm_hal, kick_cpu), "kick_cpu" },
        { offsetof(struct axvm_hal, wake_vcpu), "wake_vcpu" },
    };
    const struct axvm_config cfg = { .id = 1 };

    assert_null(axvm_hal_missing(&fake->ops));
    for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
        struct axvm_hal hal = fake->ops;
        struct axvm *vm = NULL;

        memset((char *)&hal + required[i].offset, 0, sizeof(void *));
        assert_string_equal(axvm_hal_missing(&hal), required[i].name);
        assert_int_equal(axvm_new(&hal, &cfg, &vm), AXVM_ERR_INVAL);
        assert_null(vm);
        assert_non_null(strstr(fake->last_line, required[i].name));
    }
}

static void a_host_with_only_the_required_members_is_complete(void **state)
{
    struct fake_hal *fake = *state;
    const struct axvm_hal *f = &fake->ops;
    const struct axvm_hal hal = {
        .size = sizeof(hal),
        .ctx = f->ctx,
        .host = f->host,
        .page_alloc = f->page_alloc,
        .page_free = f->page_free,
        .phys_to_virt = f->phys_to_virt,
        .virt_to_phys = f->virt_to_phys,
        .time_ns = f->time_ns,
        .this_cpu = f->this_cpu,
        .pcpu_id = f->pcpu_id,
        .kick_cpu = f->kick_cpu,
        .wake_vcpu = f->wake_vcpu,
    };
    const struct axvm_config cfg = { .ram_kind = AXVM_REGION_TOUCH };
    struct axvm *vm;

    assert_null(axvm_hal_missing(&hal));
    assert_int_equal(axvm_new(&hal, &cfg, &vm), 0);
    assert_int_equal(axvm_destroy(vm), 0);
}

static void half_a_pair_of_region_callbacks_is_refused(void **state)
{
    struct fake_hal *fake = *state;
    struct axvm_hal hal = fake->ops;

    hal.region_free_at = NULL;
    assert_string_equal(axvm_hal_missing(&hal), "region_free_at");
    hal.region_alloc_at = NULL;
    assert_null(axvm_hal_missing(&hal));
}

static void a_struct_that_is_too_short_is_refused_without_reading_past_it(void **state)
{
    struct fake_hal *fake = *state;
    struct axvm_hal copy;

    for (uint32_t size = 0; size <= offsetof(struct axvm_hal, entropy); size += 8) {
        struct axvm_hal hal = fake->ops;

        hal.size = size;
        assert_string_equal(axvm_hal_missing(&hal), "size");
        assert_int_equal(axvm_hal_copy(&copy, &hal), AXVM_ERR_INVAL);
    }
}

static void a_newer_hosts_longer_struct_is_taken_as_far_as_it_is_known(void **state)
{
    struct fake_hal *fake = *state;
    struct {
        struct axvm_hal hal;
        void *newer[4];
    } host = { .hal = fake->ops };
    struct {
        struct axvm_hal hal;
        uint64_t canary;
    } copy = { .canary = 0x1234 };

    memset(host.newer, 0xff, sizeof(host.newer));
    host.hal.size = sizeof(host);
    assert_int_equal(axvm_hal_copy(&copy.hal, &host.hal), 0);
    assert_int_equal(copy.canary, 0x1234);
    assert_int_equal(copy.hal.size, sizeof(copy.hal));
    assert_ptr_equal(copy.hal.wake_vcpu, fake->ops.wake_vcpu);
}

static void reserved_has_to_be_zero(void **state)
{
    struct fake_hal *fake = *state;
    struct axvm_hal hal = fake->ops;

    hal.reserved = 1;
    assert_string_equal(axvm_hal_missing(&hal), "reserved");
}

/* ---- the conformance kit: a sound host, and one flaw at a time ---- */

static struct axvm_hal sound;
static unsigned int calls;

static void assert_found(const struct axvm_hal *hal, const char *member)
{
    struct axvm_hal_report report = { 0 };

    assert_int_equal(axvm_hal_check(hal, &report), AXVM_ERR_INVAL);
    assert_string_equal(report.member, member);
    assert_non_null(report.problem);
    assert_int_equal(axvm_hal_check(hal, NULL), AXVM_ERR_INVAL);
}

static struct axvm_hal flawed(struct fake_hal *fake)
{
    fake->tick_ns = 10;
    calls = 0;
    sound = fake->ops;
    return sound;
}

static void the_kit_finds_nothing_wrong_with_a_sound_host(void **state)
{
    struct fake_hal *fake = *state;
    struct axvm_hal hal = flawed(fake);
    struct axvm_hal_report report = { "?", "?" };
    uint64_t before = fake->live_pages;

    assert_int_equal(axvm_hal_check(&hal, &report), AXVM_OK);
    assert_null(report.member);
    assert_int_equal(fake->live_pages, before);
    assert_int_equal(fake->kicks[0], 1);
}

static bool alloc_misaligned(void *ctx, unsigned int order, axvm_hpa_t *out)
{
    if (!sound.page_alloc(ctx, order, out))
        return false;
    out->v += order == 2 ? AXVM_PAGE_SIZE : 0;
    return true;
}

static void free_misaligned(void *ctx, axvm_hpa_t pa, unsigned int order)
{
    sound.page_free(ctx, axvm_hpa(pa.v & ~((UINT64_C(4096) << order) - 1)), order);
}

static void the_kit_notices_blocks_that_are_not_aligned(void **state)
{
    struct axvm_hal hal = flawed(*state);

    hal.page_alloc = alloc_misaligned;
    hal.page_free = free_misaligned;
    assert_found(&hal, "page_alloc");
}

static bool alloc_dirty(void *ctx, unsigned int order, axvm_hpa_t *out)
{
    if (!sound.page_alloc(ctx, order, out))
        return false;
    /* Only the last word of one of many. */
    if (++calls % 10 == 7)
        ((uint8_t *)sound.phys_to_virt(ctx, *out))[(4096u << order) - 1] = 1;
    return true;
}

static void the_kit_notices_memory_that_is_not_zeroed(void **state)
{
    struct axvm_hal hal = flawed(*state);

    hal.page_alloc = alloc_dirty;
    assert_found(&hal, "page_alloc");
}

static axvm_hpa_t always_the_same;

static bool alloc_same(void *ctx, unsigned int order, axvm_hpa_t *out)
{
    if (calls++ == 0)
        assert_true(sound.page_alloc(ctx, order, &always_the_same));
    *out = always_the_same;
    return true;
}

static void free_nothing(void *ctx, axvm_hpa_t pa, unsigned int order)
{
    (void)ctx;
    (void)pa;
    (void)order;
}

static void the_kit_notices_memory_given_out_twice(void **state)
{
    struct axvm_hal hal = flawed(*state);

    struct axvm_hal_report report;

    hal.page_alloc = alloc_same;
    hal.page_free = free_nothing;
    assert_int_equal(axvm_hal_check(&hal, &report), AXVM_ERR_INVAL);
    assert_string_equal(report.problem, "two blocks overlap");
    sound.page_free(sound.ctx, always_the_same, 0);
}

static bool alloc_nothing(void *ctx, unsigned int order, axvm_hpa_t *out)
{
    (void)ctx;
    (void)order;
    (void)out;
    return false;
}

static void the_kit_notices_a_host_without_memory(void **state)
{
    struct axvm_hal hal = flawed(*state);

    hal.page_alloc = alloc_nothing;
    assert_found(&hal, "page_alloc");
}

static axvm_hpa_t translate_wrongly(void *ctx, const void *va)
{
    axvm_hpa_t pa = sound.virt_to_phys(ctx, va);

    return axvm_hpa(pa.v & ~UINT64_C(0xfff)); /* forgets the offset */
}

static void the_kit_notices_translations_that_are_not_inverse(void **state)
{
    struct axvm_hal hal = flawed(*state);

    hal.virt_to_phys = translate_wrongly;
    assert_found(&hal, "virt_to_phys");
}

static void *translate_to_null(void *ctx, axvm_hpa_t pa)
{
    (void)ctx;
    (void)pa;
    return NULL;
}

static void the_kit_notices_a_translation_to_null(void **state)
{
    struct axvm_hal hal = flawed(*state);

    hal.phys_to_virt = translate_to_null;
    assert_found(&hal, "phys_to_virt");
}

static uint64_t time_backwards(void *ctx)
{
    (void)ctx;
    return 1000000 - ++calls % 100;
}

static uint64_t time_stuck(void *ctx)
{
    (void)ctx;
    return 5;
}

static void the_kit_notices_a_clock_that_is_none(void **state)
{
    struct axvm_hal hal = flawed(*state);

    hal.time_ns = time_backwards;
    assert_found(&hal, "time_ns");
    hal.time_ns = time_stuck;
    assert_found(&hal, "time_ns");
}

static unsigned int pcpu_too_big(void *ctx)
{
    (void)ctx;
    return 1024;
}

static unsigned int pcpu_other(void *ctx)
{
    (void)ctx;
    return 1;
}

static unsigned int pcpu_changing(void *ctx)
{
    (void)ctx;
    return ++calls & 1;
}

static void the_kit_notices_confusion_about_cpus(void **state)
{
    struct axvm_hal hal = flawed(*state);

    hal.pcpu_id = pcpu_too_big;
    assert_found(&hal, "pcpu_id");
    hal.pcpu_id = pcpu_other;
    assert_found(&hal, "this_cpu");
    hal.pcpu_id = pcpu_changing;
    assert_found(&hal, "pcpu_id");
}

static bool entropy_constant(void *ctx, void *buf, size_t len)
{
    (void)ctx;
    memset(buf, 4, len);
    return true;
}

static void the_kit_notices_entropy_that_is_none(void **state)
{
    struct axvm_hal hal = flawed(*state);

    hal.entropy = entropy_constant;
    assert_found(&hal, "entropy");
    hal.entropy = NULL;
    assert_int_equal(axvm_hal_check(&hal, NULL), AXVM_OK);
}

/* ---- the fake host itself ---- */

static void the_fake_host_gives_zeroed_memory_again_after_use(void **state)
{
    struct fake_hal *fake = *state;
    axvm_hpa_t pa;

    for (unsigned int i = 0; i < 100; i++) {
        uint64_t *va;

        fake->next_page = 16;
        assert_true(fake->ops.page_alloc(fake, 1, &pa));
        va = fake->ops.phys_to_virt(fake, pa);
        assert_true((uint64_t)(uintptr_t)va != pa.v);
        for (unsigned int w = 0; w < 1024; w++)
            assert_int_equal(va[w], 0);
        memset(va, 0x77, 8192);
        fake->ops.page_free(fake, pa, 1);
    }
}

static void the_fake_host_fails_when_told_to_and_only_then(void **state)
{
    struct fake_hal *fake = *state;
    axvm_hpa_t pa[3];

    fake_hal_fail_alloc(fake, 1);
    assert_true(fake->ops.page_alloc(fake, 0, &pa[0]));
    assert_false(fake->ops.page_alloc(fake, 0, &pa[1]));
    assert_true(fake->ops.page_alloc(fake, 0, &pa[1]));
    fake_hal_fail(fake, FAKE_PAGE_ALLOC, 0, true);
    assert_false(fake->ops.page_alloc(fake, 0, &pa[2]));
    assert_false(fake->ops.page_alloc(fake, 0, &pa[2]));
    fake->ops.page_free(fake, pa[0], 0);
    fake->ops.page_free(fake, pa[1], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(a_missing_required_member_is_named),
        FAKE_TEST(a_host_with_only_the_required_members_is_complete),
        FAKE_TEST(half_a_pair_of_region_callbacks_is_refused),
        FAKE_TEST(a_struct_that_is_too_short_is_refused_without_reading_past_it),
        FAKE_TEST(a_newer_hosts_longer_struct_is_taken_as_far_as_it_is_known),
        FAKE_TEST(reserved_has_to_be_zero),
        FAKE_TEST(the_kit_finds_nothing_wrong_with_a_sound_host),
        FAKE_TEST(the_kit_notices_blocks_that_are_not_aligned),
        FAKE_TEST(the_kit_notices_memory_that_is_not_zeroed),
        FAKE_TEST(the_kit_notices_memory_given_out_twice),
        FAKE_TEST(the_kit_notices_a_host_without_memory),
        FAKE_TEST(the_kit_notices_translations_that_are_not_inverse),
        FAKE_TEST(the_kit_notices_a_translation_to_null),
        FAKE_TEST(the_kit_notices_a_clock_that_is_none),
        FAKE_TEST(the_kit_notices_confusion_about_cpus),
        FAKE_TEST(the_kit_notices_entropy_that_is_none),
        FAKE_TEST(the_fake_host_gives_zeroed_memory_again_after_use),
        FAKE_TEST(the_fake_host_fails_when_told_to_and_only_then),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
